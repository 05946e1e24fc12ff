"""Faults of the system: killed, out of disk, read-only, no working compiler, out of memory. What is old stays whole."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.fireline.process import command_line, forked
from tests.fireline.watched import digest, run_watched
from tests.qonnx_models import fire_model

SMALL = ["--bits", "w4a4", "--calibrate", "digits", "--images", "4"]


def expect_refusal(done: subprocess.CompletedProcess[str], *words: str) -> None:
    """The last line, and it alone, says what is wrong and what to do; status 2."""
    assert done.returncode == 2, done.stderr
    *before, last = done.stderr.splitlines()
    assert last.startswith("error: ") and all(word in last for word in words), done.stderr
    assert all(line.startswith("no weights: ") for line in before), done.stderr


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A quantized run with a project."""
    run = tmp_path_factory.mktemp("faults") / "run"
    assert command_line("quantize", "digits", *SMALL, "--out", run).returncode == 0
    assert command_line("generate", run, "--device", "xc7z045").returncode == 0
    return run


def watched(folder: Path, output: Path, *command: object, kill: int = -1) -> subprocess.CompletedProcess[str]:
    """Run `command` and look at `output` before each of its steps below `folder`."""
    return forked(run_watched, (folder, output, kill, [str(word) for word in command]))


def expect_old_or_new(done: subprocess.CompletedProcess[str], old: str, steps: int) -> None:
    """At every one of at least `steps` moments the old output was there, or the new one."""
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout.splitlines()[-1])
    assert len(seen) > steps and seen[0] == old != seen[-1]
    assert set(seen) == {old, seen[-1]}


def test_a_project_is_old_or_new_whenever_generate_ends(tmp_path: Path) -> None:
    folder = tmp_path / "work"
    out = folder / "out"
    out.mkdir(parents=True)
    (out / "old").write_text("old")
    (out / "tb").mkdir()
    (out / "tb" / "network.json").write_text("old")
    old = digest(out)
    command = ["generate", fire_model(tmp_path), "--device", "xc7z045", "--out", out, "--force"]
    done = watched(folder, out, *command, kill=60)
    assert done.returncode == -signal.SIGKILL
    assert digest(out) == old
    expect_old_or_new(watched(folder, out, *command), old, 100)
    assert (out / "Makefile").exists() and not (out / "old").exists()


@pytest.mark.parametrize("output", ["model.onnx", "twin.pt"])
def test_files_of_a_run_are_old_or_new_whenever_quantize_ends(
    run_folder: Path, tmp_path: Path, output: str
) -> None:
    folder = tmp_path / "work"
    shutil.copytree(run_folder, folder)
    old = digest(folder / output)
    done = watched(folder, folder / output, "quantize", "digits", *SMALL, "--bits", "w5a5", "--out", folder)
    expect_old_or_new(done, old, 6)


def test_a_report_is_old_or_new_whenever_it_ends(run_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "work"
    shutil.copytree(run_folder, folder)
    page = folder / "report.html"
    page.write_text("old")
    old = digest(page)
    command = ["report", folder, "--data", "digits", "--limit", "2", "--engine", "simulator"]
    expect_old_or_new(watched(folder, page, *command), old, 4)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 200 KB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(disk)], capture_output=True
    )
    if done.returncode:
        pytest.skip("mounting is not permitted")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def test_a_full_disk_leaves_what_was_there(small_disk: Path, run_folder: Path, tmp_path: Path) -> None:
    model = run_folder / "model.onnx"
    out, report = small_disk / "out", small_disk / "report.html"
    out.mkdir()
    (out / "tb").mkdir()
    (out / "tb" / "network.json").write_text("keep")
    report.write_text("old")
    (small_disk / "ballast").write_bytes(bytes(150_000))
    before = digest(small_disk)
    generate = command_line("generate", model, "--device", "xc7z045", "--out", out, "--force")
    expect_refusal(generate, "No space left on device")
    page = [
        "report",
        run_folder,
        "--data",
        "digits",
        "--limit",
        "2",
        "--engine",
        "simulator",
        "--out",
        report,
    ]
    expect_refusal(command_line(*page), "No space left on device")
    expect_refusal(
        command_line("quantize", "digits", *SMALL, "--out", small_disk / "run"), "No space left on device"
    )
    np.save(tmp_path / "x.npy", np.zeros((1, 1, 8, 8), np.uint8))
    # Temporary files are on that disk: the project to compile does not fit.
    verify = ["verify", model, "--inputs", tmp_path / "x.npy", "--engine", "csim"]
    expect_refusal(command_line(*verify, environment={"TMPDIR": str(small_disk)}), "No space left on device")
    for rest in (small_disk / "run").glob("*"):
        rest.unlink()  # whole files of a run that ended early
    (small_disk / "run").rmdir()
    assert digest(small_disk) == before


def test_a_disk_that_cannot_be_written_is_named(small_disk: Path, tmp_path: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    model = fire_model(tmp_path)
    done = command_line("generate", model, "--device", "xc7z020", "--out", small_disk / "out")
    expect_refusal(done, str(small_disk / "out"), "Read-only file system")


def test_a_limit_on_files_is_named(tmp_path: Path) -> None:
    model = fire_model(tmp_path)
    compiler = tmp_path / "compiler"  # which is not limited
    compiler.write_text('#!/bin/sh\nulimit -S -f unlimited\nexec g++ "$@"\n')
    compiler.chmod(0o755)
    command = ["generate", model, "--device", "xc7z020", "--out", tmp_path / "out"]
    done = command_line(*command, environment={"CXX": str(compiler)}, file_bytes=3000)
    expect_refusal(done, "File too large")
    assert {path.name for path in tmp_path.iterdir()} == {model.name, "compiler"}


def compiler(folder: Path, script: str) -> dict[str, str]:
    """An environment whose g++ is `script`."""
    folder.mkdir()
    (folder / "g++").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "g++").chmod(0o755)
    return {"PATH": f"{folder}:{os.environ['PATH']}"}


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (
            "echo 'g++: internal compiler error: Segmentation fault' >&2; exit 4",
            ("Segmentation fault", "does it work"),
        ),
        (
            "echo 'g++: fatal error: Killed signal terminated program cc1plus' >&2; exit 1",
            ("Killed", "more memory"),
        ),
        ('ulimit -v 60000; exec /usr/bin/g++ "$@"', ("more memory",)),
        ("exit 1", ("Error 1", "does it work")),
    ],
    ids=["crashes", "killed", "out of memory", "says nothing"],
)
def test_a_compiler_that_fails(tmp_path: Path, script: str, words: tuple[str, ...]) -> None:
    np.save(tmp_path / "x.npy", np.zeros((1, 3, 11, 11), np.uint8))
    command = ["verify", fire_model(tmp_path), "--inputs", tmp_path / "x.npy", "--engine", "csim"]
    expect_refusal(command_line(*command, environment=compiler(tmp_path / "bin", script)), *words)


def test_a_half_written_object_is_no_object(tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert command_line("generate", fire_model(tmp_path), "--device", "xc7z020", "--out", out).returncode == 0
    # Writes the first bytes of its output, then ends as a compiler does that somebody kills.
    half = 'while [ "$1" != -o ]; do shift; done; echo half > "$2"; kill -9 $$'
    expect_refusal(command_line("csim", out, environment=compiler(tmp_path / "bin", half)), "Killed")
    done = command_line("csim", out)
    assert done.returncode == 0 and " 0 mismatches" in done.stdout, done.stderr
