"""What the processes of a design do, one dataclass an operation, with all that its schedule depends on."""

from __future__ import annotations

from dataclasses import dataclass

from fireline.codegen.plan.foldings import Folding
from fireline.graph import Add, Conv2d, Lookup, Rescale, Shape


@dataclass(frozen=True)
class Pixels:
    """Where the image comes in: `tokens` of an image."""

    tokens: int


@dataclass(frozen=True)
class Results:
    """Where the results leave, one value after the other: `tokens` of an image with `lanes` values each."""

    tokens: int
    lanes: int


@dataclass(frozen=True)
class Fork:
    """A copy of each of `tokens` for every output."""

    tokens: int


@dataclass(frozen=True)
class Widen:
    """`ratio` of `tokens` become one."""

    tokens: int
    ratio: int


@dataclass(frozen=True)
class Narrow:
    """One of `tokens` becomes `ratio`."""

    tokens: int
    ratio: int


@dataclass(frozen=True)
class LineBuffer:
    """The windows of a convolution over an input of shape `source`, word by word."""

    node: Conv2d
    source: Shape
    folding: Folding


@dataclass(frozen=True)
class Mvu:
    """The matrix-vector unit of a convolution, with its requantizer; reads windows, or pixels where it is pointwise.

    What it reads is values of `x_bits`.
    """

    node: Conv2d
    folding: Folding
    x_bits: int


@dataclass(frozen=True)
class RunningMax:
    """One pass of a max pool: windows of `kernel` positions every `stride` along padded lines of `length`.

    There are `outer` lines one after the other, and each position has `inner` tokens.
    """

    outer: int
    before: int
    length: int
    after: int
    inner: int
    kernel: int
    stride: int


@dataclass(frozen=True)
class Average:
    """The sum over all pixels, of `folds` tokens each."""

    pixels: int
    folds: int


@dataclass(frozen=True)
class Join:
    """A concatenation: each pixel takes `folds[i]` tokens from input i, one input after the other."""

    pixels: int
    folds: tuple[int, ...]


@dataclass(frozen=True)
class Elementwise:
    """One of `tokens` from each input becomes one: an addition, a requantizer on its own, or a table."""

    node: Add | Rescale | Lookup
    tokens: int


Operation = (
    Pixels | Results | Fork | Widen | Narrow | LineBuffer | Mvu | RunningMax | Average | Join | Elementwise
)
