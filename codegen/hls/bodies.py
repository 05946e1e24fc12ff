"""Statements of processes that have as many streams as the network wants, where no kernel of a header can be called.

A function template for any number of streams would be a parameter pack, and PandA Bambu takes none: a loop is written
for exactly the streams that there are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate

from fireline.codegen.host.render import render


def fork_body(tokens: int, source: str, outputs: Sequence[str]) -> str:
    """Each of `tokens` from `source` to every output."""
    return _render("fork", tokens=tokens, input=source, outputs=outputs)


def concat_body(pixels: int, folds: Sequence[int], token: str, inputs: Sequence[str], output: str) -> str:
    """For each pixel `folds[i]` tokens of type `token` from input i, one input after the other."""
    parts = [{"input": name, "end": end} for name, end in zip(inputs, accumulate(folds), strict=True)]
    return _render("concat", pixels=pixels, folds=sum(folds), token=token, parts=parts, output=output)


def weights_and_pixels_body(params: str, words: Mapping[str, int], source: str, output: str) -> str:
    """The first words of `source` once to the streams that bring weights, `words` to each; then pixels to `output`."""
    memories = [{"stream": stream, "words": count} for stream, count in words.items()]
    return _render("weights_and_pixels", params=params, memories=memories, input=source, output=output)


def _render(name: str, **values: object) -> str:
    return render("fireline.codegen.hls", f"{name}_body.cpp", **values)
