"""Rules of the subset of C++ that PandA Bambu takes, the HLS compiler whose RTL is simulated to judge projects."""

from __future__ import annotations

from collections.abc import Iterator

from fireline.sim.lint.clang import Cursor
from fireline.sim.lint.findings import Finding
from fireline.sim.lint.program import Function, Program, Variable
from fireline.sim.lint.regions import regions
from fireline.sim.lint.tree import Node
from fireline.sim.lint.words import declared

_TEMPLATE_PARAMETERS = {
    "TEMPLATE_TYPE_PARAMETER",
    "TEMPLATE_NON_TYPE_PARAMETER",
    "TEMPLATE_TEMPLATE_PARAMETER",
}
_TEMPLATES = {
    "NAMESPACE",
    "CLASS_DECL",
    "STRUCT_DECL",
    "CLASS_TEMPLATE",
    "CLASS_TEMPLATE_PARTIAL_SPECIALIZATION",
    "FUNCTION_TEMPLATE",
    "TYPE_ALIAS_TEMPLATE_DECL",
    "CXX_METHOD",
    "CONSTRUCTOR",
}


def packs(program: Program) -> Iterator[Finding]:
    """No template takes any number of arguments, whether it is used or not."""
    for parameter in _template_parameters(program, program.unit.cursor):
        if any(token.spelling == "..." for token in parameter.get_tokens()):
            yield program.finding(
                parameter.location.line,
                "subset",
                f"the parameter pack {parameter.spelling or 'without a name'}",
            )


def _template_parameters(program: Program, cursor: Cursor) -> Iterator[Cursor]:
    for child in cursor.get_children():
        if child.kind.name in _TEMPLATE_PARAMETERS:
            yield child
        elif child.kind.name in _TEMPLATES and program.is_own(child.location):
            yield from _template_parameters(program, child)


def tags(program: Program) -> Iterator[Finding]:
    """An argument of class type has a name, also where only its type says something."""
    for function in program.functions:
        for number, parameter in enumerate(function.parameters, 1):
            if not parameter.name and parameter.cursor.type.get_canonical().kind.name == "RECORD":
                yield program.finding(
                    parameter.line,
                    "subset",
                    f"parameter {number} of {function.name}, {parameter.type}, has no name",
                )


def initializers(program: Program) -> Iterator[Finding]:
    """Nothing is left to a default constructor by a list with too few values: it may be explicit."""
    for function in program.functions:
        for variable, values in _lists(function):
            if variable.dimensions and "ap_" in variable.element and len(values) < variable.dimensions[0]:
                yield program.finding(
                    variable.line,
                    "subset",
                    f"{len(values)} of {variable.dimensions[0]} values of {variable.name} are listed",
                )


def _lists(function: Function) -> Iterator[tuple[Variable, list[Node]]]:
    """The variables of a function that are initialized with a list, and what is in it."""
    for variable in declared(function.body):
        for child in Node(variable.cursor).children[-1:]:
            if child.kind == "INIT_LIST_EXPR":
                yield variable, child.children


def region_arrays(program: Program) -> Iterator[Finding]:
    """Arrays are named where they are used, and do not come through a region."""
    for function in regions(program):
        arrays = {parameter.name for parameter in function.parameters if parameter.dimensions}
        for call in function.calls:
            arrays |= {name for argument in call.cursor.get_arguments() if (name := _array(argument))}
        for name in sorted(arrays):
            yield program.finding(
                function.line, "subset", f"the array {name} comes through region {function.name}"
            )


def _array(argument: Cursor) -> str:
    """The name of an array that is an argument, "" if it is none."""
    named = argument.referenced
    if named is None or named.kind.name not in ("VAR_DECL", "PARM_DECL"):
        return ""
    variable = Variable(0, named)
    return variable.name if variable.dimensions and not variable.token else ""
