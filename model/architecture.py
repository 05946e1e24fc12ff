"""What a SqueezeNet is: one frozen dataclass, no weights.

Iandola et al., SqueezeNet: AlexNet-level accuracy with 50x fewer parameters and <0.5MB model size, 2016
(arXiv:1602.07360), and the presets of `fireline.model.presets`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from fireline.errors import FirelineError

Shape = tuple[int, int, int]  # channels, height, width
Bypass = Literal["none", "simple", "complex"]
BatchNorm = Literal["none", "squeeze", "all"]
Activation = Literal["relu", "leaky_relu", "tanh"]

LEAKY_SLOPE = 0.125  # a power of two, so that the quantized slope is exact


class Fire(NamedTuple):
    """Channels of a Fire module: squeeze 1x1, then expand 1x1 beside expand 3x3."""

    squeeze: int
    expand1x1: int
    expand3x3: int

    @property
    def output(self) -> int:
        return self.expand1x1 + self.expand3x3


class Stem(NamedTuple):
    """The first convolution, conv1: output channels, square kernel, stride, zero padding on every side."""

    width: int
    kernel: int
    stride: int
    padding: int = 0


class Pool(NamedTuple):
    """Every max pool of the network: square kernel, stride, and whether a last partial window counts."""

    kernel: int = 3
    stride: int = 2
    ceil_mode: bool = True


POOL_3X3 = Pool()


class Conv(NamedTuple):
    """One convolution of a network, placed: its dotted name, sizes, and output height and width."""

    name: str
    inputs: int
    outputs: int
    kernel: int
    stride: int
    padding: int
    batch_norm: bool
    height: int
    width: int


@dataclass(frozen=True)
class SqueezeNet:
    """A network of the SqueezeNet family.

    Stages are numbered as in the paper: conv1 is stage 1, the Fires are fire2, fire3, ..., and the classifier is conv10
    whatever their number. `pools` are the stages after which a max pool stands (pool1 after conv1).
    A ReLU follows every convolution but the classifier, which `classifier` follows; then global average pooling.

    `bypass` adds a Fire's input to its output where both have equally many channels (simple), or also elsewhere
    through a 1x1 convolution (complex). `batch_norm` stands after squeeze convolutions only, or after every
    convolution, which then has no bias of its own. `dropout` is the probability of a zero before the classifier.

    Raises:
        FirelineError: a size is not positive, a pool has no stage, or the image shrinks to nothing.
    """

    stem: Stem
    fires: tuple[Fire, ...]
    pools: tuple[int, ...]
    pool: Pool = POOL_3X3
    classes: int = 1000
    input: Shape = (3, 224, 224)
    bypass: Bypass = "none"
    batch_norm: BatchNorm = "none"
    dropout: float = 0.5
    classifier: Activation = "relu"

    def __post_init__(self) -> None:
        sizes = (
            *self.stem[:3],
            *(size for fire in self.fires for size in fire),
            *self.pool[:2],
            self.classes,
        )
        if min(sizes) < 1 or self.stem.padding < 0 or len(self.input) != 3 or min(self.input) < 1:
            raise FirelineError("every size of a SqueezeNet is at least 1")
        if not self.fires:
            raise FirelineError("a SqueezeNet has at least one Fire module")
        if not 0 <= self.dropout < 1:
            raise FirelineError(f"dropout is a probability below 1, {self.dropout} arrived")
        stray = [stage for stage in self.pools if not 1 <= stage <= len(self.fires) + 1]
        if stray or len(set(self.pools)) != len(self.pools):
            raise FirelineError(
                f"pools {self.pools} stand after stages that are not there, or twice",
                hint=f"stages are 1 to {len(self.fires) + 1}",
            )
        for conv in self.convolutions():
            if min(conv.height, conv.width) < 1:
                raise FirelineError(
                    f"the image has shrunk to {conv.height}x{conv.width}", node=conv.name, hint="fewer pools"
                )

    def convolutions(self) -> Iterator[Conv]:
        """All convolutions in the order they run; squeeze before its expands, a bypass after them."""
        everywhere = self.batch_norm == "all"
        size = [
            conv_size(side, self.stem.kernel, self.stem.stride, self.stem.padding) for side in self.input[1:]
        ]
        yield Conv("conv1", self.input[0], *self.stem, everywhere, *size)
        channels = self.stem.width
        size = self._pooled(1, size)
        for stage, fire in enumerate(self.fires, start=2):
            name = f"fire{stage}"
            yield Conv(f"{name}.squeeze", channels, fire.squeeze, 1, 1, 0, self.batch_norm != "none", *size)
            yield Conv(f"{name}.expand1x1", fire.squeeze, fire.expand1x1, 1, 1, 0, everywhere, *size)
            yield Conv(f"{name}.expand3x3", fire.squeeze, fire.expand3x3, 3, 1, 1, everywhere, *size)
            if self.bypass == "complex" and channels != fire.output:
                yield Conv(f"{name}.bypass", channels, fire.output, 1, 1, 0, everywhere, *size)
            channels = fire.output
            size = self._pooled(stage, size)
        yield Conv("conv10", channels, self.classes, 1, 1, 0, everywhere, *size)

    def _pooled(self, stage: int, size: list[int]) -> list[int]:
        return [pool_size(side, self.pool) for side in size] if stage in self.pools else size


def conv_size(side: int, kernel: int, stride: int, padding: int) -> int:
    """Length of an image's side after a convolution."""
    return (side + 2 * padding - kernel) // stride + 1


def pool_size(side: int, pool: Pool) -> int:
    """Length of an image's side after a max pool, as torch has it: a window that starts outside does not count."""
    beyond = pool.stride - 1 if pool.ceil_mode else 0
    count = (side - pool.kernel + beyond) // pool.stride + 1
    if pool.ceil_mode and (count - 1) * pool.stride >= side:
        count -= 1
    return count


def metaparameter_fires(
    count: int = 8,
    *,
    base_e: int = 128,
    incr_e: int = 128,
    pct_3x3: float = 0.5,
    freq: int = 2,
    squeeze_ratio: float = 0.125,
) -> tuple[Fire, ...]:
    """Fire sizes from the metaparameters of Iandola et al., section 5; the defaults are SqueezeNet v1.0.

    Raises:
        FirelineError: a ratio is outside (0, 1), or a convolution would have no filters.
    """
    if not 0 < pct_3x3 < 1 or not 0 < squeeze_ratio <= 1:
        raise FirelineError(
            f"pct_3x3 {pct_3x3} and squeeze_ratio {squeeze_ratio} are ratios above 0, at most 1"
        )
    if count < 1 or freq < 1:
        raise FirelineError(f"count {count} and freq {freq} are at least 1")
    fires = []
    for i in range(count):
        expand = base_e + incr_e * (i // freq)
        expand3x3 = round(pct_3x3 * expand)
        fires.append(Fire(round(squeeze_ratio * expand), expand - expand3x3, expand3x3))
    if min(min(fire) for fire in fires) < 1:
        raise FirelineError("these metaparameters give a convolution without filters", hint="raise base_e")
    return tuple(fires)


def change_fires(config: SqueezeNet, by: int) -> SqueezeNet:
    """`config` with `by` more Fires behind its last, all like it, or, below zero, without that many of its last Fires.

    Pools stay where they are; one that stood after a Fire that is gone goes with it.

    Raises:
        FirelineError: no Fire would be left.
    """
    kept = len(config.fires) + min(by, 0)
    if kept < 1:
        raise FirelineError(
            f"of {len(config.fires)} Fires {-by} cannot be taken away", hint="leave at least one"
        )
    fires = config.fires[:kept] + config.fires[-1:] * max(by, 0)
    return replace(config, fires=fires, pools=tuple(stage for stage in config.pools if stage <= kept + 1))
