"""What the parts of a vendor are built of: where a memory goes, what a product and a LUT of logic become there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fireline.codegen.plan.cost import ecp5, xilinx
from fireline.codegen.plan.cost.memory import REGISTER_WORDS, Resources, ceil_div, ramb18, uram
from fireline.codegen.plan.devices import Device
from fireline.codegen.plan.foldings import Storage
from fireline.fixed import IntType


@dataclass(frozen=True)
class Fabric:
    """The cost of the pieces of a design, in the resources of one vendor's parts.

    Functions of memories take a depth in words and a width in bits; `ram_memory` is those of the LUTs that must be able
    to be memory; `stream` is told whether it is in block RAM. A DSP multiplies `dsp_operands` signed bits; `dsp_adds`
    says whether it sums. With `rtl`, designs are of the kernels of firmware/rtl, and what they take is in `rtl.py`.
    """

    rom_luts: Callable[[int, int], int]
    ram_luts: Callable[[int, int], int]
    ram_memory: Callable[[int, int], int]
    fifo_luts: Callable[[int, int], int]
    stream: Callable[[int, int, bool], Resources]
    product_luts: Callable[[IntType, IntType], int]
    dsp_operands: tuple[int, int]
    dsp_adds: bool
    luts_per_block: int  # what a block RAM is worth when either would do: about their ratio on the parts
    accumulator: int  # LUTs of a bit of a sum that starts anew or goes on
    logic: float  # LUTs in place of a six-input one, in control and multiplexers
    shell: Resources  # around the network
    rtl: bool = False

    def rom(self, depth: int, width: int, storage: Storage) -> Resources:
        """A constant memory with a registered output."""
        match storage:
            case "bram":
                return Resources(bram18=ramb18(depth, width))
            case "uram":  # rows are whole words of 64 bits
                return Resources(uram=uram(depth, 64 * ceil_div(width, 64)))
            case _:
                return Resources(lut=self.rom_luts(depth, width), ff=width)

    def table_storage(self, depth: int, width: int) -> Storage:
        """Where a small constant memory lies: in LUTs where that is cheaper than block RAM."""
        return "lut" if self._pays(self.rom_luts(depth, width), depth, width) else "bram"

    def ram(self, depth: int, width: int) -> Resources:
        """A memory that is written and read, one word a cycle each."""
        match self.ram_storage(depth, width):
            case "registers":  # up to four are chosen from by one LUT a bit
                return Resources(lut=width if depth > 1 else 0, ff=depth * width)
            case "bram":
                return Resources(bram18=ramb18(depth, width))
            case _:
                luts, memory = self.ram_luts(depth, width), self.ram_memory(depth, width)
                return Resources(lut=luts, lutram=memory, ff=width)

    def ram_storage(self, depth: int, width: int) -> Storage:
        """Where a memory that is written and read lies: the cheapest place."""
        if depth <= REGISTER_WORDS:
            return "registers"
        return "lut" if self._pays(self.ram_luts(depth, width), depth, width) else "bram"

    def fifo(self, depth: int, width: int) -> Resources:
        """A stream of `depth` tokens where it is cheapest."""
        return self.stream(depth, width, self.fifo_storage(depth, width) == "bram")

    def fifo_storage(self, depth: int, width: int) -> Storage:
        """Where a stream lies: in LUTs where those are cheaper than block RAM."""
        return "lut" if depth <= 2 or self._pays(self.fifo_luts(depth, width), depth, width) else "bram"

    def product_dsps(self, x_bits: int, w_bits: int) -> int:
        """DSPs of one product of signed factors."""
        small, large = sorted((x_bits, w_bits))
        return ceil_div(small, self.dsp_operands[0]) * ceil_div(large, self.dsp_operands[1])

    def packed_products(self, x: IntType, w: IntType) -> int:
        """Products of several weights with one activation that share a DSP.

        The weights stand so far apart in the wide operand that no product reaches into the next but for its sign; the
        top one needs a bit more for the borrow from below.
        """
        if x.bits + 1 > self.dsp_operands[0]:
            return 1
        return max(1, (self.dsp_operands[1] - 1 - w.bits) // (x.bits + w.bits) + 1)

    def _pays(self, luts: int, depth: int, width: int) -> bool:
        return luts <= self.luts_per_block * ramb18(depth, width)


# A DSP48E1 or DSP48E2 multiplies 18 by at least 25 signed bits (UG479, UG579). The shell is an AXI DMA (both ways,
# simple mode), two interconnects and resets (PG021, PG059).
XILINX = Fabric(
    rom_luts=xilinx.rom_luts,
    ram_luts=xilinx.ram_luts,
    ram_memory=xilinx.ram_luts,
    fifo_luts=xilinx.fifo_luts,
    stream=xilinx.fifo,
    product_luts=xilinx.product_luts,
    dsp_operands=(18, 25),
    dsp_adds=True,
    luts_per_block=300,
    accumulator=1,
    logic=1,
    shell=Resources(lut=4000, lutram=400, ff=6000, bram18=6),
)

# MULT18X18D multiplies 18 by 18 bits; Yosys never infers ALU54B, the adder behind it (FPGA-TN-02205). The shell is
# a UART, and the control registers.
ECP5 = Fabric(
    rom_luts=ecp5.rom_luts,
    ram_luts=ecp5.ram_luts,
    ram_memory=ecp5.ram_memory,
    fifo_luts=ecp5.fifo_luts,
    stream=ecp5.fifo,
    product_luts=ecp5.product_luts,
    dsp_operands=(18, 18),
    dsp_adds=False,
    luts_per_block=400,
    accumulator=2,
    logic=1.7,
    shell=Resources(lut=930, ff=560),
    rtl=True,
)


def fabric_of(part: Device) -> Fabric:
    """What `part` is built of."""
    return ECP5 if part.family == "ecp5" else XILINX
