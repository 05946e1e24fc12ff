"""`fireline models` and `fireline devices`: what can be built, and for what."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON for scripts.")


@click.command()
@as_json
def models(as_json: bool) -> None:
    """List the network presets with parameters, MACs and weight bytes."""
    from fireline.model.count import counts
    from fireline.model.presets import PRESETS

    rows = [
        {
            "name": name,
            "parameters": counts(config).parameters,
            "macs": counts(config).macs,
            "weight_bytes": {str(bits): counts(config).weight_bytes(bits) for bits in (8, 6, 4)},
        }
        for name, config in PRESETS.items()
    ]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    _table(
        ["preset", "parameters", "MACs", "8-bit bytes", "6-bit bytes", "4-bit bytes"],
        [[r["name"], r["parameters"], r["macs"], *r["weight_bytes"].values()] for r in rows],  # type: ignore[attr-defined]
    )


@click.command()
@as_json
def devices(as_json: bool) -> None:
    """List the FPGA parts with their resources."""
    from fireline.codegen.devices import devices as parts

    if as_json:
        click.echo(json.dumps([asdict(part) for part in parts().values()], indent=2))
        return
    _table(
        ["part", "LUT", "FF", "DSP", "BRAM36", "URAM", "boards"],
        [[p.name, p.lut, p.ff, p.dsp, p.bram36, p.uram, p.boards] for p in parts().values()],
    )


def _table(header: list[str], rows: list[list[object]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(*header)
    for column in table.columns[1:6]:
        column.justify = "right"
    for row in rows:
        table.add_row(*(f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row))
    Console().print(table)
