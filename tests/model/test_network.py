from dataclasses import replace

import pytest
import torch

from fireline.model.architecture import Fire, SqueezeNet, Stem
from fireline.model.network import BatchNorm, Network, float_network

TINY = SqueezeNet(Stem(8, 3, 2), (Fire(4, 8, 8), Fire(4, 8, 8)), pools=(1, 3), classes=5, input=(3, 33, 33))


@pytest.mark.parametrize("bypass", ["none", "simple", "complex"])
@pytest.mark.parametrize("batch_norm", ["none", "squeeze", "all"])
@pytest.mark.parametrize("classifier", ["relu", "leaky_relu", "tanh"])
def test_every_option_builds_and_runs(bypass: str, batch_norm: str, classifier: str) -> None:
    config = replace(TINY, bypass=bypass, batch_norm=batch_norm, classifier=classifier)  # type: ignore[arg-type]
    assert float_network(config).eval()(torch.full((2, 3, 33, 33), 200.0)).shape == (2, 5)


def test_a_fire_is_squeeze_then_both_expands() -> None:
    network = float_network(TINY).eval()
    fire = network.get_submodule("fire2")
    x = torch.rand(1, 8, 7, 7)
    squeezed = fire.squeeze(x).relu()  # type: ignore[operator]
    expected = torch.cat([fire.expand1x1(squeezed), fire.expand3x3(squeezed)], dim=1).relu()  # type: ignore[operator]
    assert torch.equal(fire(x), expected)


def test_a_simple_bypass_adds_where_channels_agree() -> None:
    plain_network, bypassed = float_network(TINY).eval(), float_network(replace(TINY, bypass="simple")).eval()
    x = torch.rand(1, 16, 7, 7)
    inner = plain_network.get_submodule("fire3")(x)
    assert torch.equal(bypassed.get_submodule("fire3")(x), inner + x)
    assert not hasattr(bypassed.get_submodule("fire2"), "sum_act")


def test_pixels_are_centred_exactly() -> None:
    pixels = torch.arange(256.0)
    centred = float_network(TINY).centre(pixels)
    assert torch.equal(centred * 128, pixels - 128)


def test_seed_decides_the_weights_and_nothing_else() -> None:
    def weights(network: Network) -> torch.Tensor:
        return torch.cat([value.flatten() for value in network.parameters()])

    state = torch.random.get_rng_state()
    assert torch.equal(weights(float_network(TINY, 1)), weights(float_network(TINY, 1)))
    assert not torch.equal(weights(float_network(TINY, 1)), weights(float_network(TINY, 2)))
    assert torch.equal(torch.random.get_rng_state(), state)


def test_batch_norm_in_bfloat16_is_that_of_float32_rounded() -> None:
    x = torch.randn(4, 3, 5, 5, generator=torch.Generator().manual_seed(1)).bfloat16()
    ours, plain = BatchNorm(3).train(), torch.nn.BatchNorm2d(3).train()
    halves, singles = x.clone().requires_grad_(), x.float().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        y = ours(halves)
    expected = plain(singles)
    assert y.dtype == torch.bfloat16 and torch.equal(y, expected.bfloat16())
    (y.float() ** 2).sum().backward()
    (expected.bfloat16().float() ** 2).sum().backward()
    assert halves.grad is not None and singles.grad is not None
    assert torch.equal(halves.grad, singles.grad.bfloat16())
    assert torch.equal(ours.running_var, plain.running_var)  # type: ignore[arg-type]
