"""What an iteration of a pipeline reads and writes, once its loops are unrolled.

The statements are followed with what is known: loop variables, constants, and which variable stands behind a
parameter. Of a long unrolled loop the first three iterations and the last are followed: a memory has no more than two
ports, so a third access to one of its banks is seen there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import count

from fireline.sim.lint.program import Program, Variable
from fireline.sim.lint.tree import Node

# A number, or the text of what is not known: equal texts are equal values.
Value = int | str

READS = ("read", "read_nb")
WRITES = ("write", "write_nb")

_SIMPLE: Mapping[str, Callable[[int, int], int]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "<": lambda a, b: a < b,
    ">": lambda a, b: a > b,
    "<=": lambda a, b: a <= b,
    ">=": lambda a, b: a >= b,
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "&&": lambda a, b: bool(a and b),
    "||": lambda a, b: bool(a or b),
    "&": lambda a, b: a & b,
    "/": lambda a, b: int(a / b) if b else 0,
    "%": lambda a, b: a - b * int(a / b) if b else 0,
    "<<": lambda a, b: a << b,
    ">>": lambda a, b: a >> b,
}


@dataclass(frozen=True)
class Spot:
    """A variable, or a part of it."""

    variable: Variable
    indices: tuple[Value, ...] = ()


@dataclass(frozen=True)
class Access:
    """One access to a stream or a memory."""

    variable: Variable
    writes: bool
    indices: tuple[Value, ...]
    line: int
    order: int  # tells accesses of the same place apart: streams give each time another token


Known = dict[int, "Value | Spot"]
Used = set[Access]


@dataclass
class Walk:
    """Follows statements; `all_iterations` false looks at a loop's body once."""

    program: Program
    unrolls: bool = True
    unbounded: set[int] = field(default_factory=set)  # lines of loops without constant bounds
    _order: count[int] = field(default_factory=count)
    _depth: int = 0

    def used(self, node: Node, known: Known) -> Used:
        """All accesses of a statement or expression."""
        if node.pragma:
            return set()
        match node.kind:
            case "FOR_STMT":
                return self._loop(node, known)
            case "WHILE_STMT" | "DO_STMT":
                self.unbounded.add(node.line)
                return self._all(node.children, known)
            case "IF_STMT" | "CONDITIONAL_OPERATOR":
                return self._branch(node, known)
            case "CALL_EXPR":
                return self._call(node, known)
            case "BINARY_OPERATOR" | "COMPOUND_ASSIGNMENT_OPERATOR":
                return self._binary(node, known)
            case "UNARY_OPERATOR" if node.operator in ("++", "--"):
                return self._all(node.children, known) | self._at(node.children[0], known, writes=True)
            case "ARRAY_SUBSCRIPT_EXPR":
                return self._at(node, known, writes=False)
            case "VAR_DECL":
                return self._declared(node, known)
            case _:
                return self._all(node.children, known)

    def _all(self, nodes: Iterable[Node], known: Known) -> Used:
        found: Used = set()
        for node in nodes:
            found |= self.used(node, known)
        return found

    def _declared(self, node: Node, known: Known) -> Used:
        """A declaration; a reference is another name of what it is bound to, a constant its value."""
        if not node.children:
            return set()
        first = node.children[-1]
        kind = node.cursor.type
        if kind.kind.name == "LVALUEREFERENCE" and (spot := self.spot(first, known)):
            known[node.key] = spot
            return set()
        if kind.is_const_qualified() and kind.get_canonical().kind.name != "CONSTANTARRAY":
            known[node.key] = self.value(first, known)
        return self._all(node.children, known)

    def _binary(self, node: Node, known: Known) -> Used:
        left, right = node.children
        if node.operator == "=":
            return self.used(right, known) | self._at(left, known, writes=True)
        found = self.used(left, known) | self.used(right, known)
        if node.kind == "COMPOUND_ASSIGNMENT_OPERATOR":
            found |= self._at(left, known, writes=True)
        return found

    def _at(self, node: Node, known: Known, writes: bool) -> Used:
        """The access to a part of an array, and those of its indices."""
        found: Used = set()
        inner = node
        while inner.kind in ("ARRAY_SUBSCRIPT_EXPR", "MEMBER_REF_EXPR") and inner.children:
            if inner.kind == "ARRAY_SUBSCRIPT_EXPR":
                found |= self.used(inner.children[1], known)
            inner = inner.children[0]
        if inner.kind != "DECL_REF_EXPR":
            return found | self.used(inner, known)
        spot = self.spot(node, known)
        dimensions = spot.variable.dimensions if spot else []
        if spot and dimensions and len(spot.indices) >= len(dimensions) and not spot.variable.token:
            indices = spot.indices[: len(dimensions)]
            found.add(Access(spot.variable, writes, indices, node.line, 0))
        return found

    def _branch(self, node: Node, known: Known) -> Used:
        """Of branches that exclude each other, whichever uses more of a place counts."""
        condition, *branches = node.children
        found = self.used(condition, known)
        value = self.value(condition, known)
        if isinstance(value, int):
            chosen = branches[:1] if value else branches[1:]
            return found | self._all(chosen, known)
        sides = [self.used(branch, dict(known)) for branch in branches]
        return found | (merged(*sides) if len(sides) == 2 else sides[0])

    def _call(self, node: Node, known: Known) -> Used:
        callee = self.program.callee(node)
        arguments = list(node.cursor.get_arguments())
        if callee is None:
            return self._foreign(node, known)
        passed = node.children[-len(arguments) :] if arguments else []
        found = self._all(passed, known)
        if self._depth > 40:
            return found
        inner: Known = dict(known)
        for parameter, argument in zip(callee.parameters, passed, strict=False):
            inner[parameter.key] = self.spot(argument, known) or self.value(argument, known)
        self._depth += 1
        found |= self.used(callee.body, inner)
        self._depth -= 1
        return found

    def _foreign(self, node: Node, known: Known) -> Used:
        """A call of what the project does not define: of a stream, an operator of a number."""
        if node.children and node.children[0].kind == "MEMBER_REF_EXPR" and node.children[0].children:
            spot = self.spot(node.children[0].children[0], known)
            if spot and spot.variable.token and node.name in READS + WRITES:
                found = self._all(node.children[1:], known)
                found.add(
                    Access(spot.variable, node.name in WRITES, spot.indices, node.line, next(self._order))
                )
                return found
        if node.name in ("operator=", "operator+=", "operator-=", "operator|=") and len(node.children) > 1:
            left, right = node.children[0], node.children[-1]
            found = self.used(right, known) | self._at(left, known, writes=True)
            return found if node.name == "operator=" else found | self.used(left, known)
        return self._all(node.children, known)

    def _loop(self, node: Node, known: Known) -> Used:
        *_, body = node.children
        if not self.unrolls:
            return self.used(body, dict(known))
        found: Used = set()
        variable, values = self.iterations(node, known)
        if values is None:
            self.unbounded.add(node.line)
            return self.used(body, dict(known))
        for value in sorted({*values[:3], *values[-1:]}):
            found |= self.used(body, {**known, variable: value})
        return found

    def iterations(self, node: Node, known: Known) -> tuple[int, range | None]:
        """The variable of a loop and its values, None if its bounds are not constant."""
        if len(node.children) != 4:
            return 0, None
        start, condition, step, _ = node.children
        declared = start.children[0] if start.kind == "DECL_STMT" and start.children else start
        first = self.value(declared.children[-1], known) if declared.children else None
        bound = self.value(condition.children[1], known) if len(condition.children) == 2 else None
        stride: Value = 1
        if step.kind == "COMPOUND_ASSIGNMENT_OPERATOR":
            stride = self.value(step.children[1], known)
        if not (isinstance(first, int) and isinstance(bound, int) and isinstance(stride, int)):
            return declared.key, None
        if step.operator in ("--", "-="):
            stride = -stride
        match condition.operator:
            case "<=":
                bound += 1
            case ">=":
                bound -= 1
        return declared.key, range(first, bound, stride) if stride else None

    def spot(self, node: Node, known: Known) -> Spot | None:
        """The variable behind an expression that names one, or a part of one."""
        match node.kind:
            case "DECL_REF_EXPR":
                held = known.get(node.key)
                if isinstance(held, Spot):
                    return held
                declaration = node.declaration
                if declaration is None or declaration.kind.name not in ("VAR_DECL", "PARM_DECL"):
                    return None
                return Spot(Variable(node.key, declaration))
            case "ARRAY_SUBSCRIPT_EXPR":
                inner = self.spot(node.children[0], known)
                index = self.value(node.children[1], known)
                return replace(inner, indices=(*inner.indices, index)) if inner else None
            case "MEMBER_REF_EXPR" if node.children:
                inner = self.spot(node.children[0], known)
                return replace(inner, indices=(*inner.indices, f".{node.name}")) if inner else None
            case "UNARY_OPERATOR" if node.operator in ("&", "*"):
                return self.spot(node.children[0], known)
            case _:
                return None

    def value(self, node: Node, known: Known) -> Value:
        """The value of an expression, as far as it is known."""
        match node.kind:
            case "DECL_REF_EXPR":
                held = known.get(node.key)
                if held is not None and not isinstance(held, Spot):
                    return held
                constant = node.constant
                return constant if constant is not None else f"{node.name}${node.key}"
            case "BINARY_OPERATOR" if len(node.children) == 2:
                left, right = (self.value(child, known) for child in node.children)
                return computed(left, node.operator, right)
            case "UNARY_OPERATOR" if node.children:
                inner = self.value(node.children[0], known)
                if isinstance(inner, int) and node.operator in ("-", "!", "~", "+"):
                    return {"-": -inner, "!": int(not inner), "~": ~inner, "+": inner}[node.operator]
                return _short(f"{node.operator}({inner})")
            case "CONDITIONAL_OPERATOR":
                condition = self.value(node.children[0], known)
                if isinstance(condition, int):
                    return self.value(node.children[1 if condition else 2], known)
            case "CALL_EXPR":
                return self._called(node, known)
        constant = node.constant
        if constant is not None:
            return constant
        return _short(
            f"{node.kind} {node.name}({','.join(str(self.value(c, known)) for c in node.children)})"
        )

    def _called(self, node: Node, known: Known) -> Value:
        """The value of a call: conversions of numbers change nothing, and short functions are looked into."""
        callee = self.program.callee(node)
        if callee is None:
            if len(node.children) == 2 and node.name.startswith("operator"):
                left, right = (self.value(child, known) for child in node.children)
                return computed(left, node.name.removeprefix("operator"), right)
            if len(node.children) == 1:
                inner = node.children[0]
                return self.value(
                    inner.children[0] if inner.kind == "MEMBER_REF_EXPR" and inner.children else inner, known
                )
        else:
            statements = [n for n in callee.body.children if not n.pragma]
            passed = node.children[-len(callee.parameters) :] if callee.parameters else []
            if len(statements) == 1 and statements[0].kind == "RETURN_STMT" and self._depth < 40:
                inner_known = dict(known)
                for parameter, argument in zip(callee.parameters, passed, strict=False):
                    inner_known[parameter.key] = self.spot(argument, known) or self.value(argument, known)
                self._depth += 1
                result = self.value(statements[0].children[0], inner_known)
                self._depth -= 1
                return result
        return _short(f"{node.name}({','.join(str(self.value(c, known)) for c in node.children)})")


def computed(left: Value, operator: str, right: Value) -> Value:
    """An operation on two values."""
    if isinstance(left, int) and isinstance(right, int) and operator in _SIMPLE:
        return int(_SIMPLE[operator](left, right))
    if operator == "&&" and 0 in (left, right):
        return 0
    if operator == "||" and any(isinstance(v, int) and v for v in (left, right)):
        return 1
    return _short(f"({left}{operator}{right})")


def _short(text: str) -> str:
    """A text that stands for a longer one."""
    return text if len(text) < 200 else f"#{hash(text)}"


def merged(first: Used, second: Used) -> Used:
    """Of accesses that exclude each other: for each variable, and reads and writes apart, those of the fuller side."""
    kept: dict[tuple[int, bool], Used] = {}
    for side in (first, second):
        groups: dict[tuple[int, bool], Used] = {}
        for access in side:
            groups.setdefault((access.variable.key, access.writes), set()).add(access)
        for key, group in groups.items():
            if len(group) > len(kept.get(key, ())):
                kept[key] = group
    return {access for group in kept.values() for access in group}
