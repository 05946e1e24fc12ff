"""Time and memory of compiling the C-simulation of a full 224x224 network, and of compiling one changed layer anew.

python -m bench.compilation
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import fireline
from bench.measure import Result, alone, cost, finish
from bench.networks import DEVICE, quantized
from fireline.model.presets import preset
from fireline.sim import csim


def objects(project: Path) -> dict[Path, int]:
    """When each object file was written, in nanoseconds."""
    return {path: path.stat().st_mtime_ns for path in (project / "build").rglob("*.o")}


def main() -> None:
    name = "squeezenet1_1"
    with tempfile.TemporaryDirectory() as folder:
        network = quantized(preset(name), Path(folder))
        project = Path(folder) / "project"
        fireline.generate(network.graph, device=DEVICE, out=project)
        builds: list[csim.Build] = []
        spent = cost(lambda: builds.append(csim.build(project)))
        full = builds[0]
        before = objects(project)
        layer = sorted((project / "src" / "layers").glob("*.cpp"))[0]
        layer.touch()
        again = csim.build(project)
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
            Result("largest compiler process", name, "", alone(full.peak_bytes / 2**20), "MB", 500),
            Result("files compiled after one layer changed", name, "", alone(anew), f"of {len(after)}", 1),
            Result("compile after one layer changed", name, "", alone(again.seconds), "s"),
        ]
    )


if __name__ == "__main__":
    main()
