"""ResNet-9, a baseline for small photographs that learns fast: one frozen dataclass, no weights, in float only.

Page, How to train your ResNet, 2018 (myrtle.ai): eight 3x3 convolutions with batch norm, two residual blocks, and a
fully connected layer, whose outputs are divided by eight; larger ones make the first epochs diverge at the rates it
has here. A network that is too large for the device, and teaches one that is not.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from fireline.errors import FirelineError
from fireline.model.architecture import Conv, Shape

# Name, place of its inputs in `widths` (-1 for the image), of its outputs, and whether a 2x2 max pool follows.
_CONVS = (
    ("conv1", -1, 0, False),
    ("conv2", 0, 1, True),
    ("block1.first", 1, 1, False),
    ("block1.second", 1, 1, False),
    ("conv3", 1, 2, True),
    ("conv4", 2, 3, True),
    ("block2.first", 3, 3, False),
    ("block2.second", 3, 3, False),
)
OUTPUT_SCALE = 0.125
POOLED = tuple(name for name, _, _, pooled in _CONVS if pooled)


@dataclass(frozen=True)
class ResNet9:
    """Convolutions of `widths` channels, a residual block of two behind the second and behind the fourth width.

    Raises:
        FirelineError: a size is not positive, or the image is too small for three pools.
    """

    widths: tuple[int, int, int, int]
    classes: int = 10
    input: Shape = (3, 32, 32)

    def __post_init__(self) -> None:
        if min(*self.widths, self.classes, *self.input) < 1:
            raise FirelineError("every size of a ResNet-9 is at least 1")
        if min(self.input[1:]) < 8:
            raise FirelineError(
                f"a ResNet-9 halves the image three times, {self.input[1]}x{self.input[2]} arrived"
            )

    def convolutions(self) -> Iterator[Conv]:
        """All layers with weights in the order they run; the fully connected one is the 1x1 convolution it equals."""
        height, width = self.input[1:]
        channels = (*self.widths, self.input[0])
        for name, inputs, outputs, pooled in _CONVS:
            yield Conv(name, channels[inputs], channels[outputs], 3, 1, 1, True, height, width)
            if pooled:
                height, width = height // 2, width // 2
        yield Conv("fc", self.widths[3], self.classes, 1, 1, 0, False, 1, 1)
