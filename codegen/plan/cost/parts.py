"""The pieces that the hardware of a node consists of."""

from __future__ import annotations

from dataclasses import dataclass

from fireline.codegen.plan.cost.fabric import Fabric
from fireline.codegen.plan.cost.memory import Resources, Storage
from fireline.codegen.plan.foldings import DEFAULT_DEPTH


@dataclass(frozen=True)
class Part:
    """One piece of a node's hardware; `depth` words of `width` bits when it is a memory."""

    name: str
    resources: Resources
    depth: int = 0
    width: int = 0
    storage: Storage | None = None


def ram_part(name: str, depth: int, width: int, fabric: Fabric) -> Part:
    """A memory that is written and read, where it is cheapest."""
    storage: Storage = "lut" if fabric.ram_is_lut(depth, width) else "bram"
    return Part(name, fabric.ram(depth, width), depth, width, storage)


def rom_part(name: str, depth: int, width: int, fabric: Fabric) -> Part:
    """A small constant memory, where it is cheapest."""
    storage: Storage = "lut" if fabric.rom_is_lut(depth, width) else "bram"
    return Part(name, fabric.rom(depth, width, storage), depth, width, storage)


def stream_part(depth: int, width: int, fabric: Fabric) -> Part:
    """A stream of `depth` tokens of `width` bits."""
    storage: Storage = "lut" if depth <= DEFAULT_DEPTH or fabric.fifo_is_lut(depth, width) else "bram"
    return Part("fifo", fabric.fifo(depth, width), depth, width, storage)
