"""Every node as the kernels that it is built of."""

from __future__ import annotations

from collections.abc import Iterator

from fireline.codegen.geometry.fires import is_pointwise
from fireline.codegen.plan.cost.conv2d import line_memory
from fireline.codegen.plan.cost.fabric import RtlFabric
from fireline.codegen.plan.cost.memory import Resources, ceil_div
from fireline.codegen.plan.cost.parts import Part, stream_part
from fireline.codegen.plan.cost.pools import largest_memory, sums_memory
from fireline.codegen.plan.cost.rtl import latency, mvu
from fireline.codegen.plan.cost.rtl.logic import chain, choice, counter_bits, memory, place, state
from fireline.codegen.plan.cost.rtl.rule import rule_parts
from fireline.codegen.plan.foldings import DEFAULT_DEPTH, Folding
from fireline.fixed import IntType
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
    Tensor,
)


def node_parts(graph: Graph, node: Node, folding: Folding, fabric: RtlFabric) -> list[Part]:
    """The pieces of a node, but for `mvu.product_parts` of a convolution."""
    bits, pe = node.output.type.bits, folding.pe
    sources = [graph.nodes[i].output for i in node.inputs]
    match node:
        case Conv2d():
            line_buffer = [] if is_pointwise(node) else _line_buffer(node, sources[0], folding, fabric)
            return line_buffer + mvu.common_parts(node, sources[0], folding, fabric)
        case MaxPool2d():
            return list(_passes(node, sources[0], folding, fabric))
        case GlobalAvgPool2d():
            depth, width = sums_memory(node, folding)
            adders = Resources(
                lut=fabric.control.average + fabric.accumulator * chain(width, fabric),
                ff=40 + 2 * pe * sources[0].type.bits,
            )
            return [Part("adders", adders + place(depth, fabric)), state("sums", depth, width, fabric)]
        case Concat():
            luts = fabric.control.concat + choice(3, bits * pe, fabric)
            return [Part("multiplexer", Resources(lut=luts, ff=34))]
        case Add():
            wide = node.accumulator.bits
            lane = Resources(lut=chain(wide, fabric), ff=wide)
            for source, factor in zip(sources, node.mult, strict=True):
                lane += _scaled(source.type, abs(factor), fabric)
            adders = lane * pe + Resources(ff=latency.elementwise_latency(node))
            return [Part("adders", adders), *rule_parts(node.requantize, wide, node, pe, fabric)]
        case Rescale():
            control = Resources(lut=1, ff=latency.elementwise_latency(node))
            rule = rule_parts(node.requantize, sources[0].type.bits, node, pe, fabric)
            return [Part("control", control), *rule]
        case Lookup():
            words = (1 << sources[0].type.bits) * max(1, len(node.table) // pe)
            table = Resources(lut=fabric.table_luts(words, bits), ff=2 * bits) * pe
            return [Part("table", table, words, bits * pe, "lut")]
        case Input():
            return [Part("axi stream", Resources(lut=2))]


def _scaled(source: IntType, factor: int, fabric: RtlFabric) -> Resources:
    """An input of a sum times a constant, and its register."""
    if factor & (factor - 1) == 0:
        return Resources(ff=source.bits)
    bits = source.bits + factor.bit_length()
    if bits < fabric.least_product:
        return Resources(lut=chain(bits, fabric), ff=bits)
    return Resources(dsp=1, ff=0 if fabric.packs else bits)


def _line_buffer(node: Conv2d, source: Tensor, folding: Folding, fabric: RtlFabric) -> list[Part]:
    """fl_line_buffer, and the stream of windows behind."""
    banks, depth, width = line_memory(node, source, folding)
    window = folding.simd * folding.rows * source.type.bits
    # Padding is one LUT a bit where a register has no reset for it.
    select = Resources(lut=fabric.padding * window + choice(banks, window, fabric), ff=window)
    one = banks == 1
    counters = Resources(
        lut=fabric.control.line_buffer if one else fabric.control.line_buffers, ff=129 if one else 182
    )
    writes = Resources(ff=width + counter_bits(depth) + banks)
    return [
        *[memory("line buffer", depth, width, fabric)] * banks,
        Part("window control", counters + select + writes),
        stream_part(DEFAULT_DEPTH + latency.LINE_BUFFER, window, fabric),
    ]


def _passes(node: MaxPool2d, source: Tensor, folding: Folding, fabric: RtlFabric) -> Iterator[Part]:
    """Both passes of a max pool, along rows and down columns: fl_running_max twice, and the stream between."""
    bits = folding.pe * node.output.type.bits
    folds = node.output.shape[0] // folding.pe
    for axis, name, inner in ((1, "columns", folds), (0, "rows", node.output.shape[2] * folds)):
        slots = ceil_div(node.kernel[axis], node.stride[axis])
        padding = node.padding[axis] + node.padding[axis + 2]
        position = 1 + counter_bits(source.shape[axis + 1] + padding + slots * node.stride[axis] + 1)
        control = fabric.control.pool + (slots - 1) * bits
        control += slots * (fabric.control.slot + 2 * node.output.type.bits)
        compare = Resources(
            lut=control + round(slots * fabric.larger * bits), ff=7 + 10 * slots + 2 * position + 3 * bits
        )
        yield Part("compare", compare + place(inner, fabric))
        yield from [state(name, *largest_memory(node, folding, inner), fabric)] * slots
    yield stream_part(DEFAULT_DEPTH + latency.POOL, bits, fabric)
