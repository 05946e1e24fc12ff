"""Rules about pipelined loops: their nests, their bounds, and the ports that an iteration needs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from fireline.sim.lint.accesses import Access, Known, Used, Walk
from fireline.sim.lint.findings import Finding
from fireline.sim.lint.program import Function, Program, Stated, Variable
from fireline.sim.lint.tree import Node

PORTS = 2  # of a memory, unless its type says one
_LOOPS = ("FOR_STMT", "WHILE_STMT", "DO_STMT")
_NEUTRAL = {"TYPE_ALIAS_DECL", "TYPEDEF_DECL", "STATIC_ASSERT", "NULL_STMT"}


@dataclass(frozen=True)
class Pipeline:
    """The body of a pipelined loop or function as one call reaches it, and the loops round it, outermost first."""

    function: Function
    body: Node
    nest: tuple[Node, ...]
    known: Known
    line: int


class Contexts:
    """Every way in which the top function reaches a pipeline, and the pragmas of every variable."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.pipelines: list[Pipeline] = []
        self.stated: dict[int, list[Stated]] = {}
        self._walk = Walk(program)
        self._enter(program.top, {})

    def _enter(self, function: Function, known: Known) -> None:
        for stated in function.pragmas:
            named = stated.expressions.get("variable")
            spot = self._walk.spot(named, known) if named else None
            if spot and stated not in self.stated.setdefault(spot.variable.key, []):
                self.stated[spot.variable.key].append(stated)
        pipelined = next(
            (s for s in function.pragmas if s.pragma.name == "pipeline" and s.scope == "function"), None
        )
        if pipelined and "off" not in pipelined.pragma.options:
            self.pipelines.append(Pipeline(function, function.body, (), dict(known), pipelined.line))
        self._visit(function, function.body, known, ())

    def _visit(self, function: Function, node: Node, known: Known, nest: tuple[Node, ...]) -> None:
        if node.pragma:
            return
        if node.kind == "VAR_DECL":
            self._walk.used(node, known)  # references are bound
        if node.kind in _LOOPS:
            body = node.children[-1]
            line = _pipelined(self.program, body)
            if line:
                self.pipelines.append(Pipeline(function, body, (*nest, node), dict(known), line))
            nest = (*nest, node)
        for child in node.children:
            self._visit(function, child, known, nest)
        callee = self.program.callee(node) if node.kind == "CALL_EXPR" else None
        if callee:
            inner: Known = {}
            count = len(callee.parameters)
            for parameter, argument in zip(
                callee.parameters, node.children[-count:] if count else [], strict=False
            ):
                inner[parameter.key] = self._walk.spot(argument, known) or self._walk.value(argument, known)
            self._enter(callee, inner)

    def about(self, variable: Variable, *names: str) -> list[Stated]:
        """The pragmas of these names about a variable."""
        return [s for s in self.stated.get(variable.key, []) if s.pragma.name in names]


def _pipelined(program: Program, body: Node) -> int:
    """The line of the pipeline pragma of a loop, 0 if there is none."""
    for child in body.children if body.kind == "COMPOUND_STMT" else []:
        if child.pragma:
            pragma = program.source.pragmas[child.pragma]
            if pragma.name == "pipeline" and "off" not in pragma.options:
                return child.pragma
    return 0


def nests(program: Program, contexts: Contexts) -> Iterator[Finding]:
    """Round a pipelined loop there are only loops, each with nothing but the next in it, all with constant bounds."""
    walk = Walk(program)
    for pipeline in contexts.pipelines:
        for loop in pipeline.nest:
            if loop.kind != "FOR_STMT" or walk.iterations(loop, pipeline.known)[1] is None:
                yield program.finding(
                    loop.line, "loop-bound", f"a loop of {pipeline.function.name} has no constant bounds"
                )
        for outer, inner in zip(pipeline.nest, pipeline.nest[1:], strict=False):
            body = outer.children[-1]
            for statement in body.children if body.kind == "COMPOUND_STMT" else [body]:
                if not (_holds(statement, inner) or statement.pragma or _is_neutral(statement)):
                    yield program.finding(
                        statement.line,
                        "loop-nest",
                        f"{pipeline.function.name}: there is more than the pipelined loop in the one round it",
                    )


def _holds(statement: Node, loop: Node) -> bool:
    return bool(statement.cursor == loop.cursor)


def _is_neutral(statement: Node) -> bool:
    if statement.kind == "DECL_STMT":
        return all(
            child.kind in _NEUTRAL or (child.kind == "VAR_DECL" and child.cursor.type.is_const_qualified())
            for child in statement.children
        )
    return statement.kind in _NEUTRAL


def ports(program: Program, contexts: Contexts) -> Iterator[Finding]:
    """An iteration reads and writes a stream once each, and a bank of a memory as often as it has ports."""
    for pipeline in contexts.pipelines:
        walk = Walk(program)
        used = walk.used(pipeline.body, dict(pipeline.known))
        for line in sorted(walk.unbounded):
            yield program.finding(
                line, "loop-bound", f"{pipeline.function.name}: a loop in a pipeline cannot be unrolled"
            )
        groups: dict[Variable, Used] = {}
        for access in used:
            groups.setdefault(access.variable, set()).add(access)
        for variable, accesses in sorted(groups.items(), key=lambda item: item[0].line):
            if variable.token:
                yield from _stream(program, pipeline, variable, accesses)
            else:
                yield from _memory(program, contexts, pipeline, variable, accesses)


def _stream(program: Program, pipeline: Pipeline, variable: Variable, accesses: Used) -> Iterator[Finding]:
    for writes, what in ((False, "read"), (True, "written")):
        found = [a for a in accesses if a.writes == writes]
        if len(found) > 1:
            yield program.finding(
                max(a.line for a in found),
                "stream-access",
                f"{pipeline.function.name}: stream {variable.name} is {what} more than once in an iteration",
            )


def _memory(
    program: Program, contexts: Contexts, pipeline: Pipeline, variable: Variable, accesses: Used
) -> Iterator[Finding]:
    cut, joined = _divided(contexts, variable)
    if len(cut) == len(variable.dimensions):
        return
    local = not variable.is_static and not variable.is_constant
    known = all(isinstance(index, int) for a in accesses for index in a.indices)
    if local and known:
        return  # registers: every place is known
    storage = [s.pragma.options["type"].lower() for s in contexts.about(variable, "bind_storage")]
    if not storage and not (variable.is_constant and known):
        yield program.finding(variable.line, "storage-said", f"memory {variable.name} says not where it lies")
    if "rom_np" in storage:
        return
    ports = 1 if {"ram_1p", "rom_1p"} & set(storage) else PORTS
    fullest = max((_bank(variable, accesses, cut, joined, bank) for bank in _banks(accesses, cut)), key=len)
    if len(fullest) > ports:
        rule = "table-lanes" if variable.is_constant else "memory-ports"
        yield program.finding(
            max(a.line for a in accesses),
            rule,
            f"{pipeline.function.name}: {variable.name} has {ports} port{'s' * (ports > 1)}, and {len(fullest)} or "
            "more accesses in an iteration",
        )


def _divided(contexts: Contexts, variable: Variable) -> tuple[set[int], set[int]]:
    """The dimensions that are memories of their own, and those that are one word."""
    everything = set(range(len(variable.dimensions)))
    sets: dict[str, set[int]] = {"array_partition": set(), "array_reshape": set()}
    for stated in contexts.about(variable, *sets):
        if stated.pragma.chosen("type", "complete") == "complete":
            dimension = stated.expressions["dim"].constant if "dim" in stated.expressions else 1
            sets[stated.pragma.name] |= everything if dimension == 0 else {(dimension or 1) - 1}
    # A dimension of one place needs neither.
    single = {i for i, size in enumerate(variable.dimensions) if size == 1}
    return sets["array_partition"] | (single - sets["array_reshape"]), sets["array_reshape"]


def _banks(accesses: Used, cut: set[int]) -> set[tuple[object, ...]]:
    return {tuple(a.indices[i] for i in sorted(cut)) for a in accesses}


def _bank(
    variable: Variable, accesses: Used, cut: set[int], joined: set[int], bank: tuple[object, ...]
) -> set[tuple[bool, tuple[object, ...]]]:
    """The accesses that may meet in a bank: reads of one address are one; an index that is not known may be any."""

    def meets(access: Access) -> bool:
        pairs = zip((access.indices[i] for i in sorted(cut)), bank, strict=True)
        return all(a == b or not (isinstance(a, int) and isinstance(b, int)) for a, b in pairs)

    kept = [i for i in range(len(variable.dimensions)) if i not in cut | joined]
    return {(a.writes, tuple(a.indices[i] for i in kept)) for a in accesses if meets(a)}
