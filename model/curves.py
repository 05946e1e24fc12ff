"""Curves of a training as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from fireline.model.progress import Row
from fireline.picture import write_picture


def write_curves(rows: Sequence[Row], path: Path, title: str) -> None:
    """Draw loss, top-1 accuracy and learning rate over the epochs of all phases, whose borders are dotted."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3), layout="constrained")
    loss, top1, rate = figure.subplots(1, 3)
    epochs = range(1, len(rows) + 1)
    for split, colour in (("train", "tab:grey"), ("test", "tab:blue")):
        loss.plot(epochs, [row[f"{split}_loss"] for row in rows], color=colour, label=split)
        top1.plot(epochs, [100 * row[f"{split}_top1"] for row in rows], color=colour, label=split)
    rate.plot(epochs, [row["learning_rate"] for row in rows], color="tab:orange")
    for axes, name in ((loss, "loss"), (top1, "top-1 %"), (rate, "learning rate after the epoch")):
        axes.set_title(name)
        axes.set_xlabel("epoch")
        axes.grid(alpha=0.3)
        for epoch, (before, after) in enumerate(pairwise(rows), start=1):
            if before["phase"] != after["phase"]:
                axes.axvline(epoch + 0.5, color="black", linestyle=":", linewidth=1)
    top1.legend()
    figure.suptitle(title)
    write_picture(figure, path)
