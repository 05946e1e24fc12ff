"""The fastest plan of one network on every device that Fireline knows, or why there is none.

python examples/plan_devices.py [MODEL.onnx]
"""

import sys
import tempfile
from pathlib import Path

from fireline import lower
from fireline.codegen.plan.choice import plan_for
from fireline.codegen.plan.devices import devices
from fireline.codegen.plan.summary import summary
from fireline.errors import DoesNotFitError
from fireline.graph import Graph
from fireline.quant.run import Source, quantize


def small_graph() -> Graph:
    """A SqueezeNet for the handwritten digits, with random weights."""
    with tempfile.TemporaryDirectory() as name:
        quantize("digits", Path(name), data="digits", bits="w4a4", source=Source(random=True))
        return lower(Path(name) / "model.onnx")


def main() -> None:
    graph = lower(sys.argv[1]) if len(sys.argv) > 1 else small_graph()
    print(
        f"{'device':10} {'MHz':>5} {'frames/s':>12} {'lanes':>6} {'busy':>5} {'LUT':>6} {'DSP':>6} {'blocks':>6}"
    )
    for name in devices():
        try:
            plan = summary(plan_for(graph, name))
        except DoesNotFitError as error:
            print(f"{name:10} {error}")
            continue
        used, have = plan.used, plan.available
        shares = (
            used.lut / have.lut,
            used.dsp / have.dsp,
            (used.bram36 + used.ebr) / (have.bram36 + have.ebr),
        )
        rate = f"{plan.clock_mhz:5g} {plan.frames_per_second:12,.0f} {plan.lanes:6,} {plan.utilisation:5.0%}"
        print(f"{name:10} {rate}", *(f"{share:6.1%}" for share in shares))


if __name__ == "__main__":
    main()
