"""Build a generated project's C-simulation and run images through it."""

from __future__ import annotations

import json
import os
import re
import tempfile
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fireline.codegen.host.data import element
from fireline.errors import FirelineError, MismatchError
from fireline.fixed import IntType
from fireline.graph import Graph
from fireline.progress import progress
from fireline.sim import compiler
from fireline.sim.dataflow.simulator import DeadlockError
from fireline.sim.integer import quantize

Integers = npt.NDArray[np.int64]

BUILD = "build"
MISMATCH = 1  # exit status of a test bench that found one

# The C-simulation with processes side by side and streams of exactly their depth.
BOUNDED = "-DFL_BOUNDED"


@dataclass(frozen=True)
class Build:
    """A compiled C-simulation, and the `seconds` that compiling it took."""

    executable: Path
    seconds: float


@dataclass(frozen=True)
class Tensor:
    """One tensor of a project, as its test bench reads and writes it."""

    name: str
    shape: tuple[int, ...]
    type: IntType

    @property
    def octets(self) -> int:
        """Bytes of one image."""
        return prod(self.shape) * element(self.type).itemsize

    def encode(self, integers: Integers) -> bytes:
        """Integers (N, C, H, W) in the order of the streams."""
        if integers.ndim != 4 or integers.shape[1:] != self.shape:
            raise FirelineError(
                f"images are (N, {_comma(self.shape)}), {integers.shape} arrived", node=self.name
            )
        if integers.size and (integers.min() < self.type.min or integers.max() > self.type.max):
            raise FirelineError(
                f"{integers.min()} to {integers.max()} does not fit {self.type}", node=self.name
            )
        return integers.transpose(0, 2, 3, 1).astype(element(self.type)).tobytes()

    def decode(self, octets: npt.NDArray[np.uint8]) -> Integers:
        """Bytes (N, `octets`) as integers (N, C, H, W)."""
        channels, height, width = self.shape
        values = np.ascontiguousarray(octets).view(element(self.type))
        return values.reshape(-1, height, width, channels).transpose(0, 3, 1, 2).astype(np.int64)


def build(project: Path, flags: str = "", jobs: int | None = None, folder: str = BUILD) -> Build:
    """Compile the C-simulation of `project` with make and g++; what is up to date is not compiled again.

    Args:
        project: a folder that `write_project` wrote.
        flags: further compiler flags, such as -DFL_CHECKED.
        jobs: compilers at a time; one for each processor that this process may use if None.
        folder: where in the project to build; builds with other flags have folders of their own.

    Raises:
        FirelineError: there is no project, no make or g++, or the compilation fails.
    """
    if not (project / "Makefile").is_file():
        raise FirelineError(
            "this is no generated project", node=str(project), hint="make one: fireline generate"
        )
    if not (project / "src").is_dir():
        raise FirelineError("this project is of RTL", node=str(project), hint="fireline cosim")
    start = time.monotonic()
    command = [
        "make",
        "--no-print-directory",
        "-C",
        str(project),
        f"-j{jobs or processors()}",
        "build",
        f"FLAGS={flags}",
        f"BUILD={folder}",
    ]
    sources = len([*(project / "src").rglob("*.cpp"), *(project / "tb").glob("*.cpp")])
    begun = 0

    def watch(line: str) -> None:
        nonlocal begun
        begun += " -c " in line
        advance(begun)

    with progress("compile", sources) as advance:
        status, output = compiler.run(command, watch=watch)
    if status:
        raise FirelineError(compiler.first_error(output), node=str(project), hint=compiler.way_out(output))
    return Build(project / folder / "csim", time.monotonic() - start)


def self_check(project: Path, every_stream: bool = False) -> str:
    """Build and run the test bench of `project` on its own data; its summary in one line.

    Raises:
        MismatchError: the C-simulation differs from the golden data; the message is the first difference.
        FirelineError: it cannot be built or run.
    """
    arguments = ["--streams"] if every_stream else []
    return _self_check(project, build(project).executable, arguments)[-1]


@dataclass(frozen=True)
class Bounded:
    """Cycles of the bounded C-simulation, as `sim.dataflow.Timing` counts them, and its test bench's summary."""

    latency: int
    interval: int
    summary: str


def bounded(project: Path, depths: Mapping[str, int] | None = None, every_stream: bool = False) -> Bounded:
    """As `self_check`, with processes side by side and streams of exactly their depth (firmware's `bounded.h`).

    Args:
        project: a folder that `write_project` wrote.
        depths: tokens that streams hold, by name, instead of what the project says.
        every_stream: compare every tensor between the layers, too.

    Raises:
        DeadlockError: the streams are too shallow; the message names those between which nothing moves.
        MismatchError, FirelineError: as for `self_check`.
    """
    arguments = ["--streams"] if every_stream else []
    for name, depth in (depths or {}).items():
        arguments += ["--depth", f"{name}={depth}"]
    executable = build(project, BOUNDED, folder="build/bounded").executable
    cycles, summary = _self_check(project, executable, arguments)[-2:]
    latency, interval = (int(number) for number in re.findall(r"(\d+) cycles", cycles))
    return Bounded(latency, interval, summary)


def _self_check(project: Path, executable: Path, arguments: list[str]) -> list[str]:
    """What a test bench prints, by line."""
    status, output = compiler.run([str(executable.resolve()), *arguments], cwd=project)
    lines = output.strip().splitlines() or ["the test bench says nothing"]
    if status == MISMATCH:
        raise MismatchError(lines[0])
    if status and lines[0].startswith("deadlock: "):
        raise DeadlockError(lines[0].removeprefix("deadlock: "), hint="make one of the full streams deeper")
    if status:
        raise FirelineError(lines[0], node=str(project))
    return lines


def run(project: Path, integers: npt.ArrayLike, jobs: int | None = None) -> Integers:
    """Output integers (N, C, H, W) for `integers` (N, C, H, W) of the input's type. The project must be built.

    The images are shared among `jobs` processes; one for each processor that this process may use if None.
    """
    return _batch(project, np.asarray(integers), every_stream=False, jobs=jobs)[tensors_of(project)[-1].name]


def run_streams(
    project: Path, integers: npt.ArrayLike, jobs: int | None = None, folder: str = BUILD
) -> dict[str, Integers]:
    """As `run`, but the integers (N, C, H, W) of every node, by node name, of the build in `folder`."""
    return _batch(project, np.asarray(integers), every_stream=True, jobs=jobs, folder=folder)


def trace(
    graph: Graph, project: Path, images: npt.ArrayLike, jobs: int | None = None, folder: str = BUILD
) -> Mapping[str, Integers]:
    """As `run_streams`, for real-valued `images`: they are quantized as the input of `graph` says."""
    return run_streams(project, quantize(graph.input, np.asarray(images)), jobs, folder)


def _batch(
    project: Path,
    integers: npt.NDArray[np.generic],
    every_stream: bool,
    jobs: int | None,
    folder: str = BUILD,
) -> dict[str, Integers]:
    """Run `jobs` processes on equal shares of the images."""
    if not len(integers):
        raise FirelineError("no images to simulate", node=str(project))
    if integers.dtype.kind not in "iu":
        raise FirelineError(f"integers expected, {integers.dtype} arrived", node=str(project))
    tensors = tensors_of(project)
    kept = tensors if every_stream else tensors[-1:]
    options = ["--streams"] if every_stream else []
    if (project / "weights.bin").exists():
        options += ["--weights", str(project / "weights.bin")]
    parts = np.array_split(integers.astype(np.int64), min(jobs or processors(), len(integers)))
    with ThreadPoolExecutor(len(parts)) as pool:
        shares = pool.map(lambda part: _share(project / folder, options, tensors[0], kept, part), parts)
        octets = np.concatenate(list(shares))
    ends = np.cumsum([tensor.octets for tensor in kept])
    return {
        tensor.name: tensor.decode(octets[:, end - tensor.octets : end])
        for tensor, end in zip(kept, ends, strict=True)
    }


def _share(
    build: Path, options: list[str], first: Tensor, kept: tuple[Tensor, ...], integers: Integers
) -> npt.NDArray[np.uint8]:
    """The bytes (N, octets) of the tensors `kept`."""
    with tempfile.TemporaryDirectory(prefix="fireline-csim-") as name:
        inputs, outputs = Path(name) / "inputs", Path(name) / "outputs"
        inputs.write_bytes(first.encode(integers))
        executable = str((build / "csim").resolve())
        status, output = compiler.run([executable, *options, "--run", str(inputs), str(outputs)])
        if status:
            raise FirelineError(
                output.strip().splitlines()[0] if output.strip() else f"exit {status}", node=str(build)
            )
        return np.fromfile(outputs, dtype=np.uint8).reshape(len(integers), sum(t.octets for t in kept))


def tensors_of(project: Path) -> tuple[Tensor, ...]:
    """The tensors of a project, the input first and the output last."""
    try:
        rows = json.loads((project / "tb" / "network.json").read_text())["tensors"]
    except (OSError, ValueError, KeyError):
        raise FirelineError("this is no generated project", node=str(project)) from None
    return tuple(
        Tensor(row["name"], tuple(row["shape"]), IntType(row["bits"], row["signed"])) for row in rows
    )


def check_project(project: Path, graph: Graph) -> None:
    """Raise `FirelineError` unless the tensors of `project` are those of `graph`."""
    own = tuple(Tensor(node.name, node.output.shape, node.output.type) for node in graph.nodes)
    if tensors_of(project) != own:
        raise FirelineError(
            f"this project is of another network than {graph.name}",
            node=str(project),
            hint="make one of this: fireline generate",
        )


def processors() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _comma(shape: tuple[int, ...]) -> str:
    return ", ".join(map(str, shape))
