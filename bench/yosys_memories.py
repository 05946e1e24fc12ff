"""Weight memories of real plans: the model's block RAMs and LUTs against Yosys.

    python -m bench.yosys_memories [shapes at most]

A wide memory is cut to at most four RAMB36 of width, because both counts are linear in the width beyond that.
"""

from __future__ import annotations

import sys
from random import Random

from bench.yosys_run import row, synthesize
from fireline.codegen.plan.choice import plan_for
from fireline.codegen.plan.cost.memory import ramb18
from fireline.codegen.plan.cost.node import parts
from fireline.codegen.plan.cost.xilinx import rom_luts
from tests.codegen.networks import cifar_e4, squeezenet1_1

# Width that a tool deals with slice by slice.
SLICE = 72


def shapes() -> list[tuple[int, int, str]]:
    """Distinct depth, width and storage of the weights in plans of full-size networks."""
    plans = (
        plan_for(squeezenet1_1(8), "xczu7ev"),
        plan_for(squeezenet1_1(4), "xczu7ev"),
        plan_for(cifar_e4(4), "xc7z020"),
    )
    found = {
        (
            part.depth,
            part.width % SLICE + 2 * SLICE if part.width > 4 * SLICE else part.width,
            str(part.storage),
        )
        for plan in plans
        for index in range(len(plan.foldings))
        for part in parts(plan, index)
        if part.name == "weights" and part.depth > 1
    }
    return sorted(found)


def memory(depth: int, width: int, style: str) -> int:
    """RAMB18s or LUTs that Yosys needs for random contents."""
    random, address = Random(1), max(1, (depth - 1).bit_length())
    words = "\n".join(f"{random.getrandbits(width):0{-(-width // 4)}x}" for _ in range(depth))
    verilog = f"""
        module m(input clk, input [{address - 1}:0] a, output reg [{width - 1}:0] q);
            (* ram_style = "{style}" *) reg [{width - 1}:0] words [0:{depth - 1}];
            initial $readmemh("words.hex", words);
            always @(posedge clk) q <= words[a];
        endmodule"""
    return synthesize(verilog, {"words.hex": words})["RAMB18" if style == "block" else "LUT"]


def main() -> None:
    limit = int(sys.argv[1]) if len(sys.argv) > 1 else None
    row("depth", "width", "kind", "model", "yosys", "model/yosys")
    equal = {"bram": 0, "lut": 0}
    for depth, width, storage in (chosen := shapes()[:limit]):
        model = ramb18(depth, width) if storage == "bram" else rom_luts(depth, width)
        yosys = memory(depth, width, "block" if storage == "bram" else "logic")
        equal[storage] += model == yosys
        row(
            depth,
            width,
            "RAMB18" if storage == "bram" else "LUT",
            model,
            yosys,
            f"{model / yosys:.3f}" if yosys else "",
        )
    blocks = sum(storage == "bram" for _, _, storage in chosen)
    print(
        f"equal: {equal['bram']} of {blocks} in block RAM, {equal['lut']} of {len(chosen) - blocks} in LUTs"
    )


if __name__ == "__main__":
    main()
