"""The pieces of the project writer: line buffer schedules, weight order and packing, Fire modules, streams, words."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fireline.codegen.design.kernels import kernels
from fireline.codegen.design.memories import pack_rows
from fireline.codegen.design.stages import Fork, Resize, design
from fireline.codegen.geometry.axi import Beat, input_beat, output_bits
from fireline.codegen.geometry.fires import find_fires
from fireline.codegen.geometry.line_buffer import Distances, buffer_rows, distances, fill_pixels
from fireline.codegen.hls.memories import memories, storage_pragmas
from fireline.codegen.plan.devices import device
from fireline.codegen.plan.foldings import Folding
from fireline.codegen.plan.simple import simple_plan
from fireline.codegen.plan.weights import rom_rows
from fireline.fixed import IntType
from fireline.graph import Conv2d, Graph
from tests.firmware.harness import Choose, least, most, plan
from tests.graphs import Builder, fire_network


@settings(max_examples=200)
@given(st.data())
def test_a_line_buffer_holds_every_pixel_of_every_window(data: st.DataObject) -> None:
    """The kernel's schedule, in pixels: nothing is read before it came in or after it was overwritten."""
    kh, kw = data.draw(st.integers(1, 5)), data.draw(st.integers(1, 5))
    sh, sw = data.draw(st.integers(1, 3)), data.draw(st.integers(1, 3))
    top, bottom = data.draw(st.integers(0, kh - 1)), data.draw(st.integers(0, kh))
    left, right = data.draw(st.integers(0, kw - 1)), data.draw(st.integers(0, kw))
    height = data.draw(st.integers(max(1, kh - top - bottom), 12))
    width = data.draw(st.integers(max(1, kw - left - right), 12))
    b = Builder((1, height, width), seed=0)
    b.conv(0, 1, (kh, kw), (sh, sw), (top, left, bottom, right))
    node = b.nodes[1]
    assert isinstance(node, Conv2d)
    _, rows, columns = node.output.shape
    shape = (1, height, width)
    assert buffer_rows(node, shape) >= sh
    capacity = buffer_rows(node, shape) * width
    pace = max(-(-sh * width // columns), sh * sw)

    came = fill_pixels(node, shape)
    rest = height * width - came
    for y in range(rows):
        due = min(rest, sh * width)
        rest -= due
        for x in range(columns):
            oldest = came + min(due, pace) - capacity  # while this window goes out
            for i in range(max(0, y * sh - top), min(height, y * sh - top + kh)):
                for j in range(max(0, x * sw - left), min(width, x * sw - left + kw)):
                    assert oldest <= i * width + j < came
            came, due = came + min(due, pace), due - min(due, pace)
        assert due == 0
    assert rest == 0


@settings(max_examples=150)
@given(st.data())
def test_distances_are_those_of_the_schedule(data: st.DataObject) -> None:
    """Every access of the kernel's loop, step by step, over a whole image."""
    kh, kw = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 4))
    stride = data.draw(st.integers(1, 3)), data.draw(st.integers(1, 3))
    top, left = data.draw(st.integers(0, kh + 1)), data.draw(st.integers(0, kw + 1))
    height = data.draw(st.integers(max(1, kh - top), 9))
    width = data.draw(st.integers(max(1, kw - left), 9))
    groups, folds = data.draw(st.integers(1, 2)), data.draw(st.integers(1, 3))
    rows = data.draw(st.sampled_from([1, kh]))
    b = Builder((groups * folds, height, width), seed=0)
    b.conv(0, groups, (kh, kw), stride, (top, left, 0, 0), groups=groups)
    node = b.nodes[1]
    assert isinstance(node, Conv2d)
    _, ys, xs = node.output.shape
    source, held, tokens = (
        (groups * folds, height, width),
        buffer_rows(node, (1, height, width)),
        groups * folds,
    )
    fill, row = fill_pixels(node, source) * tokens, width * tokens
    loads = max(-(-stride[0] * row // xs), stride[0] * stride[1] * tokens)
    order = [
        (g * folds + c, ky, kx)
        for g, ky, kx, c in product(range(groups), range(0, kh, rows), range(kw), range(folds))
    ]
    written: dict[int, int] = {}
    last_read: dict[int, int] = {}
    read_after_write, write_after_read, came, rest, time = [], [], fill, height * row - fill, 0
    for y in range(ys):
        due = min(rest, stride[0] * row)
        rest -= due
        for x in range(xs):
            for i in range(max(len(order), loads)):
                if i < loads and due:
                    written[came] = time
                    if came - held * row in last_read:
                        write_after_read.append(time - last_read[came - held * row])
                    came, due = came + 1, due - 1
                if i < len(order):
                    fold, ky, kx = order[i]
                    for j in range(rows):
                        iy, ix = y * stride[0] - top + ky + j, x * stride[1] - left + kx
                        if 0 <= iy < height and 0 <= ix < width:
                            token = iy * row + ix * tokens + fold
                            last_read[token] = time
                            if token in written:
                                read_after_write.append(max(1, time - written[token]))
                time += 1
    found = distances(node, source, 1, rows)
    assert found == Distances(min(read_after_write, default=None), min(write_after_read, default=None))


def test_accesses_may_be_one_step_apart() -> None:
    b = Builder((2, 6, 6), seed=0)
    b.conv(0, 2, (3, 1))
    node = b.nodes[1]
    assert isinstance(node, Conv2d)
    assert distances(node, (2, 6, 6), 2, 3) == Distances(1, 5)


@pytest.mark.parametrize(
    ("choose", "largest", "sums"),
    [
        (least, "FL_DISTANCE(largest, RAW, 16)", "FL_DISTANCE(sums, RAW, 16)"),
        (most, *["FL_PARTITION({}, 0)"] * 2),
    ],
)
def test_pools_say_how_far_apart_their_accesses_are(choose: Choose, largest: str, sums: str) -> None:
    """A row of pixels, of 16 channels each, or one token in registers."""
    b = Builder((16, 6, 6), seed=0)
    b.globalavgpool(b.maxpool(0, (2, 2), (2, 2)))
    made = kernels(plan(b.graph(), choose))
    said = {
        memory.variable: storage_pragmas(memory)
        for kernel in made.kernels
        for memory in memories(made.plan, kernel)
        if kernel.name.endswith(("along", "globalavgpool"))
    }
    assert largest.format("largest") in said["largest"] and sums.format("sums") in said["sums"]


def test_a_line_buffer_holds_kernel_plus_stride_minus_one_rows() -> None:
    b = Builder((3, 32, 32), seed=0)
    b.conv(0, 4, (3, 3), (1, 1), (1, 1, 1, 1))
    b.conv(0, 4, (3, 3), (2, 2))
    rows = [buffer_rows(node, (3, 32, 32)) for node in b.nodes[1:] if isinstance(node, Conv2d)]
    assert rows == [3, 4]


@given(st.integers(1, 16), st.booleans(), st.integers(1, 40), st.integers(0, 9))
def test_packed_rows_hold_every_value(bits: int, signed: bool, lanes: int, seed: int) -> None:
    type = IntType(bits, signed)
    values = np.random.default_rng(seed).integers(type.min, type.max, (3, lanes), endpoint=True)
    words = pack_rows(values, bits)
    assert words.shape == (3, -(-lanes * bits // 64))
    for row, packed in zip(values.tolist(), words.tolist(), strict=True):
        number = sum(word << 64 * i for i, word in enumerate(packed))
        assert number == sum((value & ((1 << bits) - 1)) << bits * i for i, value in enumerate(row))


def test_weights_are_in_the_order_of_the_windows() -> None:
    b = Builder((4, 5, 5), seed=0)
    b.conv(0, 6, (3, 2))
    node = b.nodes[1]
    assert isinstance(node, Conv2d)
    rows = rom_rows(node, Folding(pe=2, simd=2)).reshape(3, 3, 2, 2, 2, 2)  # fold, ky, kx, c, pe, simd
    assert rows[1, 2, 0, 1, 1, 0] == node.weight[3, 2, 2, 0]
    tall = rom_rows(node, Folding(pe=2, simd=2, rows=3)).reshape(
        3, 2, 2, 2, 3, 2
    )  # fold, kx, c, pe, ky, simd
    assert tall[1, 0, 1, 1, 2, 0] == node.weight[3, 2, 2, 0]


def test_fires_are_found() -> None:
    graph = fire_network()
    names = [[graph.nodes[i].name for i in fire.nodes] for fire in find_fires(graph)]
    parts = ("squeeze", "expand1x1", "expand3x3", "concat")
    assert names == [[f"fire{n}_{part}" for part in parts] for n in (2, 3)]


def without_fire(kind: str) -> Graph:
    b = Builder((4, 6, 6), seed=1)
    s = b.conv(0, 4, (3, 3) if kind == "squeeze is 3x3" else (1, 1))
    a = b.conv(s, 4)
    c = b.conv(s, 4, (1, 1)) if kind == "both are 1x1" else b.conv(s, 4, (3, 3), padding=(1, 1, 1, 1))
    joined = (c, a) if kind == "the 3x3 comes first" else (a, c)
    if kind == "the squeeze is read again":
        b.concat((*joined, s), "concat")
    elif kind == "an expansion is read again":
        b.add(b.concat(joined, "concat"), b.concat((a, a), "twice"))
    else:
        b.concat(joined, "concat")
    return b.graph()


@pytest.mark.parametrize(
    "kind",
    [
        "squeeze is 3x3",
        "both are 1x1",
        "the 3x3 comes first",
        "the squeeze is read again",
        "an expansion is read again",
    ],
)
def test_what_only_looks_like_a_fire(kind: str) -> None:
    assert find_fires(without_fire(kind)) == ()


def test_streams_are_written_once_and_read_once() -> None:
    for choose in (least, most):
        made = design(plan(fire_network(), choose))
        read = [made.last]
        for process in made.processes:
            read += process.inputs if not isinstance(process, Fork | Resize) else [process.source]
        assert sorted(s.name for s in read) == sorted(s.name for s in made.streams)
        assert len({s.name for s in made.streams}) == len(made.streams)


def test_the_plans_depths_are_in_front_of_their_readers() -> None:
    graph = fire_network()
    depths = tuple(tuple(100 * i + k for k in range(len(node.inputs))) for i, node in enumerate(graph.nodes))
    before = tuple(tuple(depth + 50 for depth in each) for each in depths)
    wide = replace(simple_plan(graph, device("xc7z020"), 125.0), depths=depths, adapter_depths=before)
    made = design(wide)
    for stage in made.stages:
        if stage.fire is None:
            index = stage.nodes[0]
            assert [s.depth for s in stage.inputs] == list(depths[index])
    for process in made.processes:
        if isinstance(process, Resize):
            assert process.source.depth == process.output.depth + 50


@pytest.mark.parametrize(
    ("channels", "bits", "beat"),
    [
        (3, 8, Beat(32, 8, 3)),
        (1, 8, Beat(8, 8, 1)),
        (16, 8, Beat(64, 8, 8)),
        (14, 8, Beat(64, 8, 7)),
        (3, 12, Beat(64, 16, 3)),
        (3, 33, Beat(64, 64, 1)),
    ],
)
def test_input_words(channels: int, bits: int, beat: Beat) -> None:
    node = Builder((channels, 2, 2), seed=0).graph().input
    node = replace(node, output=replace(node.output, type=IntType(bits, True)))
    assert input_beat(node) == beat
    assert output_bits(node) == (32 if bits <= 32 else 64)
