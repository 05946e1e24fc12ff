"""What a network's parameters take, stage by stage: Han et al., Deep Compression, 2016 (arXiv:1510.00149).

Pruned weights are entries and gaps (`fireline.quant.sparse`) where that is smaller than all of them. Then each is a
code of few bits, a shared value or the integer of a quantized network, with a table of what the codes stand for. Then
they are Huffman coded (`fireline.quant.huffman`), tables included. Biases take 4 bytes in every stage.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from torch import nn

from fireline.model.network import Network
from fireline.model.prune import convolutions
from fireline.model.run_info import read_run
from fireline.model.run_networks import load_float
from fireline.quant import huffman, sparse
from fireline.quant.fold import fold_batch_norm
from fireline.quant.share import share

Codes = npt.NDArray[np.int64]
GAP_BITS = range(2, 9)
SHARE_BITS = 6


@dataclass(frozen=True)
class Layer:
    """One convolution's parameters: `kept` of its weights, and `coded` of its codes of `bits` bits, are not zero.

    The four numbers of bytes are those after each stage. `zero_filters` are output channels, and
    `zero_inputs` input channels, whose codes are all zero, and `removable` the weights of either.
    """

    name: str
    weights: int
    kept: int
    coded: int
    bits: int
    float_bytes: int
    pruned_bytes: int
    coded_bytes: int
    huffman_bytes: int
    zero_filters: int
    zero_inputs: int
    removable: int

    @property
    def rom_bits(self) -> int:
        """Bits of the layer's ROM in firmware, where every weight has its place."""
        return self.weights * self.bits


@dataclass(frozen=True)
class Sizes:
    """The layers of a network; `codes` says what their weights became."""

    codes: str
    layers: tuple[Layer, ...]

    def total(self, what: str) -> int:
        """The sum of a number over all layers."""
        return sum(getattr(layer, what) for layer in self.layers)


def run_sizes(folder: Path, share_bits: int | None = None) -> Sizes:
    """Sizes of the network in a run folder: as it is quantized, or with `share_bits` its float weights shared.

    A run that is not quantized is shared at `SHARE_BITS` bits. Batch norm is folded first.

    Raises:
        FirelineError: no run, no float network, or bits out of range.
    """
    from fireline.quant.run import load_twin

    network = fold_batch_norm(load_float(folder))
    if share_bits is None and read_run(folder).bits is not None:
        return quantized_sizes(network, load_twin(folder))
    return shared_sizes(network, share_bits or SHARE_BITS)


def shared_sizes(network: Network, bits: int) -> Sizes:
    """Sizes of a float network whose layers share 2**`bits` - 1 values each; a value in the table takes 4 bytes."""
    layers = []
    for path, conv in convolutions(network):
        shared = share(conv.weight.detach().numpy(), bits)
        layers.append(_layer(path, conv, shared.codes, bits, 4 * len(shared.values)))
    return Sizes(f"shared, {bits} bits", tuple(layers))


def quantized_sizes(network: Network, twin: Network) -> Sizes:
    """Sizes of a float network and its quantized twin; the exponent of a channel's scale takes a byte."""
    layers = []
    quantized = dict(convolutions(twin))
    for path, conv in convolutions(network):
        weight = quantized[path].quant_weight()  # type: ignore[operator]
        bits = int(weight.bit_width)
        codes = weight.int().numpy().astype(np.int64) & ((1 << bits) - 1)
        layers.append(_layer(path, conv, codes, bits, conv.out_channels))
    return Sizes("quantized", tuple(layers))


def pack(codes: Codes, bits: int) -> bytes:
    """Codes (N,) of `bits` bits, Huffman coded: all of them, or entries and gaps, whichever is smaller.

    The first byte is the bits of a gap, 0 for all codes.
    """
    packed = [b"\0" + huffman.encode(codes, bits)]
    for gap_bits in GAP_BITS:
        found, gaps = sparse.entries(codes, gap_bits)
        first = huffman.encode(found, bits)
        head = struct.pack("<BI", gap_bits, len(first))
        packed.append(head + first + huffman.encode(gaps, gap_bits))
    return min(packed, key=len)


def unpack(content: bytes, count: int, bits: int) -> Codes:
    """The codes (`count`,) that `pack` made `content` of."""
    gap_bits = content[0]
    if not gap_bits:
        return huffman.decode(content[1:], bits)
    (length,) = struct.unpack_from("<I", content, 1)
    found, gaps = content[5 : 5 + length], content[5 + length :]
    return sparse.dense(huffman.decode(found, bits), huffman.decode(gaps, gap_bits), count)


def _layer(name: str, conv: nn.Conv2d, codes: Codes, bits: int, table: int) -> Layer:
    weights = conv.weight.detach().numpy()
    flat = codes.ravel()
    coded = _plain(flat, bits) + table
    filters, inputs = codes.any(axis=(1, 2, 3)), codes.any(axis=(0, 2, 3))
    rest = int(filters.sum() * inputs.sum()) * codes.shape[2] * codes.shape[3]
    biases = 4 * conv.out_channels
    return Layer(
        name=name,
        weights=weights.size,
        kept=int(np.count_nonzero(weights)),
        coded=int(np.count_nonzero(codes)),
        bits=bits,
        float_bytes=4 * weights.size + biases,
        pruned_bytes=_plain((weights.ravel() != 0).astype(np.int64), 32) + biases,
        coded_bytes=coded + biases,
        huffman_bytes=min(coded, len(pack(flat, bits)) + table) + biases,
        zero_filters=int((~filters).sum()),
        zero_inputs=int((~inputs).sum()),
        removable=weights.size - rest,
    )


def _plain(codes: Codes, bits: int) -> int:
    """Bytes of all codes at `bits` each, or of entries and gaps, whichever is smaller."""
    sparse_bits = ((bits + gap) * len(sparse.entries(codes, gap)[0]) for gap in GAP_BITS)
    return -(-min(bits * len(codes), *sparse_bits) // 8)
