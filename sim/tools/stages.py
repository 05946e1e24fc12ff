"""Synthesized stages beside the cost model: one row for every node, and one for all."""

from __future__ import annotations

from dataclasses import dataclass

from fireline.codegen.design.kernels import kernels
from fireline.codegen.design.operations import Fork
from fireline.codegen.plan.cost.memory import Resources
from fireline.codegen.plan.cost.node import resources
from fireline.codegen.plan.foldings import Plan
from fireline.codegen.rtl.top import top
from fireline.sim.tools.synthesis import Synthesis

REST = "around the stages"


@dataclass(frozen=True)
class Row:
    """One stage as it was synthesized and as the plan has it."""

    name: str
    measured: Resources
    modelled: Resources


def compare(plan: Plan, synthesis: Synthesis) -> list[Row]:
    """A row for every node with the streams in front of it, one for what belongs to none, and the total."""
    names = [node.name for node in plan.graph.nodes]
    owners = owners_of(plan)
    measured: dict[str, list[Resources]] = {name: [Resources()] for name in [*names, REST]}
    for instance in synthesis.instances:
        measured[owners.get(instance.name, REST)].append(instance.used)
    rows = [
        Row(name, Resources.sum(measured[name]), modelled)
        for name, modelled in zip(names, resources(plan), strict=True)
    ]
    rows.append(Row(REST, Resources.sum(measured[REST]), Resources()))
    total = [Resources.sum([getattr(row, kind) for row in rows]) for kind in ("measured", "modelled")]
    return [*rows, Row("total", *total)]


def owners_of(plan: Plan) -> dict[str, str]:
    """The node that the cost model counts each instance of the top with, by the instance's name.

    A FIFO belongs to the node that reads it, and so does what changes the width of its tokens; a fork to the node in
    front of it.
    """
    made, nodes = kernels(plan), plan.graph.nodes
    writers = {place: kernel for kernel in made.kernels for place in kernel.outputs}
    readers = {place: kernel for kernel in made.kernels for place in kernel.inputs}
    owners: dict[str, str] = {}

    def owner(index: int) -> int:
        """Of kernel `index`: its own node, or else that of whom it writes for, and of a fork that of whom it copies."""
        while (node := made.kernels[index].node) is None:
            kernel = made.kernels[index]
            is_fork = isinstance(kernel.operation, Fork)
            index = made.kernels.index(writers[kernel.inputs[0]] if is_fork else readers[kernel.outputs[0]])
        return node

    built = top(made)
    for index, instance in enumerate(built.instances):
        owners[instance.name] = nodes[owner(index)].name
    for place, stream in enumerate(built.streams):
        owners[stream.fifo] = nodes[owner(made.kernels.index(readers[place]))].name
    return owners
