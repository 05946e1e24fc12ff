"""The streams between kernels, and what changes the width of their tokens: fl_fifo, fl_widen, fl_narrow."""

from __future__ import annotations

from fireline.codegen.geometry.fires import inner_edges
from fireline.codegen.plan.cost.fabric import RtlFabric
from fireline.codegen.plan.cost.memory import Resources, ceil_div, common_lanes
from fireline.codegen.plan.cost.parts import Part, stream_part
from fireline.codegen.plan.cost.rtl import latency
from fireline.codegen.plan.cost.rtl.logic import counter_bits
from fireline.codegen.plan.cycles import window_words
from fireline.codegen.plan.foldings import DEFAULT_DEPTH, Plan
from fireline.graph import Add, Concat, Conv2d, GlobalAvgPool2d, Input, Lookup, MaxPool2d, Rescale


def stream_parts(plan: Plan, index: int, fabric: RtlFabric) -> list[Part]:
    """The streams and width adapters in front of node `index`, that to its fork, and those behind the last node."""
    graph, node, folding = plan.graph, plan.graph.nodes[index], plan.foldings[index]
    inner, result = inner_edges(graph), []
    for position, source in enumerate(node.inputs):
        bits, pe, simd = graph.nodes[source].output.type.bits, plan.foldings[source].pe, folding.simd
        result.append(stream_part(plan.depth(index, position), simd * bits, fabric))
        is_forked = len(graph.users(source)) > 1
        landing = 0 if is_forked else _landing(plan, source)
        if (source, index) in inner:
            result.append(stream_part(DEFAULT_DEPTH + landing, pe * bits, fabric))
        elif pe != simd:  # the plan chooses the depth where tokens get narrower
            depth = plan.adapter_depth(index, position) + (landing if pe < simd else 0)
            result.append(stream_part(depth, pe * bits, fabric))
        if pe % simd and simd % pe:  # by way of tokens of both widths
            common = common_lanes(pe, simd, bits)
            result.append(stream_part(DEFAULT_DEPTH, common * bits, fabric))
            result += [
                Part("adapter", _adapter(*pair, bits, fabric)) for pair in ((pe, common), (common, simd))
            ]
        elif pe != simd:
            result.append(Part("adapter", _adapter(pe, simd, bits, fabric)))
    behind = stream_part(DEFAULT_DEPTH + _landing(plan, index), folding.pe * node.output.type.bits, fabric)
    if len(graph.users(index)) > 1:
        result.append(behind)
    if index == len(graph.nodes) - 1:  # the results leave one by one
        bits = node.output.type.bits
        beats = fabric.fifo(DEFAULT_DEPTH, bits + 1) + Resources(lut=fabric.control.beats, ff=5)
        result += [behind, Part("axi stream", beats + _adapter(folding.pe, 1, bits, fabric))]
    return result


def _landing(plan: Plan, index: int) -> int:
    """Tokens of node `index` that can be in its pipeline at once; streams that the plan does not choose have room."""
    node, folding = plan.graph.nodes[index], plan.foldings[index]
    match node:
        case Conv2d():
            x_bits = plan.graph.nodes[node.inputs[0]].output.type.bits
            return ceil_div(latency.mvu_latency(node, x_bits, folding), window_words(node, folding))
        case Add() | Rescale() | Lookup():
            return latency.elementwise_latency(node)
        case MaxPool2d() | GlobalAvgPool2d():
            return latency.POOL
        case Input() | Concat():
            return 0


def _adapter(pe: int, simd: int, bits: int, fabric: RtlFabric) -> Resources:
    """From `pe` to `simd` values: fl_widen shifts tokens in; fl_narrow shifts them out, with a choice for every bit."""
    wide, narrow = max(pe, simd), min(pe, simd)
    counter = Resources(lut=fabric.control.adapter, ff=counter_bits(ceil_div(wide, narrow)) + 1)
    moved = (wide - narrow) * bits
    return counter + Resources(lut=moved if pe > simd else 0, ff=moved)
