"""Requantization rules as C++: the struct `Requantize` of a node's header, and its tables."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from fireline.codegen.design.arithmetic import plain_rule, wide_type
from fireline.codegen.hls.names import holder, int_type, literal
from fireline.fixed import IntArray, IntType
from fireline.graph import Requantize, Rule, Tensor, Thresholds


@dataclass(frozen=True)
class Table:
    """A constant array; each of `rows` is the text of what is inside its braces.

    Its dimensions `apart` are read at once, so it is that many memories of `depth` words of `bits` bits.
    """

    type: str
    name: str
    dimensions: str
    rows: tuple[str, ...]
    comment: str
    depth: int
    bits: int
    apart: tuple[int, ...]


@dataclass(frozen=True)
class RuleStruct:
    """Type names, constants as "type name = value", and member functions, each one line."""

    types: dict[str, str]
    constants: tuple[str, ...]
    functions: tuple[str, ...]


def rule_struct(
    rule: Rule | None, acc: IntType, output: Tensor, pe: int
) -> tuple[tuple[Table, ...], RuleStruct]:
    """The tables and the struct of a rule for accumulators of type `acc`, `pe` at a time; None changes nothing."""
    rule = plain_rule(rule, output)
    if isinstance(rule, Thresholds):
        return _by_thresholds(rule, acc, output, pe)
    return _by_scale(rule, acc, output, pe)


def channel_table(type: IntType, name: str, values: Iterable[int], pe: int, comment: str) -> Table:
    """One value for every channel: [folds][pe], the lanes apart."""
    rows = np.array(list(values), dtype=np.int64).reshape(-1, pe).tolist()
    text, dimensions = tuple(map(_text, rows)), f"[{len(rows)}][{pe}]"
    return Table(_cpp(type), name, dimensions, text, comment, len(rows), type.bits, (2,))


def steps_table(type: str, bits: int, values: IntArray, pe: int) -> Table:
    """The thresholds of every channel: [folds][pe][steps], all of a channel read at once."""
    folds, text = _nested(values, pe)
    dimensions = f"[{folds}][{pe}][{values.shape[1]}]"
    return Table(type, "steps", dimensions, text, "thresholds", folds, bits, (2, 3))


def lookup_table(type: IntType, values: IntArray, pe: int) -> Table:
    """A function's value for every input, lowest first: [folds][pe][entries], the lanes apart."""
    folds, text = _nested(values, pe)
    entries = values.shape[1]
    dimensions = f"[{folds}][{pe}][{entries}]"
    comment = "outputs, lowest input first"
    return Table(_cpp(type), "table", dimensions, text, comment, folds * entries, type.bits, (2,))


def _by_scale(
    rule: Requantize, acc: IntType, output: Tensor, pe: int
) -> tuple[tuple[Table, ...], RuleStruct]:
    tables: list[Table] = []
    functions = []
    for name, values in (("mult", rule.mult), ("add", rule.add), ("shift", rule.shift)):
        table, function = _factor(name, values, pe)
        tables += table
        functions.append(function)
    wide = wide_type(rule, acc)
    types = {"Method": "fl::ByScale", "Wide": int_type(wide.bits, True)}
    types["Output"] = int_type(output.type.bits, output.type.signed)
    ends = tuple(
        f"{holder(v)} {name} = {literal(v)}" for name, v in (("kLow", rule.low), ("kHigh", rule.high))
    )
    return tuple(tables), RuleStruct(types, ends, tuple(functions))


def _by_thresholds(
    rule: Thresholds, acc: IntType, output: Tensor, pe: int
) -> tuple[tuple[Table, ...], RuleStruct]:
    ends = [-acc.min, -acc.max, acc.min, acc.max, int(rule.steps.min()), int(rule.steps.max()), -1]
    wide = IntType.holding(min(ends), max(ends))
    shared = len(rule.steps) == 1
    type = "int" if wide.bits <= 32 else "long long"
    steps = steps_table(type, wide.bits, rule.steps, 1 if shared else pe)
    tables, sign = _factor("sign", rule.sign, pe)
    place = "const int, const int" if shared else "const int fold, const int lane"
    index = "[0][0]" if shared else "[fold][lane]"
    functions = (sign, f"static {steps.type} step({place}, const int i) {{ return steps{index}[i]; }}")
    types = {"Method": "fl::ByThresholds", "Wide": int_type(wide.bits, True)}
    types["Output"] = int_type(output.type.bits, output.type.signed)
    values = (f"{holder(rule.low)} kLow = {literal(rule.low)}", f"int kSteps = {rule.steps.shape[1]}")
    return (steps, *tables), RuleStruct(types, values, functions)


def _factor(name: str, values: IntArray, pe: int) -> tuple[tuple[Table, ...], str]:
    """A member function: the same value for all channels, or an entry of a table."""
    lowest = int(values.min()) if name == "shift" else min(-1, int(values.min()))  # a shift is unsigned
    held = IntType.holding(lowest, int(values.max()))
    type = _cpp(held)
    if len(set(values.tolist())) == 1:
        return (), f"static {type} {name}(const int, const int) {{ return {literal(int(values[0]))}; }}"
    table = channel_table(held, f"{name}s", values, pe, f"{name} of every channel")
    return (table,), f"static {type} {name}(const int fold, const int lane) {{ return {name}s[fold][lane]; }}"


def _nested(values: IntArray, pe: int) -> tuple[int, tuple[str, ...]]:
    """Folds, and the text of each: a row of values for every lane."""
    blocks = values.reshape(-1, pe, values.shape[1]).tolist()
    return len(blocks), tuple(", ".join(f"{{{_text(row)}}}" for row in block) for block in blocks)


def _cpp(type: IntType) -> str:
    return int_type(type.bits, type.signed)


def _text(values: list[int]) -> str:
    return ", ".join(map(literal, values))
