"""What the parts of a vendor are built of: where a memory goes, what a product and a LUT of logic become there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from fireline.codegen.plan.cost import ecp5, xilinx
from fireline.codegen.plan.cost.lutram import SEVEN_SERIES, ULTRASCALE
from fireline.codegen.plan.cost.memory import REGISTER_WORDS, Resources, ceil_div, ramb18, uram
from fireline.codegen.plan.devices import Device
from fireline.codegen.plan.foldings import Storage, Target
from fireline.fixed import IntType


@dataclass(frozen=True)
class Fabric:
    """The cost of the pieces of a design, in the resources of one vendor's parts.

    Functions of memories take a depth in words and a width in bits; `ram_memory` is those of the LUTs that must be able
    to be memory; `stream` is told whether it is in block RAM. A DSP multiplies `dsp_operands` signed bits; `dsp_adds`
    says whether it sums.
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
    register_words: int  # of a memory that is registers
    accumulator: int  # LUTs of a bit of a sum that starts anew or goes on
    logic: float  # LUTs in place of a six-input one, in control and multiplexers
    shell: Resources  # around the network

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
        if depth <= self.register_words:
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

    def in_dsps(self, x: IntType, w: IntType) -> bool:
        """Whether a product can be in DSPs."""
        return True

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


@dataclass(frozen=True)
class Control:
    """LUTs of the counters and flags of a kernel, which are calibrated.

    Those of a `pool` have also `slot` for each window that is open, and two for each bit of its values.
    """

    mvu: int
    line_buffer: int
    line_buffers: int  # of several rows that are read together
    pool: int
    slot: int
    average: int
    concat: int
    adapter: int
    beats: int


@dataclass(frozen=True)
class RtlFabric(Fabric):
    """The same where the kernels are those of firmware/rtl, as Yosys makes them; cost/rtl says what they are.

    `table_luts` are of a constant table; `weight_luts` of one as wide as weights are; `window_luts` of a memory that
    is written where it is read. `clamp_luts` round (if they do) and clamp bits to fewer; `barrel_luts` also shift them:
    those of a bit, and of all together, where one, two and more bits of the shift vary. `weight_blocks` are block RAMs,
    and the words in a row of theirs.
    """

    table_luts: Callable[[int, int], int]
    weight_luts: Callable[[int, int], int]
    weight_blocks: Callable[[int, int], tuple[int, int]]
    window_luts: Callable[[int, int], int]
    clamp_luts: Callable[[int, int, bool], int]
    barrel_luts: tuple[tuple[float, int], ...]
    control: Control
    carry: int  # LUTs that a carry chain comes in
    multiples: float  # LUTs of a bit of a multiple of a weight, in front of its adder
    padding: int  # LUTs of a bit that may be padding
    larger: float  # LUTs of a bit of the larger of two
    choice: float  # LUTs of a bit of a choice, for each word but the first
    shifts: bool  # three registers or more, one behind the other, become one LUT a bit
    inverts: bool  # behind an inverter, too
    packs: bool  # a DSP takes in the registers around its product, and the first level of a sum
    least_product: int  # bits of the smallest product in a DSP
    block_registers: int  # behind one another in a block RAM

    def in_dsps(self, x: IntType, w: IntType) -> bool:
        """Whether a product can be in DSPs: Yosys makes small ones of LUTs whatever it is told."""
        return x.bits + w.bits >= self.least_product

    def requantize_luts(self, kept: int, out: int, shift: int, amounts: int) -> int:
        """LUTs that shift, round and clamp `kept` bits to `out`, by `shift`, and more where so many bits of it vary."""
        if not amounts:
            return self.clamp_luts(kept, out, shift > 0)
        each, together = self.barrel_luts[min(amounts, len(self.barrel_luts)) - 1]
        return int(each * kept) + together


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
    register_words=REGISTER_WORDS,
    accumulator=1,
    logic=1,
    shell=Resources(lut=4000, lutram=400, ff=6000, bram18=6),
)

# The same parts where the kernels are RTL. Yosys makes no DSP of a product of fewer than nine bits (DSP_Y_MINWIDTH of
# its synth_xilinx).
SEVEN_SERIES_RTL = RtlFabric(
    rom_luts=xilinx.rom_luts,
    ram_luts=SEVEN_SERIES.memory,
    ram_memory=SEVEN_SERIES.words,
    fifo_luts=SEVEN_SERIES.stream_luts,
    stream=SEVEN_SERIES.stream,
    product_luts=xilinx.product_luts,
    dsp_operands=(18, 25),
    dsp_adds=True,
    luts_per_block=300,
    register_words=0,
    accumulator=1,
    logic=1,
    shell=XILINX.shell,
    table_luts=xilinx.rom_luts,
    weight_luts=xilinx.weight_luts,
    weight_blocks=xilinx.weight_blocks,
    window_luts=SEVEN_SERIES.window,
    clamp_luts=xilinx.clamp_luts,
    barrel_luts=xilinx.BARREL_LUTS,
    control=Control(
        mvu=10, line_buffer=155, line_buffers=180, pool=2, slot=9, average=40, concat=18, adapter=4, beats=12
    ),
    carry=1,
    multiples=0.375,
    padding=0,
    larger=1.65,
    choice=0.5,
    shifts=True,
    inverts=False,
    packs=True,
    least_product=9,
    block_registers=1,
)

# Cells of memory are twice as large there, and Yosys takes no register into a DSP48E2 but that of the product.
ULTRASCALE_RTL = replace(
    SEVEN_SERIES_RTL,
    ram_luts=ULTRASCALE.memory,
    ram_memory=ULTRASCALE.words,
    fifo_luts=ULTRASCALE.stream_luts,
    stream=ULTRASCALE.stream,
    window_luts=ULTRASCALE.window,
    inverts=True,
    packs=False,
)

# MULT18X18D multiplies 18 by 18 bits; Yosys never infers ALU54B, the adder behind it (FPGA-TN-02205). The shell is
# a UART, and the control registers.
ECP5 = RtlFabric(
    rom_luts=ecp5.rom_luts,
    ram_luts=ecp5.ram_luts,
    ram_memory=ecp5.ram_memory,
    fifo_luts=ecp5.fifo_luts,
    stream=ecp5.fifo,
    product_luts=ecp5.product_luts,
    dsp_operands=(18, 18),
    dsp_adds=False,
    luts_per_block=400,
    register_words=0,
    accumulator=2,
    logic=1.7,
    shell=Resources(lut=930, ff=560),
    table_luts=ecp5.table_luts,
    weight_luts=ecp5.rom_luts,
    weight_blocks=ecp5.weight_blocks,
    window_luts=ecp5.ram_luts,
    clamp_luts=ecp5.clamp_luts,
    barrel_luts=ecp5.BARREL_LUTS,
    control=Control(
        mvu=90,
        line_buffer=330,
        line_buffers=350,
        pool=35,
        slot=20,
        average=60,
        concat=56,
        adapter=6,
        beats=18,
    ),
    carry=2,
    multiples=1,
    padding=1,
    larger=5,
    choice=1,
    shifts=False,
    inverts=False,
    packs=False,
    least_product=1,
    block_registers=2,
)


def fabric_of(part: Device, target: Target = "hls") -> Fabric:
    """What a design that is written as `target` is built of on `part`; on a Lattice part it is RTL."""
    if part.family == "ecp5":
        return ECP5
    if target == "hls":
        return XILINX
    return SEVEN_SERIES_RTL if part.family == "zynq7000" else ULTRASCALE_RTL
