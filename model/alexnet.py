"""AlexNet, the baseline that SqueezeNets are compared to: one frozen dataclass, no weights, in float only.

Krizhevsky et al., ImageNet Classification with Deep Convolutional Neural Networks, 2012, in one tower, without the
split over two GPUs: 62 378 344 parameters; and the narrower one of Krizhevsky, One weird trick for parallelizing
convolutional neural networks, 2014 (arXiv:1404.5997), which torchvision has: 61 100 840.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from fireline.errors import FirelineError
from fireline.model.architecture import Conv, Pool, Shape, conv_size, pool_size

POOL = Pool(3, 2, ceil_mode=False)
POOLS = ("conv1", "conv2", "conv5")  # a max pool stands after each
_CONVS = (("conv1", 11, 4), ("conv2", 5, 1), ("conv3", 3, 1), ("conv4", 3, 1), ("conv5", 3, 1))


@dataclass(frozen=True)
class AlexNet:
    """Five convolutions of `widths` channels, three max pools, and three fully connected layers.

    `padding` is conv1's. `response_norm` puts local response normalization before the first two pools, as in 2012.

    Raises:
        FirelineError: a size is not positive, or the image shrinks to nothing.
    """

    widths: tuple[int, int, int, int, int]
    padding: int = 0
    hidden: int = 4096
    classes: int = 1000
    input: Shape = (3, 227, 227)
    response_norm: bool = True
    dropout: float = 0.5

    def __post_init__(self) -> None:
        if min(*self.widths, self.hidden, self.classes, *self.input) < 1 or self.padding < 0:
            raise FirelineError("every size of an AlexNet is at least 1")
        if self.input[1] != self.input[2]:
            raise FirelineError(f"an AlexNet takes square images, {self.input[1]}x{self.input[2]} arrived")
        for conv in self.convolutions():
            if min(conv.height, conv.width, conv.kernel) < 1:
                raise FirelineError(f"the image has shrunk to {conv.height}x{conv.width}", node=conv.name)

    def convolutions(self) -> Iterator[Conv]:
        """All layers with weights in the order they run.

        A fully connected layer is the convolution that it equals: fc6's kernel covers the image, the others' are 1x1.
        """
        channels, side = self.input[0], self.input[1]
        for (name, kernel, stride), width in zip(_CONVS, self.widths, strict=True):
            padding = self.padding if name == "conv1" else kernel // 2
            side = conv_size(side, kernel, stride, padding)
            yield Conv(name, channels, width, kernel, stride, padding, False, side, side)
            channels = width
            if name in POOLS:
                side = pool_size(side, POOL)
        yield Conv("fc6", channels, self.hidden, side, 1, 0, False, 1, 1)
        yield Conv("fc7", self.hidden, self.hidden, 1, 1, 0, False, 1, 1)
        yield Conv("fc8", self.hidden, self.classes, 1, 1, 0, False, 1, 1)
