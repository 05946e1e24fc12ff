import pytest

from fireline.errors import FirelineError
from fireline.model.architecture import (
    Fire,
    Pool,
    SqueezeNet,
    Stem,
    change_fires,
    metaparameter_fires,
    pool_size,
)
from fireline.model.count import counts
from fireline.model.presets import PRESETS


def test_standard_metaparameters_are_v1_0() -> None:
    fires = metaparameter_fires()
    assert fires[0] == (16, 64, 64)
    assert fires[3] == (32, 128, 128)
    assert fires[-1] == (64, 256, 256)


def test_metaparameters_that_leave_no_filters() -> None:
    with pytest.raises(FirelineError, match="without filters"):
        metaparameter_fires(base_e=2, squeeze_ratio=0.125)


def test_convolutions_carry_the_image_size() -> None:
    config = SqueezeNet(
        Stem(8, 3, 2), (Fire(4, 8, 8), Fire(4, 8, 8)), pools=(1,), classes=5, input=(3, 32, 32)
    )
    sizes = {conv.name: (conv.height, conv.width) for conv in config.convolutions()}
    assert sizes["conv1"] == (15, 15)
    assert sizes["fire2.expand3x3"] == sizes["conv10"] == (7, 7)


@pytest.mark.parametrize("side", range(1, 20))
@pytest.mark.parametrize("pool", [Pool(3, 2, True), Pool(3, 2, False), Pool(2, 2, True), Pool(2, 3, True)])
def test_pool_size_is_torchs(side: int, pool: Pool) -> None:
    import torch

    module = torch.nn.MaxPool2d(pool.kernel, pool.stride, ceil_mode=pool.ceil_mode)
    if side < pool.kernel:
        return
    assert pool_size(side, pool) == module(torch.zeros(1, 1, side, side)).shape[-1]


def test_bypass_convolutions_stand_where_channels_change() -> None:
    config = SqueezeNet(Stem(96, 7, 2), metaparameter_fires(), pools=(1, 4, 8), bypass="complex")
    bypasses = [conv.name for conv in config.convolutions() if conv.name.endswith("bypass")]
    assert bypasses == ["fire2.bypass", "fire4.bypass", "fire6.bypass", "fire8.bypass"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"fires": ()}, "at least one Fire"),
        ({"pools": (4,)}, "stages that are not there"),
        ({"pools": (1, 1)}, "twice"),
        ({"dropout": 1.0}, "probability"),
        ({"classes": 0}, "at least 1"),
        ({"input": (3, 4, 4), "pools": (1, 2, 3)}, "shrunk"),
    ],
)
def test_bad_architectures_are_refused(changes: dict[str, object], message: str) -> None:
    good = {"stem": Stem(8, 3, 2), "fires": (Fire(4, 8, 8), Fire(4, 8, 8)), "pools": (1,)}
    with pytest.raises(FirelineError, match=message):
        SqueezeNet(**(good | changes))  # type: ignore[arg-type]


def test_fires_added_and_removed() -> None:
    config = PRESETS["squeezenet1_0"]
    parameters = {by: counts(change_fires(config, by)).parameters for by in range(-2, 3)}
    # fire9 has 197 184 parameters with 512 channels before it; fire8 188 992. Classifiers of 384 channels are smaller.
    assert parameters[1] == 1_248_424 + 197_184
    assert parameters[2] == 1_248_424 + 2 * 197_184
    assert parameters[0] == 1_248_424
    assert parameters[-1] == 1_248_424 - 197_184
    assert parameters[-2] == 1_248_424 - 197_184 - 188_992 - 1000 * (512 - 384)
    assert change_fires(config, -2).pools == (1, 4, 8)[:2]
    assert change_fires(config, -1).pools == (1, 4, 8)
    with pytest.raises(FirelineError, match="of 8 Fires 8 cannot be taken away"):
        change_fires(config, -8)
