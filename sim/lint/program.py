"""A parsed project as its top function calls it: instances of functions, their statements and pragmas, and variables.

Function templates are seen as they are instantiated, so sizes are numbers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from os.path import normpath

from fireline.errors import FirelineError
from fireline.sim.lint import clang
from fireline.sim.lint.clang import Cursor
from fireline.sim.lint.findings import Finding
from fireline.sim.lint.grammar import Pragma
from fireline.sim.lint.project import Project
from fireline.sim.lint.source import Source, read_source
from fireline.sim.lint.tree import Node, declaration_key

_STREAM = re.compile(r"(?:const )?(?:class )?hls::stream<(.*?)(?:, \d+)?>$")


@dataclass(frozen=True)
class Stated:
    """A pragma in a function, with the expressions that it names."""

    pragma: Pragma
    line: int
    expressions: dict[str, Node]
    scope: str  # "function", "loop" or "block": what holds the statement


@dataclass(frozen=True)
class Variable:
    """A variable or parameter of an instance."""

    key: int
    cursor: Cursor = field(compare=False, hash=False, repr=False)

    @property
    def name(self) -> str:
        """As it is declared."""
        return str(self.cursor.spelling)

    @property
    def line(self) -> int:
        """Where it is declared."""
        return int(self.cursor.location.line)

    @cached_property
    def type(self) -> str:
        """In full, without a reference."""
        return str(self._type.spelling)

    @property
    def _type(self) -> Cursor:
        kind = self.cursor.type.get_canonical()
        return kind.get_pointee() if kind.kind.name == "LVALUEREFERENCE" else kind

    @property
    def token(self) -> str:
        """What the stream carries, "" if it is none."""
        found = _STREAM.match(self.element)
        return found[1] if found else ""

    @property
    def dimensions(self) -> list[int]:
        """Of an array."""
        sizes, kind = [], self._type
        while kind.kind.name == "CONSTANTARRAY":
            sizes.append(int(kind.element_count))
            kind = kind.element_type.get_canonical()
        return sizes

    @cached_property
    def element(self) -> str:
        """The type of an array's elements, or its own."""
        kind = self._type
        while kind.kind.name == "CONSTANTARRAY":
            kind = kind.element_type.get_canonical()
        return str(kind.get_canonical().spelling)

    @property
    def is_constant(self) -> bool:
        """Whether it is never written."""
        return self.type.startswith("const ")

    @property
    def is_static(self) -> bool:
        """Whether it keeps its content from call to call."""
        return str(self.cursor.storage_class.name) == "STATIC"

    @property
    def is_parameter(self) -> bool:
        """Whether a caller gives it."""
        return str(self.cursor.kind.name) == "PARM_DECL"


class Function:
    """An instance of a function of the project."""

    def __init__(self, cursor: Cursor, program: Program) -> None:
        self.cursor, self.program = cursor, program
        self.name = str(cursor.spelling)
        self.line = int(cursor.location.line)
        self.parameters = [Variable(declaration_key(a), a) for a in cursor.get_arguments()]

    @cached_property
    def body(self) -> Node:
        """Its statements."""
        return next(Node(c) for c in self.cursor.get_children() if c.kind.name == "COMPOUND_STMT")

    @cached_property
    def pragmas(self) -> list[Stated]:
        """All that stand in it."""
        return list(self._stated(self.body, "function"))

    def _stated(self, node: Node, scope: str) -> Iterator[Stated]:
        for child in node.children:
            if child.pragma:
                yield self.program.stated(child, scope)
            else:
                inner = "block" if child.kind == "COMPOUND_STMT" or "STMT" not in child.kind else scope
                if node.kind in ("FOR_STMT", "WHILE_STMT", "DO_STMT") and child.kind == "COMPOUND_STMT":
                    inner = "loop"
                yield from self._stated(child, inner)

    def states(self, name: str) -> bool:
        """Whether a pragma of this name is about the function as a whole."""
        return any(
            s.pragma.name == name and s.scope == "function" and "off" not in s.pragma.options
            for s in self.pragmas
        )

    @cached_property
    def calls(self) -> list[Node]:
        """Calls of functions of the project."""
        return [n for n in _descendants(self.body) if n.kind == "CALL_EXPR" and self.program.callee(n)]


class Program:
    """All of a project.

    Raises:
        FirelineError: it does not compile, or has no top function.
    """

    def __init__(self, project: Project) -> None:
        self.project = project
        self.source: Source = read_source(project)
        unit = clang.parse(self.source)
        self.unit = unit  # cursors live as long as it does
        self.errors: dict[int, str] = {}  # of pragmas, by line
        for diagnostic in unit.diagnostics:
            if diagnostic.severity >= 3:
                line = int(diagnostic.location.line) if self.is_own(diagnostic.location) else 0
                if line not in self.source.pragmas:
                    place = self.source.place(line)
                    raise FirelineError(
                        f"does not compile for synthesis: {diagnostic.spelling}",
                        node=f"{place.file}:{place.line}" if line else str(project.folder),
                    )
                self.errors.setdefault(line, str(diagnostic.spelling))
        self._functions: dict[str, Function | None] = {}
        tops = [
            c
            for c in unit.cursor.get_children()
            if c.spelling == project.top and c.kind.name == "FUNCTION_DECL"
        ]
        top = next((c.get_definition() for c in tops if c.get_definition()), None)
        if top is None:
            raise FirelineError(f"there is no function {project.top}", node=str(project.folder))
        found = self.function(top)
        assert found
        self.top = found

    @staticmethod
    def is_own(location: Cursor) -> bool:
        """Whether a place is in the project's text, not in a header of Vitis or of the system."""
        return location.file is not None and location.file.name == clang.UNIT

    def function(self, cursor: Cursor) -> Function | None:
        """The instance behind a declaration, None if the project does not define it."""
        key = str(cursor.get_usr())
        if key not in self._functions:
            definition = cursor if cursor.is_definition() else cursor.get_definition()
            own = definition is not None and self.is_own(definition.location)
            has_body = own and any(c.kind.name == "COMPOUND_STMT" for c in definition.get_children())
            self._functions[key] = Function(definition, self) if has_body else None
        return self._functions[key]

    def callee(self, call: Node) -> Function | None:
        """The function of the project that is called."""
        cursor = call.declaration
        if cursor is None or cursor.kind.name == "CONSTRUCTOR" or cursor.is_default_method():
            return None
        return self.function(cursor)

    @cached_property
    def functions(self) -> list[Function]:
        """All instances that synthesis sees: the top function first."""
        found, waiting = {id(self.top): self.top}, [self.top]
        while waiting:
            for call in waiting.pop(0).calls:
                callee = self.callee(call)
                if callee and id(callee) not in found:
                    found[id(callee)] = callee
                    waiting.append(callee)
        return list(found.values())

    def stated(self, node: Node, scope: str) -> Stated:
        """The pragma that a statement is."""
        pragma = self.source.pragmas[node.pragma]
        named = [option for option, _ in pragma.expressions()]
        values = node.children[1:]  # fewer, where one of them was refused
        expressions = dict(zip(named, values, strict=True)) if len(named) == len(values) else {}
        return Stated(pragma, node.pragma, expressions, scope)

    def finding(self, line: int, rule: str, message: str) -> Finding:
        """At a line of the text."""
        place = self.source.place(line)
        file = normpath(place.file).removeprefix(f"{self.project.folder}/")
        return Finding(file, place.line, rule, message)


def _descendants(node: Node) -> Iterator[Node]:
    for child in node.children:
        yield child
        yield from _descendants(child)
