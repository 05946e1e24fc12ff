"""Weights, biases, tables and requantizers of one node: the constants of its own header (`weights::<node>`)."""

from __future__ import annotations

from dataclasses import dataclass

from fireline.codegen.design.arithmetic import accumulator_type
from fireline.codegen.design.memories import rom_words
from fireline.codegen.hls.rule import RuleStruct, Table, channel_table, lookup_table, rule_struct
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
            bias = channel_table(acc, "bias", node.bias.tolist(), folding.pe, f"{node.bias.size} biases")
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


def _rom(node: Conv2d, folding: Folding) -> Table:
    words = rom_words(node, folding)
    depth, blocks, count = words.shape
    text = tuple(", ".join(f"{{{_hexadecimal(block)}}}" for block in row) for row in words.tolist())
    terms = folding.simd * folding.rows
    shape = ", ".join(map(str, node.weight.shape))
    comment = f"{node.weight_type} ({shape}), {folding.pe} x {terms} weights a row"
    dimensions = f"[{depth}][{blocks}][{count}]"
    return Table("std::uint64_t", "rom", dimensions, text, comment, depth, 64 * count, (2,))


def _hexadecimal(words: list[int]) -> str:
    return ", ".join(map("0x{:016x}".format, words))


def _lookup_table(node: Lookup, lanes: int) -> Table:
    rows = node.table if len(node.table) > 1 else node.table.repeat(lanes, axis=0)
    return lookup_table(node.output.type, rows, lanes)


def _with_rule(tables: tuple[Table, ...], node: Node, rule: Rule | None, acc: IntType, pe: int) -> Constants:
    more, struct = rule_struct(rule, acc, node.output, pe)
    return Constants(tables + more, struct)
