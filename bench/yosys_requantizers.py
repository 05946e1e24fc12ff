"""Requantizers: the model's LUTs against Yosys, one lane of fl_requantize with one shift or a table of them.

python -m bench.yosys_requantizers

BARREL_LUTS and clamp_luts of codegen/plan/cost/xilinx.py and ecp5.py were fitted to such lanes.
"""

from __future__ import annotations

from bench.yosys_run import kernel_luts, row
from fireline.codegen.plan.cost.fabric import ECP5, SEVEN_SERIES_RTL, RtlFabric

FAMILIES = {"zynq7000": SEVEN_SERIES_RTL, "ecp5": ECP5}
ACCUMULATORS = (12, 16, 20)
SHIFTS = ((6,), (5, 6), (5, 6, 7, 8), (3, 4, 5), tuple(range(7, 13)), tuple(range(2, 17)))
OUT = 4
ROWS = 16
KERNELS = ("fl_requantize.sv", "fl_table.sv", "fl_adder_tree.sv", "fl_delay.sv")


def lane(bits: int, shifts: tuple[int, ...]) -> tuple[str, str]:
    """A module around one lane, signed accumulators to unsigned outputs, and the table of its shifts."""
    more = [shifts[i % len(shifts)] - min(shifts) for i in range(ROWS)]
    varying = max(more).bit_length()
    folds = f".FOLDS({ROWS}), .SHIFT_ROWS({ROWS}), .SHIFT_BITS({varying})," if varying else ""
    text = f"""
        module m(input clk, input [{bits - 1}:0] acc, input [3:0] fold, output [{OUT - 1}:0] y);
            fl_requantize #({folds} .ACC_BITS({bits}), .OUT_BITS({OUT}), .WIDE_BITS({bits + 1}),
                .HIGH({2**OUT - 1}), .SHIFT({min(shifts)})) lane(.clk, .acc, .fold{"" if varying else "(1'b0)"}, .y);
        endmodule"""
    return text, "\n".join(f"{value:x}" for value in more)


def modelled(bits: int, shifts: tuple[int, ...], fabric: RtlFabric) -> int:
    """LUTs of the lane and of its table, as plans count them."""
    varying = (max(shifts) - min(shifts)).bit_length()
    kept = bits + 1 - min(shifts)
    return fabric.requantize_luts(kept, OUT, min(shifts), varying) + fabric.table_luts(ROWS, varying)


def main() -> None:
    row("family", "acc -> out", "shifts", "LUT", "yosys", "LUT ratio")
    for family, fabric in FAMILIES.items():
        for bits in ACCUMULATORS:
            for shifts in SHIFTS:
                text, table = lane(bits, shifts)
                yosys = kernel_luts(KERNELS, text, {"shift.hex": table}, family)
                model = modelled(bits, shifts, fabric)
                spread = f"{min(shifts)}-{max(shifts)}" if len(shifts) > 1 else min(shifts)
                row(family, f"{bits} -> {OUT}", spread, model, yosys, f"{model / yosys:.2f}")


if __name__ == "__main__":
    main()
