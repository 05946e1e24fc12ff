"""Every network of the family goes the whole way, on small images: bit-exact from Brevitas to the compiled C++."""

from dataclasses import replace
from pathlib import Path

import pytest

from fireline.graph import Add, Conv2d, Lookup
from fireline.model.architecture import Fire, Pool, SqueezeNet, Stem, change_fires, metaparameter_fires
from fireline.model.presets import PRESETS
from tests.whole_way import whole_way

SMALL = SqueezeNet(
    Stem(8, 3, 2), (Fire(4, 8, 8), Fire(4, 8, 8), Fire(6, 12, 8)), pools=(1, 3), classes=5, input=(3, 31, 31)
)
META = SqueezeNet(
    Stem(12, 3, 2),
    metaparameter_fires(5, base_e=16, incr_e=8, pct_3x3=0.25, freq=2, squeeze_ratio=0.25),
    pools=(1, 3),
    classes=5,
    input=(3, 31, 31),
)
OPTIONS: dict[str, SqueezeNet] = {
    "simple bypass": replace(SMALL, bypass="simple"),
    "complex bypass, batch norm": replace(SMALL, bypass="complex", batch_norm="all"),
    "batch norm at squeeze": replace(SMALL, batch_norm="squeeze"),
    "metaparameters": META,
    **{f"{by:+d} fires": change_fires(META, by) for by in (-2, -1, 1, 2)},
    "leaky ReLU": replace(SMALL, classifier="leaky_relu"),
    "tanh": replace(SMALL, classifier="tanh"),
    "2x2 stem": replace(SMALL, stem=Stem(8, 2, 2), pool=Pool(2, 2)),
    "7x7 stem": replace(SMALL, stem=Stem(8, 7, 2)),
    "late downsampling": replace(
        SMALL, stem=Stem(8, 2, 1, 1), pools=(2, 4), pool=Pool(2, 2), input=(3, 12, 12)
    ),
    "100 classes": replace(SMALL, classes=100),
}
BITS = ("w8a8", "w6a6", "w4a4", "w4a8", "w3a5")

# Sides of images on which a preset is small, and still has a pixel left at its end.
SIDES = {"cifar_e4": 15, "cifar_e5": 16, "digits": 8}


@pytest.mark.parametrize("name", OPTIONS)
def test_options_go_the_whole_way(name: str, tmp_path: Path) -> None:
    graph = whole_way(OPTIONS[name], BITS[list(OPTIONS).index(name) % len(BITS)], tmp_path)
    kinds = {type(node) for node in graph.nodes}
    assert (Add in kinds) == ("bypass" in name)
    assert (Lookup in kinds) == (name in ("leaky ReLU", "tanh"))


@pytest.mark.slow
@pytest.mark.parametrize("name", PRESETS)
def test_presets_go_the_whole_way(name: str, tmp_path: Path) -> None:
    config = PRESETS[name]
    side = SIDES.get(name, 32 if name.startswith("cifar") else 47)
    small = replace(config, input=(config.input[0], side, side))
    graph = whole_way(small, BITS[list(PRESETS).index(name) % len(BITS)], tmp_path)
    convs = [node for node in graph.nodes if isinstance(node, Conv2d)]
    assert len(convs) == sum(1 for _ in config.convolutions())
