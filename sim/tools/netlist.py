"""The stages of a synthesized project put together again: one flat netlist for nextpnr, or Verilog to simulate."""

from __future__ import annotations

from collections.abc import Sequence
from os.path import relpath
from pathlib import Path

from fireline.codegen.plan.devices import Device
from fireline.errors import FirelineError
from fireline.files import new_folder
from fireline.firmware.rtl import LIBRARY
from fireline.sim.tools.command import call
from fireline.sim.tools.synthesis import NETLIST, YOSYS, Synthesis

# What simulates the cells of a family.
CELLS = {"ecp5": LIBRARY / "testbench" / "ecp5_cells.sv"}

# Of a folder that `write_model` makes.
VERILOG, CELL_MODELS, TAPS = "network.v", "cells.sv", "taps.vlt"


def link(synthesis: Synthesis, folder: Path) -> None:
    """Join the netlists of all stages in `folder` as one flat module: `netlist.json`, for nextpnr.

    Raises:
        FirelineError: Yosys refuses the netlists.
    """
    check = f"hierarchy -check -top {synthesis.name}"
    _run([*_read(synthesis, folder), check, "flatten", "opt_clean", "write_json netlist.json"], folder)


def write_model(synthesis: Synthesis, part: Device, taps: Sequence[str], folder: Path) -> None:
    """Make `folder`: the netlists of all stages as Verilog, with models of the cells.

    The wires `taps` of the top are public to Verilator.

    Raises:
        FirelineError: there are no models of the cells of `part`.
    """
    if part.family not in CELLS:
        raise FirelineError(
            "there are models of the cells of Lattice ECP5 alone",
            node=part.name,
            hint="do without --netlist",
        )
    with new_folder(folder) as made:
        # Wires of one bit: a vector whose bits depend on one another would be evaluated several times.
        check = f"hierarchy -check -top {synthesis.name}"
        _run(
            [
                *_read(synthesis, made),
                check,
                f"splitnets * {synthesis.name} %d",
                f"write_verilog -noattr {VERILOG}",
            ],
            made,
        )
        (made / CELL_MODELS).write_text(CELLS[part.family].read_text())
        lines = [f'public_flat_rd -module "{synthesis.name}" -var "{wire}"' for wire in taps]
        (made / TAPS).write_text("\n".join(["`verilator_config", *lines, ""]))


def _read(synthesis: Synthesis, folder: Path) -> list[str]:
    """Commands that read all netlists, as seen from `folder`: before each those in which it is a black box."""
    netlists = dict.fromkeys(
        relpath(instance.folder / NETLIST, folder) for instance in reversed(synthesis.instances)
    )
    return [f"read_rtlil -overwrite {netlist}" for netlist in netlists]


def _run(script: list[str], folder: Path) -> None:
    (folder / "link.ys").write_text("\n".join(script) + "\n")
    call(YOSYS, ["-q", "-l", "link.log", "-s", "link.ys"], folder)
