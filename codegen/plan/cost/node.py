"""Resources of every node of a plan, in closed form. docs/cost-model.md derives each formula."""

from __future__ import annotations

from dataclasses import replace
from math import ceil

from fireline.codegen.geometry.fires import inner_edges
from fireline.codegen.plan.cost import conv2d
from fireline.codegen.plan.cost.conv2d import common_parts
from fireline.codegen.plan.cost.fabric import Fabric, RtlFabric, fabric_of
from fireline.codegen.plan.cost.memory import Resources, common_lanes
from fireline.codegen.plan.cost.parts import INSIDE_DEPTH, Part, stream_part, table_part
from fireline.codegen.plan.cost.pools import average_parts, maxpool_parts
from fireline.codegen.plan.cost.rtl.kernels import node_parts
from fireline.codegen.plan.cost.rtl.mvu import product_parts
from fireline.codegen.plan.cost.rtl.streams import stream_parts
from fireline.codegen.plan.cost.rule import rule_parts
from fireline.codegen.plan.foldings import DEFAULT_DEPTH, Folding, Plan
from fireline.graph import (
    Add,
    Concat,
    Conv2d,
    GlobalAvgPool2d,
    Graph,
    Input,
    Lookup,
    MaxPool2d,
    Node,
    Rescale,
)

# State machine, counters and stream handshakes of one process.
CONTROL = Resources(lut=60, ff=60)


def resources(plan: Plan) -> tuple[Resources, ...]:
    """Resources of every node with the streams and width adapters in front of it, in the graph's order."""
    return tuple(
        Resources.sum([part.resources for part in parts(plan, i)]) for i in range(len(plan.foldings))
    )


def total(plan: Plan) -> Resources:
    """Resources of the whole design, the shell around the network included."""
    return Resources.sum([fabric_of(plan.device, plan.target).shell, *resources(plan)])


def parts(plan: Plan, index: int) -> list[Part]:
    """The pieces that node `index` is made of, the streams and width adapters in front of it included."""
    graph, node, folding = plan.graph, plan.graph.nodes[index], plan.foldings[index]
    fabric = fabric_of(plan.device, plan.target)
    result, inner = core_parts(graph, index, folding, fabric), inner_edges(graph)
    if isinstance(fabric, RtlFabric):
        return result + stream_parts(plan, index, fabric)
    for position, source in enumerate(node.inputs):
        bits, pe = graph.nodes[source].output.type.bits, plan.foldings[source].pe
        result.append(stream_part(plan.depth(index, position), folding.simd * bits, fabric))
        inside = (source, index) in inner
        if pe != folding.simd or inside:  # inside a Fire module also between equal widths
            before = DEFAULT_DEPTH if inside else plan.adapter_depth(index, position)
            if inside or pe < folding.simd:  # the plan chooses the depth where tokens get narrower
                before += INSIDE_DEPTH - DEFAULT_DEPTH
            result.append(stream_part(before, pe * bits, fabric))
            result.append(Part("adapter", narrow_side(pe, bits, fabric) + wide_side(folding.simd, bits)))
        if pe % folding.simd and folding.simd % pe:  # between the two adapters
            result.append(stream_part(INSIDE_DEPTH, common_lanes(pe, folding.simd, bits) * bits, fabric))
    if index == len(graph.nodes) - 1:  # the results
        result.append(stream_part(INSIDE_DEPTH, folding.pe * node.output.type.bits, fabric))
    return result


def narrow_side(pe: int, bits: int, fabric: Fabric) -> Resources:
    """The part of a width adapter that depends on its producer: a shift register with a parallel load."""
    return logic(Resources(lut=pe * bits + 6, ff=pe * bits + 6), fabric)


def wide_side(simd: int, bits: int) -> Resources:
    """The part of a width adapter that depends on its consumer: a register of one word."""
    return Resources(ff=simd * bits)


def logic(counted: Resources, fabric: Fabric) -> Resources:
    """Control and multiplexers, counted in six-input LUTs, in the LUTs of `fabric`."""
    return replace(counted, lut=ceil(counted.lut * fabric.logic))


def core_parts(
    graph: Graph, index: int, folding: Folding, fabric: Fabric, *, chosen: bool = True
) -> list[Part]:
    """The pieces of a node that depend on its own folding alone; `chosen` includes `chosen_parts` of a convolution."""
    node = graph.nodes[index]
    own = chosen_parts(graph, node, folding, fabric) if chosen and isinstance(node, Conv2d) else []
    if isinstance(fabric, RtlFabric):
        return node_parts(graph, node, folding, fabric) + own
    common = _common_parts(graph, node, folding, fabric)
    if len(graph.users(index)) > 1:  # a stream in front of the fork
        common.append(stream_part(INSIDE_DEPTH, folding.pe * node.output.type.bits, fabric))
    return [p if p.storage else replace(p, resources=logic(p.resources, fabric)) for p in common] + own


def chosen_parts(graph: Graph, node: Conv2d, folding: Folding, fabric: Fabric) -> list[Part]:
    """Weights, multipliers and adders of a convolution, and of the RTL kernel all of its matrix-vector unit."""
    if isinstance(fabric, RtlFabric):
        return product_parts(graph, node, folding, fabric)
    return conv2d.chosen_parts(graph, node, folding, fabric)


def _common_parts(graph: Graph, node: Node, folding: Folding, fabric: Fabric) -> list[Part]:
    """The pieces that are the same for every choice of multipliers and weight memory; logic is in six-input LUTs."""
    control = Part("control", CONTROL)
    bits, pe = node.output.type.bits, folding.pe
    match node:
        case Conv2d():
            return [control, *common_parts(graph, node, folding, fabric)]
        case MaxPool2d():
            return [control, control, *maxpool_parts(node, folding, fabric)]
        case GlobalAvgPool2d():
            return [control, *average_parts(node, folding, fabric)]
        case Concat():
            return [control, Part("multiplexer", Resources(lut=bits * pe, ff=bits * pe))]
        case Add():
            wide = node.accumulator.bits
            scaled = sum(0 if m & (m - 1) == 0 else wide for m in map(abs, node.mult))
            adders = Part("adders", Resources(lut=(wide + scaled) * pe, ff=wide * pe))
            return [control, adders, *rule_parts(node.requantize, wide, node, pe, fabric)]
        case Rescale():
            wide = graph.nodes[node.inputs[0]].output.type.bits
            return [control, *rule_parts(node.requantize, wide, node, pe, fabric)]
        case Lookup():
            words = (1 << graph.nodes[node.inputs[0]].output.type.bits) * max(1, len(node.table) // pe)
            return [control, table_part("table", words, bits, pe, fabric)]
        case Input():
            return [control, Part("axi stream", Resources(lut=40 + bits * pe, ff=80 + 2 * bits * pe))]
