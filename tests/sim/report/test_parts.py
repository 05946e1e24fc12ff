import base64
import io
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fireline.codegen.lower.network import lower_proved
from fireline.codegen.plan.choice import plan_for
from fireline.codegen.plan.devices import device
from fireline.codegen.plan.simple import simple_plan
from fireline.codegen.plan.summary import summary
from fireline.fixed import IntType
from fireline.graph import Graph
from fireline.sim.accuracy import engine_accuracy
from fireline.sim.dataflow.simulator import simulate
from fireline.sim.report.accuracy import class_rows, engine_rows, matrix, pairs, png
from fireline.sim.report.format import bits, count, decibel, duration, listing, percent, plural, width
from fireline.sim.report.hardware import layer_memories, resource_bars
from fireline.sim.report.memory_map import SQUARE, memory_map
from fireline.sim.report.pipeline import pipeline
from fireline.sim.report.ranges import activations, cut_off, rules, span
from fireline.sim.report.timeline import timeline
from fireline.sim.statistics import Statistics
from tests.graphs import Builder, fire_network, random_pixels
from tests.random_networks import random_model


def complex_bypass() -> Graph:
    """A Fire with a convolution beside it, and two bypasses that start at one place."""
    b = Builder((3, 8, 8), 0)
    x = b.conv(0, 8, (3, 3), padding=(1, 1, 1, 1), name="conv1")
    y = b.add(b.fire(x, 4, 4, 4, "fire2"), b.conv(x, 8, name="bypass2"))
    y = b.add(b.add(b.fire(y, 4, 4, 4, "fire3"), y), y)
    b.globalavgpool(y)
    return b.graph()


@pytest.mark.parametrize("graph", [fire_network(), complex_bypass()], ids=["simple", "complex"])
@pytest.mark.parametrize("planned", [True, False])
def test_every_node_is_drawn_once_and_apart(graph: Graph, planned: bool) -> None:
    figures = summary(simple_plan(graph, device("xc7z020"), 100.0)) if planned else None
    drawn = []
    for drawing in pipeline(graph, figures):
        corners = []
        for box in drawing.boxes:
            assert box.y >= 0 and box.y + box.height <= drawing.height
            for block in box.blocks:
                drawn.append(block.node)
                assert (block.load is not None) == planned
                x, y = box.x + block.x, box.y + block.y
                corners.append((x, y, x + block.width, y + block.height))
        for i, a in enumerate(corners):
            assert a[0] >= 0 and a[2] <= drawing.width
            for b in corners[:i]:
                assert a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]
    assert sorted(drawn) == sorted(node.name for node in graph.nodes)


def test_a_bypass_stays_with_what_it_bypasses() -> None:
    drawings = pipeline(fire_network(), None)
    together = next(drawing for drawing in drawings if "fire3_concat" in drawing.name)
    assert "add" in together.name and together.forks
    assert [box.frame for box in together.boxes] == ["fire3", None]
    assert [block.label for block in together.boxes[0].blocks] == [
        "squeeze",
        "expand1x1",
        "expand3x3",
        "concat",
    ]


def test_the_bottleneck_fills_its_block() -> None:
    graph = fire_network()
    figures = summary(plan_for(graph, "xc7z020"))
    blocks = [block for drawing in pipeline(graph, figures) for box in drawing.boxes for block in box.blocks]
    assert any(block.bottleneck for block in blocks)
    assert all((block.load == block.width) == block.bottleneck for block in blocks)


def test_the_memory_map_holds_every_block_once() -> None:
    graph = fire_network(size=63)
    figures = summary(plan_for(graph, "xc7z020", target_fps=100))
    drawn = memory_map(figures)
    assert drawn is not None
    assert sum(run.width for run in drawn.runs) == figures.used.bram36 * SQUARE
    places = [(run.y // SQUARE * drawn.width + run.x, run.width) for run in drawn.runs]
    assert all(a + length == b for (a, length), (b, _) in pairwise(places))
    assert drawn.width * drawn.height >= 140 * SQUARE**2
    assert sum(float(row.blocks) for row in layer_memories(figures)) <= figures.used.bram36


def test_memories_that_do_not_fit_have_no_map() -> None:
    graph = fire_network(size=255)
    tiny = summary(simple_plan(graph, device("xc7z020"), 100.0))
    assert memory_map(tiny) is None or tiny.used.bram36 <= tiny.available.bram36


def test_resources_over_budget_are_marked() -> None:
    graph = fire_network()
    plan = simple_plan(graph, device("xc7z020"), 100.0, lanes=64)
    figures = summary(plan)
    rows = {row.name: row for row in resource_bars(plan, figures)}
    assert "URAM" not in rows  # the part has none
    assert rows["DSP"].over == (figures.used.dsp > 220)
    assert not any(row.over for row in resource_bars(plan_for(graph, "xc7z020"), figures) if row.name == "FF")


def test_the_timeline_follows_the_data() -> None:
    graph = fire_network()
    timing = simulate(plan_for(graph, "xc7z020"), frames=2)
    drawn = timeline(graph, timing)
    assert {row.node for row in drawn.rows} <= {node.name for node in graph.nodes}
    assert drawn.latency == f"{timing.latency:,}" and drawn.images == 2
    for row in drawn.rows:
        first, second = row.frames
        assert float(first.left) <= float(second.left)
        assert float(second.left) + float(second.bar) <= 100.01
    firsts = {row.node: int(row.first.replace(",", "")) for row in drawn.rows}
    assert firsts["conv1"] < firsts["fire2_squeeze"] < firsts["globalavgpool"]


def test_spans_lie_within_their_type() -> None:
    whole = span(-128, 127, IntType(8, signed=True))
    assert (whole.left, whole.bar, whole.zero, whole.bits) == ("0.00", "100.00", "50.00", 8)
    part = span(0, 63, IntType(8, signed=False))
    assert (part.left, part.bar, part.zero, part.bits) == ("0.00", "25.00", "0.00", 6)


def test_only_a_clamp_that_cuts_is_saturation() -> None:
    b = Builder((3, 8, 8), 0)
    b.conv(b.rescale(0), 4, name="conv1")
    graph = b.graph()
    assert [cut_off(graph, node) for node in graph.nodes] == [(False, False), (False, False), (True, True)]
    statistics = Statistics(graph)
    statistics.update(graph.trace(random_pixels(graph, 4)))
    rows = activations(graph, statistics.nodes())
    assert [row.clamped != "" for row in rows] == [False, False, True]


def test_rows_of_accuracy() -> None:
    labels = np.repeat(np.arange(6), 10)
    right, worse = np.eye(6)[labels], np.eye(6)[labels]
    worse[:3] = np.eye(6)[5]
    floating, firmware = engine_accuracy("float", right, labels), engine_accuracy("firmware", worse, labels)
    rows = engine_rows(floating, [floating, firmware])
    assert [row.change for row in rows] == ["", "", "-5.00 points"]
    names = ["cat"]
    assert [row.name for row in class_rows(floating, firmware, names)][:2] == ["cat", "class 1"]
    table = matrix(firmware.confusion, names)
    assert table is not None and table.rows[0][1][5].count == 3 and not table.rows[0][1][5].hit
    assert [(pair.label, pair.predicted, pair.count) for pair in pairs(firmware.confusion, names)] == [
        ("cat", "class 5", 3)
    ]
    assert matrix(np.zeros((21, 21), np.int64), names) is None
    assert class_rows(None, engine_accuracy("one", right[::10], labels[::10]), names) == []


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 32, 32), (2, 5, 7), (3, 224, 300)])
def test_pictures_are_png(shape: tuple[int, int, int]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    image = Image.open(io.BytesIO(base64.b64decode(png(pixels))))
    assert max(image.size) <= 112
    if shape[0] == 3 and shape[1] <= 112:
        assert np.array_equal(np.asarray(image).transpose(2, 0, 1), pixels)


def test_numbers() -> None:
    assert count(1234567) == "1,234,567" and count(0.5) == "0.5"
    assert [percent(x).replace("\xa0", " ") for x in (0, 1e-5, 0.5, 0.99999, 1)] == [
        "0.0 %",
        "< 0.1 %",
        "50.0 %",
        "> 99.9 %",
        "100.0 %",
    ]
    assert [width(x) for x in (-1, 0.5, 7)] == ["0.00", "50.00", "100.00"]
    assert [decibel(x) for x in (float("inf"), -float("inf"), 3.14)] == ["exact", "no signal", "3.1"]
    assert [bits(x) for x in (8000, 16384, 9437184)] == ["8,000 bit", "16.0 kbit", "9.00 Mbit"]
    assert [duration(x).replace("\xa0", " ") for x in (0.00689, 0.441, 1234.5)] == [
        "6.89 µs",
        "0.441 ms",
        "1,234 ms",
    ]
    assert listing(["a"]) == "a" and listing(["a", "b", "c"]) == "a, b and c"
    assert plural(1, "image") == "1 image" and plural(2000, "image") == "2,000 images"


def test_the_proof_of_every_requantizer_is_a_row(tmp_path: Path) -> None:
    lowered = lower_proved(random_model(tmp_path, 1003, power_of_two=False))
    rows = rules(lowered.graph, lowered.proofs)
    assert [row.node for row in rows] == [n.name for n in lowered.graph.nodes if n.name in lowered.proofs]
    assert {row.rule for row in rows} <= {"shift", "multiplier", "thresholds", "table"}
    for row, proof in zip(rows, (lowered.proofs[row.node] for row in rows), strict=True):
        assert row.boundaries == (f"{proof.boundaries:,}" if proof.boundaries else "")
        assert (row.distance == "") == (proof.distance is None)
    assert rules(lowered.graph, {}) == []
