"""Weights that are loaded at run time: the same integers as constant ones, whatever shares their memories have."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fireline.codegen.hls.project import write_project
from fireline.codegen.plan.devices import device
from fireline.codegen.plan.foldings import Plan
from fireline.graph import Conv2d, Graph
from fireline.sim import csim
from fireline.sim.dataflow.depths import fitted
from fireline.sim.dataflow.simulator import simulate
from tests.firmware.harness import CHECKED, drawn, plan, unity
from tests.graphs import Builder, fire_network, random_pixels

GRAPH = fire_network(seed=6, bits=5, size=9)


def loaded_plan(graph: Graph, seed: int, part: str = "xck26") -> Plan:
    """A random folding with the weights of every convolution, or of every other one, in UltraRAM."""
    made = plan(graph, drawn(seed))
    convolutions = [i for i, node in enumerate(graph.nodes) if isinstance(node, Conv2d)][
        seed % 2 :: 1 + seed % 2
    ]
    foldings = tuple(
        replace(folding, rom="uram") if i in convolutions else folding
        for i, folding in enumerate(made.foldings)
    )
    return replace(made, device=device(part), foldings=foldings)


@pytest.mark.parametrize(("seed", "flags"), [(0, "-O0"), (1, CHECKED)])
def test_integers(seed: int, flags: str, tmp_path: Path) -> None:
    made = loaded_plan(GRAPH, seed)
    write_project(made, tmp_path / "project")
    executable = unity(tmp_path / "project", flags)
    result = subprocess.run(
        [str(executable), "--streams"], cwd=tmp_path / "project", capture_output=True, text=True
    )
    assert result.returncode == 0 and " 0 mismatches" in result.stdout, result.stderr
    (tmp_path / "project" / "build").mkdir()
    executable.rename(tmp_path / "project" / "build" / "csim")
    images = random_pixels(GRAPH, 3, seed=seed)
    assert np.array_equal(csim.run(tmp_path / "project", images), GRAPH.simulate(images))
    header = (tmp_path / "project" / "src" / "weights" / f"{GRAPH.nodes[made.loaded[0]].name}.h").read_text()
    assert " rom[" not in header and "weights.bin" in header


def test_side_by_side_they_take_the_cycles_of_the_simulator(tmp_path: Path) -> None:
    made = fitted(loaded_plan(GRAPH, 2))
    assert len(made.loaded) == 8
    write_project(made, tmp_path / "project")
    executable = unity(tmp_path / "project", "-O0 -DFL_BOUNDED")
    result = subprocess.run([str(executable)], cwd=tmp_path / "project", capture_output=True, text=True)
    timing = simulate(made, 2)
    cycles = f"latency {timing.latency} cycles, initiation interval {timing.interval} cycles\n"
    assert result.returncode == 0 and result.stdout.startswith(cycles), result.stdout + result.stderr


def test_other_weights_are_refused(tmp_path: Path) -> None:
    b = Builder((3, 4, 4), seed=2)
    b.conv(b.rescale(0), 4)
    made = loaded_plan(b.graph(), 0)
    write_project(made, tmp_path / "project")
    executable, weights = unity(tmp_path / "project"), tmp_path / "project" / "weights.bin"
    right = weights.read_bytes()
    elsewhere = tmp_path / "elsewhere.bin"
    for content, status, message in (
        (right, 0, ""),
        (right + bytes(8), 2, f"{elsewhere}: not the weights of this network\n"),
        (bytes(byte ^ 1 for byte in right), 1, "mismatch: node conv2, "),
    ):
        elsewhere.write_bytes(content)
        result = subprocess.run(
            [str(executable), "--weights", str(elsewhere)],
            cwd=tmp_path / "project",
            capture_output=True,
            text=True,
        )
        assert result.returncode == status
        assert result.stderr.startswith(message)


@pytest.mark.parametrize("part", ["xck26", "xcvc1902"])
def test_ultraram_is_loaded_and_said_to_be(part: str, tmp_path: Path) -> None:
    made = loaded_plan(GRAPH, 0, part)
    assert made.loaded
    write_project(made, tmp_path / "project")
    source = (tmp_path / "project" / "src" / "layers" / "conv1.cpp").read_text()
    assert "static fl::PackedRom<params::conv1> rom;" in source
    assert "FL_BIND_STORAGE(rom, ram_s2p, uram)" in source
    assert (tmp_path / "project" / "weights.bin").exists()
