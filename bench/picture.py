"""The ratios as bars, with their spreads and goals."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from bench.measure import Result
from bench.page import title

MET, MISSED, NEUTRAL = "#2f7d5b", "#c2572b", "#6b7c93"


def picture(rows: Sequence[Result], path: Path) -> None:
    """Write the picture of all ratios among `rows`."""
    mpl.rcParams["svg.hashsalt"] = "fireline"  # or every run writes other names into the file
    ratios = [row for row in rows if row.unit == "x"][::-1]
    figure = Figure(figsize=(9, 1.2 + 0.34 * len(ratios)), layout="constrained")
    axes = figure.add_subplot()
    places = range(len(ratios))
    middle = [row.value.median for row in ratios]
    below = [row.value.median - row.value.low for row in ratios]
    above = [row.value.high - row.value.median for row in ratios]
    colours = [{True: MET, False: MISSED, None: NEUTRAL}[row.met] for row in ratios]
    axes.barh(
        places, middle, xerr=[below, above], color=colours, height=0.6, error_kw={"lw": 1, "ecolor": "#333"}
    )
    for place, row in zip(places, ratios, strict=True):
        if row.limit is not None:
            axes.plot([row.limit] * 2, [place - 0.42, place + 0.42], color="black", lw=2)
        axes.text(max(row.value.high, row.limit or 0) * 1.12, place, f"{row.value.median:.3g}", va="center")
    axes.set_xscale("log")
    axes.axvline(1, color="#999", lw=0.8, zorder=0)
    axes.set_yticks(list(places), [title(row) for row in ratios])
    figure.supxlabel(
        "times as fast (CPU time); black mark: goal; green: met, orange: missed, grey: no goal", fontsize=10
    )
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, metadata={"Date": None})
