from dataclasses import replace

import numpy as np
import pytest
import torch

from fireline.errors import FirelineError
from fireline.model.evaluate import logits
from fireline.model.network import float_network
from fireline.model.presets import preset
from fireline.model.prune import zero_masks
from fireline.model.weights import import_weights
from fireline.quant.bits import parse_precision
from fireline.quant.calibrate import calibrate
from fireline.quant.fold import fold_batch_norm
from fireline.quant.twin import activations, build_twin, convolutions
from tests.model.shared import PRETRAINED
from tests.quant.shared import TINY, noise, tiny_twin


def test_the_float_network_computes_what_it_did() -> None:
    folded = fold_batch_norm(float_network(TINY, seed=1).eval())
    before = logits(folded, noise())
    calibrate(folded, build_twin(folded, parse_precision("w4a6")), noise())
    np.testing.assert_allclose(logits(folded, noise()), before, rtol=1e-4, atol=1e-5 * np.abs(before).max())


def test_every_scale_is_a_power_of_two_and_pixels_are_raw() -> None:
    _, twin = tiny_twin("w5a6")
    for path, module in activations(twin):
        mantissa, _ = np.frexp(float(module.act_quant.scale()))
        assert mantissa == 0.5, path
    for path, conv in convolutions(twin):
        mantissas, _ = np.frexp(conv.quant_weight().scale.detach().numpy())
        assert (mantissas == 0.5).all(), path
        assert int(conv.quant_weight().bit_width) == 5
    quantizers = dict(activations(twin))
    assert float(quantizers["pixels"].act_quant.scale()) == 1
    assert float(quantizers["centred"].act_quant.scale()) == 2**-7
    assert int(quantizers["centred"].act_quant.bit_width()) == 8


def test_more_bits_follow_the_float_network_more_closely() -> None:
    errors = []
    for bits in ("w4a4", "w6a6", "w8a8", "w12a12"):
        network, twin = tiny_twin(bits)
        errors.append(np.abs(logits(network, noise()) - logits(twin, noise())).max())
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < errors[0] / 50


def test_zeros_stay_zeros() -> None:
    network, _ = tiny_twin()
    with torch.no_grad():
        for name, value in network.named_parameters():
            if name.endswith("weight"):
                value[value.abs() < value.abs().median()] = 0
        network.conv1.weight[2] = 0  # a channel pruned away
    twin = build_twin(network, parse_precision("w6a6"))
    calibrate(network, twin, noise())
    originals = dict(network.named_modules())
    for path, conv in convolutions(twin):
        zeros = originals[path].weight == 0
        assert zeros.any()
        assert (conv.quant_weight().value[zeros] == 0).all(), path


def test_calibration_is_deterministic() -> None:
    (_, first), (_, second) = tiny_twin("w4a4"), tiny_twin("w4a4")
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))


def test_layers_may_have_bits_of_their_own() -> None:
    _, twin = tiny_twin("w4a4,fire2=w6a5,conv10=w8a8")
    bits = {path: int(conv.quant_weight().bit_width) for path, conv in convolutions(twin)}
    assert (bits["conv1"], bits["fire2.squeeze"], bits["fire3.squeeze"], bits["conv10"]) == (4, 6, 4, 8)
    steps = {path: int(module.act_quant.bit_width()) for path, module in activations(twin)}
    assert (steps["conv1_act"], steps["fire2.expand_act"], steps["conv10_act"]) == (4, 5, 8)


def test_no_images_and_weights_that_are_no_numbers() -> None:
    network, twin = tiny_twin()
    with pytest.raises(FirelineError, match="no images"):
        calibrate(network, twin, noise(0))
    with torch.no_grad():
        network.conv1.weight[0, 0, 0, 0] = torch.nan
    with pytest.raises(FirelineError, match="not finite"):
        calibrate(network, twin, noise())


@pytest.mark.skipif(not PRETRAINED.is_dir(), reason="no pretrained weights beside this checkout")
def test_the_published_compressed_network_stays_as_sparse() -> None:
    path = PRETRAINED / "squeezenet1_0_deepcompression.npz"
    network = import_weights(replace(preset("squeezenet1_0"), input=(3, 47, 47)), path)
    twin = build_twin(network, parse_precision("w6a6"))
    calibrate(network, twin, noise(4, network.config))
    masks = zero_masks(network)
    assert sum(int((~mask).sum()) for mask in masks.values()) == 1_244_448 - 415_921
    for name, conv in convolutions(twin):
        assert (conv.quant_weight().value[~masks[name]] == 0).all(), name
