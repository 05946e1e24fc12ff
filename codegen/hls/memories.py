"""The memories of a process, and what is said of them to the tool: what the plan decided and the cost model counts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from fireline.codegen.design import operations as design
from fireline.codegen.design.kernels import Kernel
from fireline.codegen.geometry.line_buffer import distances
from fireline.codegen.hls.names import identifier
from fireline.codegen.hls.rule import Table
from fireline.codegen.plan.cost.conv2d import line_memory, window_memory
from fireline.codegen.plan.cost.fabric import fabric_of
from fireline.codegen.plan.cost.pools import largest_memory, sums_memory
from fireline.codegen.plan.foldings import Plan, Storage
from fireline.graph import Conv2d, GlobalAvgPool2d, MaxPool2d

# The tool's names for where a memory lies.
RESOURCES: dict[Storage, str] = {"lut": "lutram", "bram": "bram", "uram": "uram"}


@dataclass(frozen=True)
class Memory:
    """A static array of a process.

    `partitioned` is the dimension of its banks, if it has some; `read` and `write` are the steps between two accesses
    to a place of it, read after write and write after read, where that is to be said.
    """

    type: str
    variable: str
    storage: Storage
    partitioned: int | None = None
    read: int | None = None
    write: int | None = None


def memories(plan: Plan, kernel: Kernel) -> tuple[Memory, ...]:
    """The memories of a process, in the order of its kernel's arguments."""
    if kernel.node is None:
        return ()
    node, folding = plan.graph.nodes[kernel.node], plan.foldings[kernel.node]
    sources = [plan.graph.nodes[i].output for i in node.inputs]
    params, fabric = f"params::{identifier(node.name)}", fabric_of(plan.device)
    match kernel.operation, node:
        case design.LineBuffer(), Conv2d():
            apart = distances(node, sources[0].shape, folding.simd, folding.rows)
            _, depth, width = line_memory(node, sources[0], folding)
            type = f"fl::Lines<{params}>::Memory"
            return (Memory(type, "buffer", fabric.ram_storage(depth, width), 1, apart.read, apart.write),)
        case design.Mvu(), Conv2d():
            depth, width = window_memory(node, sources[0], folding)
            window = Memory(f"fl::Window<{params}>", "window", fabric.ram_storage(depth, width))
            if kernel.node not in plan.loaded:
                return (window,)
            return window, Memory(f"fl::PackedRom<{params}>", "rom", "uram")
        case design.RunningMax(inner=inner), MaxPool2d():
            way = "AlongRows" if kernel.name.endswith(".along") else "DownColumns"
            type = f"fl::Largest<fl::{way}<{params}>>"
            depth, width = largest_memory(node, folding, inner)
            return (Memory(type, "largest", fabric.ram_storage(depth, width), 1, inner),)
        case design.Average(folds=folds), GlobalAvgPool2d():
            depth, width = sums_memory(node, folding)
            return (
                Memory(f"fl::ChannelSums<{params}>", "sums", fabric.ram_storage(depth, width), None, folds),
            )
        case _:
            return ()


def storage_pragmas(memory: Memory) -> list[str]:
    """Where a memory lies, what is read at once, and how near its accesses come to each other."""
    if memory.storage == "registers":
        return [f"FL_PARTITION({memory.variable}, 0)"]
    result = [f"FL_BIND_STORAGE({memory.variable}, ram_s2p, {RESOURCES[memory.storage]})"]
    if memory.variable == "rom":
        result += ["FL_PARTITION(rom, 2)", "FL_RESHAPE(rom, 3)"]
    if memory.partitioned:
        result.append(f"FL_PARTITION({memory.variable}, {memory.partitioned})")
    for order, steps in (("RAW", memory.read), ("WAR", memory.write)):
        if steps:
            result.append(f"FL_DISTANCE({memory.variable}, {order}, {steps})")
    return result


def table_pragmas(plan: Plan, index: int, tables: Iterable[Table]) -> list[str]:
    """The same for the constants of node `index`: a row of weights is one word, other tables lie apart lane by lane."""
    node, folding = plan.graph.nodes[index], plan.foldings[index]
    result = []
    for table in tables:
        name = f"weights::{identifier(node.name)}::{table.name}"
        if table.name == "rom":
            result.append(f"FL_BIND_STORAGE({name}, rom_1p, {RESOURCES[folding.rom]})")
            result += [f"FL_PARTITION({name}, 2)", f"FL_RESHAPE({name}, 3)"]
        elif table.depth == 1:
            result.append(f"FL_PARTITION({name}, 0)")
        else:
            resource = RESOURCES[fabric_of(plan.device).table_storage(table.depth, table.bits)]
            result.append(f"FL_BIND_STORAGE({name}, rom_1p, {resource})")
            result += [f"FL_PARTITION({name}, {dimension})" for dimension in table.apart]
    return result
