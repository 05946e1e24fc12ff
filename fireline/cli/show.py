"""`fireline models` and `fireline devices`: what can be built, and for what."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from fireline.cli.output import print_table

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON for scripts.")


@click.command()
@as_json
def models(as_json: bool) -> None:
    """List the network presets with parameters, MACs and weight bytes; AlexNets are float baselines."""
    from fireline.model.count import counts
    from fireline.model.presets import NAMES, architecture

    sizes = {name: counts(architecture(name)) for name in NAMES}
    if as_json:
        rows = [
            {
                "name": name,
                "parameters": size.parameters,
                "macs": size.macs,
                "weight_bytes": size.weight_bytes(8),
                "weight_bytes_by_bits": {bits: size.weight_bytes(bits) for bits in (8, 6, 4)},
            }
            for name, size in sizes.items()
        ]
        click.echo(json.dumps(rows, indent=2))
        return
    print_table(
        ["preset", "parameters", "MACs", "8-bit bytes", "6-bit bytes", "4-bit bytes"],
        [
            [name, size.parameters, size.macs, *(size.weight_bytes(bits) for bits in (8, 6, 4))]
            for name, size in sizes.items()
        ],
    )


@click.command()
@as_json
def devices(as_json: bool) -> None:
    """List the FPGA parts with their resources."""
    from fireline.codegen.devices import devices as parts

    if as_json:
        click.echo(json.dumps([asdict(part) for part in parts().values()], indent=2))
        return
    print_table(
        ["part", "LUT", "FF", "DSP", "BRAM36", "URAM", "boards"],
        [[p.name, p.lut, p.ff, p.dsp, p.bram36, p.uram, p.boards] for p in parts().values()],
    )
