"""Nodes and tensors in words, for the comments of generated files."""

from __future__ import annotations

from fireline.codegen.plan.foldings import Plan
from fireline.graph import Conv2d, MaxPool2d, Node, Padding, Pair, Tensor


def describe(plan: Plan, node: Node) -> str:
    """One line for comments: operation, types and shapes."""
    what: str = node.kind
    if isinstance(node, Conv2d):
        what = f"conv2d {_by(node.weight.shape[2:])}" + _details(node.stride, node.padding, node.groups)
    elif isinstance(node, MaxPool2d):
        what = f"maxpool2d {_by(node.kernel)}" + _details(node.stride, node.padding, 1)
    sources = ", ".join(tensor_text(plan.graph.nodes[i].output) for i in node.inputs)
    return f"{what}: {sources}{' -> ' if sources else ''}{tensor_text(node.output)}"


def tensor_text(tensor: Tensor) -> str:
    """Type and shape, as "uint8 (64, 55, 55)"."""
    return f"{tensor.type} ({', '.join(map(str, tensor.shape))})"


def _by(sides: tuple[int, ...]) -> str:
    return "x".join(map(str, sides))


def _details(stride: Pair, padding: Padding, groups: int) -> str:
    parts = [f"stride {_by(stride)}"] if stride != (1, 1) else []
    if any(padding):
        parts.append(f"padding {', '.join(map(str, padding))}")
    if groups > 1:
        parts.append(f"{groups} groups")
    return f" ({'; '.join(parts)})" if parts else ""
