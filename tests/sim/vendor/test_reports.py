"""Reports of Vitis HLS and Vivado, made by hand in their forms."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from fireline.cli import fireline
from fireline.codegen.hls.project import write_project
from fireline.codegen.plan.choice import plan_for
from fireline.codegen.plan.summary import Summary, summary
from fireline.errors import FirelineError
from fireline.sim.report.page import Report, render
from fireline.sim.vendor.beside import Beside, beside, find_reports
from fireline.sim.vendor.csynth import read_csynth
from fireline.sim.vendor.figures import ESTIMATED, ROUTED, SYNTHESIZED, Figures
from fireline.sim.vendor.vivado import read_vivado
from tests.graphs import fire_network
from tests.qonnx_models import fire_model

CSYNTH = """<profile>
<ReportVersion><Version>2023.1</Version></ReportVersion>
<UserAssignments><unit>ns</unit><Part>xc7z020-clg400-1</Part><TopModelName>network</TopModelName></UserAssignments>
<PerformanceEstimates>
<SummaryOfTimingAnalysis><EstimatedClockPeriod>7.060</EstimatedClockPeriod></SummaryOfTimingAnalysis>
<SummaryOfOverallLatency><Worst-caseLatency>900</Worst-caseLatency><Interval-max>300</Interval-max></SummaryOfOverallLatency>
</PerformanceEstimates>
<AreaEstimates><Resources><BRAM_18K>5</BRAM_18K><DSP>32</DSP><FF>1669</FF><LUT>2564</LUT><URAM>0</URAM></Resources></AreaEstimates>
<ModuleInformation>
<Module><Name>fire2_squeeze_mvu</Name>
<PerformanceEstimates><SummaryOfOverallLatency><Worst-caseLatency>undef</Worst-caseLatency>
<PipelineInitiationInterval>250 ~ 260</PipelineInitiationInterval></SummaryOfOverallLatency></PerformanceEstimates>
<AreaEstimates><Resources><DSP>8</DSP><FF>100</FF><LUT>200</LUT><BRAM_18K>1</BRAM_18K></Resources></AreaEstimates></Module>
<Module><Name>fire2_expand3x3_line_buffer</Name>
<AreaEstimates><Resources><LUT>30</LUT><DSP>0</DSP></Resources></AreaEstimates></Module>
<Module><Name>fire2_expand3x3_mvu_s</Name>
<AreaEstimates><Resources><LUT>70</LUT><DSP>4</DSP></Resources></AreaEstimates></Module>
<Module><Name>fire2_concat_join</Name><AreaEstimates><Resources><LUT>20</LUT></Resources></AreaEstimates></Module>
<Module><Name>fire2_concat</Name><AreaEstimates><Resources><LUT>999</LUT></Resources></AreaEstimates></Module>
</ModuleInformation>
</profile>
"""

HEADER = """Copyright 1986-2022 Xilinx, Inc. All Rights Reserved.
------------------------------------------
| Tool Version : Vivado v.2023.2 (lin64)
| Command      : {command}
| Design       : network
| Device       : xc7z020clg400-1
| Design State : {state}
------------------------------------------
"""

UTILIZATION = (
    HEADER.format(command="report_utilization -file u.rpt", state="Routed")
    + """
+-------------------------+------+-------+-----------+-------+
|        Site Type        | Used | Fixed | Available | Util% |
+-------------------------+------+-------+-----------+-------+
| Slice LUTs*             | 2001 |     0 |     53200 |  3.76 |
|   LUT as Logic          | 1901 |     0 |     53200 |  3.57 |
| Slice Registers         | 1500 |     0 |    106400 |  1.41 |
+-------------------------+------+-------+-----------+-------+
| Block RAM Tile |  2.5 |     0 |       140 |  1.79 |
|   RAMB36/FIFO* |    2 |     0 |       140 |  1.43 |
| DSPs           |   30 |     0 |       220 | 13.64 |
"""
)

HIERARCHY = (
    HEADER.format(command="report_utilization -hierarchical -file h.rpt", state="Synthesized")
    + """
1. Utilization by Hierarchy
+-----------------------+---------+------------+------------+---------+------+------+--------+--------+------------+
|        Instance       |  Module | Total LUTs | Logic LUTs | LUTRAMs | SRLs |  FFs | RAMB36 | RAMB18 | DSP Blocks |
+-----------------------+---------+------------+------------+---------+------+------+--------+--------+------------+
| network               |   (top) |       2100 |       2000 |      50 |   50 | 1600 |      2 |      1 |         31 |
|   (network)           |   (top) |         10 |         10 |       0 |    0 |    5 |      0 |      0 |          0 |
|   fire2_squeeze_mvu_U0 |   mvu_1 |        180 |        180 |       0 |    0 |   90 |      1 |      1 |          8 |
+-----------------------+---------+------------+------------+---------+------+------+--------+--------+------------+
"""
)

TIMING = (
    HEADER.format(command="report_timing_summary -file t.rpt", state="Routed")
    + """
| Design Timing Summary
| ---------------------
----------------------

    WNS(ns)      TNS(ns)  TNS Failing Endpoints  TNS Total Endpoints      WHS(ns)
    -------      -------  ---------------------  -------------------      -------
     -0.214       -1.000                      3                  512        0.112
"""
)


def planned() -> Summary:
    return summary(plan_for(fire_network(), "xc7z020"))


def test_csynth(tmp_path: Path) -> None:
    (tmp_path / "csynth.xml").write_text(CSYNTH)
    report = read_csynth(tmp_path / "csynth.xml")
    assert report.whole == Figures(300, 900, 2564, 1669, 32, 2.5, uram=0, clock=7.06)
    assert report.parts["fire2_squeeze_mvu"] == Figures(interval=260, lut=200, ff=100, dsp=8, bram36=0.5)
    assert (report.evidence, report.part, report.top) == (ESTIMATED, "xc7z020-clg400-1", "network")


@pytest.mark.parametrize(
    ("text", "whole", "parts", "evidence"),
    [
        (UTILIZATION, Figures(lut=2001, ff=1500, dsp=30, bram36=2.5), {}, ROUTED),
        (
            HIERARCHY,
            Figures(lut=2100, ff=1600, dsp=31, bram36=2.5),
            {"fire2_squeeze_mvu_U0": Figures(lut=180, ff=90, dsp=8, bram36=1.5)},
            SYNTHESIZED,
        ),
        (TIMING, Figures(slack=-0.214), {}, ROUTED),
    ],
)
def test_vivado(text: str, whole: Figures, parts: dict[str, Figures], evidence: str, tmp_path: Path) -> None:
    (tmp_path / "one.rpt").write_text(text)
    report = read_vivado(tmp_path / "one.rpt")
    assert (report.whole, report.parts, report.evidence) == (whole, parts, evidence)


def test_the_strongest_figure_stands_beside_the_plan(tmp_path: Path) -> None:
    for name, text in (
        ("csynth.xml", CSYNTH),
        ("u.rpt", UTILIZATION),
        ("h.rpt", HIERARCHY),
        ("t.rpt", TIMING),
    ):
        (tmp_path / name).write_text(text)
    (tmp_path / "drc.rpt").write_text("| Command : report_drc\n")
    plan = planned()
    rows = {
        (one.stage, one.figure): one
        for one in beside(plan, "network", "xc7z020clg400-1", find_reports(tmp_path))
    }
    assert rows["", "interval"] == Beside("", "interval", plan.initiation_interval, 300, ESTIMATED)
    assert rows["", "lut"] == Beside("", "lut", plan.used.lut, 2001, ROUTED)
    assert rows["", "slack"] == Beside("", "slack", 0.0, -0.214, ROUTED)
    stage = next(one for one in plan.stages if one.name == "fire2_squeeze")
    assert rows["fire2_squeeze", "lut"] == Beside(
        "fire2_squeeze", "lut", stage.resources.lut, 180, SYNTHESIZED
    )
    assert rows["fire2_squeeze", "interval"].difference == 260 - stage.cycles
    assert rows["fire2_expand3x3", "lut"].found == 100 and rows["fire2_expand3x3", "dsp"].found == 4
    # The module of a Fire's region holds the other stages, too.
    assert {name: one.found for (name, _), one in rows.items() if name == "fire2_concat"} == {
        "fire2_concat": 20
    }


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("csynth.xml", CSYNTH[:400], "damaged"),
        ("csynth.xml", "<html/>", "no report of Vitis HLS"),
        ("csynth.xml", CSYNTH.replace("network", "other"), "a report of other, and this project is network"),
        (
            "csynth.xml",
            CSYNTH.replace("xc7z020", "xc7z045"),
            "a report for xc7z045-clg400-1, and this plan is for",
        ),
        ("u.rpt", UTILIZATION[:520], "cut off"),
        ("u.rpt", UTILIZATION.replace("2001", "many"), "'many' is no number"),
        ("h.rpt", "\n".join(HIERARCHY.splitlines()[:13]), "cut off"),
        ("t.rpt", TIMING.split("WNS")[0], "cut off"),
    ],
)
def test_damaged_and_foreign_reports(name: str, text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(FirelineError, match=message):
        beside(planned(), "network", "xc7z020clg400-1", find_reports(tmp_path))


def test_command(tmp_path: Path) -> None:
    project = tmp_path / "project"
    write_project(plan_for(fire_network(), "xc7z020"), project)
    command = ["compare", "--tools", str(tmp_path)]
    result = CliRunner().invoke(fireline, command)
    assert "no tool has left a report in it" in str(result.exception)
    solution = project / "hls_network" / "solution" / "syn" / "report"
    solution.mkdir(parents=True)
    (solution / "csynth.xml").write_text(CSYNTH)
    result = CliRunner().invoke(fireline, command)
    assert result.exit_code == 0
    assert re.search(r"the design\W+interval, cycles\W+[\d,]+\W+300\W.*estimated by Vitis HLS", result.output)
    rows = json.loads(CliRunner().invoke(fireline, [*command, "--json"]).output)
    assert [r["found"] for r in rows if (r["stage"], r["figure"]) == ("fire2_squeeze", "dsp")] == [8]


def test_a_plan_says_what_was_found_of_its_project_alone(tmp_path: Path) -> None:
    model = fire_model(tmp_path).rename(tmp_path / "model.onnx")
    project = ["--device", "xc7z020", "--out", str(tmp_path / "project")]
    assert CliRunner().invoke(fireline, ["generate", str(model), *project]).exit_code == 0
    command = ["plan", str(tmp_path), "--device", "xc7z020", "--json"]
    top = json.loads((tmp_path / "project" / "tb" / "network.json").read_text())["name"]
    (tmp_path / "project" / "csynth.xml").write_text(CSYNTH.replace(">network<", f">{top}<"))
    for more, found in (([], {300}), (["--target-fps", "20000"], set())):
        result = CliRunner().invoke(fireline, [*command, *more])
        rows = json.loads(result.output)["found"]
        assert {row["found"] for row in rows if row["figure"] == "interval" and not row["stage"]} == found


def test_report_page() -> None:
    graph = fire_network()
    rows = (Beside("conv1", "lut", 100, 120, ROUTED),)
    page = render(Report("network", graph, plan_for(graph, "xc7z020"), tools=rows))
    assert "What the tools made of it" in page and "placed and routed" in page and "+20" in page
    assert "What the tools made of it" not in render(Report("network", graph))
