"""The dataflow simulator against a plain step-by-step one, the closed form, and itself with shallower streams."""

from __future__ import annotations

from dataclasses import replace
from math import inf

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from fireline.codegen.design.kernels import Fifo
from fireline.codegen.design.latency import MARGIN
from fireline.codegen.geometry.fires import is_pointwise
from fireline.codegen.plan.choice import plan_for
from fireline.codegen.plan.cycles import conv2d_cycles, initiation_interval, window_words
from fireline.codegen.plan.devices import device
from fireline.codegen.plan.foldings import DEFAULT_DEPTH, Folding, Plan, Target
from fireline.codegen.plan.options import foldings
from fireline.codegen.plan.skew import stream_depths
from fireline.graph import Conv2d, Graph
from fireline.model.presets import PRESETS
from fireline.sim.dataflow.depths import FRAMES, best_depths, fitted, minimum_depth, timing_of
from fireline.sim.dataflow.planning import best_plan
from fireline.sim.dataflow.simulator import DeadlockError, run, simulate, trace
from fireline.sim.dataflow.steps import READ, WRITE, Network, Process, line_buffer, mvu, network
from tests.codegen.networks import cifar_e4, squeezenet1_1
from tests.codegen.networks import network as network_of
from tests.graphs import Builder, fire_network


def random_plan(graph: Graph, seed: int) -> Plan:
    """A legal folding of every node, drawn at random."""
    random, part = np.random.default_rng(seed), device("xczu7ev")
    drawn = []
    for node in graph.nodes:
        legal = list(foldings(graph, node, part))
        drawn.append(legal[random.integers(len(legal))])
    return Plan(graph, part, 100, tuple(drawn), stream_depths(graph, tuple(drawn)))


def step_by_step(design: Network, frames: int) -> list[list[int]]:
    """When each process runs each of its steps, with no vectors in sight."""
    taken = [0] * len(design.fifos)
    arrivals: list[list[int]] = [[] for _ in design.fifos]  # from when on each token can be read
    steps = [list(p.steps) * frames for p in design.processes]
    times: list[list[int]] = [[] for _ in steps]
    now = 0
    while any(len(t) < len(s) for t, s in zip(times, steps, strict=True)):
        before, there = list(taken), [sum(time <= now for time in times) for times in arrivals]
        for process, plan, done in zip(design.processes, steps, times, strict=True):
            if len(done) == len(plan):
                continue
            step = plan[len(done)]
            reads = [f for k, f in enumerate(process.inputs) if step & READ << k]
            writes = [f for k, f in enumerate(process.outputs) if step & WRITE << k]
            if all(there[f] for f in reads) and all(before[f] < design.fifos[f].depth for f in writes):
                for f in reads:
                    taken[f] -= 1
                    del arrivals[f][0]
                for f in writes:
                    taken[f] += 1
                    arrivals[f].append(now + 1 + process.latency + design.fifos[f].latency)
                done.append(now)
        now += 1
    return times


def small_network() -> Graph:
    b = Builder((2, 5, 6), seed=3)
    x = b.conv(0, 4, (3, 3), (2, 2), (1, 1, 1, 1))
    x = b.fire(x, 2, 4, 4, "fire1")
    b.globalavgpool(b.maxpool(x, (2, 2), (2, 2), (0, 0, 1, 1)))
    return b.graph()


def strided_end() -> Graph:
    """Its line buffer still takes in rows when the last result is out."""
    b = Builder((1, 8, 8), seed=3)
    b.conv(0, 1, (3, 3), (3, 3))
    return b.graph()


def with_latencies(design: Network, times: float, random: np.random.Generator | None = None) -> Network:
    """`design` with all latencies so many times as long, or each anything from none to that, at random."""
    longest = [int(times * process.latency) for process in design.processes]
    latencies = longest if random is None else [int(random.integers(most + 1)) for most in longest]
    pairs = zip(design.processes, latencies, strict=True)
    return Network(tuple(replace(p, latency=latency) for p, latency in pairs), design.fifos)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("target", ["hls", "rtl"])
@pytest.mark.parametrize("graph", [small_network(), strided_end()], ids=["small", "strided end"])
def test_every_step_runs_when_the_plain_simulator_says(graph: Graph, target: Target, seed: int) -> None:
    design = network(replace(random_plan(graph, seed), target=target))
    if seed % 2:
        design = with_latencies(design, 2, np.random.default_rng(seed))
    traced, expected = trace(design, 2), step_by_step(design, 2)
    assert [t.tolist() for t in traced.steps] == expected
    frames = [np.reshape(times, (2, -1)) for times in expected]
    assert np.array_equal(traced.timing.begins, [times[:, 0] for times in frames])
    behind = [1 + process.latency for process in design.processes]
    assert np.array_equal(traced.timing.ends, [t[:, -1] + b for t, b in zip(frames, behind, strict=True)])
    last = [max((i for i, s in enumerate(p.steps) if s >= WRITE), default=-1) for p in design.processes]
    written = [t[:, i] + b for t, i, b in zip(frames, last, behind, strict=True)]
    assert np.array_equal(traced.timing.written, written)
    assert (traced.timing.written <= traced.timing.ends).all()


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("graph", [small_network(), fire_network(size=11)], ids=["small", "fire"])
def test_as_many_tokens_are_written_as_read(graph: Graph, seed: int) -> None:
    design = network(random_plan(graph, seed))
    written, read = np.zeros(len(design.fifos), int), np.zeros(len(design.fifos), int)
    for process in design.processes:
        for k, f in enumerate(process.inputs):
            read[f] += np.count_nonzero(process.steps & READ << k)
        for k, f in enumerate(process.outputs):
            written[f] += np.count_nonzero(process.steps & WRITE << k)
    assert np.array_equal(written, read)
    assert written.min() > 0


@pytest.mark.parametrize("seed", range(12))
def test_the_closed_form_is_the_interval(seed: int) -> None:
    plan = fitted(random_plan(fire_network(size=15), seed))
    assert simulate(plan, 4).interval == pytest.approx(initiation_interval(plan), rel=0.02)


@pytest.mark.parametrize("target", ["hls", "rtl"])
@pytest.mark.parametrize("seed", range(6))
def test_shorter_and_longer_pipelines_keep_the_rate(target: Target, seed: int) -> None:
    keeps_its_rate(fitted(replace(random_plan(fire_network(size=15), seed), target=target)))


def keeps_its_rate(plan: Plan, draws: int = 3) -> None:
    """With latencies from none to `MARGIN` times the modelled ones, all at an end of that or each its own."""
    design, margin = network(plan), MARGIN[plan.target]
    for seed in range(2 + draws):
        random = np.random.default_rng(seed) if seed > 1 else None
        timing = run(with_latencies(design, margin if seed else 0, random), FRAMES)
        assert timing.interval == pytest.approx(initiation_interval(plan), rel=0.01), seed


@settings(max_examples=200)
@given(st.data())
def test_the_closed_form_of_a_convolution_is_its_interval(data: st.DataObject) -> None:
    """Exact for windows of more than two words, and never below the simulated interval."""
    draw = data.draw
    kernel, stride = (tuple(draw(st.tuples(st.integers(1, most), st.integers(1, most)))) for most in (4, 3))
    padding = tuple(draw(st.integers(0, kernel[side % 2] - 1)) for side in range(4))
    channels, groups = draw(st.sampled_from([(1, 1), (3, 1), (8, 1), (4, 2), (3, 3)]))
    b = Builder((channels, draw(st.integers(4, 11)), draw(st.integers(4, 11))), seed=3)
    outputs = groups * draw(st.sampled_from([1, 2, 4, 6]))
    node = b.nodes[b.conv(0, outputs, kernel, stride, padding, groups=groups)]
    graph = b.graph()
    assert isinstance(node, Conv2d)
    assume(not is_pointwise(node))
    folding = draw(st.sampled_from(list(foldings(graph, node, device("xczu7ev")))))
    interval = convolution_interval(graph, node, folding)
    expected = conv2d_cycles(node, graph.input.output.shape, folding)
    if window_words(node, folding) * node.groups > DEFAULT_DEPTH:
        assert interval == expected
    else:
        assert interval <= expected


def convolution_interval(graph: Graph, node: Conv2d, folding: Folding) -> int:
    """Simulated cycles between two images when neither what comes before nor what comes behind is in the way."""
    source = graph.nodes[node.inputs[0]].output.shape
    buffer, unit = line_buffer(node, source, folding), mvu(node, folding)
    pixels = np.full(np.count_nonzero(buffer & READ), WRITE, np.uint8)
    results = np.full(np.count_nonzero(unit & WRITE), READ, np.uint8)
    processes = (
        Process("input", 0, pixels, (), (0,)),
        Process("line_buffer", 1, buffer, (0,), (1,)),
        Process("mvu", 1, unit, (1,), (2,)),
        Process("output", 1, results, (2,), ()),
    )
    depths = {"pixels": 2 * len(pixels), "windows": DEFAULT_DEPTH, "results": DEFAULT_DEPTH}
    fifos = tuple(Fifo(name, node.output.type, 1, depth) for name, depth in depths.items())
    return run(Network(processes, fifos), 3).interval


def test_bursts_wait_in_front_of_a_width_adapter() -> None:
    """A max pool gives a row of windows at once: were it to wait meanwhile, the plan would lose its rate."""
    graph = network_of("digits", 8)
    plan = fitted(plan_for(graph, "xc7z020"))
    shallow = replace(plan, adapter_depths=())
    assert simulate(plan, 3).interval == initiation_interval(plan)
    assert simulate(shallow, 3).interval > 1.05 * initiation_interval(plan)


def test_processes_run_at_most_one_step_a_cycle_and_images_in_order() -> None:
    traced = trace(network(plan_for(fire_network(), "xc7z020")), 3)
    assert all((np.diff(t) > 0).all() for t in traced.steps)
    ends = traced.timing.ends[-1]
    assert traced.timing.latency == ends[0] < ends[1] < ends[2]


def test_streams_that_are_too_shallow_deadlock_by_name() -> None:
    plan = plan_for(fire_network(), "xc7z020")
    shallow = replace(plan, depths=tuple(tuple(1 for _ in depths) for depths in plan.depths))
    with pytest.raises(DeadlockError, match=r"deadlock: full streams .*rescale"):
        simulate(shallow)


def test_one_entry_below_the_minimum_of_a_fire_or_a_bypass_stream_is_felt() -> None:
    plan = fitted(plan_for(fire_network(size=15), "xc7z020"))
    names = [node.name for node in plan.graph.nodes]
    bypass = next(i for i, node in enumerate(plan.graph.nodes) if node.kind == "add")
    whole = simulate(plan, 3).ends[-1, -1]
    for index, position in (
        (names.index("fire2_expand1x1"), 0),
        (names.index("fire3_expand1x1"), 0),
        (bypass, 1),
    ):
        least = minimum_depth(plan, index, position, 3)
        assert 2 < least <= plan.depth(index, position)
        depths = [list(d) for d in plan.depths]
        depths[index][position] = least - 1
        shallow = replace(plan, depths=tuple(map(tuple, depths)))
        assert later_or_never(shallow, names[index]) > whole


def later_or_never(plan: Plan, name: str) -> float:
    """When the last image is out; never, if the plan deadlocks at the stream in front of node `name`."""
    try:
        return float(simulate(plan, 3).ends[-1, -1])
    except DeadlockError as error:
        return inf if name in str(error) else 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("graph", "part"),
    [
        (squeezenet1_1(), "xczu7ev"),
        (cifar_e4(8), "xczu7ev"),
        # A pool's bursts wait in front of a width adapter.
        (cifar_e4(8), "xcu250"),
        (squeezenet1_1(), "xcu250"),
        # The first convolution's fill does not hide behind its multiplications.
        (network_of("cifar_baseline", 8), "xczu9eg"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.name,
)
def test_full_size_plans_keep_their_rate_with_fitted_streams(graph: Graph, part: str) -> None:
    plan = plan_for(graph, part)
    timing = simulate(fitted(plan), 2)
    assert timing.interval == pytest.approx(initiation_interval(plan), rel=0.02)


@pytest.mark.slow
@pytest.mark.parametrize("name", PRESETS)
def test_plans_of_all_presets_keep_their_rate_with_any_pipelines(name: str) -> None:
    keeps_its_rate(best_plan(network_of(name, 4), "xcu250"), draws=1)


def test_a_plan_too_slow_to_simulate_keeps_its_estimates(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = plan_for(fire_network(), "xc7z020", target_fps=1)
    assert best_depths(plan).depths != plan.depths
    monkeypatch.setattr("fireline.sim.dataflow.depths.AFFORDABLE", initiation_interval(plan) - 1)
    assert best_depths(plan) == plan
    assert timing_of(plan) is None
