"""The constants of kernels: memories as text for `$readmemh`, and the parameters of a requantizer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from fireline.codegen.design.arithmetic import plain_rule, wide_type
from fireline.codegen.design.memories import pack_rows
from fireline.fixed import IntArray, IntType
from fireline.graph import Node, Requantize, Rule, Thresholds

Value = int | str  # a number, or the name of a file


@dataclass(frozen=True)
class Constants:
    """Parameters of a module, and the files that they name."""

    parameters: Mapping[str, Value]
    files: Mapping[str, str] = field(default_factory=dict)


def memory(rows: IntArray, bits: int) -> str:
    """Rows (rows, values) of `bits` bits a value, the first in the low bits, one line each."""
    digits = -(-rows.shape[1] * bits // 4)
    octets = pack_rows(rows, bits).astype(">u8")[:, ::-1]
    return "".join(f"{bytes(row).hex()[-digits:]}\n" for row in octets)


def banks(name: str, rows: IntArray, bits: int, depth: int) -> dict[str, str]:
    """A memory of `rows` in files of `depth` rows each: name_000.hex, name_001.hex, ..."""
    return {
        f"{name}_{number:03d}.hex": memory(rows[start : start + depth], bits)
        for number, start in enumerate(range(0, len(rows), depth))
    }


def rule_constants(rule: Rule | None, acc: IntType, node: Node, pe: int) -> Constants:
    """The rule behind accumulators of type `acc`, `pe` at a time, as fl_requantize takes it."""
    rule = plain_rule(rule, node.output)
    parameters: dict[str, Value] = {"OUT_BITS": node.output.type.bits, "LOW": rule.low}
    files: dict[str, str] = {}
    if isinstance(rule, Thresholds):
        _thresholds(rule, acc, node.name, pe, parameters, files)
    else:
        _scale(rule, acc, node.name, pe, parameters, files)
    return Constants(parameters, files)


def _scale(
    rule: Requantize, acc: IntType, name: str, pe: int, parameters: dict[str, Value], files: dict[str, str]
) -> None:
    parameters |= {"HIGH": rule.high, "WIDE_BITS": wide_type(rule, acc).bits}
    least = int(rule.shift.min())
    for key, values in (("mult", rule.mult), ("add", rule.add), ("shift", rule.shift - least)):
        bits = _holding(values, signed=key != "shift").bits
        parameters[f"{key.upper()}_BITS"] = bits
        if len(set(values.tolist())) == 1:
            parameters[key.upper()] = int(values[0])
        else:
            _table(key, values.reshape(-1, pe), bits, name, parameters, files)
    parameters["SHIFT"] = least  # a table has what is more


def _thresholds(
    rule: Thresholds, acc: IntType, name: str, pe: int, parameters: dict[str, Value], files: dict[str, str]
) -> None:
    count = rule.steps.shape[1]
    ends = [-acc.min, -acc.max, acc.min, acc.max, int(rule.steps.min()), int(rule.steps.max()), -1]
    bits = IntType.holding(min(ends), max(ends)).bits
    parameters |= {"STEPS": count, "WIDE_BITS": bits}
    if len(rule.steps) == 1:
        files[f"{name}_steps.hex"] = memory(rule.steps, bits)
        parameters["STEPS_FILE"] = f"{name}_steps.hex"
    else:
        _table("steps", rule.steps.reshape(-1, pe * count), bits, name, parameters, files)
    negative = (rule.sign < 0).astype(np.int64)
    if len(set(negative.tolist())) == 1:
        parameters["NEGATIVE"] = int(negative[0])
    else:
        _table("negative", negative.reshape(-1, pe), 1, name, parameters, files)


def _table(
    key: str, rows: IntArray, bits: int, name: str, parameters: dict[str, Value], files: dict[str, str]
) -> None:
    """One row of integers for every fold."""
    files[f"{name}_{key}.hex"] = memory(rows, bits)
    parameters |= {f"{key.upper()}_ROWS": len(rows), f"{key.upper()}_FILE": f"{name}_{key}.hex"}


def _holding(values: Iterable[int], signed: bool) -> IntType:
    numbers = [int(value) for value in values]
    return IntType.holding(min(-1 if signed else 0, *numbers), max(1, *numbers))
