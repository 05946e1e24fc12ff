"""How far the branches of a network run apart, and the streams that bridge it."""

from __future__ import annotations

from fractions import Fraction
from math import ceil

from fireline.codegen.plan import DEFAULT_DEPTH, Folding
from fireline.graph import Conv2d, GlobalAvgPool2d, Graph, MaxPool2d, Node, Tensor


def lag(graph: Graph, node: Node) -> Fraction:
    """How much of an image a node reads before its first output, as a fraction of the image."""
    _, height, width = graph.nodes[node.inputs[0]].output.shape if node.inputs else node.output.shape
    match node:
        case Conv2d(padding=(top, left, _, _), weight=weight):
            kh, kw = weight.shape[2:]
        case MaxPool2d(padding=(top, left, _, _), kernel=(kh, kw)):
            pass
        case GlobalAvgPool2d():
            return Fraction(1)
        case _:
            return Fraction(1, height * width)
    return min(Fraction((kh - 1 - top) * width + kw - left, height * width), Fraction(1))


def slack_pixels(graph: Graph) -> tuple[tuple[int, ...], ...]:
    """Pixels that wait on each input of each node while a longer branch catches up, for any folding.

    Where branches join, the shorter one waits. Its pixels wait in front of a 1x1 convolution rather than behind it
    when they are fewer bits there: that is the squeezed side of a Fire module.
    """
    start: list[Fraction] = []
    slack = [[0] * len(node.inputs) for node in graph.nodes]
    for index, node in enumerate(graph.nodes):
        arrival = max((start[i] for i in node.inputs), default=Fraction(0))
        for position, source in enumerate(node.inputs):
            _, height, width = graph.nodes[source].output.shape
            pixels = ceil((arrival - start[source]) * height * width)
            if pixels:
                i, k = _squeezed_side(graph, index, position)
                slack[i][k] = max(slack[i][k], pixels)
        start.append(arrival + lag(graph, node))
    return tuple(map(tuple, slack))


def stream_depth(
    graph: Graph, slack: tuple[tuple[int, ...], ...], index: int, position: int, folding: Folding
) -> int:
    """Tokens of the stream behind input `position` of node `index`, whose producer has `folding`.

    Beside the slack, a join needs one pixel of each input, because it reads them in turn.
    """
    node = graph.nodes[index]
    tokens = graph.nodes[node.inputs[position]].output.shape[0] // folding.pe
    pixels = slack[index][position] + (len(node.inputs) > 1)
    return DEFAULT_DEPTH + pixels * tokens


def stream_depths(graph: Graph, foldings: tuple[Folding, ...]) -> tuple[tuple[int, ...], ...]:
    """Depths of every stream of a plan, without simulating it; never too small."""
    slack = slack_pixels(graph)
    return tuple(
        tuple(stream_depth(graph, slack, i, k, foldings[source]) for k, source in enumerate(node.inputs))
        for i, node in enumerate(graph.nodes)
    )


def _squeezed_side(graph: Graph, index: int, position: int) -> tuple[int, int]:
    while True:
        source = graph.nodes[index].inputs[position]
        node = graph.nodes[source]
        if not isinstance(node, Conv2d) or node.weight.shape[2:] != (1, 1) or len(graph.users(source)) > 1:
            return index, position
        before = graph.nodes[node.inputs[0]].output
        if before.shape[1:] != node.output.shape[1:] or _pixel_bits(before) > _pixel_bits(node.output):
            return index, position
        index, position = source, 0


def _pixel_bits(tensor: Tensor) -> int:
    return tensor.shape[0] * tensor.type.bits
