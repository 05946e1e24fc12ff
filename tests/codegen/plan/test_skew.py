from fractions import Fraction

from fireline.codegen.plan.foldings import DEFAULT_DEPTH, Folding
from fireline.codegen.plan.skew import lag, slack_pixels, squeezed_side, stream_depth
from tests.graphs import Builder, fire_network


def test_a_3x3_window_needs_a_row_and_two_pixels_first() -> None:
    b = Builder((4, 8, 10), seed=0)
    b.conv(0, 4, (3, 3), padding=(1, 1, 1, 1))
    assert lag(b.graph(), b.nodes[1]) == Fraction(12, 80)
    b.globalavgpool(1)
    assert lag(b.graph(), b.nodes[2]) == 1


def test_the_short_branch_of_a_fire_waits_where_it_is_squeezed() -> None:
    graph = fire_network()
    names = [node.name for node in graph.nodes]
    expand, concat = names.index("fire2_expand1x1"), names.index("fire2_concat")
    assert squeezed_side(graph, concat, 0) == (expand, 0)
    assert squeezed_side(graph, concat, 1) == (concat, 1)
    slack = slack_pixels(graph)
    width = graph.nodes[expand].output.shape[2]
    assert slack[expand][0] > 2 * width
    assert slack[concat] == (1, 1)
    assert stream_depth(graph, slack, expand, 0, Folding(8, 2)) == DEFAULT_DEPTH + slack[expand][0] * 2


def test_a_bypass_waits_for_the_whole_fire() -> None:
    graph = fire_network()
    slack, names = slack_pixels(graph), [node.name for node in graph.nodes]
    add = next(i for i, node in enumerate(graph.nodes) if node.kind == "add")
    assert slack[add][1] > slack[names.index("fire3_expand1x1")][0]
