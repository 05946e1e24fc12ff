"""`fireline size`: what a network's parameters take, stage by stage."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fireline.cli.output import print_table, say

if TYPE_CHECKING:
    from fireline.quant.size import Sizes

STAGES = ("float_bytes", "pruned_bytes", "coded_bytes", "huffman_bytes")


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--share", type=click.IntRange(1, 16), help="Share weights: codes of that many bits a layer.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for scripts.")
def size(run: Path, share: int | None, as_json: bool) -> None:
    """Show the bytes of a run's parameters: float, pruned, quantized or shared, Huffman coded.

    As in Deep Compression: weights that are zero are left out, the others become codes of a few bits (the run's own
    quantization, or shared values with --share; 6 bits for a run that is not quantized), and these are Huffman coded.
    The firmware's ROMs hold all weights, zeros too: the last lines say what sparsity would save there.
    """
    from fireline.quant.size import run_sizes

    sizes = run_sizes(run, share)
    if as_json:
        click.echo(json.dumps(_as_json(sizes), indent=2))
        return
    print_table(
        ["layer", "weights", "not zero", "bits", "float32", "pruned", sizes.codes, "Huffman"],
        [
            *(
                [layer.name, layer.weights, f"{layer.coded / layer.weights:.1%}", layer.bits]
                + [getattr(layer, stage) for stage in STAGES]
                for layer in sizes.layers
            ),
            ["total", sizes.total("weights"), f"{sizes.total('coded') / sizes.total('weights'):.1%}", ""]
            + [sizes.total(stage) for stage in STAGES],
        ],
    )
    first = sizes.total("float_bytes")
    say(
        f"{first:,} bytes in float32, {sizes.total('huffman_bytes'):,} compressed: "
        f"{first / sizes.total('huffman_bytes'):.1f} times smaller"
    )
    say(f"In firmware, every weight has its place in ROM: {sizes.total('rom_bits') // 8:,} bytes.")
    zeros = sizes.total("weights") - sizes.total("coded")
    if zeros:
        say(
            f"Of {zeros:,} zeros, those of whole channels could be left out: {sizes.total('removable'):,} weights "
            f"in {sizes.total('zero_filters')} filters and {sizes.total('zero_inputs')} inputs. The others take as "
            "many bits and cycles as any weight, unless a layer is unrolled so far that each has its own multiplier."
        )


def _as_json(sizes: Sizes) -> dict[str, object]:
    totals = ("weights", "kept", "coded", *STAGES, "rom_bits", "zero_filters", "zero_inputs", "removable")
    return {
        "codes": sizes.codes,
        "total": {what: sizes.total(what) for what in totals},
        "layers": [{**asdict(layer), "rom_bits": layer.rom_bits} for layer in sizes.layers],
    }
