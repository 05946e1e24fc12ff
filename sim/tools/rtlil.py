"""A design as Yosys elaborated it (RTLIL text), taken apart into the modules that are synthesized one by one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

_MODULE = re.compile(r"^((?:attribute [^\n]*\n)*)module (\S+)\n(.*?)^end\n", re.M | re.S)
_CELL = re.compile(r"^  cell (\S+) (\S+)$", re.M)
_SOURCE = re.compile(r"^ *attribute \\src .*\n", re.M)
_TEXT = re.compile(r'^  parameter \\\S+ "([^"]*)"$', re.M)


@dataclass(frozen=True)
class Module:
    """One module: its text, its cells as pairs of type and name, and the texts among its parameters."""

    name: str
    text: str
    cells: tuple[tuple[str, str], ...]
    texts: tuple[str, ...]
    top: bool


def modules(text: str) -> dict[str, Module]:
    """All modules of a design, by name, but for those that the part has itself."""
    found = {}
    for match in _MODULE.finditer(_SOURCE.sub("", text)):
        attributes, name, _ = match.groups()
        if "attribute \\blackbox 1" in attributes:
            continue
        cells = tuple(_CELL.findall(match.group()))
        texts = tuple(_TEXT.findall(match.group()))
        found[name] = Module(name, match.group(), cells, texts, "attribute \\top 1" in attributes)
    return found


def below(name: str, design: Mapping[str, Module]) -> list[str]:
    """`name` and every module that it is built of, itself last."""
    result: list[str] = []
    for cell, _ in design[name].cells:
        if cell in design:
            result += [other for other in below(cell, design) if other not in result]
    return [*result, name]


def source_name(name: str) -> str:
    """The name of a module in the source, without its parameters."""
    return re.sub(r"^\$paramod(\$[0-9a-f]+)?", "", name).split("\\")[1]
