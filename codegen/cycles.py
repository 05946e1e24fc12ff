"""How many cycles every node of a plan takes for an image. docs/cost-model.md derives each formula."""

from __future__ import annotations

from fireline.codegen.fires import is_pointwise
from fireline.codegen.memory import ceil_div
from fireline.codegen.plan import Folding, Plan
from fireline.codegen.window import fill_pixels
from fireline.graph import Conv2d, GlobalAvgPool2d, Graph, MaxPool2d, Node, Shape


def lanes(node: Node, folding: Folding) -> int:
    """Multiply-accumulates per cycle."""
    return folding.pe * folding.simd * folding.rows if isinstance(node, Conv2d) else 0


def window_words(node: Conv2d, folding: Folding) -> int:
    """Words of `simd` channels of `rows` positions in one window: kh * kw * Cin / (simd * rows)."""
    _, depth, kh, kw = node.weight.shape
    return int(kh * kw * depth) // (folding.simd * folding.rows)


def line_buffer_cycles(node: Conv2d, source: Shape, folding: Folding) -> int:
    """Cycles of a line buffer: it fills, then gives a window and takes in what the next ones need."""
    tokens = source[0] // folding.simd  # of one pixel
    _, height, width = node.output.shape
    load = max(ceil_div(node.stride[0] * source[2] * tokens, width), node.stride[0] * node.stride[1] * tokens)
    window = window_words(node, folding) * node.groups
    return fill_pixels(node, source) * tokens + height * width * max(window, load)


def maxpool_cycles(node: MaxPool2d, source: Shape, lanes: int) -> int:
    """Cycles of the slower of its two passes: along every row of the image, then down every column of windows.

    Padding takes cycles only where it ends more than one window behind the last position.
    """
    channels, height, width = source
    below, right = (
        max(0, padding - (stride - 1)) for padding, stride in zip(node.padding[2:], node.stride, strict=True)
    )
    along, down = height * (width + right), (height + below) * node.output.shape[2]
    return max(along, down) * channels // lanes


def node_cycles(graph: Graph, node: Node, folding: Folding) -> int:
    """Cycles between two images at this node when nothing else holds it up (its initiation interval)."""
    channels, height, width = node.output.shape
    match node:
        case Conv2d():
            multiply = height * width * (channels // folding.pe) * window_words(node, folding)
            if is_pointwise(node):
                return multiply
            return max(multiply, line_buffer_cycles(node, graph.nodes[node.inputs[0]].output.shape, folding))
        case MaxPool2d():
            return maxpool_cycles(node, graph.nodes[node.inputs[0]].output.shape, folding.pe)
        case GlobalAvgPool2d():
            source = graph.nodes[node.inputs[0]].output.shape
            return source[0] * source[1] * source[2] // folding.pe
        case _:
            return channels * height * width // folding.pe


def cycles(plan: Plan) -> tuple[int, ...]:
    """The initiation interval of every node, in the graph's order."""
    nodes = zip(plan.graph.nodes, plan.foldings, strict=True)
    return tuple(node_cycles(plan.graph, node, folding) for node, folding in nodes)


def initiation_interval(plan: Plan) -> int:
    """Cycles between two images: those of the slowest node."""
    return max(cycles(plan))
