"""Rules about what crosses a stream or lies in a memory: one word of plain bits, at most 4,096."""

from __future__ import annotations

import re
from collections.abc import Iterator

from fireline.sim.lint.findings import Finding
from fireline.sim.lint.program import Program, Variable
from fireline.sim.lint.tree import Node

LIMIT = 4096  # bits of a word that Vitis packs

_ARBITRARY = re.compile(r"(?:const )?(?:struct |class )?ap_u?(?:int|fixed)<(\d+)")
_AXI = re.compile(r"(?:struct |class )?hls::axis<(.*), \d+, \d+, \d+>$")
_PLAIN = {"bool": 1, "char": 8, "short": 16, "int": 32, "long": 64, "long long": 64}


def bits(type: str) -> int | None:
    """The width of a type of plain bits, None for a struct."""
    if found := _ARBITRARY.match(type):
        return int(found[1])
    plain = type.removeprefix("const ").removeprefix("signed ").removeprefix("unsigned ")
    return _PLAIN.get(plain)


def words(program: Program) -> Iterator[Finding]:
    """The ports, and the streams and memories of every function."""
    for function in program.functions:
        ports = program.top.parameters if function is program.top else []
        for variable in [*ports, *declared(function.body)]:
            if variable.token:
                axi = _AXI.match(variable.token)
                width = bits(axi[1]) if axi else bits(variable.token)
                what = f"stream {variable.name} carries"
            elif variable.dimensions and variable.is_static:
                width, what = bits(variable.element), f"memory {variable.name} holds"
            else:
                continue
            if width is None:
                yield program.finding(
                    variable.line,
                    "word",
                    f"{what} {variable.token or variable.element}, no word of plain bits",
                )
            elif width > LIMIT:
                yield program.finding(variable.line, "word-width", f"{what} {width:,} bits")


def declared(node: Node) -> Iterator[Variable]:
    """The variables that are declared in a statement, however deep."""
    for child in node.children:
        if child.kind == "VAR_DECL":
            yield Variable(child.key, child.cursor)
        yield from declared(child)
