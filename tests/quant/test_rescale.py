import numpy as np
import pytest
import torch

from fireline.model.evaluate import logits
from fireline.quant.rescale import channels, rescale
from tests.quant.shared import noise, tiny_twin

INSIDE = {"fire2.squeeze", "fire3.squeeze"}
OUTSIDE = {"fire2.expand1x1", "fire2.expand3x3", "fire3.expand1x1", "fire3.expand3x3"}


@pytest.mark.parametrize(
    ("bypass", "movable"),
    [
        ("none", {"conv1", *INSIDE, *OUTSIDE}),
        ("simple", {"conv1", *INSIDE}),  # fire3's sum reads what fire2 says, and conv10 the sum
        ("complex", {"conv1", *INSIDE}),  # fire2's bypass reads conv1 too
    ],
)
def test_rescaled_channels_leave_what_the_network_computes(bypass: str, movable: set[str]) -> None:
    network, _ = tiny_twin(bypass=bypass)
    found = channels(network)
    assert set(found) == movable
    if bypass == "complex":
        assert {reader.path for reader in found["conv1"]} == {"fire2.squeeze", "fire2.bypass"}
    before = logits(network, noise())
    generator = torch.Generator().manual_seed(0)
    for path, readers in found.items():
        conv = network.get_submodule(path)
        weight = conv.weight.detach().clone()
        rescale(network, path, readers, torch.rand(len(weight), generator=generator).double() * 4 + 0.1)
        assert not torch.equal(conv.weight, weight)
    np.testing.assert_allclose(logits(network, noise()), before, rtol=1e-4, atol=1e-5 * np.abs(before).max())


def test_powers_of_two_are_exact() -> None:
    network, _ = tiny_twin()
    before = logits(network, noise())
    for path, readers in channels(network).items():
        count = len(network.get_submodule(path).weight)
        rescale(network, path, readers, torch.exp2((torch.arange(count) % 5 - 2).double()))
    np.testing.assert_array_equal(logits(network, noise()), before)
