"""Plans: legal, within the device, and the best there is."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from fireline.codegen.plan import choice
from fireline.codegen.plan.choice import plan_for
from fireline.codegen.plan.cost.memory import Resources
from fireline.codegen.plan.cost.node import total
from fireline.codegen.plan.cycles import cycles, initiation_interval, lanes
from fireline.codegen.plan.devices import device
from fireline.codegen.plan.options import Freedom, budget, limits, may_hold, node_options
from fireline.codegen.plan.program import choose, shortest_interval
from fireline.errors import DoesNotFitError, FirelineError
from tests.codegen.networks import cifar_e4, squeezenet1_1
from tests.graphs import Builder, fire_network


def small_network():
    b = Builder((3, 6, 6), seed=1)
    b.conv(b.conv(0, 4, (3, 3), padding=(1, 1, 1, 1)), 2)
    return b.graph()


def test_a_small_network_folds_fully() -> None:
    plan = plan_for(fire_network(), "xcu250")
    assert initiation_interval(plan) <= 15 * 15 * 3
    assert (np.array(total(plan).counts()) <= budget(plan.device).counts()).all()


def test_the_search_finds_what_trying_everything_finds() -> None:
    choices = node_options(small_network(), device("xc7z020"))
    room = np.array([1500, 1500, 2500, 6, 3, 0])
    fitting = [
        max(option.cycles for option in one)
        for one in product(*choices)
        if (np.array([option.counts for option in one]).sum(axis=0) <= room).all()
    ]
    best = shortest_interval(choices, room)
    assert best == min(fitting)
    chosen = choose(choices, best, room, cheapest=True)
    assert chosen is not None
    assert (np.array([option.counts for option in chosen]).sum(axis=0) <= room).all()
    assert choose(choices, best - 1, room) is None


@pytest.mark.parametrize("name", ["xc7z020", "xczu3eg", "xczu7ev", "xcu250", "LFE5U-85F"])
def test_a_target_is_met_cheaply(name: str) -> None:
    graph = fire_network()
    fast = plan_for(graph, name)
    slow = plan_for(graph, name, target_fps=1000)
    assert slow.clock_mhz * 1e6 / initiation_interval(slow) >= 1000
    assert sum(map(lanes, graph.nodes, slow.foldings)) < sum(map(lanes, graph.nodes, fast.foldings))
    assert total(slow).lut < total(fast).lut


def test_what_is_between_nodes_gets_its_room(monkeypatch: pytest.MonkeyPatch) -> None:
    part = device("xc7z020")
    alone = plan_for(fire_network(), part.name)
    between = Resources(lut=budget(part).lut - total(alone).lut * 3 // 4, bram18=30)
    monkeypatch.setattr(choice, "total", lambda plan: Resources.sum([total(plan), between]))
    assert (np.array(choice.total(alone).counts()) > budget(part).counts()).any()
    both = plan_for(fire_network(), part.name)
    assert (np.array(choice.total(both).counts()) <= budget(part).counts()).all()
    assert initiation_interval(both) >= initiation_interval(alone)
    monkeypatch.setattr(choice, "total", lambda plan: Resources.sum([total(plan), budget(part)]))
    with pytest.raises(DoesNotFitError, match=r"does not fit xc7z020"):
        plan_for(fire_network(), part.name)


def test_an_image_cannot_be_faster_than_its_pixels() -> None:
    with pytest.raises(
        DoesNotFitError, match="conv1 takes 273 cycles an image however it is folded"
    ) as error:
        plan_for(fire_network(), "xcu250", clock_mhz=300, target_fps=1e7)
    assert error.value.exit_code == 3


@pytest.mark.slow
def test_a_refusal_says_by_how_much_and_what_would_fit() -> None:
    with pytest.raises(
        DoesNotFitError, match=r"squeezenet1_1 does not fit xc7z020: at least \d+ LUT where"
    ) as error:
        plan_for(squeezenet1_1(8), "xc7z020")
    assert "weights of " in str(error.value)
    assert "device " in str(error.value)


@pytest.mark.slow
def test_a_device_with_uram_could_load_the_weights() -> None:
    with pytest.raises(
        DoesNotFitError, match=r"weights loaded into URAM at start \(--load-weights\) or device"
    ):
        plan_for(squeezenet1_1(8), "xck26")
    assert plan_for(squeezenet1_1(8), "xck26", freedom=Freedom(loaded=True))


@pytest.mark.slow
def test_an_unreachable_target_names_the_best() -> None:
    with pytest.raises(
        DoesNotFitError, match=r"cannot reach 5000 frames/s on xc7z020 at 125 MHz, the best is \d+"
    ):
        plan_for(cifar_e4(), "xc7z020", target_fps=5000)


@pytest.mark.parametrize(("clock", "target"), [(0, None), (100, -1.0)])
def test_rates_are_above_zero(clock: float, target: float | None) -> None:
    with pytest.raises(FirelineError, match="above zero"):
        plan_for(small_network(), "xc7z020", clock_mhz=clock, target_fps=target)


@pytest.mark.slow
def test_full_size_plans_fit_and_no_node_is_slower_than_the_plan() -> None:
    plan = plan_for(squeezenet1_1(), "xczu7ev")
    assert (np.array(total(plan).counts()) <= budget(plan.device).counts()).all()
    assert max(cycles(plan)) == initiation_interval(plan)
    room = limits(plan.device)
    assert choose(node_options(plan.graph, plan.device), initiation_interval(plan) - 1, room) is None


def test_weights_that_no_part_of_a_device_holds_are_refused_without_a_search() -> None:
    graph = squeezenet1_1()
    assert not may_hold(graph, device("LFE5U-12F"))
    assert may_hold(graph, device("xczu7ev"))
    assert may_hold(small_network(), device("LFE5U-12F"))
    # UltraRAM counts where it may be used.
    less_logic = replace(device("xck26"), lut=20_000)
    assert not may_hold(graph, less_logic)
    assert may_hold(graph, less_logic, Freedom(loaded=True))
