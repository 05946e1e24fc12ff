"""Rules about pragmas: each by itself, and against what it names."""

from __future__ import annotations

from collections.abc import Iterator

from fireline.sim.lint.findings import Finding
from fireline.sim.lint.grammar import FUNCTION, LOOP, URAM_FAMILIES
from fireline.sim.lint.program import Function, Program, Stated, Variable
from fireline.sim.lint.tree import Node


def refused(program: Program) -> Iterator[Finding]:
    """Pragmas that do not parse, in templates that are not used, too."""
    for line, reason in program.source.refused.items():
        yield program.finding(line, "pragma-grammar", reason)


def unknown_names(program: Program) -> Iterator[Finding]:
    """Pragmas whose expressions do not compile where they stand."""
    for line, reason in program.errors.items():
        yield program.finding(line, "pragma-variable", f"{program.source.pragmas[line].name}: {reason}")


def scopes(program: Program) -> Iterator[Finding]:
    """Pragmas of functions stand in functions, those of loops first in loops."""
    for function in program.functions:
        for stated in function.pragmas:
            wanted = stated.pragma.form.scope
            if (wanted == FUNCTION and stated.scope != "function") or (
                wanted == LOOP and stated.scope != "loop"
            ):
                yield program.finding(
                    stated.line,
                    "pragma-scope",
                    f"{stated.pragma.name} is about {wanted}, and stands in a {stated.scope}",
                )


def variables(program: Program) -> Iterator[Finding]:
    """A pragma is about a variable of the kind that it is for."""
    for function in program.functions:
        for stated in function.pragmas:
            for option in ("variable", "port"):
                if option in stated.expressions and (reason := _mismatch(stated, stated.expressions[option])):
                    yield program.finding(stated.line, "pragma-variable", f"{stated.pragma.name}: {reason}")


def _mismatch(stated: Stated, named: Node) -> str:
    """What is wrong with the variable of a pragma, "" if nothing is."""
    declaration = named.declaration
    if declaration is None or declaration.kind.name not in ("VAR_DECL", "PARM_DECL", "FIELD_DECL"):
        return f"{named.name or 'this'} is no variable"
    variable = Variable(named.key, declaration)
    match stated.pragma.name:
        case "array_partition" | "array_reshape":
            dimension = stated.expressions["dim"].constant if "dim" in stated.expressions else 1
            if not variable.dimensions:
                return f"{variable.name} is no array"
            if dimension is None:
                return f"dim of {variable.name} is not constant"
            if not 0 <= dimension <= len(variable.dimensions):
                return f"{variable.name} has {len(variable.dimensions)} dimensions, not {dimension}"
        case "stream":
            if not variable.token and not variable.dimensions:
                return f"{variable.name} is neither a stream nor an array"
        case "bind_storage":
            is_fifo = stated.pragma.options["type"].lower() == "fifo"
            if is_fifo != bool(variable.token):
                return f"{variable.name} is {'a' if variable.token else 'no'} stream"
            if not is_fifo and not variable.dimensions:
                return f"{variable.name} is no array"
        case "bind_op":
            if variable.dimensions or variable.token:
                return f"{variable.name} is no single value"
        case "dependence":
            if not variable.dimensions and not variable.type.endswith("*"):
                return f"{variable.name} is no array"
        case "interface":
            if not variable.is_parameter:
                return f"{variable.name} is no parameter"
            if variable.token and stated.pragma.chosen("mode") not in ("axis", "ap_fifo"):
                return f"{variable.name} is a stream, which has axis or ap_fifo"
    return ""


def storage_of_family(program: Program) -> Iterator[Finding]:
    """UltraRAM only where there is some, and none with content at start."""
    family = program.project.family
    for function in program.functions:
        for stated in function.pragmas:
            if stated.pragma.name != "bind_storage" or not stated.pragma.options.get("impl", "").startswith(
                "uram"
            ):
                continue
            if family not in URAM_FAMILIES:
                yield program.finding(
                    stated.line,
                    "storage-kind",
                    f"{program.project.part} ({family or 'unknown family'}) has no UltraRAM",
                )
            named = stated.expressions.get("variable")
            if named and named.declaration and Variable(named.key, named.declaration).is_constant:
                yield program.finding(
                    stated.line, "storage-kind", f"UltraRAM has no content at start: {named.name}"
                )


def interfaces(program: Program) -> Iterator[Finding]:
    """Every port of the top function, and its start and end, have a protocol."""
    top = program.top
    stated = [s for s in top.pragmas if s.pragma.name == "interface"]
    named = {s.expressions["port"].key for s in stated if "port" in s.expressions}
    for parameter in top.parameters:
        if parameter.key not in named:
            yield program.finding(top.line, "interface", f"port {parameter.name} has no interface pragma")
    if not any(s.pragma.options["port"] == "return" for s in stated):
        yield program.finding(top.line, "interface", "start and end (port = return) have no interface pragma")
    for function in program.functions:
        if function is not top:
            for other in function.pragmas:
                if other.pragma.name == "interface":
                    yield program.finding(other.line, "interface", f"{function.name} is not the top function")


def dependences(program: Program) -> Iterator[Finding]:
    """A statement about dependence names its direction and a distance that somebody computed.

    What can be checked is the form `type = inter direction = RAW distance = N dependent = true` with a constant N of at
    least 1, which stays right for every schedule up to that distance. That there is no dependence at all is a claim
    which nothing in a source can show.
    """
    for function in program.functions:
        for stated in function.pragmas:
            if stated.pragma.name == "dependence" and (reason := _unproved(stated)):
                yield program.finding(stated.line, "dependence", reason)


def _unproved(stated: Stated) -> str:
    pragma = stated.pragma
    if "false" in pragma.options or pragma.chosen("dependent", "true") == "false":
        return "dependence is denied; say the distance: direction = RAW distance = N dependent = true"
    if "variable" not in pragma.options or not pragma.chosen("direction"):
        return "a distance is of one variable in one direction"
    distance = stated.expressions["distance"].constant if "distance" in stated.expressions else None
    if distance is None or distance < 1:
        return "distance is no constant of at least 1"
    return ""


def stated_functions(program: Program, name: str) -> list[Function]:
    """The functions that a pragma of this name is about."""
    return [function for function in program.functions if function.states(name)]
