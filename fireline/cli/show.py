"""`fireline models`, `devices` and `inspect`: what can be built, for what, and what became of it."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fireline.cli.hardware import MODEL, load_lowered
from fireline.cli.output import print_table

if TYPE_CHECKING:
    from fireline.codegen.plan.devices import Device

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON for scripts.")


@click.command()
@as_json
def models(as_json: bool) -> None:
    """List the network presets with parameters, MACs and weight bytes; AlexNets and ResNet-9 are float baselines."""
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
    from fireline.codegen.plan.devices import devices as parts

    if as_json:
        click.echo(json.dumps([asdict(part) for part in parts().values()], indent=2))
        return
    print_table(
        ["part", "LUT", "FF", "DSP", "block RAM", "URAM", "boards"],
        [[p.name, p.lut, p.ff, p.dsp, blocks(p), p.uram, p.boards] for p in parts().values()],
    )


def blocks(part: Device) -> str:
    """Block RAMs of a part, in the unit of its vendor."""
    return f"{part.ebr} EBR" if part.ebr else f"{part.bram36} BRAM36"


@click.command()
@MODEL
@as_json
def inspect(model: Path, as_json: bool) -> None:
    """Show the integers of every node: type, range of its sums, and how its requantization was proved.

    MODEL is a run folder or a QONNX file. Sums are held by the fewest bits that no image overflows; "saved" are bits
    against a bound that knows the types alone. A rule equals exact rational arithmetic on both sides of every boundary.
    The last line says how real values are made of the output's integers.
    """
    rows = inspected(model)
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    print_table(
        ["node", "kind", "shape", "type", "sum, bits", "saved", "rule", "bits", "boundaries", "distance"],
        [
            (
                *(row["name"], row["kind"], "x".join(map(str, row["shape"])), row["type"]),
                *((row["sum"]["bits"], row["sum"]["saved"]) if row["sum"] else ("", "")),
                *_rule_cells(row["rule"]),
            )
            for row in rows
        ],
    )
    click.echo(f"\nreal value of an output: {rows[-1]['reading']}")


def _rule_cells(rule: dict[str, Any] | None) -> tuple[object, ...]:
    if rule is None:
        return ("",) * 4
    distance = rule["distance"]
    return rule["rule"], rule["bits"], rule["boundaries"], "" if distance is None else f"{distance:.2g}"


def inspected(model: Path) -> list[dict[str, Any]]:
    """What `fireline inspect --json` prints: one object for each node; "sum" and "rule" are null where it has none."""
    from fireline.sim.ranges import ranges

    lowered = load_lowered(model)
    sums = {one.node: {**asdict(one), "saved": one.saved} for one in ranges(lowered.graph)}
    proofs = {name: asdict(proof) for name, proof in lowered.proofs.items()}
    return [
        {
            "name": node.name,
            "kind": node.kind,
            "shape": node.output.shape,
            "type": str(node.output.type),
            "sum": {key: value for key, value in sums.get(node.name, {}).items() if key != "node"} or None,
            "rule": proofs.get(node.name),
            "reading": node.output.reading,
            "scale": [float(one) for one in node.output.scale],
            "zero_point": node.output.zero_point,
            "offset": [float(one) for one in node.output.offset],
        }
        for node in lowered.graph.nodes
    ]
