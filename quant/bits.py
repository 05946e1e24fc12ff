"""How many bits: of weights and activations, for the whole network and for single layers."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from fireline.errors import FirelineError
from fireline.model.layers import check_names, value_of

LIMITS = (2, 16)


@dataclass(frozen=True)
class Bits:
    """Bits of a layer's weights and of the activations behind it."""

    weight: int
    activation: int

    def __post_init__(self) -> None:
        for what, bits in (("weights", self.weight), ("activations", self.activation)):
            if not LIMITS[0] <= bits <= LIMITS[1]:
                raise FirelineError(f"{what} of {bits} bits", hint=f"use {LIMITS[0]} to {LIMITS[1]}")

    def __str__(self) -> str:
        return f"w{self.weight}a{self.activation}"


@dataclass(frozen=True)
class Precision:
    """`default` bits, and others for the layers named: `fire2` is all of Fire 2, `fire2.squeeze` one convolution."""

    default: Bits
    layers: tuple[tuple[str, Bits], ...] = ()

    def of(self, path: str) -> Bits:
        """The bits of the module at the dotted `path`; the longest name that fits decides."""
        return value_of(path, self.layers, self.default)

    def check(self, layers: Iterable[str]) -> None:
        """Raise `FirelineError` unless every named layer is, or holds, one of `layers`."""
        check_names((name for name, _ in self.layers), layers)

    def __str__(self) -> str:
        return ",".join([str(self.default), *(f"{name}={bits}" for name, bits in self.layers)])


def parse_bits(text: str) -> Bits:
    """`w8a8`, `W4A8`: bits of weights and activations.

    Raises:
        FirelineError: it is written otherwise, or the bits are out of range.
    """
    match = re.fullmatch(r"w(\d+)a(\d+)", text.strip().lower())
    if match is None:
        raise FirelineError(
            f"bits {text!r} cannot be read", hint="write w8a8 for 8-bit weights and activations"
        )
    return Bits(int(match[1]), int(match[2]))


def parse_precision(text: str) -> Precision:
    """`w4a4`, or with single layers `w4a4,conv1=w8a8,fire2.squeeze=w6a4`.

    Raises:
        FirelineError: it is written otherwise, or a layer stands twice.
    """
    default, *rest = text.split(",")
    layers: list[tuple[str, Bits]] = []
    for item in rest:
        name, equals, bits = (part.strip() for part in item.partition("="))
        if not equals or not name or name in dict(layers):
            raise FirelineError(f"layer bits {item!r} cannot be read", hint="write w4a4,conv1=w8a8")
        layers.append((name, parse_bits(bits)))
    return Precision(parse_bits(default), tuple(layers))
