"""Rules about dataflow regions: what is in them, who calls them, what joins their processes."""

from __future__ import annotations

from collections.abc import Iterator

from fireline.sim.lint.accesses import Walk
from fireline.sim.lint.findings import Finding
from fireline.sim.lint.loops import Contexts
from fireline.sim.lint.program import Function, Program, Variable
from fireline.sim.lint.tree import Node
from fireline.sim.lint.words import declared

_DECLARED = {"TYPE_ALIAS_DECL", "TYPEDEF_DECL", "STATIC_ASSERT", "USING_DECLARATION", "NULL_STMT"}
_WORDS = {
    "FOR_STMT": "a loop",
    "WHILE_STMT": "a loop",
    "DO_STMT": "a loop",
    "IF_STMT": "a condition",
    "COMPOUND_STMT": "a block",
}


def bodies(program: Program) -> Iterator[Finding]:
    """A region declares streams and constants and calls processes; what is inlined counts as its statements."""
    for function in regions(program):
        for node in _statements(program, function):
            if what := _foreign(program, node):
                yield program.finding(node.line, "dataflow-body", f"{function.name} holds {what}")


def regions(program: Program) -> list[Function]:
    """The dataflow regions."""
    return [function for function in program.functions if function.states("dataflow")]


def _statements(program: Program, function: Function) -> Iterator[Node]:
    for node in function.body.children:
        callee = program.callee(node) if node.kind == "CALL_EXPR" else None
        if callee and callee.states("inline"):
            yield from _statements(program, callee)
        elif not node.pragma:
            yield node


def _foreign(program: Program, node: Node) -> str:
    """What a statement is that has no place in a region, "" if it has."""
    if node.kind in _DECLARED or (node.kind == "CALL_EXPR" and program.callee(node)):
        return ""
    if node.kind == "RETURN_STMT" and not node.children:
        return ""
    if node.kind == "DECL_STMT":
        for child in node.children:
            if child.kind == "VAR_DECL":
                variable = Variable(child.key, child.cursor)
                if not variable.token and not variable.is_constant:
                    return f"the variable {variable.name}, no stream"
            elif child.kind not in _DECLARED:
                return child.kind.lower().replace("_", " ")
        return ""
    return _WORDS.get(node.kind, "an expression")


def callers(program: Program) -> Iterator[Finding]:
    """Who calls a region is a region, or is inlined where one is called."""
    inner = {id(function) for function in regions(program)}
    for function in program.functions:
        if id(function) in inner or function.states("inline"):
            continue
        for call in _calls_through_inline(program, function):
            callee = program.callee(call)
            if callee and id(callee) in inner:
                yield program.finding(
                    call.line,
                    "dataflow-caller",
                    f"{function.name} calls the region {callee.name} and is none itself",
                )


def _calls_through_inline(program: Program, function: Function) -> Iterator[Node]:
    for call in function.calls:
        yield call
        callee = program.callee(call)
        if callee and callee.states("inline"):
            yield from _calls_through_inline(program, callee)


def storage(program: Program, contexts: Contexts) -> Iterator[Finding]:
    """Every stream says what it is built of."""
    for function in program.functions:
        for variable in declared(function.body):
            if variable.token and not contexts.about(variable, "bind_storage"):
                yield program.finding(
                    variable.line, "storage-said", f"stream {variable.name} says not where it lies"
                )


def streams(program: Program) -> Iterator[Finding]:
    """Each stream of a region is written by one process and read by one."""
    for function in regions(program):
        uses: dict[tuple[int, bool], list[Node]] = {}
        declared: list[Variable] = list(function.parameters)
        for node in function.body.children:
            if node.kind == "DECL_STMT":
                declared += [Variable(c.key, c.cursor) for c in node.children if c.kind == "VAR_DECL"]
            elif node.kind == "CALL_EXPR":
                used = Walk(program, unrolls=False).used(node, {})
                for key, writes in {(a.variable.key, a.writes) for a in used if a.variable.token}:
                    uses.setdefault((key, writes), []).append(node)
        for variable in declared:
            if not variable.token:
                continue
            ends = {writes: len(uses.get((variable.key, writes), ())) for writes in (False, True)}
            local = not variable.is_parameter
            if max(ends.values()) > 1 or (local and min(ends.values()) == 0):
                yield program.finding(
                    variable.line if local else function.line,
                    "dataflow-streams",
                    f"stream {variable.name} of {function.name} has {ends[True]} producers and {ends[False]} consumers",
                )
