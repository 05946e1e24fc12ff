"""The syntax tree as the rules see it: nodes without casts and brackets, with pragmas as nodes of their own."""

from __future__ import annotations

from functools import cached_property

from fireline.sim.lint import clang
from fireline.sim.lint.clang import Cursor
from fireline.sim.lint.source import MARK

# What has one operand and changes nothing that a rule is about.
_WRAPPERS = {
    "UNEXPOSED_EXPR",
    "PAREN_EXPR",
    "CSTYLE_CAST_EXPR",
    "CXX_STATIC_CAST_EXPR",
    "CXX_FUNCTIONAL_CAST_EXPR",
}
_REFERENCES = {"TYPE_REF", "TEMPLATE_REF", "NAMESPACE_REF"}


class Node:
    """A cursor with what is often asked of it kept. Names of kinds are libclang's."""

    def __init__(self, cursor: Cursor) -> None:
        self.cursor = cursor
        self.kind: str = cursor.kind.name

    @cached_property
    def children(self) -> list[Node]:
        """Operands, statements and declarations in it."""
        found = (c for c in self.cursor.get_children() if c.kind.name not in _REFERENCES)
        return [stripped(Node(cursor)) for cursor in found]

    @cached_property
    def name(self) -> str:
        """Of what is declared, named or called."""
        return str(self.cursor.spelling)

    @cached_property
    def line(self) -> int:
        """In the text of the project."""
        return int(self.cursor.location.line)

    @cached_property
    def declaration(self) -> Cursor | None:
        """Of what is named or called."""
        return self.cursor.referenced

    @cached_property
    def key(self) -> int:
        """Of what is named, or else declared: equal for the same declaration."""
        return declaration_key(self.declaration or self.cursor)

    @cached_property
    def constant(self) -> int | None:
        """The value of a constant expression."""
        return clang.evaluate(self.cursor)

    @cached_property
    def operator(self) -> str:
        """Of an expression with operands."""
        if self.kind == "UNARY_OPERATOR":
            tokens = [token.spelling for token in self.cursor.get_tokens()]
            return next((t for t in (tokens[0], tokens[-1]) if not t[0].isalnum()), "") if tokens else ""
        return clang.operator(self.cursor)

    @cached_property
    def pragma(self) -> int:
        """The line of the text whose pragma this statement is, 0 if it is none."""
        if self.kind == "COMPOUND_STMT" and self.children and self.children[0].kind == "STRING_LITERAL":
            text = self.children[0].name.strip('"')
            if text.startswith(MARK):
                return int(text.removeprefix(MARK))
        return 0


def stripped(node: Node) -> Node:
    """The expression within casts and brackets."""
    while node.kind in _WRAPPERS:
        inner = [c for c in node.cursor.get_children() if c.kind.name not in _REFERENCES]
        if len(inner) != 1:
            break
        node = Node(inner[0])
    return node


def declaration_key(cursor: Cursor) -> int:
    """Equal for all declarations of the same thing."""
    return int(cursor.canonical.hash)
