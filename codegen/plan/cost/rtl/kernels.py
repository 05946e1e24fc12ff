"""Every node as the kernels that it is built of."""

from __future__ import annotations

from collections.abc import Iterator

from fireline.codegen.geometry.fires import is_pointwise
from fireline.codegen.plan.cost.conv2d import line_memory
from fireline.codegen.plan.cost.fabric import Fabric
from fireline.codegen.plan.cost.memory import Resources, ceil_div
from fireline.codegen.plan.cost.parts import Part, stream_part
from fireline.codegen.plan.cost.pools import largest_memory, sums_memory
from fireline.codegen.plan.cost.rtl import latency, mvu
from fireline.codegen.plan.cost.rtl.logic import chain, counter_bits, memory, state, table_luts
from fireline.codegen.plan.cost.rtl.rule import rule_parts
from fireline.codegen.plan.foldings import DEFAULT_DEPTH, Folding
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


def node_parts(graph: Graph, node: Node, folding: Folding, fabric: Fabric) -> list[Part]:
    """The pieces of a node, but for `mvu.product_parts` of a convolution."""
    bits, pe = node.output.type.bits, folding.pe
    sources = [graph.nodes[i].output for i in node.inputs]
    match node:
        case Conv2d():
            line_buffer = [] if is_pointwise(node) else _line_buffer(node, sources[0], folding, fabric)
            return line_buffer + mvu.common_parts(node, sources[0], folding, fabric)
        case MaxPool2d():
            return list(_passes(node, folding, fabric))
        case GlobalAvgPool2d():
            depth, width = sums_memory(node, folding)
            adders = Resources(
                lut=60 + 2 * width, ff=40 + 2 * pe * sources[0].type.bits + 3 * counter_bits(depth)
            )
            return [Part("adders", adders), state("sums", depth, width, fabric)]
        case Concat():
            return [Part("multiplexer", Resources(lut=56 + 2 * bits * pe, ff=34))]
        case Add():
            wide = node.accumulator.bits
            scaled = sum(0 if m & (m - 1) == 0 else wide for m in map(abs, node.mult))
            kept = sum(source.type.bits for source in sources) + wide
            adders = Resources(lut=(chain(wide) + 2 * scaled) * pe, ff=kept * pe + 2)
            return [Part("adders", adders), *rule_parts(node.requantize, wide, node, pe, fabric)]
        case Rescale():
            return rule_parts(node.requantize, sources[0].type.bits, node, pe, fabric)
        case Lookup():
            words = (1 << sources[0].type.bits) * max(1, len(node.table) // pe)
            table = Resources(lut=table_luts(words, bits), ff=2 * bits) * pe
            return [Part("table", table, words, bits * pe, "lut")]
        case Input():
            return [Part("axi stream", Resources(lut=2))]


def _line_buffer(node: Conv2d, source: Tensor, folding: Folding, fabric: Fabric) -> list[Part]:
    """fl_line_buffer, and the stream of windows behind."""
    banks, depth, width = line_memory(node, source, folding)
    window = folding.simd * folding.rows * source.type.bits
    # Padding is one LUT a bit, and so is the choice between banks, of which there are several where rows are.
    select = Resources(lut=window * (1 if banks == 1 else 3), ff=window)
    control = Resources(lut=300, ff=127) if banks == 1 else Resources(lut=350, ff=180)
    return [
        *[memory("line buffer", depth, width, fabric)] * banks,
        Part("window control", control + select),
        stream_part(DEFAULT_DEPTH + latency.LINE_BUFFER, window, fabric),
    ]


def _passes(node: MaxPool2d, folding: Folding, fabric: Fabric) -> Iterator[Part]:
    """Both passes of a max pool, along rows and down columns: fl_running_max twice, and the stream between."""
    bits = folding.pe * node.output.type.bits
    folds = node.output.shape[0] // folding.pe
    for axis, name, inner in ((1, "columns", folds), (0, "rows", node.output.shape[2] * folds)):
        slots = ceil_div(node.kernel[axis], node.stride[axis])
        control = Resources(
            lut=35 + slots * (28 + 5 * bits), ff=29 + 8 * slots + 3 * bits + 3 * counter_bits(inner)
        )
        yield Part("compare", control)
        yield from [state(name, *largest_memory(node, folding, inner), fabric)] * slots
    yield stream_part(DEFAULT_DEPTH + latency.POOL, bits, fabric)
