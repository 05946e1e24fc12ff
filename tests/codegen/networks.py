"""Full-size networks with random weights: what plans are made for."""

from __future__ import annotations

from fireline.graph import Graph
from tests.graphs import Builder


def squeezenet1_1(bits: int = 8, size: int = 224) -> Graph:
    """SqueezeNet 1.1, 1000 classes: 1 235 496 parameters."""
    b = Builder((3, size, size), seed=11, bits=bits)
    x = b.conv(b.rescale(0), 64, (3, 3), (2, 2), name="conv1")
    fire = 1
    for squeeze, expand, count in ((16, 64, 2), (32, 128, 2), (48, 192, 2), (64, 256, 2)):
        if (squeeze, expand) != (64, 256):
            x = _ceil_pool(b, x, 3, 2)
        for _ in range(count):
            fire += 1
            x = b.fire(x, squeeze, expand, expand, f"fire{fire}")
    b.globalavgpool(b.conv(x, 1000, name="conv10"))
    return b.graph("squeezenet1_1")


def cifar_e4(bits: int = 4) -> Graph:
    """SqueezeNet 1.0 with late downsampling for 32 x 32 images and 10 classes: 727 594 parameters."""
    b = Builder((3, 32, 32), seed=4, bits=bits)
    x = b.conv(b.rescale(0), 96, (2, 2), (1, 1), (1, 1, 1, 1), name="conv1")
    for i in range(2, 10):
        width = 16 * (i // 2)
        x = b.fire(x, width, 4 * width, 4 * width, f"fire{i}")
        if i in (4, 8):
            x = _ceil_pool(b, x, 2, 2)
    b.globalavgpool(b.conv(x, 10, name="conv10"))
    return b.graph("cifar_e4")


def _ceil_pool(b: Builder, x: int, kernel: int, stride: int) -> int:
    height, width = b.nodes[x].output.shape[1:]
    below, right = (-(side - kernel) % stride for side in (height, width))
    return b.maxpool(x, (kernel, kernel), (stride, stride), (0, 0, below, right))
