"""The C-simulation runner: builds, runs batches, and says in one line what is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from fireline.errors import FirelineError, MismatchError
from fireline.sim import csim
from tests.firmware.harness import drawn, project
from tests.graphs import fire_network, random_pixels

GRAPH = fire_network(seed=5, bits=6)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = project(GRAPH, drawn(5), tmp_path_factory.mktemp("csim"))
    made = csim.build(folder)
    assert made.executable.is_file()
    assert made.seconds > 0
    return folder


@pytest.mark.parametrize("jobs", [1, 2, 5])
def test_every_stream_of_a_batch(built: Path, jobs: int) -> None:
    images = random_pixels(GRAPH, 3, seed=1)
    got, expected = csim.trace(GRAPH, built, images, jobs=jobs), GRAPH.trace(images)
    assert got.keys() == expected.keys()
    for name, values in expected.items():
        assert got[name].dtype == np.int64
        assert np.array_equal(got[name], values), name


def test_outputs_alone(built: Path) -> None:
    images = random_pixels(GRAPH, 2, seed=2)
    assert np.array_equal(csim.run(built, images), GRAPH.simulate(images))


def test_self_check(built: Path) -> None:
    assert csim.self_check(built, every_stream=True).endswith(" 0 mismatches")


def test_nothing_is_compiled_twice(built: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in (built / "build").rglob("*.o")}
    csim.build(built)
    assert before == {path: path.stat().st_mtime_ns for path in (built / "build").rglob("*.o")}


@pytest.mark.parametrize(
    ("integers", "message"),
    [
        (np.zeros((1, 3, 4, 4), dtype=int), "images are (N, 3, 15, 15)"),
        (np.full((1, 3, 15, 15), 256), "256 to 256 does not fit uint8"),
        (np.zeros((1, 3, 15, 15)), "integers expected, float64 arrived"),
        (np.zeros((0, 3, 15, 15), dtype=int), "no images"),
    ],
)
def test_wrong_images(built: Path, integers: np.ndarray, message: str) -> None:
    with pytest.raises(FirelineError) as caught:
        csim.run(built, integers)
    assert message in str(caught.value)


def test_a_mismatch_is_an_error(built: Path) -> None:
    golden = built / "tb" / "data" / "globalavgpool.bin"
    right = golden.read_bytes()
    golden.write_bytes(bytes(len(right)))
    try:
        with pytest.raises(MismatchError, match=r"mismatch: node globalavgpool, image 0, channel"):
            csim.self_check(built)
    finally:
        golden.write_bytes(right)


def test_no_project(tmp_path: Path) -> None:
    with pytest.raises(FirelineError, match="no generated project"):
        csim.build(tmp_path)
    with pytest.raises(FirelineError, match="no generated project"):
        csim.run(tmp_path, random_pixels(GRAPH, 1))


def test_no_make(built: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(FirelineError, match="make is not there"):
        csim.build(built)


def test_no_compiler(tmp_path: Path) -> None:
    folder = project(GRAPH, drawn(5), tmp_path)
    makefile = folder / "Makefile"
    makefile.write_text(makefile.read_text().replace("CXX ?= g++", "CXX = no-such-compiler"))
    with pytest.raises(FirelineError, match="no-such-compiler"):
        csim.build(folder)


def test_the_first_compiler_error_is_the_message(tmp_path: Path) -> None:
    folder = project(GRAPH, drawn(5), tmp_path)
    (folder / "src" / "network.cpp").write_text("nonsense;\n")
    with pytest.raises(FirelineError, match=r"error: .nonsense. does not name a type"):
        csim.build(folder)


def test_a_damaged_manifest(built: Path, tmp_path: Path) -> None:
    (tmp_path / "tb").mkdir()
    (tmp_path / "tb" / "network.json").write_text(json.dumps({"name": "x"}))
    with pytest.raises(FirelineError, match="no generated project"):
        csim.run(tmp_path, random_pixels(GRAPH, 1))
