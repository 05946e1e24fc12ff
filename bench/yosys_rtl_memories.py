"""Memories of the RTL kernels on ECP5: the model's LUTs against Yosys, of weights in logic and of streams.

    python -m bench.yosys_rtl_memories

`rom_luts` and `fifo` of codegen/plan/cost/ecp5.py were fitted to them.
"""

from __future__ import annotations

from random import Random

from bench.yosys_run import kernel_luts, row
from fireline.codegen.plan.cost import ecp5

KERNELS = ("fl_delay.sv", "fl_fifo.sv", "fl_memory.sv", "fl_rom.sv", "fl_table.sv")
WORDS = (232, 256, 384, 576, 768, 1024, 1536, 2320, 4096)
DEPTHS = (
    (8, False),
    (34, False),
    (74, False),
    (200, True),
    (414, True),
    (512, True),
    (1000, True),
    (2048, True),
)
WIDTHS = (4, 16)


def weights(words: int, bits: int) -> int:
    """LUTs of random weights in logic."""
    random, address = Random(1), (words - 1).bit_length()
    content = "\n".join(f"{random.getrandbits(bits):x}" for _ in range(words))
    return kernel_luts(
        KERNELS,
        f"""
        module m(input clk, input [{address - 1}:0] address, output [{bits - 1}:0] row);
            fl_rom #(.BITS({bits}), .ROWS({words}), .BANK_ROWS({1 << address}), .BLOCK(0), .FILE("rom")) rom(
                .clk, .rst(1'b0), .address, .row, .ready(), .load_valid(1'b0), .load_ready(), .load_data(64'b0));
        endmodule""",
        {"rom_000.hex": content},
        "ecp5",
    )


def stream(depth: int, bits: int, block: bool) -> int:
    """LUTs of a stream, those around its block RAM if it has one."""
    return kernel_luts(
        KERNELS,
        f"""
        module m(input clk, rst, take, in_valid, out_ready, input [{bits - 1}:0] in_data,
                 output room, out_valid, output [{bits - 1}:0] out_data);
            fl_fifo #(.BITS({bits}), .DEPTH({depth}), .BLOCK({int(block)})) stream(.*);
        endmodule""",
        {},
        "ecp5",
    )


def main() -> None:
    row("memory", "words", "bits", "model", "yosys", "model/yosys")
    for bits in WIDTHS:
        for words in WORDS:
            show("weights", words, bits, ecp5.rom_luts(words, bits), weights(words, bits))
        for depth, block in DEPTHS:
            kind = "EBR stream" if block else "LUT stream"
            show(kind, depth, bits, ecp5.fifo(depth, bits, block).lut, stream(depth, bits, block))


def show(kind: str, words: int, bits: int, model: int, yosys: int) -> None:
    row(kind, words, bits, model, yosys, f"{model / yosys:.2f}")


if __name__ == "__main__":
    main()
