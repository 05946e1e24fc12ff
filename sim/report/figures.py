"""Pictures of a plan at work: when each stage runs, how it spends its time, and how far it is from the roof."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fireline.codegen.plan.foldings import Plan
from fireline.codegen.plan.roofline import roofline
from fireline.codegen.plan.summary import summary
from fireline.sim.dataflow.simulator import Timing, Trace
from fireline.sim.dataflow.stalls import Stall, stalls

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BUSY, STARVED, BLOCKED, ROOF = "#2f6f8f", "#d9d4c7", "#d98c5f", "#8f2f3f"

# Columns that the time axis is divided into.
COLUMNS = 400


def draw_timeline(plan: Plan, trace: Trace) -> Figure:
    """When each node of the graph runs its steps, every image of `trace` in the same row, and why it waits."""
    from matplotlib.figure import Figure

    nodes, timing = plan.graph.nodes, trace.timing
    figure = Figure(figsize=(13, 1.2 + 0.22 * len(nodes)), layout="constrained")
    work, waits = figure.subplots(1, 2, sharey=True, width_ratios=(3, 1))
    slowest = [_slowest(timing, index) for index in range(len(nodes))]
    end = int(timing.ends[-1, -1])
    edges = np.linspace(0, end, COLUMNS + 1)
    share = np.array([np.histogram(trace.steps[p], edges)[0] for p in slowest]) / (end / COLUMNS)
    work.imshow(
        share,
        aspect="auto",
        cmap="Blues",
        vmin=0,
        vmax=1,
        extent=(0, end, len(nodes) - 0.5, -0.5),
        interpolation="none",
    )
    work.set_yticks(range(len(nodes)), [node.name for node in nodes], fontsize=7)
    work.set_xlabel("cycles from the first pixel")
    work.set_title(
        f"steps a cycle, {timing.frames} images: latency {timing.latency}, interval {timing.interval}"
    )
    for image in timing.ends[-1]:
        work.axvline(int(image), color=ROOF, linewidth=1)
    found = stalls(trace)
    _stacked(waits, [found[p] for p in slowest])
    return figure


def draw_plan(plan: Plan) -> Figure:
    """Cycles and resources of each stage, and the frame rate under its roofs."""
    from matplotlib.figure import Figure

    s, part = summary(plan), plan.device
    figure = Figure(figsize=(13, 1.6 + 0.22 * len(s.stages)), layout="constrained")
    time, used, roof = figure.subplots(1, 3, width_ratios=(2, 2, 1))
    rows = range(len(s.stages))
    time.barh(
        rows, [stage.cycles for stage in s.stages], color=[ROOF if t.bottleneck else BUSY for t in s.stages]
    )
    time.set_yticks(rows, [stage.name for stage in s.stages], fontsize=7)
    time.set_title("cycles an image")
    left = np.zeros(len(s.stages))
    for name, color in (("lut", "#2f6f8f"), ("dsp", "#d98c5f"), ("blocks", "#7fa650"), ("uram", "#8f2f3f")):
        available = getattr(s.available, name)
        if available:
            shares = np.array([getattr(stage.resources, name) / available for stage in s.stages])
            used.barh(
                rows, shares, left=left, color=color, label=f"{name} {getattr(s.used, name) / available:.0%}"
            )
            left += shares
    used.set_yticks(rows, [])
    used.set_title(f"share of {part.name}")
    used.legend(fontsize=7)
    for axes in (time, used):
        axes.invert_yaxis()
    _roofs(roof, plan, s.frames_per_second)
    return figure


def _roofs(axes: Axes, plan: Plan, rate: float) -> None:
    roofs = roofline(plan.graph, plan.device, plan.clock_mhz)
    bars = {
        "plan": rate,
        "all DSPs": roofs.dsp,
        "DSPs and LUTs": roofs.dsp_and_lut,
        "input words": roofs.input,
    }
    drawn = axes.bar(range(len(bars)), list(bars.values()), color=[BUSY, *[STARVED] * 3])
    axes.bar_label(drawn, fmt="%.0f", fontsize=7)
    axes.set_xticks(range(len(bars)), list(bars), rotation=30, fontsize=7)
    axes.set_title("images a second")


def _stacked(axes: Axes, found: list[Stall]) -> None:
    left = np.zeros(len(found))
    for name, color in (("busy", BUSY), ("starved", STARVED), ("blocked", BLOCKED)):
        values = np.array([getattr(stall, name) for stall in found], dtype=float)
        axes.barh(range(len(found)), values, left=left, color=color, label=name)
        left += values
    axes.set_xlabel("cycles of the last image")
    axes.legend(fontsize=7, loc="lower right")


def _slowest(timing: Timing, index: int) -> int:
    """Of the processes of a node, the one with most steps."""
    own = [p for p, process in enumerate(timing.network.processes) if process.node == index]
    return max(own, key=lambda p: len(timing.network.processes[p].steps))
