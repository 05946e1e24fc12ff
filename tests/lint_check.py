"""Every preset's project on three devices, as `fireline lint` reads it.

python -m tests.lint_check [--only TEXT]

Weights are random; the plan is the fastest that fits, with weights in UltraRAM where the device has some.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from fireline.codegen.hls.project import write_project
from fireline.codegen.plan.choice import Freedom, plan_for
from fireline.errors import FirelineError
from fireline.model.architecture import SqueezeNet
from fireline.model.presets import PRESETS
from fireline.sim.lint.check import check_project
from fireline.sim.lint.findings import Finding
from tests.codegen.networks import network
from tests.graphs import random_pixels

# A device of each family, and whether weights may be loaded there.
DEVICES = (("xc7z020", False), ("xczu7ev", False), ("xczu7ev", True), ("xcvc1902", True))


def check(name: str, bits: int, device: str, load_weights: bool, folder: Path) -> list[Finding]:
    """The findings in one project."""
    graph = network(name, bits)
    plan = plan_for(graph, device, freedom=Freedom(loaded=load_weights))
    write_project(plan, folder, random_pixels(graph, 1))
    return check_project(folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="part of a preset's name")
    only = parser.parse_args().only
    names = [name for name, config in PRESETS.items() if only in name and isinstance(config, SqueezeNet)]
    broken = 0
    for name, bits, (device, load) in [(n, b, d) for n in names for b in (8, 4) for d in DEVICES]:
        with tempfile.TemporaryDirectory() as folder:
            try:
                found = check(name, bits, device, load, Path(folder) / "project")
                outcome = f"{len(found)} findings"
                broken += len(found) > 0
            except FirelineError as error:
                found, outcome = [], f"no project: {error}"
        print(f"{name} {bits} bits, {device}{' loaded' if load else ''}: {outcome}", flush=True)
        for one in found:
            print(f"  {one.file}:{one.line}: {one.rule}: {one.message}")
    print(f"{broken} projects with findings")
    sys.exit(broken > 0)


if __name__ == "__main__":
    main()
