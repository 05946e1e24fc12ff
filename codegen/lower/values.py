"""What a tensor of the QONNX file stands for while it is lowered: constants, or exact functions of graph nodes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import reduce
from math import inf
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from fireline.codegen.requantize.curves import Clip, Curve, Line
from fireline.codegen.requantize.rounding import Mode, Rounding
from fireline.errors import FirelineError
from fireline.fixed import IntType, common_scale
from fireline.graph import Padding, Shape

MAX_MULTIPLE = 1 << 8  # of a common scale, that integers are multiplied by

# How the file lays an activation out. The integer graph knows (C, H, W) only; "c(hw)" has one axis for the map.
Layout = Literal["chw", "hwc", "c(hw)", "flat chw", "flat hwc"]

Places = npt.NDArray[np.int64]  # of values in a map (C, H, W), counted through


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

    def by_rows(self) -> QuantizedConstant:
        """The same numbers with one scale for each entry of the first axis, which `scale` has along that axis.

        Scales that vary along another axis become part of the integers where they are small multiples.

        Raises:
            FirelineError: they are not.
        """
        shape = self.integers.shape
        ones = (len(self.integers), *[1] * (self.integers.ndim - 1))
        if self.scale.size == 1 or self.scale.shape == ones:
            return replace(self, scale=np.broadcast_to(self.scale.ravel(), len(self.integers)).reshape(ones))
        rows = np.broadcast_to(self.scale, shape).reshape(len(self.integers), -1)
        units = [reduce(common_scale, set(row)) for row in rows]
        factors = np.array([[int(one / unit) for one in row] for row, unit in zip(rows, units, strict=True)])
        if factors.max() > MAX_MULTIPLE:
            raise FirelineError(
                "the weight scale varies inside an output channel, not in small multiples",
                hint="one scale per output channel",
            )
        integers = self.integers * factors.reshape(shape)
        type = IntType.holding(int(integers.min()), int(integers.max())) if factors.max() > 1 else self.type
        return QuantizedConstant(integers, np.array(units, dtype=object).reshape(ones), type)

    def transposed(self, order: tuple[int, ...]) -> QuantizedConstant:
        """The axes in another order."""
        scale = (
            self.scale
            if self.scale.size == 1
            else np.broadcast_to(self.scale, self.integers.shape).transpose(order)
        )
        return replace(self, integers=self.integers.transpose(order), scale=scale)


@dataclass(frozen=True)
class Activation:
    """Real = `curves` of clip(scale[c] * integer + offset[c], low[c], high[c]), the integer being that of a graph node.

    `scale`, `offset`, `low` and `high` have one entry per channel; infinities clip nothing. `private`: no other tensor
    of the file is made from this node, so that a quantizer may move into it.
    """

    index: int
    shape: Shape
    scale: tuple[Fraction, ...]
    offset: tuple[Fraction, ...]
    low: tuple[Fraction | float, ...]
    high: tuple[Fraction | float, ...]
    private: bool
    curves: tuple[Curve, ...] = ()
    layout: Layout = "chw"

    @property
    def plain(self) -> bool:
        """Whether nothing but a scale and an offset is pending."""
        return not self.curves and set(self.low) == {-inf} and set(self.high) == {inf}

    def mapped(self, factor: tuple[Fraction, ...], shift: tuple[Fraction, ...]) -> Activation:
        """`value * factor[c] + shift[c]`.

        Raises:
            FirelineError: a factor turns a function round that is no line.
        """
        if self.curves:
            if min(factor) <= 0:
                raise FirelineError(
                    f"a factor of {float(min(factor))} behind an activation function", hint="quantize it"
                )
            return replace(self, curves=(*self.curves, Line(factor, shift)))
        ends = [
            sorted(_mapped(end, f, d) for end in pair)
            for pair, f, d in zip(zip(self.low, self.high, strict=True), factor, shift, strict=True)
        ]
        return replace(
            self,
            scale=tuple(s * f for s, f in zip(self.scale, factor, strict=True)),
            offset=tuple(o * f + d for o, f, d in zip(self.offset, factor, shift, strict=True)),
            low=tuple(low for low, _ in ends),
            high=tuple(high for _, high in ends),
        )

    def passed(self, alone: bool, layout: Layout | None = None) -> Activation:
        """The same as another tensor, which is read `alone` or not, laid out otherwise if that is said."""
        return replace(self, private=self.private and alone, layout=layout or self.layout)

    def clipped(self, low: Fraction | float, high: Fraction | float) -> Activation:
        """The nearest number between `low` and `high`."""
        if self.curves:
            count = len(self.scale)
            return replace(self, curves=(*self.curves, Clip((low,) * count, (high,) * count)))

        def clip(end: Fraction | float) -> Fraction | float:
            return max(low, min(high, end))

        return replace(self, low=tuple(map(clip, self.low)), high=tuple(map(clip, self.high)))


def _mapped(end: Fraction | float, factor: Fraction, shift: Fraction) -> Fraction | float:
    if isinstance(end, Fraction):
        return end * factor + shift
    return shift if factor == 0 else end if factor > 0 else -end


@dataclass(frozen=True)
class Pieces:
    """A concatenation over channels whose parts have not met a shared quantizer yet."""

    parts: tuple[Activation, ...]

    @property
    def shape(self) -> Shape:
        return (sum(part.shape[0] for part in self.parts), *self.parts[0].shape[1:])

    @property
    def layout(self) -> Layout:
        return self.parts[0].layout


def each(x: Activation | Pieces, change: Callable[[Activation], Activation]) -> Activation | Pieces:
    """`change` of an activation, or of every part of a concatenation."""
    return Pieces(tuple(map(change, x.parts))) if isinstance(x, Pieces) else change(x)


@dataclass(frozen=True)
class Padded:
    """An activation with pixels of one value around: zeros, or minus infinity, which no maximum takes."""

    value: Activation
    frame: Padding
    fill: float

    @property
    def shape(self) -> Shape:
        channels, height, width = self.value.shape
        top, left, bottom, right = self.frame
        return channels, top + height + bottom, left + width + right

    @property
    def layout(self) -> Layout:
        return self.value.layout


@dataclass(frozen=True)
class View:
    """The values of a map with other axes: `places`, with those of the file, has where each lies in (C, H, W)."""

    value: Activation | Pieces
    places: Places


@dataclass(frozen=True)
class Codes:
    """The integers of a `QuantizeLinear` that no `DequantizeLinear` has read yet."""

    source: str  # the tensor that is quantized
    scale: npt.NDArray[Any]
    zero_point: npt.NDArray[Any]
    low: int
    high: int


@dataclass(frozen=True)
class Raw:
    """The network's input before a quantizer, perhaps transposed or flattened, or in a frame of zeros."""

    layout: Layout
    frame: Padding = (0, 0, 0, 0)


Value = Constant | QuantizedConstant | Activation | Pieces | Padded | View | Codes | Raw


def fraction(value: float, what: str, node: str) -> Fraction:
    """The exact rational of a float.

    Raises:
        FirelineError: it is NaN or infinite.
    """
    if not np.isfinite(value):
        raise FirelineError(f"{what} is {value}", node=node, hint="train or export the network again")
    return Fraction(float(value))


def broadcast(array: npt.NDArray[Any], shape: tuple[int, ...], what: str) -> npt.NDArray[Any]:
    """`array` repeated to `shape`.

    Raises:
        FirelineError: it does not fit.
    """
    try:
        return np.broadcast_to(array, shape)
    except ValueError:
        raise FirelineError(f"{what} of shape {array.shape} does not fit {shape}") from None


def quantize_constant(
    array: npt.NDArray[Any],
    scale: npt.NDArray[Any],
    zero_point: npt.NDArray[Any],
    type: IntType,
    ends: tuple[int | npt.NDArray[np.int64], int | npt.NDArray[np.int64]],
    mode: Mode,
) -> QuantizedConstant:
    """Integers of a constant under QONNX `Quant`, exact: clamp(round(x / scale + zero point)) - zero point.

    The `ends` of the clamp are integers, or arrays that broadcast to `array`.
    A power-of-two scale divides exactly in float64. Any other quotient is off by less than 2**-51 of itself, so
    rationals decide where that could matter, which is next to a step.
    """
    bad = array[~np.isfinite(array)].ravel()
    if bad.size:
        raise FirelineError(
            f"{bad.size} of {array.size} values are {bad[0]}", hint="train or export the network again"
        )
    low, high = ends
    full_scale, full_zero = (
        broadcast(part, array.shape, what).astype(np.float64)
        for part, what in ((scale, "the scale"), (zero_point, "the zero point"))
    )
    steps = array.astype(np.float64) / full_scale + full_zero
    clipped = np.clip(steps, low - 1.0, high + 1.0)
    integers = np.array(round_float(clipped, mode))
    inexact = np.frexp(full_scale)[0] != 0.5
    close = np.abs(2 * clipped - np.rint(2 * clipped)) < 1e-6
    if mode in ("HALF_EVEN", "HALF_ODD"):
        close &= np.abs(clipped - np.rint(clipped)) > 0.25
    rounding = Rounding(mode)
    for at in map(tuple, np.argwhere(inexact & close & (clipped == steps))):
        quotient = Fraction(float(array[at])) / Fraction(full_scale[at]) + Fraction(full_zero[at])
        integers[at] = rounding.apply(quotient)
    centred = np.clip(integers, low, high).astype(np.int64) - full_zero.astype(np.int64)
    scales = np.array([Fraction(float(s)) for s in scale.ravel()], dtype=object).reshape(scale.shape)
    held = type if not zero_point.any() else IntType.holding(int(centred.min()), int(centred.max()))
    return QuantizedConstant(centred, scales, held)


def round_float(x: npt.NDArray[np.float64], mode: Mode) -> npt.NDArray[np.float64]:
    """`x` rounded in floating point, exact for |x| < 2**51."""
    match mode:
        case "HALF_EVEN":
            return np.rint(x)
        case "HALF_ODD":
            return np.rint(x - 1) + 1
        case "FLOOR":
            return np.floor(x)
        case "CEIL":
            return np.ceil(x)
        case "DOWN":
            return np.trunc(x)
        case "UP":
            return np.copysign(np.ceil(np.abs(x)), x)
        case "HALF_UP":
            return np.copysign(np.floor(np.abs(x) + 0.5), x)
        case "HALF_DOWN":
            return np.copysign(np.ceil(np.abs(x) - 0.5), x)
        case "SIGN":
            return np.where(x >= 0, 1.0, -1.0)
