"""A plan with its stream depths, and in figures: the one door between the planner and the dataflow simulator.

`fireline.codegen.plan` chooses foldings by the closed form and knows no simulator; whoever wants a plan to build from
or to show comes here.
"""

from __future__ import annotations

from fireline.codegen.plan.choice import plan_for
from fireline.codegen.plan.foldings import Plan
from fireline.codegen.plan.options import DEFAULT, Freedom
from fireline.codegen.plan.summary import Summary, summary
from fireline.graph import Graph
from fireline.sim.dataflow.depths import best_depths, timing_of
from fireline.sim.dataflow.simulator import Timing


def best_plan(
    graph: Graph,
    device: str,
    clock_mhz: float | None = None,
    target_fps: float | None = None,
    freedom: Freedom = DEFAULT,
) -> Plan:
    """`plan_for`, with the stream depths that the dataflow simulator finds for what it is written as.

    Arguments and errors are the same.

    Raises:
        FirelineError: there is no C++ compiler for the simulator.
    """
    return best_depths(plan_for(graph, device, clock_mhz=clock_mhz, target_fps=target_fps, freedom=freedom))


def figures_of(plan: Plan) -> Summary:
    """A plan in figures, its interval and latency simulated unless that takes long."""
    return figures(plan, timing_of(plan))


def figures(plan: Plan, timing: Timing | None) -> Summary:
    """A plan in figures; `timing` is its simulation, if there is one."""
    return summary(plan, (timing.latency, timing.interval) if timing else None)
