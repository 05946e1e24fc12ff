"""Build the Verilator model of a generated RTL project, run images through it, and count its cycles."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from fireline.codegen.design.kernels import kernels
from fireline.codegen.host.project import GRAPH, NETWORK, PLAN
from fireline.codegen.plan import file as plan_file
from fireline.codegen.plan.foldings import Plan
from fireline.codegen.rtl.top import top
from fireline.errors import FirelineError
from fireline.graph import Graph
from fireline.progress import progress
from fireline.sim.compiler import first_error, run, way_out
from fireline.sim.csim import Integers, check_project, processors, tensors_of
from fireline.sim.dataflow.simulator import Timing, simulate
from fireline.sim.engine import Engine
from fireline.sim.integer import Simulator, quantize
from fireline.sim.tools.netlist import CELL_MODELS, TAPS, VERILOG, write_model
from fireline.sim.tools.synthesis import synthesize

BUILD = "build"
INSTALL = "pip install fireline[rtl]"
SYSTEM = "apt install perl make g++, or what your system calls that"


@dataclass(frozen=True)
class Stage:
    """When the first image had passed a tensor's stream, and the time between the last two: measured and modelled."""

    name: str
    latency: int
    interval: int
    planned_latency: int
    planned_interval: int


@dataclass(frozen=True)
class Cosimulation:
    """Images through the RTL: cycles of the whole and of each stage, integers that differ from the simulator's."""

    images: int
    latency: int
    interval: int
    planned_latency: int
    planned_interval: int
    mismatches: int
    first: str | None  # the first tensor that differs
    stages: tuple[Stage, ...]


@dataclass(frozen=True)
class Run:
    """Integers (N, C, H, W) of every node, by name, and the cycle of every image's end at each; "" is the output."""

    traces: Mapping[str, Integers]
    ends: Mapping[str, tuple[int, ...]]


def missing() -> tuple[str, str] | None:
    """The first tool that is not there, and the command that installs it."""
    if verilator() is None:
        return "verilator", INSTALL
    for tool in ("perl", "make", "g++"):
        if shutil.which(tool) is None:
            return tool, SYSTEM
    return None


def verilator() -> str | None:
    """Verilator beside this Python, or else on the PATH."""
    places = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    return shutil.which("verilator-cli", path=places) or shutil.which("verilator", path=places)


def build(
    project: Path,
    optimize: str = "-O1",
    jobs: int | None = None,
    folder: str = BUILD,
    variables: Mapping[str, str] = MappingProxyType({}),
) -> Path:
    """Compile the model of `project` with Verilator, make and g++; nothing where it is up to date. The executable.

    It is made in `folder` of the project, of the sources as they are unless `variables` of its Makefile say otherwise.

    Raises:
        FirelineError: it is no RTL project, a tool is missing, or one fails.
    """
    _require(project)
    absent = missing()
    if absent:
        raise FirelineError("is not there", node=absent[0], hint=absent[1])
    command = ["make", "--no-print-directory", "-C", str(project), f"-j{jobs or processors()}", "build"]
    given = [f"{name}={value}" for name, value in variables.items()]
    with progress("verilate and compile", 1) as advance:
        status, output = run(
            [*command, f"VERILATOR={verilator()}", f"OPT={optimize}", f"BUILD={folder}", *given]
        )
        advance(1)
    if status:
        raise FirelineError(first_error(output), node=str(project), hint=way_out(output))
    return _executable(project / folder)


def build_netlist(project: Path, plan: Plan, jobs: int | None = None) -> Path:
    """Likewise of the netlists that Yosys makes of `project`.

    Raises:
        FirelineError: the part is no Lattice ECP5, or as `build` and `synthesize` do.
    """
    made = synthesize(project, plan.device, jobs or processors())
    sources = sha256("\n".join(one.folder.name for one in made.instances).encode()).hexdigest()
    folder = f"{BUILD}-netlist-{sources[:12]}"
    if not (project / folder).exists():
        tapped = [stream.name for stream in top(kernels(plan)).streams if stream.tensor is not None]
        wires = [f"{name}_{wire}" for name in tapped for wire in ("write", "in")]
        write_model(made, plan.device, wires, project / folder)
    files = " ".join(f"{folder}/{name}" for name in (VERILOG, CELL_MODELS, TAPS))
    return build(project, jobs=jobs, folder=folder, variables={"DESIGN": files, "SOURCES": files})


def build_fast(project: Path, optimize: str = "-O1", jobs: int | None = None) -> Path:
    """Likewise with the test bench's models of some kernels in place of their sources: the same run, sooner.

    Raises:
        FirelineError: as `build` does.
    """
    return build(project, optimize, jobs, f"{BUILD}-models", {"MODELS": "-y tb"})


def _executable(folder: Path) -> Path:
    return next(path for path in folder.glob("V*") if path.is_file() and not path.suffix)


def run_images(executable: Path, project: Path, integers: npt.ArrayLike, stall: int | None = None) -> Run:
    """All of `integers` (N, C, H, W), one image right after the other; with `stall`, pixels and results wait at random.

    Raises:
        FirelineError: the model was not built, or it stops.
    """
    tensors = tensors_of(project)
    values = np.asarray(integers).astype(np.int64)
    with tempfile.TemporaryDirectory(prefix="fireline-rtl-") as name:
        inputs, outputs, cycles = (Path(name) / part for part in ("inputs", "outputs", "cycles"))
        inputs.write_bytes(tensors[0].encode(values))
        options = ["--cycles", str(cycles), *([] if stall is None else ["--stall", str(stall)])]
        command = [str(executable.resolve()), *options, "--run", str(inputs), str(outputs)]
        status, output = run(command, cwd=project / "rtl")
        if status:
            raise FirelineError((output.strip().splitlines() or [f"exit {status}"])[0], node=str(project))
        octets = np.fromfile(outputs, dtype=np.uint8).reshape(len(values), sum(t.octets for t in tensors))
        lines = [line.rsplit(" ", len(values)) for line in cycles.read_text().splitlines()]
    last = np.cumsum([tensor.octets for tensor in tensors])
    traces = {
        tensor.name: tensor.decode(octets[:, end - tensor.octets : end])
        for tensor, end in zip(tensors, last, strict=True)
    }
    return Run(traces, {line[0]: tuple(map(int, line[1:])) for line in lines})


def engine(
    graph: Graph, project: Path, kind: str = "rtl", jobs: int | None = None, stall: int | None = None
) -> Engine:
    """The RTL of a generated project in Verilator, every tensor: "rtl" as `build` makes it, "rtl-fast" as `build_fast`.

    Raises:
        FirelineError: the project is of another network, or cannot be built.
    """
    check_project(project, graph)
    model = build_fast(project, jobs=jobs) if kind == "rtl-fast" else build(project, jobs=jobs)
    return Engine(
        kind,
        lambda images: run_images(model, project, quantize(graph.input, np.asarray(images)), stall).traces,
    )


def load(project: Path) -> Plan:
    """The plan that a project was made of.

    Raises:
        FirelineError: this is no generated project.
    """
    _require(project)
    return plan_file.load(project / PLAN, Graph.load(project / GRAPH))


def cosimulate(
    project: Path, images: int, stall: int | None = None, jobs: int | None = None, netlist: bool = False
) -> Cosimulation:
    """Run pseudo-random images through the RTL of `project`, or what Yosys makes of it, beside the simulators.

    Raises:
        FirelineError: it is no RTL project, it cannot be built, or it stops.
    """
    plan = load(project)
    model = build_netlist(project, plan, jobs) if netlist else build(project, jobs=jobs)
    type, shape = plan.graph.input.output.type, plan.graph.input.output.shape
    random = np.random.default_rng(0)
    pixels = plan.graph.input.output.real(
        random.integers(type.min, type.max, (images, *shape), endpoint=True)
    )
    measured = run_images(model, project, quantize(plan.graph.input, pixels), stall)
    expected = Simulator(plan.graph).trace(pixels)
    differ = {name: int((measured.traces[name] != expected[name]).sum()) for name in expected}
    timing = simulate(plan, images)
    ends = measured.ends
    return Cosimulation(
        images,
        ends[""][0],
        _interval(ends[""]),
        timing.latency,
        timing.interval,
        sum(differ.values()),
        next((node.name for node in plan.graph.nodes if differ[node.name]), None),
        _stages(plan, timing, ends),
    )


def _stages(plan: Plan, timing: Timing, ends: Mapping[str, tuple[int, ...]]) -> tuple[Stage, ...]:
    made = kernels(plan)
    stages = []
    for place, kernel in enumerate(made.kernels):
        for output in kernel.outputs:
            index = made.fifos[output].tensor
            if index is None:
                continue
            name = plan.graph.nodes[index].name
            planned = tuple(timing.written[place].tolist())
            stages.append(Stage(name, ends[name][0], _interval(ends[name]), planned[0], _interval(planned)))
    return tuple(stages)


def _interval(ends: tuple[int, ...]) -> int:
    """Between the last two; of the first alone where there is one."""
    return ends[-1] - ends[-2] if len(ends) > 1 else ends[0]


def _require(project: Path) -> None:
    """Raise `FirelineError` unless `project` is one of RTL."""
    try:
        is_rtl = '"target": "rtl"' in (project / NETWORK).read_text()
    except OSError:
        is_rtl = False
    if not is_rtl:
        raise FirelineError(
            "this is no RTL project", node=str(project), hint="make one: fireline generate --target rtl"
        )
