from fireline.codegen.plan.choice import plan_for
from fireline.codegen.plan.cycles import cycles
from fireline.codegen.plan.devices import device
from fireline.codegen.plan.foldings import Folding, Plan
from fireline.sim.dataflow.depths import fitted
from fireline.sim.dataflow.simulator import trace
from fireline.sim.dataflow.stalls import stalls
from fireline.sim.dataflow.steps import network
from tests.graphs import Builder, fire_network


def test_waiting_and_work_fill_the_time_between_two_images() -> None:
    plan = fitted(plan_for(fire_network(size=15), "xc7z020", target_fps=40000))
    traced = trace(network(plan), 3)
    for index, stall in enumerate(stalls(traced)):
        ends = traced.timing.ends[index]
        assert stall.busy + stall.starved + stall.blocked == ends[-1] - ends[-2]
        assert min(stall.starved, stall.blocked) >= 0
        assert (stall.waits_for is None) == (stall.starved + stall.blocked == 0)


def test_the_slowest_process_hardly_waits_and_its_neighbours_wait_for_it() -> None:
    plan = fitted(plan_for(fire_network(size=15), "xc7z020", target_fps=40000))
    found = stalls(trace(network(plan), 3))
    busiest = max(found, key=lambda stall: stall.busy)
    assert busiest.busy == max(cycles(plan))
    assert busiest.starved + busiest.blocked <= 0.02 * busiest.busy
    assert found[0].blocked > 0
    assert found[-1].starved > 0


def test_a_shallow_stream_is_named() -> None:
    b = Builder((4, 8, 8), seed=5)
    b.conv(b.conv(0, 4, (3, 3), padding=(1, 1, 1, 1), name="first"), 32, name="second")
    foldings = (Folding(4, 4), Folding(4, 4), Folding(1, 4))
    plan = Plan(b.graph(), device("xc7z020"), 100, foldings, ((), (8,), (1,)))
    first = {stall.process: stall for stall in stalls(trace(network(plan), 3))}["first.mvu"]
    assert first.waits_for == "first"
    assert first.blocked > 0
