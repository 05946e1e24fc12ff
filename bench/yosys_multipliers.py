"""Multiplier arrays: the model's DSPs and LUTs against Yosys.

python -m bench.yosys_multipliers          arrays as in plans
python -m bench.yosys_multipliers table    PRODUCT_LUTS of codegen/plan/cost/xilinx.py, measured again
"""

from __future__ import annotations

import sys

from bench.yosys_run import row, synthesize
from fireline.codegen.plan.cost.fabric import XILINX
from fireline.codegen.plan.cost.multipliers import adder_tree, products
from fireline.codegen.plan.cost.xilinx import PRODUCT_LUTS
from fireline.codegen.plan.foldings import Folding
from fireline.fixed import IntType

# Activation bits, weight bits, pe, simd, multiplier.
ARRAYS = (
    (8, 8, 2, 4, "lut"),
    (4, 4, 2, 8, "lut"),
    (6, 6, 2, 4, "lut"),
    (8, 8, 4, 8, "dsp"),
    (8, 8, 4, 8, "shared"),
    (4, 4, 6, 8, "shared"),
)


def product_verilog(x: int, w: int) -> str:
    """One product of an unsigned `x`-bit and a signed `w`-bit factor."""
    return f"""
        module m(input [{x - 1}:0] x, input signed [{w - 1}:0] w, output signed [{x + w - 1}:0] q);
            assign q = $signed({{1'b0, x}}) * w;
        endmodule"""


def array_verilog(x: int, w: int, pe: int, simd: int, shared: int) -> str:
    """`pe` sums of `simd` registered products; `shared` outputs at a time come out of one multiplication."""
    spacing, lines, ports = x + w, [], []
    for s in range(simd):
        lines.append(f"wire signed [{x}:0] x{s} = {{1'b0, x[{s * x + x - 1}:{s * x}]}};")
        for first in range(0, pe, shared):
            fields = range(first, min(first + shared, pe))
            weights = [f"$signed(w[{(p * simd + s) * w + w - 1}:{(p * simd + s) * w}])" for p in fields]
            wide, rest = (len(weights) - 1) * spacing + w + 1, len(weights) * spacing + 2
            packed = " + ".join(f"({weight} <<< {i * spacing})" for i, weight in enumerate(weights))
            name = f"{s}_{first}"
            lines.append(f"wire signed [{wide - 1}:0] w{name} = {packed};")
            lines.append(
                f"reg signed [{rest - 1}:0] r{name}; always @(posedge clk) r{name} <= w{name} * x{s};"
            )
            for i, p in enumerate(fields):
                field = f"r{name}[{i * spacing + spacing - 1}:{i * spacing}]"
                borrow = f" + r{name}[{i * spacing - 1}]" if i else ""
                lines.append(f"reg signed [{spacing - 1}:0] t0_{p}_{s};")
                lines.append(f"always @(posedge clk) t0_{p}_{s} <= {field}{borrow};")
    for p in range(pe):
        terms, level, bits = [f"t0_{p}_{s}" for s in range(simd)], 0, spacing
        while len(terms) > 1:
            level, bits, sums = level + 1, bits + 1, []
            for i in range(0, len(terms) - 1, 2):
                sums.append(f"t{level}_{p}_{i}")
                lines.append(f"reg signed [{bits - 1}:0] {sums[-1]};")
                lines.append(f"always @(posedge clk) {sums[-1]} <= {terms[i]} + {terms[i + 1]};")
            terms = sums + terms[len(terms) // 2 * 2 :]
        ports.append((terms[0], bits))
    outputs = ", ".join(f"output signed [{bits - 1}:0] q{p}" for p, (_, bits) in enumerate(ports))
    lines += [f"assign q{p} = {term};" for p, (term, _) in enumerate(ports)]
    head = f"module m(input clk, input [{simd * x - 1}:0] x, input [{pe * simd * w - 1}:0] w, {outputs});"
    return "\n".join([head, *lines, "endmodule"])


def table() -> None:
    for x in range(1, 9):
        measured = tuple(synthesize(product_verilog(x, w), options="-nodsp")["LUT"] for w in range(1, 9))
        row(x, *measured, "as stored" if measured == PRODUCT_LUTS[x - 1] else "differs")


def arrays() -> None:
    row("bits", "pe x simd", "kind", "DSP", "yosys", "LUT", "yosys", "LUT ratio")
    for x, w, pe, simd, kind in ARRAYS:
        types = IntType(x, False), IntType(w, True)
        shared = XILINX.packed_products(*types) if kind == "shared" else 1
        folding = Folding(pe, simd, "lut" if kind == "lut" else "dsp", packed=shared)
        model, tree = products(*types, folding, XILINX), adder_tree(simd, x + w) * pe
        yosys = synthesize(array_verilog(x, w, pe, simd, shared), options="-nodsp" if kind == "lut" else "")
        ratio = (model.lut + tree) / yosys["LUT"]
        row(
            f"{x}x{w}",
            f"{pe}x{simd}",
            kind,
            model.dsp,
            yosys["DSP"],
            model.lut + tree,
            yosys["LUT"],
            f"{ratio:.2f}",
        )


if __name__ == "__main__":
    table() if sys.argv[1:] == ["table"] else arrays()
