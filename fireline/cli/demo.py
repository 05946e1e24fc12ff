"""`fireline demo`: the main job on the embedded digits, from nothing to verified firmware and a report."""

from __future__ import annotations

from pathlib import Path

import click

from fireline.cli.evaluate import print_evaluation, read_source
from fireline.cli.hardware import load_lowered, resource_lines
from fireline.cli.output import say
from fireline.cli.reporting import report_run
from fireline.cli.results import save_hardware

PRESET, DATA, BITS, DEVICE = "digits", "digits", "w6a6", "xc7z020"
QUANTIZED_EPOCHS = 5


@click.command()
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("runs/demo"), show_default=True, help="Run folder."
)
def demo(out: Path) -> None:
    """Train, quantize, export, generate, C-simulate, compare and report a small SqueezeNet on handwritten digits."""
    import fireline
    from fireline.model.recipe import one_phase, read_recipe
    from fireline.model.run import train_run
    from fireline.quant.run import quantize

    say(f"1/5  train {PRESET} in float")
    train_run(read_recipe(PRESET), out)
    say(f"2/5  quantize to {BITS}: calibrate, train, export QONNX")
    tuning = one_phase(QUANTIZED_EPOCHS, learning_rate=1e-3)
    quantize(PRESET, out, data=DATA, bits=BITS, tuning=tuning)
    say(f"3/5  lower to integers, fold for {DEVICE}, write the HLS project")
    lowered = load_lowered(out)
    plan = fireline.generate(lowered.graph, device=DEVICE, out=out / "project", force=True)
    figures = save_hardware(out, plan, DEVICE, None, None)
    say("4/5  compile the C-simulation, run every engine on all test images")
    page = out / "report.html"
    evaluation = report_run(out, lowered, plan, read_source(lowered.graph, None, DATA, None), (), page)
    say("5/5  report\n")
    print_evaluation(evaluation, lowered.graph)
    say(f"\n{DEVICE} at {plan.clock_mhz:g} MHz: {figures.frames_per_second:,.0f} frames/s planned")
    for line in resource_lines(figures):
        say(f"  {line}")
    say(f"\nproject  {out / 'project'}\nreport   {page}")
    evaluation.verification.require_exact()
