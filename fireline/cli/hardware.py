"""`fireline plan`, `generate` and `csim`: from a quantized network to a project that runs."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fireline.cli.output import complete, device_names, print_table, say, step

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from fireline.codegen.lower.network import Lowered
    from fireline.codegen.plan.foldings import Target
    from fireline.codegen.plan.summary import Summary
    from fireline.graph import Graph
    from fireline.sim.vendor.beside import Beside


# Where a run folder has its project of each target.
PROJECTS = {"hls": "project", "rtl": "rtl"}


def _chosen(context: click.Context, parameter: click.Parameter, value: Path | None) -> Path:
    """The model that was named as an argument, or the run folder of the checkpoint that was."""
    name = context.params.pop("pretrained", None)
    if (value is None) == (name is None):
        raise click.UsageError("Name a MODEL, or a checkpoint with --pretrained.", context)
    if value is not None:
        return value
    from fireline.quant.pretrained import unpacked

    return unpacked(str(name))


def MODEL(command: Callable[..., Any]) -> Callable[..., Any]:
    """The argument `model` of every command that takes a run folder, a QONNX file or a checkpoint that is shipped."""
    path = click.Path(path_type=Path)
    command = click.argument("model", type=path, required=False, callback=_chosen)(command)
    return click.option(
        "--pretrained", is_eager=True, metavar="NAME", help="In place of MODEL: a checkpoint of Fireline's."
    )(command)


def hardware_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options of every command that folds a network for a device."""
    for option in (
        click.option(
            "--target",
            type=click.Choice(["hls", "rtl"]),
            default="hls",
            show_default=True,
            help="C++ for Vitis HLS, or SystemVerilog.",
        ),
        click.option(
            "--load-weights", is_flag=True, help="Weights may lie in UltraRAM, loaded by the host at start."
        ),
        click.option("--target-fps", type=float, help="Reach this frame rate with the fewest resources."),
        click.option(
            "--clock", "clock_mhz", type=float, help="Clock in MHz.  [default: the part's usual one]"
        ),
        click.option(
            "--device",
            default="xc7z020",
            show_default=True,
            shell_complete=complete(device_names),
            help="FPGA part; see `fireline devices`.",
        ),
    ):
        command = option(command)
    return command


def load_graph(model: Path) -> Graph:
    """The integer graph behind a run folder, a QONNX file, or a saved graph (.npz)."""
    return load_lowered(model).graph


def load_lowered(model: Path) -> Lowered:
    """As `load_graph`, with the proofs of its requantizers; a saved graph has none."""
    from fireline.codegen.lower.network import Lowered, lower_proved
    from fireline.graph import Graph

    file = model_file(model)
    return Lowered(Graph.load(file), {}) if file.suffix == ".npz" else lower_proved(file)


def model_file(model: Path) -> Path:
    """The file behind a run folder, a QONNX file, or a saved graph.

    Raises:
        FirelineError: there is none; a baseline, which never has one, is refused by its name.
    """
    from fireline.errors import FirelineError
    from fireline.model.presets import BASELINES, preset

    if model.is_dir():
        if not (model / "model.onnx").exists():
            from fireline.model.run_info import read_run

            preset(read_run(model).preset)
            raise FirelineError("nothing is quantized in this run", node=str(model), hint="fireline quantize")
        return model / "model.onnx"
    if model.name in BASELINES and not model.exists():
        preset(model.name)
    return model


@click.command()
@MODEL
@hardware_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON for scripts.")
@click.option(
    "--plot",
    type=click.Path(path_type=Path),
    help="Draw cycles, resources and the roofline (.png, .svg, .pdf).",
)
@click.option(
    "--timeline", type=click.Path(path_type=Path), help="Draw when each stage works (.png, .svg, .pdf)."
)
def plan(
    model: Path,
    device: str,
    clock_mhz: float | None,
    target_fps: float | None,
    load_weights: bool,
    target: Target,
    as_json: bool,
    plot: Path | None,
    timeline: Path | None,
) -> None:
    """Choose pe and simd of every stage for a device, and show what it costs.

    MODEL is a run folder or a QONNX file. Interval and latency are simulated cycle by cycle, unless that takes long.
    What tools found of the run's project, where it is of this plan, follows with what each figure is.
    """
    from fireline.codegen.plan.options import Freedom
    from fireline.errors import FirelineError
    from fireline.picture import picture_kind, write_picture
    from fireline.sim.dataflow.planning import best_plan, figures_of
    from fireline.sim.vendor.project import of_plan

    for picture in filter(None, (plot, timeline)):
        picture_kind(picture)
    graph, freedom = load_graph(model), Freedom(load_weights, target)
    made = best_plan(graph, device, clock_mhz, target_fps, freedom)
    result, found = figures_of(made), of_plan(made, model / PROJECTS[target])
    if timeline and not result.simulated:
        raise FirelineError(
            f"a timeline of {result.initiation_interval:,} cycles an image is too long",
            hint="ask for more frames/s",
        )
    if plot:
        from fireline.sim.report.figures import draw_plan

        write_picture(draw_plan(made), plot)
    if timeline:
        from fireline.sim.dataflow.simulator import trace
        from fireline.sim.dataflow.steps import network
        from fireline.sim.report.figures import draw_timeline

        write_picture(draw_timeline(made, trace(network(made), frames=2)), timeline)
    if as_json:
        click.echo(json.dumps({**as_json_object(result), "found": found_objects(found)}, indent=2))
    else:
        print_plan(result)
        if found:
            print_found(found)


def as_json_object(summary: Summary) -> dict[str, Any]:
    """What `fireline plan --json` prints."""
    content = asdict(summary)
    used, available = content.pop("used"), content.pop("available")
    resources = {name: {"used": used[name], "available": available[name]} for name in used}
    return {**content, "resources": resources}


def print_plan(summary: Summary) -> None:
    """The stages, the shell around them, and the totals of a plan as tables."""
    shell = summary.shell
    print_table(
        [
            "stage",
            "pe",
            "simd",
            "cycles",
            "lanes",
            "DSP",
            "LUT",
            "FF",
            summary.block,
            "busy",
        ],
        [
            (
                f"{stage.name} *" if stage.bottleneck else stage.name,
                *(stage.pe, stage.simd, stage.cycles, stage.lanes),
                *(stage.resources.dsp, stage.resources.lut, stage.resources.ff),
                f"{stage.resources.blocks:g}",
                f"{stage.utilisation:.0%}" if stage.lanes else "",
            )
            for stage in summary.stages
        ]
        + [("shell", *[""] * 4, shell.dsp, shell.lut, shell.ff, f"{shell.blocks:g}", "")],
    )
    say(
        f"{summary.device} at {summary.clock_mhz:g} MHz: {summary.frames_per_second:,.0f} frames/s, "
        f"initiation interval {summary.initiation_interval:,} cycles (* the bottleneck), "
        f"{summary.lanes:,} lanes {summary.utilisation:.0%} busy"
    )
    milliseconds = summary.latency / summary.clock_mhz / 1000
    how = "simulated" if summary.simulated else "estimated, some 10 % low"
    say(f"latency {summary.latency:,} cycles, {milliseconds:.3g} ms ({how})")
    for line in resource_lines(summary):
        say(line)


def print_found(rows: Iterable[Beside]) -> None:
    """What the tools found of a project, beside its plan."""
    print_table(
        ["stage", "figure", "planned", "found", "difference", "evidence"],
        [(one.stage or "the design", *one.cells()) for one in rows],
    )


def found_objects(rows: Iterable[Beside]) -> list[dict[str, Any]]:
    """The same for JSON."""
    return [{**asdict(one), "difference": one.difference} for one in rows]


def resource_lines(summary: Summary) -> list[str]:
    """Used and available of each resource, one line each."""
    used, available = asdict(summary.used), asdict(summary.available)
    return [
        f"{name.upper():7} {used[name]:>10,.12g} of {available[name]:>10,.12g}  {used[name] / available[name]:6.1%}"
        for name in used
        if available[name]
    ]


@click.command()
@MODEL
@hardware_options
@click.option(
    "--out", type=click.Path(path_type=Path), help="Project folder.  [default: RUN/project, RUN/rtl]"
)
@click.option("--inputs", type=click.Path(path_type=Path), help="Images (.npy) for the project's test bench.")
@click.option("--force", is_flag=True, help="Replace the project folder.")
def generate(
    model: Path,
    device: str,
    clock_mhz: float | None,
    target_fps: float | None,
    load_weights: bool,
    out: Path | None,
    inputs: Path | None,
    force: bool,
    target: Target,
) -> None:
    """Write the HLS or RTL project of a network: kernels, weight ROMs, test bench, scripts.

    MODEL is a run folder or a QONNX file. `make -C PROJECT csim`, or with `--target rtl` `make -C PROJECT sim`, then
    builds and runs the self-checking test bench. A run folder keeps one of each: RUN/project and RUN/rtl.
    """
    import fireline
    from fireline.cli.results import save_hardware
    from fireline.errors import FirelineError
    from fireline.model.download import cache
    from fireline.sim.dataflow.planning import figures_of
    from fireline.sim.verify import load_images

    if out is None:
        if model_file(model) == model or model.is_relative_to(cache()):
            raise FirelineError("this model has no run folder", hint="name the project folder with --out")
        out = model / PROJECTS[target]
    graph = load_graph(model)
    images = None if inputs is None else load_images(graph, str(inputs))
    with step(f"generate {out}"):
        made = fireline.generate(
            graph,
            device=device,
            out=out,
            clock_mhz=clock_mhz,
            target_fps=target_fps,
            load_weights=load_weights,
            images=images,
            force=force,
            target=target,
        )
    own = out == model / "project"
    result = save_hardware(model, made, device, clock_mhz, target_fps) if own else figures_of(made)
    say(
        f"{out}: {graph.name} for {device}, {result.frames_per_second:,.0f} frames/s at {made.clock_mhz:g} MHz"
    )
    for line in resource_lines(result):
        say(f"  {line}")


@click.command()
@click.argument("project", type=click.Path(path_type=Path))
@click.option("--streams", is_flag=True, help="Compare every tensor between the layers, too.")
@click.option(
    "--bounded", is_flag=True, help="Run processes side by side, with streams of exactly their depth."
)
@click.option(
    "--depth", "depths", multiple=True, metavar="STREAM=TOKENS", help="With --bounded: try another depth."
)
def csim(project: Path, streams: bool, bounded: bool, depths: tuple[str, ...]) -> None:
    """Build and run a project's self-checking test bench.

    PROJECT is a project folder, or a run folder that holds one. `--bounded` finds deadlocks, names the streams, and
    counts cycles.
    """
    from fireline.sim import csim as runner

    project = project / "project" if (project / "project").is_dir() else project
    if not bounded and not depths:
        say(runner.self_check(project, streams))
        return
    result = runner.bounded(project, dict(map(_depth, depths)), streams)
    say(result.summary)
    say(f"latency {result.latency:,} cycles, initiation interval {result.interval:,} cycles")


def _depth(text: str) -> tuple[str, int]:
    from fireline.errors import FirelineError

    name, _, tokens = text.partition("=")
    if not tokens.isdecimal() or int(tokens) < 1:
        raise FirelineError(f"--depth {text!r} is no STREAM=TOKENS", hint="--depth fire2_expand1x1.out=64")
    return name, int(tokens)
