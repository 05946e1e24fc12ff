"""The stages of a synthesized project put together again: one flat netlist, for nextpnr or as Verilog."""

from __future__ import annotations

from os.path import relpath
from pathlib import Path

from fireline.sim.tools.command import call
from fireline.sim.tools.synthesis import NETLIST, YOSYS, Synthesis


def link(synthesis: Synthesis, folder: Path, write: str) -> None:
    """Join the netlists of all stages in `folder`, and run the Yosys command `write` there.

    Raises:
        FirelineError: Yosys refuses the netlists.
    """
    *stages, top = synthesis.instances
    places = dict.fromkeys([top.folder, *(stage.folder for stage in stages)])
    script = [f"read_rtlil -overwrite {relpath(place / NETLIST, folder)}" for place in places]
    script += [f"hierarchy -check -top {synthesis.name}", "flatten", "opt_clean", write]
    (folder / "link.ys").write_text("\n".join(script) + "\n")
    call(YOSYS, ["-q", "-l", "link.log", "-s", "link.ys"], folder)
