"""What a tensor of the QONNX file stands for while it is lowered: constants, or exact functions of graph nodes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from fireline.errors import FirelineError
from fireline.fixed import IntType
from fireline.graph import Shape


@dataclass(frozen=True)
class Constant:
    """Numbers of the file that no quantizer has touched."""

    array: npt.NDArray[Any]


@dataclass(frozen=True)
class QuantizedConstant:
    """Real = integers * scale, zero points already subtracted; `scale` broadcasts to `integers`."""

    integers: npt.NDArray[np.int64]
    scale: npt.NDArray[np.object_]  # Fractions
    type: IntType

    def rows(self) -> tuple[Fraction, ...]:
        """One scale for each entry of the first axis.

        Raises:
            FirelineError: the scale varies along another axis.
        """
        full = np.broadcast_to(self.scale, self.integers.shape).reshape(len(self.integers), -1)
        if any(len(set(row)) != 1 for row in full):
            raise FirelineError(
                "the weight scale varies inside an output channel", hint="one scale per output channel"
            )
        return tuple(row[0] for row in full)


@dataclass(frozen=True)
class Affine:
    """Real = scale[c] * integer + offset[c], the integer being the output of graph node `index`; then ReLU if `relu`.

    `scale` and `offset` have one entry per channel. `private`: no other tensor of the file is made from this node, so
    that a quantizer may move into it.
    """

    index: int
    shape: Shape
    scale: tuple[Fraction, ...]
    offset: tuple[Fraction, ...]
    private: bool
    relu: bool = False

    def mapped(self, factor: tuple[Fraction, ...], shift: tuple[Fraction, ...]) -> Affine:
        """`value * factor[c] + shift[c]`."""
        assert not self.relu
        scale = tuple(s * f for s, f in zip(self.scale, factor, strict=True))
        offset = tuple(o * f + d for o, f, d in zip(self.offset, factor, shift, strict=True))
        return replace(self, scale=scale, offset=offset)


@dataclass(frozen=True)
class Pieces:
    """A concatenation over channels whose parts have not met a shared quantizer yet."""

    parts: tuple[Affine, ...]

    @property
    def shape(self) -> Shape:
        return (sum(part.shape[0] for part in self.parts), *self.parts[0].shape[1:])


Value = Constant | QuantizedConstant | Affine | Pieces


def fraction(value: float, what: str, node: str) -> Fraction:
    """The exact rational of a float.

    Raises:
        FirelineError: it is NaN or infinite.
    """
    if not np.isfinite(value):
        raise FirelineError(f"{what} is {value}", node=node, hint="train or export the network again")
    return Fraction(float(value))


def quantize_constant(
    array: npt.NDArray[Any],
    scale: npt.NDArray[Any],
    zero_point: npt.NDArray[Any],
    type: IntType,
    low: int,
    node: str,
) -> QuantizedConstant:
    """Integers of a constant under QONNX `Quant`, exact: clamp(round(x / scale + zero point)) - zero point.

    A power-of-two scale divides exactly in float64. Any other quotient is off by less than 2**-52 of itself, so
    rationals decide where that could matter, which is next to a tie.
    """
    if not np.isfinite(array).all():
        bad = array[~np.isfinite(array)].ravel()
        raise FirelineError(
            f"{bad.size} of {array.size} values are {bad[0]}",
            node=node,
            hint="train or export the network again",
        )
    full_scale, full_zero = (
        np.broadcast_to(part, array.shape).astype(np.float64) for part in (scale, zero_point)
    )
    steps = array.astype(np.float64) / full_scale + full_zero
    integers = np.rint(np.clip(steps, low - 1.0, type.max + 1.0))
    inexact = np.frexp(full_scale)[0] != 0.5
    for at in map(tuple, np.argwhere(inexact & (np.abs(steps - np.floor(steps) - 0.5) < 1e-6))):
        quotient = Fraction(float(array[at])) / Fraction(full_scale[at]) + Fraction(full_zero[at])
        integers[at] = min(max(round(quotient), low - 1), type.max + 1)
    centred = np.clip(integers, low, type.max).astype(np.int64) - full_zero.astype(np.int64)
    scales = np.array([Fraction(float(s)) for s in scale.ravel()], dtype=object).reshape(scale.shape)
    held = type if not zero_point.any() else IntType.holding(int(centred.min()), int(centred.max()))
    return QuantizedConstant(centred, scales, held)
