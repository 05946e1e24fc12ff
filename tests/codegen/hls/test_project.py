"""Generated projects: whole, deterministic, formatted, safe with any name."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from fireline.codegen.hls.names import RESERVED
from fireline.codegen.hls.project import write_project
from fireline.codegen.plan.devices import device
from fireline.codegen.plan.simple import simple_plan
from fireline.errors import FirelineError
from fireline.graph import Graph
from tests.codegen.networks import squeezenet1_1
from tests.firmware.harness import assert_exact, drawn, least, plan
from tests.firmware.test_joins import joins
from tests.firmware.test_loaded import GRAPH, loaded_plan
from tests.graphs import fire_network, random_pixels


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("generated") / "project"
    write_project(simple_plan(fire_network(), device("xc7z020"), 125.0), path)
    return path


def test_same_plan_gives_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    again = tmp_path / "elsewhere" / "again"
    write_project(simple_plan(fire_network(), device("xc7z020"), 125.0), again)
    assert contents(again) == contents(folder)


def test_files_are_named_after_the_network(folder: Path) -> None:
    names = set(contents(folder))
    assert {
        "Makefile",
        "README.md",
        "hls_config.cfg",
        "run_hls.tcl",
        "src/network.cpp",
        "src/network.h",
        "src/parameters.h",
        "src/layers/conv1.cpp",
        "src/layers/fire2_concat.cpp",
        "src/weights/fire2_expand3x3.h",
        "src/fireline/mvu.h",
        "tb/testbench.cpp",
        "tb/data/pixels.bin",
        "tb/data/globalavgpool.bin",
    } <= names
    assert "src/layers/fire2_squeeze.cpp" not in names


def test_sources_are_formatted(folder: Path, tmp_path: Path) -> None:
    clang_format = shutil.which("clang-format", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if not clang_format:
        pytest.skip("clang-format is not installed")
    style = folder / ".clang-format"
    write_project(plan(joins(), drawn(1)), tmp_path / "joins")
    write_project(loaded_plan(GRAPH, 0), tmp_path / "loaded")
    sources = [file for one in (folder, tmp_path) for kind in ("*.h", "*.cpp") for file in one.rglob(kind)]
    sources.append(Path(str(files("fireline.sim.dataflow") / "loop.cpp")))
    command = [clang_format, "--dry-run", "-Werror", f"--style=file:{style}", *map(str, sources)]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr[:2000]


def test_hls_scripts_name_every_source(folder: Path) -> None:
    sources = [name for name in contents(folder) if name.startswith("src/") and name.endswith(".cpp")]
    config, script = ((folder / name).read_text() for name in ("hls_config.cfg", "run_hls.tcl"))
    for source in sources:
        assert f"syn.file={source}\n" in config
        assert f"add_files {source} " in script
    assert "AR 76960" in (folder / "README.md").read_text()  # without it some versions export no IP
    assert "part=xc7z020clg400-1\n" in config
    assert "create_clock -period 8.000 " in script


def test_the_script_is_tcl_of_known_commands(folder: Path, tmp_path: Path) -> None:
    tclsh = shutil.which("tclsh")
    if not tclsh:
        pytest.skip("tclsh is not installed")
    recorder = tmp_path / "recorder.tcl"
    recorder.write_text("proc unknown {args} { puts $args }\nsource run_hls.tcl\n")
    result = subprocess.run([tclsh, str(recorder)], cwd=folder, capture_output=True, text=True)
    commands = [line.split()[0] for line in result.stdout.splitlines()]
    assert result.returncode == 0, result.stderr
    assert [c for c in commands if c != "add_files"] == [
        "open_project",
        "set_top",
        "open_solution",
        "set_part",
        "create_clock",
        "csim_design",
        "csynth_design",
        "export_design",
    ]


def test_golden_values_are_the_simulators(folder: Path, tmp_path: Path) -> None:
    graph = fire_network()
    images = random_pixels(graph, 9)
    write_project(plan(graph, least), tmp_path / "project", images=images)
    values = np.fromfile(tmp_path / "project" / "tb" / "data" / "conv10.bin", dtype=np.uint8)
    expected = graph.trace(images)["conv10"]
    assert np.array_equal(values.reshape(9, 4, 4, 10).transpose(0, 3, 1, 2), expected)


def test_an_existing_folder_is_kept(folder: Path) -> None:
    before = contents(folder)
    with pytest.raises(FirelineError, match="this output folder exists"):
        write_project(plan(fire_network(), least), folder)
    assert contents(folder) == before


def test_nothing_is_left_of_a_project_that_fails(tmp_path: Path) -> None:
    with pytest.raises(FirelineError, match="images are"):
        write_project(plan(fire_network(), least), tmp_path / "project", images=np.zeros((1, 3, 4, 4)))
    assert list(tmp_path.iterdir()) == []


def test_no_images_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FirelineError, match="no images"):
        write_project(plan(fire_network(), least), tmp_path / "project", images=np.zeros((0, 3, 15, 15)))


def test_force_replaces(tmp_path: Path) -> None:
    (tmp_path / "project" / "tb").mkdir(parents=True)
    (tmp_path / "project" / "tb" / "network.json").touch()
    (tmp_path / "project" / "stale").touch()
    write_project(plan(fire_network(), least), tmp_path / "project", force=True)
    assert not (tmp_path / "project" / "stale").exists()


def hostile(name: str, nodes: list[str]) -> Graph:
    """A Fire network whose graph and nodes have these names."""
    graph = fire_network(size=9)
    names = nodes + [node.name for node in graph.nodes[len(nodes) :]]
    renamed = tuple(replace(node, name=n) for node, n in zip(graph.nodes, names, strict=True))
    return Graph(name, renamed)


@pytest.mark.parametrize(
    ("name", "nodes"),
    [
        ("main", ["int", "input", "output", "fl", "params", "stage", "weights", "std", "name"]),
        ("parameters", ["parameters", "layers", "namespace", "assert", "errno", "stdin", "a", "a_", "x__y"]),
        ("tensors", ["network", "conv2d", "mvu", "fire", "token", "rom", "bias", "requantize", "table"]),
        ("class", ["class", "and", "unix", "linux", "signal", "main", "template", "new", "read"]),
    ],
)
def test_hostile_names(name: str, nodes: list[str], tmp_path: Path) -> None:
    assert_exact(hostile(name, nodes), drawn(1), tmp_path)


def test_reserved_words_are_lower_case() -> None:
    assert all(word == word.lower() for word in RESERVED)


@pytest.mark.slow
def test_full_size_squeezenet_is_written_in_seconds(tmp_path: Path) -> None:
    graph = squeezenet1_1()
    write_project(simple_plan(graph, device("xczu7ev"), 300.0), tmp_path / "project", random_pixels(graph, 1))
    assert sum(map(len, contents(tmp_path / "project").values())) < 30 << 20


def test_a_lattice_part_is_for_the_other_target(tmp_path: Path) -> None:
    with pytest.raises(FirelineError, match=r"LFE5U-85F: .*no part of Lattice .*--target rtl"):
        write_project(simple_plan(fire_network(), device("LFE5U-85F"), 80.0), tmp_path / "project")
    assert not (tmp_path / "project").exists()
