"""A Huffman code of integers, with its table: what a stream of weights or indices really takes.

Huffman, A Method for the Construction of Minimum-Redundancy Codes, 1952; canonical, so that the table is the number of
words of each length and the symbols in order (RFC 1951, section 3.2.2).
"""

from __future__ import annotations

import struct

import numpy as np
import numpy.typing as npt
from bitarray import bitarray
from bitarray.util import canonical_decode, canonical_huffman

Codes = npt.NDArray[np.int64]


def encode(symbols: Codes, bits: int) -> bytes:
    """Integers (N,) from 0 to 2**`bits` - 1, `bits` at most 16, as bytes that `decode` reads back.

    How many there are (4 bytes), the longest word's length (1), for each length the number of words (2, or 4 for 16
    bits), the symbols in order of their words (1, or 2 above 8 bits), and the words.
    """
    values, frequencies = np.unique(symbols, return_counts=True)
    if not len(values):
        return struct.pack("<IB", 0, 0)
    code, lengths, order = canonical_huffman(dict(zip(values.tolist(), frequencies.tolist(), strict=True)))
    words = bitarray(endian="big")
    words.encode(code, symbols.tolist())
    head = struct.pack("<IB", len(symbols), len(lengths) - 1)
    table = np.array(lengths[1:], _count(bits)).tobytes() + np.array(order, _symbol(bits)).tobytes()
    return head + table + words.tobytes()


def decode(content: bytes, bits: int) -> Codes:
    """The integers (N,) that `encode` made `content` of."""
    count, longest = struct.unpack_from("<IB", content)
    if not count:
        return np.zeros(0, np.int64)
    place = struct.calcsize("<IB")
    lengths = np.frombuffer(content, _count(bits), longest, place)
    place += lengths.nbytes
    order = np.frombuffer(content, _symbol(bits), int(lengths.sum()), place)
    place += order.nbytes
    words = bitarray(endian="big")
    words.frombytes(content[place:])
    return np.fromiter(canonical_decode(words, [0, *lengths.tolist()], order.tolist()), np.int64, count)


def _count(bits: int) -> str:
    return "<u4" if bits == 16 else "<u2"


def _symbol(bits: int) -> str:
    return "<u2" if bits > 8 else "<u1"
