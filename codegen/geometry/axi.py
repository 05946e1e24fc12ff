"""The words of the AXI streams at the edge of a design."""

from __future__ import annotations

from dataclasses import dataclass

from fireline.errors import FirelineError
from fireline.graph import Input, Node

WORD_BITS = 64


@dataclass(frozen=True)
class Beat:
    """One input word: `channels` neighbouring channels of a pixel, each in a slot of `slot` bits."""

    bits: int
    slot: int
    channels: int


def input_beat(node: Input) -> Beat:
    """As many channels as fit in 64 bits and divide the pixel; the word's width is a power of two."""
    slot = _power_of_two(node.output.type.bits)
    if slot > WORD_BITS:
        raise FirelineError(f"values of {node.output.type.bits} bits do not fit a word", node=node.name)
    count = node.output.shape[0]
    channels = max(d for d in range(1, WORD_BITS // slot + 1) if count % d == 0)
    return Beat(_power_of_two(channels * slot), slot, channels)


def output_bits(node: Node) -> int:
    """Width of an output word, which holds one value."""
    return 32 if node.output.type.bits <= 32 else 64


def _power_of_two(bits: int) -> int:
    return max(8, 1 << (bits - 1).bit_length())
