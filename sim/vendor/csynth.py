"""`csynth.xml` of Vitis HLS (2020.2 and later): the design and every module of it."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from fireline.errors import FirelineError
from fireline.sim.vendor.figures import ESTIMATED, Figures, ToolReport


def read_csynth(path: Path) -> ToolReport:
    """The estimates of a synthesis by Vitis HLS. A module's figures include those of the modules in it.

    Raises:
        FirelineError: the file cannot be read, is damaged, or is no such report.
    """
    try:
        root = ElementTree.parse(path).getroot()
    except OSError as error:
        raise FirelineError(f"cannot be read: {error.strerror}", node=str(path)) from None
    except ElementTree.ParseError as error:
        raise FirelineError(f"damaged: {error}", node=str(path), hint="run csynth_design again") from None
    top = root.findtext("UserAssignments/TopModelName")
    if root.tag != "profile" or not top:
        raise FirelineError(
            "no report of Vitis HLS: profile/UserAssignments/TopModelName is missing", node=str(path)
        )
    return ToolReport(
        file=str(path),
        evidence=ESTIMATED,
        part=(root.findtext("UserAssignments/Part") or "").lower(),
        top=top,
        whole=_figures(root),
        parts={
            name: _figures(module)
            for module in root.iterfind("ModuleInformation/Module")
            if (name := module.findtext("Name"))
        },
    )


def _figures(node: Element) -> Figures:
    latency = "PerformanceEstimates/SummaryOfOverallLatency/"
    resources = "AreaEstimates/Resources/"
    halves = _number(node, resources + "BRAM_18K")
    interval = _number(node, latency + "Interval-max", latency + "PipelineInitiationIntervalMax")
    if interval is None:
        interval = _number(node, latency + "PipelineInitiationInterval")
    cycles = _number(node, latency + "Worst-caseLatency")
    return Figures(
        interval=None if interval is None else int(interval),
        latency=None if cycles is None else int(cycles),
        lut=_number(node, resources + "LUT"),
        ff=_number(node, resources + "FF"),
        dsp=_number(node, resources + "DSP", resources + "DSP48E"),
        bram36=None if halves is None else halves / 2,
        uram=_number(node, resources + "URAM"),
        clock=_number(node, "PerformanceEstimates/SummaryOfTimingAnalysis/EstimatedClockPeriod"),
    )


def _number(node: Element, *paths: str) -> float | None:
    """The number at the first path that has one: Vitis writes `undef` or `?` for what it does not know."""
    for path in paths:
        try:
            return float(node.findtext(path, "").split("~")[-1])
        except ValueError:
            continue
    return None
