"""Full-size networks with random weights: what plans are made for."""

from __future__ import annotations

from fireline.graph import Graph
from fireline.model.architecture import Pool, SqueezeNet, pool_size
from fireline.model.presets import preset
from tests.graphs import Builder


def squeezenet1_1(bits: int = 8) -> Graph:
    """SqueezeNet 1.1, 1000 classes: 1 235 496 parameters."""
    return network("squeezenet1_1", bits)


def cifar_e4(bits: int = 4) -> Graph:
    """SqueezeNet 1.0 with late downsampling for 32 x 32 images and 10 classes: 727 594 parameters."""
    return network("cifar_e4", bits)


def network(name: str, bits: int) -> Graph:
    """The preset `name` with `bits` bits for weights and activations."""
    net = preset(name)
    b = Builder(net.input, seed=11, bits=bits)
    stem = net.stem
    x = b.conv(
        b.rescale(0), stem.width, (stem.kernel,) * 2, (stem.stride,) * 2, (stem.padding,) * 4, name="conv1"
    )
    x = _pooled(b, net, 1, x)
    for stage, fire in enumerate(net.fires, start=2):
        before, same = x, b.nodes[x].output.shape[0] == fire.output
        x = b.fire(x, *fire, f"fire{stage}")
        if net.bypass != "none" and same:
            x = b.add(x, before)
        elif net.bypass == "complex":
            x = b.add(x, b.conv(before, fire.output, name=f"fire{stage}_bypass"))
        x = _pooled(b, net, stage, x)
    b.globalavgpool(b.conv(x, net.classes, name="conv10"))
    return b.graph(name)


def _pooled(b: Builder, net: SqueezeNet, stage: int, x: int) -> int:
    if stage not in net.pools:
        return x
    below, right = (_beyond(side, net.pool) for side in b.nodes[x].output.shape[1:])
    return b.maxpool(x, (net.pool.kernel,) * 2, (net.pool.stride,) * 2, (0, 0, below, right))


def _beyond(side: int, pool: Pool) -> int:
    """Padding below or to the right that ceil mode amounts to."""
    return max(0, (pool_size(side, pool) - 1) * pool.stride + pool.kernel - side)
