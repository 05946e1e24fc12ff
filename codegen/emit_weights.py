"""Weights, biases and requantizers of one node, as constants of its own header (`weights::<node>`)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fireline.codegen.cpp_names import int_type, literal
from fireline.codegen.emit_parameters import accumulator_type, constants, cpp_type
from fireline.codegen.plan import Folding, Plan
from fireline.fixed import IntType
from fireline.graph import Add, Conv2d, Node, Requantize, Rescale


@dataclass(frozen=True)
class Table:
    """A constant array of `rows`, each the text of its values."""

    type: str
    name: str
    dimensions: str
    rows: tuple[str, ...]
    comment: str


@dataclass(frozen=True)
class Factor:
    """A member function of a requantizer: the same `value` for all channels, or a table's entry."""

    name: str
    type: str
    value: str | None


@dataclass(frozen=True)
class Rule:
    """A requantizer's types, clamp and functions."""

    types: dict[str, str]
    constants: dict[str, str]
    factors: tuple[Factor, ...]


@dataclass(frozen=True)
class Constants:
    """Everything in one node's header."""

    tables: tuple[Table, ...]
    rule: Rule


def node_constants(plan: Plan, index: int) -> Constants | None:
    """The constants of node `index`, or None if it has none."""
    node, folding = plan.graph.nodes[index], plan.foldings[index]
    sources = [plan.graph.nodes[i].output for i in node.inputs]
    match node:
        case Conv2d():
            acc = accumulator_type(node, sources[0].type)
            tables = (_rom(node, folding), _bias(node, folding, acc))
            return _with_rule(tables, node, node.requantize, node.accumulator, folding.pe)
        case Add():
            return _with_rule((), node, node.requantize, node.accumulator, folding.pe)
        case Rescale():
            return _with_rule((), node, node.requantize, sources[0].type, folding.pe)
        case _:
            return None


def rom_rows(node: Conv2d, folding: Folding) -> npt.NDArray[np.int64]:
    """Weights in the order in which they are used: (cycles, pe * rows * simd).

    A cycle multiplies, for each of `pe` outputs, `rows` positions of the window times `simd` channels. The cycles of
    one fold go through the window in the order (ky, kx, c), as the line buffer does.
    """
    outputs, depth, kh, kw = node.weight.shape
    pe, simd, rows = folding.pe, folding.simd, folding.rows
    if outputs // node.groups % pe:
        from fireline.errors import FirelineError

        raise FirelineError(
            f"pe={pe} does not divide the {outputs // node.groups} outputs of a group", node=node.name
        )
    blocks = node.weight.reshape(outputs // pe, pe, depth // simd, simd, kh // rows, rows, kw)
    return blocks.transpose(0, 4, 6, 2, 1, 5, 3).reshape(-1, pe * rows * simd)


def pack_rows(rows: npt.NDArray[np.int64], bits: int) -> npt.NDArray[np.uint64]:
    """Each row's values, `bits` bits each, least significant first, in 64-bit words: (rows, words)."""
    used = -(-bits // 8)
    octets = np.ascontiguousarray(rows, dtype="<i8").view(np.uint8).reshape(*rows.shape, 8)[:, :, :used]
    ones = np.unpackbits(octets, axis=-1, bitorder="little")[:, :, :bits].reshape(len(rows), -1)
    padded = np.pad(ones, ((0, 0), (0, -ones.shape[1] % 64)))
    return np.packbits(padded, axis=-1, bitorder="little").view("<u8")


def _rom(node: Conv2d, folding: Folding) -> Table:
    words = pack_rows(rom_rows(node, folding), node.weight_type.bits)
    text = tuple(", ".join(map("0x{:016x}".format, row)) for row in words.tolist())
    terms = folding.simd * folding.rows
    shape = ", ".join(map(str, node.weight.shape))
    comment = f"{node.weight_type} ({shape}), {folding.pe} x {terms} weights a row"
    return Table("std::uint64_t", "rom", f"[{words.shape[0]}][{words.shape[1]}]", text, comment)


def _bias(node: Conv2d, folding: Folding, type: IntType) -> Table:
    return _table(cpp_type(type), "bias", node.bias, folding.pe, f"{node.bias.size} biases")


def _table(type: str, name: str, values: Iterable[int], pe: int, comment: str) -> Table:
    rows = np.array(list(values), dtype=np.int64).reshape(-1, pe).tolist()
    text = tuple(", ".join(map(literal, row)) for row in rows)
    return Table(type, name, f"[{len(rows)}][{pe}]", text, comment)


def _with_rule(
    tables: tuple[Table, ...], node: Node, rule: Requantize | None, acc: IntType, pe: int
) -> Constants:
    if rule is None:
        one, zero = np.ones(1, dtype=np.int64), np.zeros(1, dtype=np.int64)
        rule = Requantize(one, zero, zero, node.output.type.min, node.output.type.max)
    types = {"Wide": cpp_type(wide_type(rule, acc)), "Output": cpp_type(node.output.type)}
    factors = []
    for name, values in (("mult", rule.mult), ("add", rule.add), ("shift", rule.shift)):
        held = IntType.holding(min(-1, int(values.min())), int(values.max()))
        type = int_type(held.bits, True)
        if len(set(values.tolist())) == 1:
            factors.append(Factor(name, type, literal(int(values[0]))))
        else:
            tables += (_table(type, f"{name}s", values, pe, f"{name} of every channel"),)
            factors.append(Factor(name, type, None))
    return Constants(tables, Rule(types, constants({"kLow": rule.low, "kHigh": rule.high}), tuple(factors)))


def wide_type(rule: Requantize, acc: IntType) -> IntType:
    """A signed type for every intermediate value of a requantization of accumulators of type `acc`."""
    ends = [rule.low, rule.high, -1]
    for mult, add, shift in zip(rule.mult.tolist(), rule.add.tolist(), rule.shift.tolist(), strict=True):
        ends += [mult, add, 1 << shift]
        for end in (acc.min * mult + add, acc.max * mult + add, acc.min * mult, acc.max * mult):
            ends += [end, end + (1 << shift)]
    return IntType.holding(min(ends), max(ends))
