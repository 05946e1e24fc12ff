"""What the block design and the drivers of a project say: words of a transfer, types, scales, addresses."""

from __future__ import annotations

from fractions import Fraction
from math import prod
from typing import Any

from fireline.codegen.design.memories import loaded_words
from fireline.codegen.geometry.axi import input_beat, output_bits
from fireline.codegen.host.boards import board_of
from fireline.codegen.host.data import element
from fireline.codegen.plan.foldings import Plan
from fireline.errors import FirelineError
from fireline.fixed import IntType, Scale
from fireline.graph import Tensor

# Made from the templates of the same names, where the device has a board.
DRIVER_FILES = ("block_design.tcl", "drivers/pynq_driver.py", "drivers/driver.h", "drivers/driver.c")

LENGTH_BITS = 26  # the widest length register of the AXI DMA (AMD PG021)
BATCH = 16  # images of one transfer
NARROWEST_MEMORY = 32  # bits of the AXI DMA's memory ports
REGISTER_WINDOW = 1 << 16
SCALES_PER_ROW = 4


def driver_values(plan: Plan) -> dict[str, Any]:
    """What `DRIVER_FILES` need beside the values of every template; `board` is None where there is no board.

    Raises:
        FirelineError: an image, or the weights that are loaded, are too large for one transfer.
    """
    board = board_of(plan.device)
    if board is None:
        return {"board": None}
    weight_bytes = 8 * sum(loaded_words(plan))
    if weight_bytes >> LENGTH_BITS:
        raise FirelineError(
            f"{weight_bytes:,} bytes of weights are too many for one DMA transfer", node=plan.graph.name
        )
    first, last = plan.graph.input, plan.graph.output
    beat = input_beat(first)
    image_bytes = prod(first.output.shape) // beat.channels * beat.bits // 8
    batch = min(BATCH, ((1 << LENGTH_BITS) - 1) // image_bytes)
    if not batch:
        raise FirelineError(
            f"an image of {image_bytes:,} bytes is too large for one DMA transfer", node=first.name
        )
    word = _word_type(last.output.type, output_bits(last))
    return {
        "board": board,
        "system": board.system,
        "settings": [f"CONFIG.{name} {value}" for name, value in board.system.settings.items()],
        "length_bits": LENGTH_BITS,
        "read_bits": max(NARROWEST_MEMORY, beat.bits),
        "window": f"0x{REGISTER_WINDOW:X}",
        "dma_base": f"0x{board.system.registers:X}",
        "core_base": f"0x{board.system.registers + REGISTER_WINDOW:X}",
        "batch": batch,
        "slots": beat.bits // beat.slot,
        "pixels": prod(first.output.shape),
        "image_bytes": image_bytes,
        "result_bytes": prod(last.output.shape) * word.bits // 8,
        "input": first.output,
        "output": last.output,
        "output_channels": last.output.shape[0],
        "input_dtype": element(first.output.type).str,
        "output_dtype": element(word).str,
        "input_type": _c_type(IntType(beat.slot, first.output.type.signed)),
        "output_type": _c_type(word),
        "raw": _raw(first.output),
        "zero_point_first": first.zero_point_first,
        "input_scale": _rows(first.output.scale),
        "output_scale": _rows(last.output.scale),
        "scales": len(last.output.scale),
        "output_offset": _rows(last.output.offset) if any(last.output.offset) else [],
        "offsets": len(last.output.offset),
    }


def _word_type(type: IntType, bits: int) -> IntType:
    """How a host reads a word of `bits` bits; values are sign-extended unless they are unsigned and fill it."""
    return IntType(bits, type.signed or type.bits < bits)


def _c_type(type: IntType) -> str:
    return f"{'int' if type.signed else 'uint'}{type.bits}_t"


def _raw(tensor: Tensor) -> bool:
    """Whether every integer of its array's type enters as it is."""
    itself = tensor.scale == (Fraction(1),) and tensor.zero_point == 0
    return itself and tensor.type.bits == 8 * element(tensor.type).itemsize


def _rows(scale: Scale) -> list[str]:
    """Numbers that read back as the same float64, a few a row."""
    numbers = [repr(float(s)) for s in scale]
    return [
        ", ".join(numbers[start : start + SCALES_PER_ROW]) for start in range(0, len(numbers), SCALES_PER_ROW)
    ]
