"""`fireline pretrained`: the checkpoints that come with Fireline."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fireline.cli.output import print_table, say

if TYPE_CHECKING:
    from fireline.model.run_info import Run


@click.command()
@click.argument("name", required=False)
@click.option("--out", type=click.Path(path_type=Path), help="Run folder.  [default: runs/NAME]")
@click.option("--force", is_flag=True, help="Replace the run folder.")
@click.option("--json", "as_json", is_flag=True, help="Print the list as JSON for scripts.")
def pretrained(name: str | None, out: Path | None, force: bool, as_json: bool) -> None:
    """List the checkpoints that come with Fireline, or make a run folder of the one called NAME.

    Commands that take a MODEL take a checkpoint by name, too (--pretrained). A run folder is for training on: to learn
    from it, or to begin with its channels.
    """
    from fireline.quant.pretrained import checkpoint, names, unpack

    if name is not None:
        folder = out or Path("runs") / name
        unpack(name, folder, replace=force)
        say(f"{folder}: {checkpoint(name).preset} {checkpoint(name).bits}")
        return
    rows = [(one, *_row(checkpoint(one))) for one in names()]
    if as_json:
        keys = ("name", "network", "data", "bits", "top1_float", "top1_quantized")
        click.echo(json.dumps([dict(zip(keys, row, strict=True)) for row in rows], indent=2))
        return
    print_table(
        ["checkpoint", "network", "data", "bits", "top-1, float", "top-1, quantized"],
        [(*row[:4], *("" if top1 is None else f"{top1:.2%}" for top1 in row[4:])) for row in rows],
    )


def _row(run: Run) -> tuple[str, str, str, float | None, float | None]:
    before, after = run.float_accuracy, run.twin_accuracy
    return (
        run.preset,
        run.recipe.data if run.recipe else "",
        run.bits or "",
        before.top1 if before else None,
        after.top1 if after else None,
    )
