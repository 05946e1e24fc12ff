"""What Vivado's `report_utilization`, with or without `-hierarchical`, and `report_timing_summary` write."""

from __future__ import annotations

import re
from pathlib import Path

from fireline.errors import FirelineError
from fireline.sim.vendor.figures import PLACED, ROUTED, SYNTHESIZED, Figures, ToolReport

# Vivado's names of a resource, by family and version.
_SITES = {
    "lut": ("Slice LUTs", "CLB LUTs"),
    "ff": ("Slice Registers", "CLB Registers", "Registers"),
    "dsp": ("DSPs", "DSP Slices"),
    "bram36": ("Block RAM Tile",),
    "uram": ("URAM",),
}
_COLUMNS = {
    "lut": ("Total LUTs",),
    "ff": ("FFs",),
    "dsp": ("DSP Blocks", "DSP48 Blocks", "DSP Slices"),
    "uram": ("URAM",),
}
_HEADER = re.compile(r"^\|\s*(Command|Design|Device|Design State)\s*:\s*(.*?)\s*$", re.MULTILINE)
_SUMMARY = re.compile(r"\|\s*Design Timing Summary.*?WNS\(ns\)[^\n]*\n[\s-]*\n\s*(\S+)", re.DOTALL)


def is_vivado(text: str) -> bool:
    """Whether this is one of the reports that are read here."""
    header: dict[str, str] = dict(_HEADER.findall(text))
    return header.get("Command", "").startswith(("report_utilization", "report_timing_summary"))


def read_vivado(path: Path) -> ToolReport:
    """A report on utilization or timing.

    Raises:
        FirelineError: the file cannot be read, is another report, or is cut off before its figures.
    """
    try:
        text = path.read_text(errors="replace")
    except OSError as error:
        raise FirelineError(f"cannot be read: {error.strerror}", node=str(path)) from None
    header = dict(_HEADER.findall(text))
    if not is_vivado(text):
        raise FirelineError("no report of report_utilization or report_timing_summary", node=str(path))
    rows = _rows(text)
    parts: dict[str, Figures] = {}
    if header["Command"].startswith("report_timing_summary"):
        whole = Figures(slack=_slack(text, path))
    elif any(row[0].strip() == "Instance" for row in rows):
        whole, parts = _hierarchy(rows, path)
    else:
        whole = _sites(rows, path)
    return ToolReport(
        file=str(path),
        evidence=_evidence(header.get("Design State", ""), path),
        part=header.get("Device", "").lower(),
        top=header.get("Design", ""),
        whole=whole,
        parts=parts,
    )


def _evidence(state: str, path: Path) -> str:
    """From the design's state; older timing reports have none, but runs name their files for it."""
    said = f"{state or path.name}".lower()
    if "rout" in said:
        return ROUTED
    return PLACED if "place" in said else SYNTHESIZED


def _rows(text: str) -> list[list[str]]:
    """The cells of all tables; those of the first column keep their indentation."""
    return [
        line.strip()[1:-1].split("|")
        for line in text.splitlines()
        if line.strip().startswith("|") and line.count("|") > 2
    ]


def _sites(rows: list[list[str]], path: Path) -> Figures:
    used: dict[str, float] = {}
    for cells in rows:
        name = cells[0].strip().rstrip("*")
        for resource, names in _SITES.items():
            if name in names and resource not in used:
                used[resource] = _number(cells[1], path)
    if "lut" not in used:
        raise FirelineError("cut off: no count of LUTs", node=str(path), hint="run report_utilization again")
    return Figures(**used)


def _hierarchy(rows: list[list[str]], path: Path) -> tuple[Figures, dict[str, Figures]]:
    start = next(i for i, row in enumerate(rows) if row[0].strip() == "Instance")
    titles = [title.strip() for title in rows[start]]
    columns = {r: titles.index(t) for r, names in _COLUMNS.items() for t in names if t in titles}
    blocks = [titles.index(name) for name in ("RAMB36", "RAMB18") if name in titles]
    found: dict[str, Figures] = {}
    for cells in rows[start + 1 :]:
        name = cells[0].strip()
        if len(cells) != len(titles) or name.startswith("("):
            continue  # "(name)" is what an instance has beside its parts
        values = {resource: _number(cells[column], path) for resource, column in columns.items()}
        if len(blocks) == 2:
            values["bram36"] = _number(cells[blocks[0]], path) + _number(cells[blocks[1]], path) / 2
        found.setdefault(name, Figures(**values))
    if not found:
        raise FirelineError("cut off: no instances", node=str(path), hint="run report_utilization again")
    first = next(iter(found))
    return found[first], {name: one for name, one in found.items() if name != first}


def _slack(text: str, path: Path) -> float | None:
    found = _SUMMARY.search(text)
    if not found:
        raise FirelineError(
            "cut off: no design timing summary", node=str(path), hint="run report_timing_summary again"
        )
    return None if found[1] == "NA" else _number(found[1], path)


def _number(text: str, path: Path) -> float:
    try:
        return float(text.strip().split("(")[0].replace(",", ""))
    except ValueError:
        raise FirelineError(f"damaged: {text.strip()!r} is no number", node=str(path)) from None
