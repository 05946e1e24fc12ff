"""A Lattice board beside a PC: a top around the network with a UART, its pins, and the program of the PC."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from fireline.codegen.geometry.axi import input_beat, output_bits
from fireline.codegen.host.data import element
from fireline.codegen.host.render import render
from fireline.codegen.plan.cycles import initiation_interval
from fireline.codegen.plan.foldings import Plan
from fireline.errors import FirelineError
from fireline.fixed import IntType

# The top of the board, and the files of `serial_texts`, by template.
BOARD_TOP = "ulx3s"
PINS = "board/ulx3s.lpf"
FILES = {f"rtl/{BOARD_TOP}.sv": "ulx3s.sv", PINS: "ulx3s.lpf", "drivers/serial_host.py": "serial_host.py"}

# The kernels around the network, in `fireline.firmware`.
KERNELS = "rtl/board"

OSCILLATOR_MHZ = 25
# Limits of the PLL in MHz (FPGA-DS-02012): its oscillator, and the least at its phase detector.
OSCILLATION = (400, 800)
LEAST_COMPARED = 3.125
LARGEST_DIVIDER = 80

# Rates of the board's USB chip, and how far from one the board's may be.
BAUDS = (3_000_000, 2_000_000, 1_000_000, 500_000, 115_200)
RATE_ERROR = 0.015
LEAST_CLOCKS_PER_BIT = 8
BITS_PER_BYTE = 10  # with start and stop bit


@dataclass(frozen=True)
class Pll:
    """Dividers of an EHXPLLL whose feedback is its output: 25 MHz · feedback / reference."""

    reference: int
    feedback: int
    output: int

    @property
    def mhz(self) -> float:
        """The clock."""
        return OSCILLATOR_MHZ * self.feedback / self.reference

    @property
    def text(self) -> str:
        """The clock, to print."""
        return f"{self.mhz:.6g}"

    @property
    def phase(self) -> int:
        """CLKOP_CPHASE, in periods of the oscillator."""
        return self.output // 2


def pll(clock_mhz: float) -> Pll:
    """The fastest clock that is not above `clock_mhz`.

    Raises:
        FirelineError: the PLL makes none that slow.
    """
    found = [
        Pll(reference, feedback, output)
        for reference in range(1, int(OSCILLATOR_MHZ / LEAST_COMPARED) + 1)
        for feedback in range(1, LARGEST_DIVIDER + 1)
        for output in range(1, 129)
        if OSCILLATION[0] <= OSCILLATOR_MHZ * feedback / reference * output <= OSCILLATION[1]
        and OSCILLATOR_MHZ * feedback / reference <= clock_mhz
    ]
    if not found:
        raise FirelineError(f"the PLL makes no clock of {clock_mhz:g} MHz", hint="4 MHz and more")
    # Of dividers for the same clock, the phase detector that compares most often, and the oscillator amid its range.
    middle = sum(OSCILLATION) / 2
    return max(
        found, key=lambda one: (one.mhz, -one.reference, -abs(one.mhz * one.output - middle), -one.output)
    )


def baud(plan: Plan, clock_mhz: float) -> int:
    """The fastest rate at which no word of an image overtakes the network.

    Raises:
        FirelineError: the network is slower than the slowest line.
    """
    image_bits = BITS_PER_BYTE * _image_bytes(plan)
    network = initiation_interval(plan) / (clock_mhz * 1e6)
    for rate in BAUDS:
        clocks = round(clock_mhz * 1e6 / rate)
        exact = clocks >= LEAST_CLOCKS_PER_BIT and abs(clock_mhz * 1e6 / rate / clocks - 1) <= RATE_ERROR
        if exact and image_bits / rate >= network:
            return rate
    raise FirelineError(
        f"a line of {BAUDS[-1]:,} bits a second is too fast for {network:.3g} s an image",
        node=plan.graph.name,
        hint="ask for more frames/s",
    )


def serial_texts(plan: Plan) -> dict[str, str]:
    """The files of a ULX3S around the project of `plan`, by path.

    Raises:
        FirelineError: the clock or the frame rate is too low for the board.
    """
    first, last = plan.graph.input, plan.graph.output
    beat, word = input_beat(first), output_bits(last)
    clock = pll(plan.clock_mhz)
    rate = baud(plan, clock.mhz)
    signed = last.output.type.signed or last.output.type.bits < word
    values = {
        "name": plan.graph.name,
        "first": first.name,
        "last": last.name,
        "pll": clock,
        "baud": rate,
        "clocks_per_bit": round(clock.mhz * 1e6 / rate),
        "beat_bits": beat.bits,
        "beat_channels": beat.channels,
        "beats": prod(first.output.shape) // beat.channels,
        "slots": beat.bits // beat.slot,
        "in_bytes": beat.bits // 8,
        "word_bits": word,
        "out_bytes": word // 8,
        "values": prod(last.output.shape),
        "input_dtype": element(first.output.type).str,
        "output_dtype": element(last.output.type).str,
        "word_dtype": element(IntType(word, signed)).str,
        "beat_high": beat.bits - 1,
        "word_high": word - 1,
    }
    return {path: render("fireline.codegen.host", template, **values) for path, template in FILES.items()}


def _image_bytes(plan: Plan) -> int:
    beat = input_beat(plan.graph.input)
    return prod(plan.graph.input.output.shape) // beat.channels * beat.bits // 8
