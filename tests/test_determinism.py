"""Other folders, hash seeds and numbers of threads: the same bytes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.random_networks import random_model

CODE = """
import sys
import fireline
graph = fireline.lower(sys.argv[1])
graph.save("graph.npz")
fireline.generate(graph, device="xc7z020", out="project")
"""


def made(folder: Path, model: Path, seed: str, threads: str) -> dict[str, bytes]:
    """Graph and project of `model`, by path below `folder`."""
    folder.mkdir(parents=True)
    copied = shutil.copy(model, folder / "model.onnx")
    environment = os.environ | {"PYTHONHASHSEED": seed, "OMP_NUM_THREADS": threads}
    subprocess.run([sys.executable, "-c", CODE, str(copied)], cwd=folder, env=environment, check=True)
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_projects_and_graphs_are_the_same_bytes(tmp_path: Path) -> None:
    model = random_model(tmp_path, 1003, power_of_two=False)
    first = made(tmp_path / "a", model, "0", "1")
    second = made(tmp_path / "another place" / "of a longer name", model, "12345", "4")
    assert len(first) > 30 and "graph.npz" in first
    assert first == second
