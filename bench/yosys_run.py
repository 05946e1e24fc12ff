"""Runs Yosys `synth_xilinx` on a piece of Verilog and counts the cells. `apt-get install yosys` provides it."""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections import Counter
from pathlib import Path

CELL = re.compile(r"^\s+(LUT\d|CARRY4|FDRE|DSP48E\d|MUXF\d|RAMB18E\d|RAMB36E\d)\s+(\d+)\s*$", re.M)


def synthesize(verilog: str, files: dict[str, str] | None = None, options: str = "") -> Counter[str]:
    """Cells of module `m` for UltraScale+; LUTs of all sizes are counted as "LUT", block RAM as "RAMB18"."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in {"m.v": verilog, **(files or {})}.items():
            Path(folder, name).write_text(text)
        script = f"read_verilog m.v; synth_xilinx -family xcup -top m -noiopad {options}; tee -o cells stat"
        subprocess.run(["yosys", "-q", "-p", script], cwd=folder, check=True, capture_output=True)
        found = Counter({cell: int(count) for cell, count in CELL.findall(Path(folder, "cells").read_text())})
    found["LUT"] = sum(found[f"LUT{size}"] for size in range(1, 7))
    found["RAMB18"] = sum(
        count * (1 + ("36" in cell)) for cell, count in found.items() if cell.startswith("RAMB")
    )
    found["DSP"] = sum(count for cell, count in found.items() if cell.startswith("DSP48"))
    return found


def row(*cells: object) -> None:
    """Print one line of a table."""
    print("".join(f"{cell!s:>14}" for cell in cells), flush=True)
