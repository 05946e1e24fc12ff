"""How far the branches of a network run apart, and the streams that bridge it, for any folding.

These depths are estimates, made before anything is simulated: they are deep enough to finish, but a plan may lose some
of its rate where bursts meet a width adapter. `fireline.sim.dataflow.depths` finds the exact ones.
"""

from __future__ import annotations

from fractions import Fraction
from math import ceil

from fireline.codegen.geometry.fires import is_pointwise
from fireline.codegen.plan.foldings import DEFAULT_DEPTH, Folding
from fireline.graph import Conv2d, GlobalAvgPool2d, Graph, MaxPool2d, Node, Tensor

Slack = tuple[tuple[int, ...], ...]


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


def slack_pixels(graph: Graph) -> Slack:
    """Pixels that wait in front of each input of each node.

    Where branches join, the pixels of the shorter one wait for the longer one. They wait in front of a 1x1
    convolution rather than behind it when they are fewer bits there: that is the squeezed side of a Fire module.
    """
    start: list[Fraction] = []
    slack = [[_pace_pixels(graph, node, source) for source in node.inputs] for node in graph.nodes]
    for index, node in enumerate(graph.nodes):
        arrival = max((start[i] for i in node.inputs), default=Fraction(0))
        for position, source in enumerate(node.inputs):
            pixels = ceil((arrival - start[source]) * _area(graph.nodes[source].output))
            i, k = squeezed_side(graph, index, position) if pixels else (index, position)
            slack[i][k] = max(slack[i][k], slack[index][position] + pixels)
        waiting = (
            Fraction(max(slack[index], default=0), _area(graph.nodes[node.inputs[0]].output)) if index else 0
        )
        start.append(arrival + lag(graph, node) + waiting)
    return tuple(map(tuple, slack))


def stream_depth(graph: Graph, slack: Slack, index: int, position: int, folding: Folding) -> int:
    """Tokens of the stream in front of input `position` of node `index`, which has `folding`."""
    channels = graph.nodes[graph.nodes[index].inputs[position]].output.shape[0]
    return DEFAULT_DEPTH + slack[index][position] * channels // folding.simd


def stream_depths(graph: Graph, foldings: tuple[Folding, ...]) -> tuple[tuple[int, ...], ...]:
    """Depths of every stream that a plan chooses."""
    slack = slack_pixels(graph)
    return tuple(
        tuple(stream_depth(graph, slack, i, k, foldings[i]) for k in range(len(node.inputs)))
        for i, node in enumerate(graph.nodes)
    )


def squeezed_side(graph: Graph, index: int, position: int) -> tuple[int, int]:
    """Where the pixels that wait at input `position` of node `index` are fewest bits: there, or before the 1x1
    convolutions in front of it.
    """
    source = graph.nodes[index].inputs[position]
    node = graph.nodes[source]
    if not is_pointwise(node) or len(graph.users(source)) > 1:
        return index, position
    if _pixel_bits(graph.nodes[node.inputs[0]].output) > _pixel_bits(node.output):
        return index, position
    return squeezed_side(graph, source, 0)


def _pace_pixels(graph: Graph, node: Node, source: int) -> int:
    """Pixels that even out the pace of a producer and a reader that are equally fast over a whole image."""
    before = graph.nodes[source]
    width = before.output.shape[2]
    stride = before.stride[0] if isinstance(before, Conv2d | MaxPool2d) else 1
    # A strided producer gives a row and then pauses for the others; a line buffer pauses between images.
    pixels = ceil(width * Fraction(stride - 1, stride))
    if isinstance(node, Conv2d):
        pixels += 1 if is_pointwise(node) else width
    return pixels + (len(node.inputs) > 1)


def _area(tensor: Tensor) -> int:
    return tensor.shape[1] * tensor.shape[2]


def _pixel_bits(tensor: Tensor) -> int:
    return tensor.shape[0] * tensor.type.bits
