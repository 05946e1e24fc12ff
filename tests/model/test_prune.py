import pytest
import torch

from fireline.errors import FirelineError
from fireline.model.network import float_network
from fireline.model.prune import apply_masks, convolutions, magnitude_masks, zero_masks
from tests.quant.shared import TINY, tiny_twin


def test_the_smallest_weights_of_each_layer_go() -> None:
    network = float_network(TINY, seed=1)
    masks = magnitude_masks(network, 0.3)
    assert masks.keys() == dict(convolutions(network)).keys()
    for path, conv in convolutions(network):
        pruned = ~masks[path]
        assert masks[path].dtype == torch.bool
        assert int(pruned.sum()) == round(0.3 * conv.weight.numel())
        assert conv.weight[pruned].abs().max() <= conv.weight[~pruned].abs().min()


def test_layers_by_name_and_the_rest_dense() -> None:
    network = float_network(TINY, seed=1)
    masks = magnitude_masks(network, {"fire2": 0.5, "fire2.squeeze": 0.25, "conv10": 0})
    shares = {path: 1 - float(mask.float().mean()) for path, mask in masks.items()}
    assert shares["fire2.expand3x3"] == shares["fire2.expand1x1"] == 0.5
    assert shares["fire2.squeeze"] == 0.25
    assert shares["conv10"] == shares["conv1"] == shares["fire3.squeeze"] == 0


def test_masks_are_applied_and_found_again() -> None:
    network = float_network(TINY, seed=1)
    biases = [conv.bias.clone() for _, conv in convolutions(network) if conv.bias is not None]
    masks = magnitude_masks(network, 0.5)
    apply_masks(network, masks)
    apply_masks(network, {})
    again = zero_masks(network)
    assert all(torch.equal(masks[path], again[path]) for path in masks)
    # Zeros go first: a sparser mask is inside the first one.
    sparser = magnitude_masks(network, 0.7)
    assert all(bool((masks[path] | ~sparser[path]).all()) for path in masks)
    kept = [conv.bias for _, conv in convolutions(network) if conv.bias is not None]
    assert all(torch.equal(a, b) for a, b in zip(biases, kept, strict=True))


def test_a_twin_has_the_masks_of_its_float_network() -> None:
    network, twin = tiny_twin("w6a6")
    apply_masks(twin, magnitude_masks(network, 0.5))
    assert all(
        bool((twin.get_submodule(path).quant_weight().value[~mask] == 0).all())  # type: ignore[operator]
        for path, mask in magnitude_masks(network, 0.5).items()
    )


@pytest.mark.parametrize("sparsity", [-0.1, 1.0, 1.5, float("nan"), {"conv1": 1.0}])
def test_sparsities_out_of_range(sparsity: float | dict[str, float]) -> None:
    with pytest.raises(FirelineError, match="a sparsity of"):
        magnitude_masks(float_network(TINY), sparsity)


def test_a_layer_that_is_not_there() -> None:
    with pytest.raises(FirelineError, match=r"did you mean fire2.squeeze\?"):
        magnitude_masks(float_network(TINY), {"fire2.squeez": 0.5})
