"""The bounded C-simulation: the same integers and, to the cycle, the times and deadlocks of the dataflow simulator."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from fireline.cli import main
from fireline.codegen.hls.project import write_project
from fireline.codegen.plan.choice import plan_for
from fireline.codegen.plan.foldings import Plan
from fireline.graph import Graph
from fireline.sim import csim
from fireline.sim.dataflow.depths import fitted, minimum_depth
from fireline.sim.dataflow.simulator import DeadlockError, simulate
from fireline.sim.dataflow.steps import network
from tests.firmware.harness import unity
from tests.firmware.test_joins import joins
from tests.firmware.test_maxpool2d import pools
from tests.graphs import fire_network, random_pixels
from tests.sim.dataflow.test_simulator import random_plan, small_network

IMAGES = 3
FLAGS = "-O0 -DFL_BOUNDED"

# The streams of the shorter branch of a Fire module, from its fork to where it joins the longer.
BRANCH = [f"fire2_expand1x1{part}" for part in (".in", ".resized", "", ".out")]


@dataclass(frozen=True)
class Made:
    """A plan, its project, and the bounded C-simulation of that."""

    plan: Plan
    project: Path
    executable: Path

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [str(self.executable), *arguments]
        return subprocess.run(command, cwd=self.project, capture_output=True, text=True, timeout=60)

    def cycles(self, **depths: int) -> tuple[int, int] | None:
        """Latency and interval; None for a deadlock."""
        result = self.run(
            *(word for name, depth in depths.items() for word in ("--depth", f"{name}={depth}"))
        )
        if result.returncode == 3 and result.stderr.startswith("deadlock: "):
            return None
        assert result.returncode == 0 and " 0 mismatches" in result.stdout, result.stderr
        latency, interval = re.findall(r"(\d+) cycles", result.stdout)
        return int(latency), int(interval)

    def predicted(self, **depths: int) -> tuple[int, int] | None:
        """The same of the dataflow simulator."""
        try:
            timing = simulate(self.plan, IMAGES, depths)
        except DeadlockError:
            return None
        return timing.latency, timing.interval


def make(plan: Plan, folder: Path, flags: str = FLAGS) -> Made:
    write_project(plan, folder / "project", random_pixels(plan.graph, IMAGES, seed=3))
    return Made(plan, folder / "project", unity(folder / "project", flags))


@pytest.fixture(scope="module")
def fires(tmp_path_factory: pytest.TempPathFactory) -> Made:
    plan = fitted(plan_for(fire_network(size=9), "xc7z020"))
    return make(plan, tmp_path_factory.mktemp("bounded"))


GRAPHS = {
    "small": small_network(),
    "fire": fire_network(size=9, bits=4),
    "joins": joins(),
    "pools": pools(),
}


@pytest.mark.parametrize(("name", "seed"), [("small", 0), ("fire", 1), ("joins", 2), ("pools", 3)])
def test_integers_and_cycles(name: str, seed: int, tmp_path: Path) -> None:
    check(GRAPHS[name], seed, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10, 12))
def test_integers_and_cycles_of_random_foldings(seed: int, tmp_path: Path) -> None:
    check(list(GRAPHS.values())[seed % 3], seed, tmp_path, "-O0 -DFL_BOUNDED -DFL_CHECKED")


def check(graph: Graph, seed: int, folder: Path, flags: str = FLAGS) -> None:
    made = make(fitted(random_plan(graph, seed)), folder, flags)
    assert " 0 mismatches" in made.run("--streams").stdout
    assert made.cycles() == made.predicted()


def test_every_depth_of_a_fire_or_a_bypass_does_what_the_simulator_says(fires: Made) -> None:
    names = [node.name for node in fires.plan.graph.nodes]
    edges = {
        fifo.edge: fifo.name
        for fifo in network(fires.plan).fifos
        if fifo.edge and re.match("fire2_(expand|concat)|add", names[fifo.edge[0]])
    }
    assert len(edges) == 6
    deadlocks = slower = 0
    whole = fires.predicted()
    for (index, position), name in edges.items():
        least = minimum_depth(fires.plan, index, position, IMAGES)
        for depth in sorted({1, 2, least // 2, least - 1, least} - {0}):
            got, expected = fires.cycles(**{name: depth}), fires.predicted(**{name: depth})
            assert got == expected, (name, depth)
            assert depth >= least or got != whole or least == 1
            deadlocks += got is None
            slower += got is not None and got != whole
    assert deadlocks and slower


def test_a_deadlock_names_the_streams_between_the_fork_and_the_join(fires: Made) -> None:
    result = fires.run(*(word for name in BRANCH for word in ("--depth", f"{name}=1")))
    assert result.returncode == 3
    streams = re.findall(r"(\S+) is full at (\d+)", result.stderr)
    assert dict(streams).keys() >= {"fire2_expand1x1.in", "fire2_expand1x1.resized", "fire2_expand1x1.out"}
    assert all(name.startswith("fire2_expand1x1") for name, _ in streams)
    assert result.stderr.endswith("and its reader waits for stream fire2_expand3x3.out\n")
    assert len(result.stderr.splitlines()) == 1


def test_a_stream_that_is_never_written_is_a_deadlock(fires: Made, tmp_path: Path) -> None:
    project = tmp_path / "project"
    write_project(fires.plan, project)
    top = project / "src" / "network.cpp"
    lines = top.read_text().splitlines(keepends=True)
    top.write_text("".join(line for line in lines if "stage::conv10(" not in line))
    result = Made(fires.plan, project, unity(project, FLAGS)).run()
    assert result.returncode == 3
    assert result.stderr.startswith("deadlock: stream ")
    assert result.stderr.endswith(", and nothing reads it\n")


@pytest.mark.parametrize(
    ("depth", "message"),
    [
        ("fire2_expand1x1.out", "STREAM=TOKENS expected"),
        ("fire2_expand1x1.out=0", "STREAM=TOKENS expected"),
        ("nothing=5", "nothing: no stream has this name"),
    ],
)
def test_wrong_depths(fires: Made, depth: str, message: str) -> None:
    result = fires.run("--depth", depth)
    assert result.returncode == 2
    assert message in result.stderr


def test_from_the_command_line(
    fires: Made, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # One translation unit is quicker than many.
    monkeypatch.setenv("MAKEFLAGS", "SOURCES=unity.cpp CXXFLAGS=-O0")
    latency, interval = fires.predicted() or (0, 0)
    main(["csim", str(fires.project), "--bounded", "--streams"])
    out = capsys.readouterr().out
    assert out.endswith(f" 0 mismatches\nlatency {latency} cycles, initiation interval {interval} cycles\n")
    found = csim.bounded(fires.project)
    assert (found.latency, found.interval) == (latency, interval)
    with pytest.raises(DeadlockError, match=r"deadlock: stream .*fire2_expand1x1.out is full at 1"):
        csim.bounded(fires.project, dict.fromkeys(BRANCH, 1))
    with pytest.raises(SystemExit) as caught:
        main(["csim", str(fires.project), "--depth", "a=b"])
    assert caught.value.code == 2
    assert "is no STREAM=TOKENS" in capsys.readouterr().err


def test_other_builds_have_no_depths(fires: Made, tmp_path: Path) -> None:
    write_project(fires.plan, tmp_path / "project")
    plain = unity(tmp_path / "project")
    result = subprocess.run([str(plain), "--depth", "a=1"], capture_output=True, text=True)
    assert (result.returncode, result.stderr) == (2, "--depth: build with -DFL_BOUNDED\n")
