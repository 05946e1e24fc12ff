"""How many cycles every node of a plan takes for an image. docs/cost-model.md derives each formula."""

from __future__ import annotations

from math import prod

from fireline.codegen.geometry.fires import is_pointwise
from fireline.codegen.geometry.line_buffer import fill_pixels
from fireline.codegen.plan.foldings import DEFAULT_DEPTH, Folding, Plan
from fireline.graph import Conv2d, GlobalAvgPool2d, Graph, MaxPool2d, Node, Shape


def lanes(node: Node, folding: Folding) -> int:
    """Multiply-accumulates per cycle."""
    return folding.pe * folding.simd * folding.rows if isinstance(node, Conv2d) else 0


def window_words(node: Conv2d, folding: Folding) -> int:
    """Words of `simd` channels of `rows` positions in one window: kh * kw * Cin / (simd * rows)."""
    _, depth, kh, kw = node.weight.shape
    return int(kh * kw * depth) // (folding.simd * folding.rows)


def conv2d_cycles(node: Conv2d, source: Shape, folding: Folding) -> int:
    """Cycles of a line buffer and the matrix-vector unit behind it, of which the slower holds the other up.

    The line buffer fills, gives every window word by word, and may take longer for what the next windows need. The
    unit reads the words in its first fold over the output channels. The stream between them holds two words, so the
    next image's fill hides only behind the last folds of the last window. Exact for windows of more than two words,
    never too low for others.
    """
    _, height, width = node.output.shape
    tokens = source[0] // folding.simd  # of one pixel
    words = window_words(node, folding)
    folds = node.output.shape[0] // node.groups // folding.pe
    fill = fill_pixels(node, source) * tokens
    load = max(-(-node.stride[0] * source[2] * tokens // width), node.stride[0] * node.stride[1] * tokens)
    given = words * node.groups
    pause = max(load - given, 0)  # of the line buffer behind every window
    multiply = given * folds

    def read(word: int) -> int:
        """The step of the unit, of those for a window, that reads a word."""
        return word // words * words * folds + word % words

    held = read(given - 1) + 1  # steps of the unit until the line buffer is rid of a window
    if given > DEFAULT_DEPTH:
        held = min(held, read(given - 1 - DEFAULT_DEPTH) + 1 + DEFAULT_DEPTH)
    hidden = multiply - held
    windows = height * width
    return max(windows * multiply + max(0, fill + pause - hidden), windows * (held + pause) + fill)


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
    """Cycles between two images at this node when nothing else holds it up (its initiation interval).

    The results leave one value a cycle, which the last node waits for.
    """
    own = _own_cycles(graph, node, folding)
    return max(own, prod(node.output.shape)) if node is graph.nodes[-1] else own


def _own_cycles(graph: Graph, node: Node, folding: Folding) -> int:
    channels, height, width = node.output.shape
    match node:
        case Conv2d():
            if is_pointwise(node):
                return height * width * (channels // folding.pe) * window_words(node, folding)
            return conv2d_cycles(node, graph.nodes[node.inputs[0]].output.shape, folding)
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
