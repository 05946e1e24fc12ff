"""Weights, biases, tables and requantizers of one node: the constants of its own header (`weights::<node>`)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fireline.codegen.hls.parameters import accumulator_type, cpp_type
from fireline.codegen.hls.rule import RuleStruct, Table, channel_table, nested_table, rule_struct
from fireline.codegen.plan.foldings import Folding, Plan
from fireline.fixed import IntType
from fireline.graph import Add, Conv2d, Lookup, Node, Rescale, Rule


@dataclass(frozen=True)
class Constants:
    """Everything in one node's header."""

    tables: tuple[Table, ...]
    rule: RuleStruct | None


def has_constants(node: Node) -> bool:
    """Whether a node has a header of constants."""
    return isinstance(node, Conv2d | Add | Rescale | Lookup)


def node_constants(plan: Plan, index: int) -> Constants:
    """The constants of node `index`, which `has_constants`."""
    node, folding = plan.graph.nodes[index], plan.foldings[index]
    sources = [plan.graph.nodes[i].output for i in node.inputs]
    match node:
        case Conv2d():
            acc = accumulator_type(node, sources[0].type)
            bias = channel_table(
                cpp_type(acc), "bias", node.bias.tolist(), folding.pe, f"{node.bias.size} biases"
            )
            tables = (bias,) if index in plan.loaded else (_rom(node, folding), bias)
            return _with_rule(tables, node, node.requantize, node.accumulator, folding.pe)
        case Add():
            return _with_rule((), node, node.requantize, node.accumulator, folding.pe)
        case Rescale():
            return _with_rule((), node, node.requantize, sources[0].type, folding.pe)
        case Lookup():
            return Constants((_lookup_table(node, folding.pe),), None)
        case _:
            raise AssertionError(f"{node.kind} has no constants")


def rom_rows(node: Conv2d, folding: Folding) -> npt.NDArray[np.int64]:
    """Weights in the order in which they are used: (cycles, pe * rows * simd).

    A cycle multiplies, for each of `pe` outputs, `rows` positions of the window times `simd` channels. The cycles of
    one fold go through the window in the order (ky, kx, c), as the line buffer does.
    """
    outputs, depth, kh, kw = node.weight.shape
    pe, simd, rows = folding.pe, folding.simd, folding.rows
    blocks = node.weight.reshape(outputs // pe, pe, depth // simd, simd, kh // rows, rows, kw)
    return blocks.transpose(0, 4, 6, 2, 1, 5, 3).reshape(-1, pe * rows * simd)


def pack_rows(rows: npt.NDArray[np.int64], bits: int) -> npt.NDArray[np.uint64]:
    """Each row's values, `bits` bits each, least significant first, in 64-bit words: (rows, words)."""
    used = -(-bits // 8)
    octets = np.ascontiguousarray(rows, dtype="<i8").view(np.uint8).reshape(*rows.shape, 8)[:, :, :used]
    ones = np.unpackbits(octets, axis=-1, bitorder="little")[:, :, :bits].reshape(len(rows), -1)
    padded = np.pad(ones, ((0, 0), (0, -ones.shape[1] % 64)))
    return np.packbits(padded, axis=-1, bitorder="little").view("<u8")


def rom_words(node: Conv2d, folding: Folding) -> npt.NDArray[np.uint64]:
    """A weight memory as the kernels read it: (rows, 64-bit words of a row)."""
    return pack_rows(rom_rows(node, folding), node.weight_type.bits)


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


def _rom(node: Conv2d, folding: Folding) -> Table:
    words = rom_words(node, folding)
    text = tuple(", ".join(map("0x{:016x}".format, row)) for row in words.tolist())
    terms = folding.simd * folding.rows
    shape = ", ".join(map(str, node.weight.shape))
    comment = f"{node.weight_type} ({shape}), {folding.pe} x {terms} weights a row"
    return Table("std::uint64_t", "rom", f"[{words.shape[0]}][{words.shape[1]}]", text, comment)


def _lookup_table(node: Lookup, lanes: int) -> Table:
    rows = node.table if len(node.table) > 1 else node.table.repeat(lanes, axis=0)
    return nested_table(cpp_type(node.output.type), "table", rows, lanes, "outputs, lowest input first")


def _with_rule(tables: tuple[Table, ...], node: Node, rule: Rule | None, acc: IntType, pe: int) -> Constants:
    more, struct = rule_struct(rule, acc, node.output, pe)
    return Constants(tables + more, struct)
