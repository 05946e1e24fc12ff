"""Convolutions of any kernel, stride, padding, groups and folding."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from fireline.codegen.plan.cost.conv2d import rom_blocks
from fireline.graph import Conv2d, Graph
from tests.firmware.harness import CHECKED, PLAIN, Choose, assert_exact, drawn, least, most
from tests.graphs import Builder


def convolutions(bits: int = 8) -> Graph:
    """A chain of convolutions of every shape."""
    b = Builder((4, 29, 21), seed=2, bits=bits)
    x = b.rescale(0)
    x = b.conv(x, 6, (3, 3), (1, 1), (1, 1, 1, 1))
    x = b.conv(x, 4, (3, 3), (2, 2), (1, 1, 1, 1))
    x = b.conv(x, 4, (1, 1))
    x = b.conv(x, 6, (5, 2), (1, 2), (2, 1, 0, 1), per_channel=True)
    x = b.conv(x, 8, (2, 2), (1, 1), (1, 1, 1, 1))
    x = b.conv(x, 8, (3, 3), (1, 1), (2, 2, 2, 2), groups=4)
    x = b.conv(x, 8, (3, 3), (1, 1), (1, 1, 1, 1), groups=8)
    x = b.conv(x, 4, (3, 1), (2, 1), (0, 0, 1, 0))
    b.conv(b.conv(x, 6, (1, 1), (2, 2)), 6, (3, 3), (3, 3), (1, 1, 1, 1))
    return b.graph("convolutions")


def padded_beyond_the_kernel() -> Graph:
    """As conv10 of the published SqueezeNet 1.0 has it, and worse: whole windows lie in the padding."""
    b = Builder((4, 6, 5), seed=5)
    x = b.conv(b.rescale(0), 6, (1, 1), (1, 1), (1, 1, 1, 1))
    x = b.conv(x, 4, (1, 1), (2, 2), (1, 0, 1, 2))
    x = b.conv(x, 4, (3, 2), (1, 1), (3, 4, 1, 2), groups=2)
    b.conv(b.conv(x, 4, (2, 3), (1, 2), (0, 3, 4, 0)), 6, (2, 2), (3, 3), (5, 0, 2, 3))
    return b.graph("padded")


FOLDINGS = {"least": least, "most": most, "drawn1": drawn(1), "drawn2": drawn(2), "drawn3": drawn(3)}


@pytest.mark.parametrize("choose", FOLDINGS.values(), ids=FOLDINGS)
def test_every_shape_and_folding(choose: Choose, tmp_path: Path) -> None:
    assert_exact(convolutions(), choose, tmp_path)


@pytest.mark.parametrize("choose", [least, most, drawn(1)])
def test_padding_as_large_as_the_kernel(choose: Choose, tmp_path: Path) -> None:
    assert_exact(padded_beyond_the_kernel(), choose, tmp_path, CHECKED)


@pytest.mark.parametrize("bits", [2, 5])
def test_few_bits_share_a_dsp_in_the_checked_build(bits: int, tmp_path: Path) -> None:
    assert_exact(convolutions(bits), drawn(4), tmp_path, CHECKED)


def test_without_requantizer_and_with_a_zero_point(tmp_path: Path) -> None:
    b = Builder((2, 6, 6), seed=3)
    b.conv(0, 4, (3, 3), (1, 1), (1, 1, 1, 1))
    pixels = b.nodes[0]
    b.nodes[0] = replace(pixels, output=replace(pixels.output, zero_point=77))
    conv = b.nodes[1]
    assert isinstance(conv, Conv2d)
    b.nodes[1] = replace(conv, requantize=None, output=replace(conv.output, type=conv.accumulator))
    assert_exact(b.graph(), drawn(1), tmp_path, PLAIN)


def test_rows_of_weights_too_wide_for_one_memory(tmp_path: Path) -> None:
    b = Builder((12, 3, 3), seed=4)
    b.conv(b.conv(b.rescale(0), 18, (3, 3), padding=(1, 1, 1, 1)), 6)
    graph = b.graph()
    assert rom_blocks(graph.nodes[2], most(graph, graph.nodes[2])) == 2  # type: ignore[arg-type]
    assert_exact(graph, most, tmp_path)
