"""The pieces that the hardware of a node consists of."""

from __future__ import annotations

from dataclasses import dataclass

from fireline.codegen.plan.cost.fabric import Fabric
from fireline.codegen.plan.cost.memory import Resources
from fireline.codegen.plan.foldings import Storage

# Tokens of a stream whose depth the plan does not choose: two, and those in the pipeline in front of it. Most have
# fewer; up to 32 take hardly more LUTs of Xilinx.
INSIDE_DEPTH = 12


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
    return Part(name, fabric.ram(depth, width), depth, width, fabric.ram_storage(depth, width))


def table_part(name: str, depth: int, width: int, lanes: int, fabric: Fabric) -> Part:
    """A small constant memory of each of `lanes`, where it is cheapest."""
    storage = fabric.table_storage(depth, width)
    return Part(name, fabric.rom(depth, width, storage) * lanes, depth, width * lanes, storage)


def stream_part(depth: int, width: int, fabric: Fabric) -> Part:
    """A stream of `depth` tokens of `width` bits."""
    return Part("fifo", fabric.fifo(depth, width), depth, width, fabric.fifo_storage(depth, width))
