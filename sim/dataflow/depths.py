"""Stream depths from the dataflow simulator: as deep as the frame rate needs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fireline.codegen.design.kernels import Fifo
from fireline.codegen.design.latency import MARGIN, stream_latency
from fireline.codegen.plan.cost.node import total
from fireline.codegen.plan.cycles import initiation_interval
from fireline.codegen.plan.foldings import DEFAULT_DEPTH, Depths, Plan
from fireline.codegen.plan.skew import squeezed_side, stream_depths
from fireline.errors import DoesNotFitError
from fireline.sim.dataflow.simulator import DeadlockError, Timing, run, simulate
from fireline.sim.dataflow.steps import WRITE, Network, network

UNBOUNDED = 1 << 40

# Images that a rate is measured over: the first ones fill the pipeline.
FRAMES = 3

# Cycles between two images beyond which a simulation takes more than some seconds, and a trace gigabytes.
AFFORDABLE = 5_000_000


def affordable(plan: Plan) -> bool:
    """Whether `plan` is fast enough to be simulated while somebody waits."""
    return initiation_interval(plan) <= AFFORDABLE


def best_depths(plan: Plan) -> Plan:
    """`fitted` where that is affordable and fits, else the plan with its estimated depths."""
    try:
        return fitted(plan) if affordable(plan) else plan
    except DoesNotFitError:
        return plan


def timing_of(plan: Plan) -> Timing | None:
    """Two images through the design of `plan`, where that is affordable."""
    return simulate(plan) if affordable(plan) else None


def fitted(plan: Plan) -> Plan:
    """`plan` with stream depths that keep its initiation interval.

    The pixels are let in evenly, one image in an initiation interval, and the streams may grow; how far they do is
    their depth. What happened in that run is a schedule that these depths allow, and processes that start as soon as
    they can are never later than in any such schedule: so the design with these depths keeps the rate. The run is made
    with `MARGIN` times the latencies: shorter ones allow the same schedule, as a step only ever waits for its tokens to
    be there and for its room, and so the rate holds for all latencies up to these.

    Raises:
        DoesNotFitError: the streams are too much for the device.
    """
    design = paced(network(plan), initiation_interval(plan))
    narrowed = {fifo.edge for fifo in design.fifos if fifo.narrowed}
    fifos = tuple(_freed(plan, fifo, narrowed) for fifo in design.fifos)
    slow = tuple(replace(p, latency=MARGIN[plan.target] * p.latency) for p in design.processes)
    timing = run(Network(slow, fifos), FRAMES)
    peaks = {
        (fifo.edge, fifo.narrowed): max(peak, DEFAULT_DEPTH)
        for fifo, peak in zip(fifos, timing.occupancy, strict=True)
    }

    def depths(narrowed: bool) -> Depths:
        return tuple(
            tuple(peaks.get(((i, k), narrowed), DEFAULT_DEPTH) for k in range(len(node.inputs)))
            for i, node in enumerate(plan.graph.nodes)
        )

    result = replace(plan, depths=depths(narrowed=False), adapter_depths=depths(narrowed=True))
    check_fits(result)
    return result


def check_fits(plan: Plan) -> None:
    """Raise `DoesNotFitError` if `plan` needs more than all of its device."""
    part, used = plan.device, total(plan)
    pairs = {
        "LUT": (used.lut, part.lut),
        "FF": (used.ff, part.ff),
        "DSP": (used.dsp, part.dsp),
        "EBR" if part.ebr else "RAMB18": (used.bram18, part.bram18),
        "URAM": (used.uram, part.uram),
    }
    over = [f"{count} {name} where {have} are" for name, (count, have) in pairs.items() if count > have]
    if over:
        raise DoesNotFitError(
            f"with its streams, the plan needs {', '.join(over)} on {part.name}",
            hint="ask for fewer frames/s",
        )


def minimum_depth(plan: Plan, index: int, position: int, frames: int = FRAMES) -> int:
    """The smallest depth of the stream at input `position` of node `index` that slows nothing down.

    One entry less, with all other streams as in `plan`, and the images take longer or never end.
    """
    design = network(plan)
    best = run(design, frames).ends[-1, -1]

    def is_enough(depth: int) -> bool:
        fifos = tuple(
            replace(f, depth=depth) if f.edge == (index, position) and not f.narrowed else f
            for f in design.fifos
        )
        try:
            return bool(run(Network(design.processes, fifos), frames).ends[-1, -1] <= best)
        except DeadlockError:
            return False

    low, high = 1, plan.depth(index, position)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if is_enough(middle) else (middle + 1, high)
    return high


def paced(design: Network, interval: int) -> Network:
    """The same design when its pixels come evenly, an image every `interval` cycles."""
    source = design.processes[0]
    tokens = len(source.steps)
    steps = np.zeros(max(interval, tokens), dtype=np.uint8)
    steps[np.arange(tokens) * len(steps) // tokens] = WRITE
    return Network((replace(source, steps=steps), *design.processes[1:]), design.fifos)


def _freed(plan: Plan, fifo: Fifo, narrowed: set[tuple[int, int] | None]) -> Fifo:
    """`fifo` without a bound, if its depth is looked for.

    Of the two streams at a width adapter that is the wider one, which takes in and gives away a token in every cycle.
    Where a branch joins another behind a 1x1 convolution that rather lets its input wait, the stream is as deep as the
    estimate, one pixel.
    """
    if fifo.edge is None:
        return fifo
    index, position = fifo.edge
    joins = len(plan.graph.nodes[index].inputs) > 1
    if joins and squeezed_side(plan.graph, index, position) != fifo.edge:
        depth = stream_depths(plan.graph, plan.foldings)[index][position] + fifo.landing
    elif fifo.narrowed or fifo.edge not in narrowed:
        depth = UNBOUNDED
    else:
        depth = DEFAULT_DEPTH + fifo.landing
    return replace(fifo, depth=depth, latency=stream_latency(plan, depth, fifo.bits))
