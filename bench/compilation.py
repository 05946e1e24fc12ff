"""Time and memory of compiling the C-simulation of a full 224x224 network, and of compiling one changed layer anew.

python -m bench.compilation
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import fireline
from bench.compiler import compile_project
from bench.measure import Result, alone, finish
from bench.networks import DEVICE, quantized
from fireline.model.presets import preset


def objects(project: Path) -> dict[Path, int]:
    """When each object file was written, in nanoseconds."""
    return {path: path.stat().st_mtime_ns for path in (project / "build").rglob("*.o")}


def main() -> None:
    name = "squeezenet1_1"
    with tempfile.TemporaryDirectory() as folder:
        network = quantized(preset(name), Path(folder))
        project = Path(folder) / "project"
        fireline.generate(network.graph, device=DEVICE, out=project)
        spent, peak = compile_project(project)
        before = objects(project)
        layer = sorted((project / "src" / "layers").glob("*.cpp"))[0]
        layer.touch()
        again, _ = compile_project(project)
        after = objects(project)
    anew = sum(after[path] != before[path] for path in before)
    finish(
        [
            Result(
                "compile of the C-simulation",
                name,
                "",
                alone(spent.wall),
                "s",
                15,
                note=f"CPU s: {spent.cpu:.1f}",
            ),
            Result("largest compiler process", name, "", alone(peak / 2**20), "MB", 500),
            Result("files compiled after one layer changed", name, "", alone(anew), f"of {len(after)}", 1),
            Result(
                "compile after one layer changed",
                name,
                "",
                alone(again.wall),
                "s",
                note=f"CPU s: {again.cpu:.1f}",
            ),
        ]
    )


if __name__ == "__main__":
    main()
