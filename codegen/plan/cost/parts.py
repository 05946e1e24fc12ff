"""The pieces that the hardware of a node consists of."""

from __future__ import annotations

from dataclasses import dataclass

from fireline.codegen.plan.cost.memory import (
    LUT_PER_RAMB18,
    Resources,
    Storage,
    fifo,
    fifo_is_lut,
    ram,
    ram_is_lut,
    ramb18,
    rom,
    rom_luts,
)
from fireline.codegen.plan.foldings import DEFAULT_DEPTH


@dataclass(frozen=True)
class Part:
    """One piece of a node's hardware; `depth` words of `width` bits when it is a memory."""

    name: str
    resources: Resources
    depth: int = 0
    width: int = 0
    storage: Storage | None = None


def ram_part(name: str, depth: int, width: int) -> Part:
    """A memory that is written and read, where it is cheapest."""
    return Part(name, ram(depth, width), depth, width, "lut" if ram_is_lut(depth, width) else "bram")


def rom_part(name: str, depth: int, width: int) -> Part:
    """A small constant memory, where it is cheapest."""
    storage: Storage = "lut" if rom_luts(depth, width) <= LUT_PER_RAMB18 * ramb18(depth, width) else "bram"
    return Part(name, rom(depth, width, storage), depth, width, storage)


def stream_part(depth: int, width: int) -> Part:
    """A stream of `depth` tokens of `width` bits."""
    place: Storage = "lut" if depth <= DEFAULT_DEPTH or fifo_is_lut(depth, width) else "bram"
    return Part("fifo", fifo(depth, width), depth, width, place)
