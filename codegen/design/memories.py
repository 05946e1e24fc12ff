"""Weight memories: what their rows hold, and what is loaded into those without initial content."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from fireline.codegen.plan.cost.conv2d import rom_blocks
from fireline.codegen.plan.foldings import Folding, Plan
from fireline.codegen.plan.weights import rom_rows
from fireline.graph import Conv2d


def pack_rows(rows: npt.NDArray[np.int64], bits: int) -> npt.NDArray[np.uint64]:
    """Each row's values, `bits` bits each, least significant first, in 64-bit words: (rows, words)."""
    used = -(-bits // 8)
    octets = np.ascontiguousarray(rows, dtype="<i8").view(np.uint8).reshape(*rows.shape, 8)[:, :, :used]
    ones = np.unpackbits(octets, axis=-1, bitorder="little")[:, :, :bits].reshape(len(rows), -1)
    padded = np.pad(ones, ((0, 0), (0, -ones.shape[1] % 64)))
    return np.packbits(padded, axis=-1, bitorder="little").view("<u8")


def rom_words(node: Conv2d, folding: Folding) -> npt.NDArray[np.uint64]:
    """A weight memory as the C++ kernels read it: (rows, memories that share a row, 64-bit words of each)."""
    rows, blocks = rom_rows(node, folding), rom_blocks(node, folding)
    words = pack_rows(rows.reshape(len(rows) * blocks, -1), node.weight_type.bits)
    return words.reshape(len(rows), blocks, -1)


def loaded_words(plan: Plan) -> tuple[int, ...]:
    """64-bit words of each memory in `loaded_weights`."""
    return tuple(rom_words(node, plan.foldings[i]).size for i, node in _loaded(plan))


def loaded_weights(plan: Plan) -> bytes:
    """What is streamed in before the first image: the memories of `plan.loaded`, row by row, little-endian."""
    return b"".join(rom_words(node, plan.foldings[i]).astype("<u8").tobytes() for i, node in _loaded(plan))


def _loaded(plan: Plan) -> Iterator[tuple[int, Conv2d]]:
    for index in plan.loaded:
        node = plan.graph.nodes[index]
        assert isinstance(node, Conv2d)
        yield index, node
