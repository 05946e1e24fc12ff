"""Deep Compression's stages: each is undone to what it was made of, and sizes are those of real bytes."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fireline.errors import FirelineError
from fireline.model.network import float_network
from fireline.model.presets import preset
from fireline.model.prune import apply_masks, convolutions, magnitude_masks
from fireline.model.run_info import Run, write_run
from fireline.model.run_networks import save_network
from fireline.model.weights import import_weights
from fireline.quant import huffman, sparse
from fireline.quant.run import Source, quantize
from fireline.quant.share import share, share_weights
from fireline.quant.size import GAP_BITS, pack, quantized_sizes, run_sizes, shared_sizes, unpack
from tests.fireline.test_cli import run
from tests.model.shared import PRETRAINED
from tests.quant.shared import TINY, tiny_twin


@st.composite
def codes(draw: st.DrawFn) -> tuple[np.ndarray, int]:
    """Codes of some bits, many of them zero, in long runs or short ones."""
    bits = draw(st.integers(1, 16))
    size, zeros = draw(st.integers(0, 200)), draw(st.floats(0, 1))
    random = np.random.default_rng(draw(st.integers(0, 1 << 30)))
    values = random.integers(0, 1 << bits, size)
    return np.where(random.random(size) < zeros, 0, values), bits


@settings(max_examples=50)
@given(codes())
def test_a_huffman_code_is_decoded(case: tuple[np.ndarray, int]) -> None:
    values, bits = case
    assert np.array_equal(huffman.decode(huffman.encode(values, bits), bits), values)


def test_a_huffman_code_is_as_short_as_its_entropy() -> None:
    # 1/2, 1/4, 1/8, 1/8: words of 1, 2, 3 and 3 bits, and 5 + 3 * 2 + 4 bytes of table.
    values = np.repeat([5, 1, 0, 9], [512, 256, 128, 128])
    assert len(huffman.encode(values, 8)) == (512 + 2 * 256 + 3 * 256) // 8 + 15
    assert len(huffman.encode(np.full(80, 7), 8)) == 10 + 5 + 2 + 1


@settings(max_examples=50)
@given(codes(), st.integers(1, 8))
def test_entries_and_gaps_are_put_back(case: tuple[np.ndarray, int], gap_bits: int) -> None:
    values, _ = case
    found, gaps = sparse.entries(values, gap_bits)
    assert len(found) == len(gaps)
    assert not len(gaps) or 0 <= gaps.min() <= gaps.max() < 1 << gap_bits
    assert np.array_equal(sparse.dense(found, gaps, len(values)), values)


def test_entries_by_hand() -> None:
    # Gaps of 2 bits count up to 3 zeros: of the 9 before the last code, two stand as entries of their own.
    found, gaps = sparse.entries(np.array([4, 0, 0, 6, *[0] * 9, 1, 0, 0]), 2)
    assert found.tolist() == [4, 6, 0, 0, 1]
    assert gaps.tolist() == [0, 2, 3, 3, 1]


@settings(max_examples=50)
@given(codes())
def test_a_packed_layer_is_unpacked(case: tuple[np.ndarray, int]) -> None:
    values, bits = case
    assert np.array_equal(unpack(pack(values, bits), len(values), bits), values)


def test_sparse_codes_pack_as_gaps_and_dense_ones_do_not() -> None:
    random = np.random.default_rng(0)
    values = random.integers(1, 64, 5000)
    assert pack(values, 6)[0] == 0
    assert pack(np.where(random.random(5000) < 0.95, 0, values), 6)[0] in GAP_BITS


def nearest(weights: np.ndarray, values: np.ndarray) -> np.ndarray:
    return np.abs(weights[:, None].astype(float) - values.astype(float)).argmin(axis=1)


@pytest.mark.parametrize("bits", [1, 3, 6])
def test_shared_weights_are_the_means_of_those_nearest(bits: int) -> None:
    weights = np.random.default_rng(1).normal(size=(40, 5, 3, 3)).astype(np.float32)
    weights[np.random.default_rng(2).random(weights.shape) < 0.4] = 0
    shared = share(weights, bits)
    assert shared.codes.shape == weights.shape
    assert len(shared.values) <= (1 << bits) - 1
    assert np.array_equal(shared.codes == 0, weights == 0)
    kept, labels = weights[weights != 0], shared.codes[weights != 0] - 1
    assert np.array_equal(labels, nearest(kept, shared.values))
    means = np.array([kept[labels == i].mean(dtype=np.float64) for i in range(len(shared.values))])
    assert np.array_equal(means.astype(np.float32), shared.values)


def test_few_values_are_shared_as_they_are() -> None:
    weights = np.array([[0.5, 0, -1, 0.25], [0, 0.5, 0.5, -1]], np.float32)
    assert np.array_equal(share(weights, 2).weights(), weights)
    assert share(np.zeros((2, 2), np.float32), 4).values.size == 0
    with pytest.raises(FirelineError, match="codes of 0 bits"):
        share(weights, 0)


def test_more_bits_share_more_closely() -> None:
    network = float_network(TINY, seed=1)
    errors = []
    for bits in (2, 4, 6, 8):
        again = float_network(TINY, seed=1)
        share_weights(again, bits)
        pairs = zip(convolutions(network), convolutions(again), strict=True)
        errors.append(sum(float((a.weight - b.weight).square().sum()) for (_, a), (_, b) in pairs))
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < errors[0] / 100


def test_sizes_of_a_quantized_network() -> None:
    network, twin = tiny_twin("w4a4,conv1=w8a8")
    apply_masks(network, magnitude_masks(network, {"fire3": 0.9}))
    with torch.no_grad():
        network.fire3.expand3x3.weight[:, 0] = 0  # an input that nothing reads
        network.fire3.expand3x3.weight[5] = 0
    apply_masks(twin, {path: conv.weight != 0 for path, conv in convolutions(network)})
    sizes = quantized_sizes(network, twin)
    layers = {layer.name: layer for layer in sizes.layers}
    conv1, last = layers["conv1"], layers["fire3.expand3x3"]
    assert (conv1.bits, conv1.weights, conv1.float_bytes) == (8, 216, 4 * (216 + 8))
    assert conv1.pruned_bytes == conv1.float_bytes
    assert conv1.coded_bytes == 216 + 8 + 4 * 8  # codes, exponents, biases
    assert last.bits == 4
    assert last.zero_filters >= 1 <= last.zero_inputs
    assert last.removable >= 9 * (8 + 4 - 1)
    assert last.float_bytes > last.pruned_bytes > last.coded_bytes >= last.huffman_bytes
    assert sizes.total("rom_bits") == sum(layer.weights * layer.bits for layer in sizes.layers)
    for path, conv in convolutions(twin):
        integers = conv.quant_weight().int().numpy()  # type: ignore[operator]
        assert layers[path].coded == np.count_nonzero(integers)


def test_the_command(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    quantize("digits", tmp_path, data="digits", bits="w4a6", source=Source(random=True), images=20)
    status, stdout, _ = run(capsys, "size", tmp_path, "--json")
    assert status == 0
    content = json.loads(stdout)
    assert content["codes"] == "quantized"
    assert content["total"]["float_bytes"] == 4 * 8_420 - 4 * (
        32 + 8 + 32 + 16 + 64 + 10
    )  # one bias, no batch norm
    assert sum(layer["huffman_bytes"] for layer in content["layers"]) == content["total"]["huffman_bytes"]
    _, stdout, _ = run(capsys, "size", tmp_path, "--share", 5)
    assert "shared, 5 bits" in stdout
    assert "in ROM: 5,060 bytes" in stdout
    status, _, stderr = run(capsys, "size", tmp_path / "none")
    assert status == 2
    assert "not a run folder" in stderr


def test_a_run_that_is_not_quantized_is_shared_at_6_bits(tmp_path: Path) -> None:
    config = preset("digits")
    write_run(tmp_path, Run("digits", config, "random"))
    save_network(tmp_path / "float.pt", float_network(config))
    assert {layer.bits for layer in run_sizes(tmp_path).layers} == {6}


@pytest.mark.skipif(not PRETRAINED.is_dir(), reason="no pretrained weights beside this checkout")
def test_the_published_compressed_network_is_under_half_a_megabyte_at_6_bits() -> None:
    network = import_weights(preset("squeezenet1_0"), PRETRAINED / "squeezenet1_0_deepcompression.npz")
    sizes = shared_sizes(network, 6)
    assert sizes.total("float_bytes") == 4 * 1_248_424  # the paper's 4.8 MB, in units of 2**20
    assert sizes.total("kept") == sizes.total("coded") == 415_921  # published with biases as 421 098
    assert sizes.total("huffman_bytes") < 400_000
    # Published with 8-bit codes: at most 255 values a layer, which sharing keeps as they are.
    before = [conv.weight.clone() for _, conv in convolutions(network)]
    share_weights(network, 8)
    assert all(
        torch.equal(w, conv.weight) for w, (_, conv) in zip(before, convolutions(network), strict=True)
    )
