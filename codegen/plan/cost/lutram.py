"""LUTs as memory on Xilinx parts, as Yosys places it for the kernels of RTL; sources: docs/cost-model.md."""

from __future__ import annotations

from dataclasses import dataclass

from fireline.codegen.plan.cost.memory import Resources, ceil_div, ramb18


@dataclass(frozen=True)
class LutRam:
    """The cells of a family: their LUTs, and the bits of one that is 32 words deep and of one that is 64.

    `single` are those bits where it is read at the address where it is written. Depths are in words, widths in bits.
    """

    luts: int
    bits: tuple[int, int]
    single: tuple[int, int]

    def rows(self, depth: int, width: int) -> tuple[int, int]:
        """LUTs of the words of a memory, and the rows of cells that they lie in.

        Yosys takes the cells of 32 or of 64 words by the share of them that is in use, and by what chooses a row.
        """
        if depth <= 1:  # one word needs no address of its own for reading
            return self.luts * ceil_div(width, self.single[0]), 1
        shapes = zip((ceil_div(depth, 32), ceil_div(depth, 64)), self.bits, strict=True)
        rows, bits = min(shapes, key=lambda shape: self.luts * shape[0] / shape[1] + (shape[0] - 1) / 4)
        return self.luts * rows * ceil_div(width, bits), rows

    def words(self, depth: int, width: int) -> int:
        """LUTs of the words of a memory."""
        return self.rows(depth, width)[0]

    def memory(self, depth: int, width: int) -> int:
        """LUTs of a memory: fl_memory."""
        luts, rows = self.rows(depth, width)
        return luts + _choice(rows, width)

    def window(self, depth: int, width: int) -> int:
        """LUTs of a memory that is read where it is written."""
        if depth <= 32:
            return self.luts * ceil_div(width, self.single[0])
        rows = ceil_div(depth, 64)
        return self.luts * rows * ceil_div(width, self.single[1]) + _choice(rows, width)

    def stream_luts(self, depth: int, width: int) -> int:
        """LUTs of a stream behind a register: fl_fifo. What is not memory is calibrated.

        The register takes a token from the memory or from the writer, a choice that has room for one of two rows.
        """
        address = (depth - 2).bit_length() if depth > 2 else 0
        luts, rows = self.rows(depth - 1, width)
        choice = 3 + width * ceil_div(rows - 2, 3) if rows > 1 else 0
        return luts + choice + width + 7 + 5 * address

    def stream(self, depth: int, width: int, block: bool) -> Resources:
        """A stream: fl_fifo, in block RAM with a queue of four behind it."""
        count = depth.bit_length()
        if block:
            address = (depth - 1).bit_length()
            memory = Resources(
                lut=4 * count + 5, ff=2 * (count + address) + 3 + width, bram18=ramb18(depth, width)
            )
            return memory + self.stream(4, width, block=False)
        if depth == 1:
            return Resources(lut=4, ff=width + 3)
        return Resources(
            lut=self.stream_luts(depth, width),
            lutram=self.words(depth - 1, width),
            ff=2 * count + 3 + width + 3 * (depth - 2).bit_length(),
        )


def _choice(rows: int, width: int) -> int:
    """LUTs that choose between rows of cells, four words in one, and say which row is written."""
    return 2 * rows + width * ceil_div(rows, 4) if rows > 1 else 0


# RAM32M and RAM64M of 7-series, RAM32M16 and RAM64M8 of UltraScale; one port of a cell writes (UG474, UG574).
SEVEN_SERIES = LutRam(luts=4, bits=(6, 3), single=(8, 4))
ULTRASCALE = LutRam(luts=8, bits=(14, 7), single=(16, 8))
