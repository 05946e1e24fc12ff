"""The network's output: the integers of the last node, and how whoever reads them makes real values of them."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from fireline.codegen.lower.convolutions import negated
from fireline.codegen.lower.quantizers import codes_out
from fireline.codegen.lower.state import State, same_order, shared
from fireline.codegen.lower.values import Activation, Codes, Padded, Pieces
from fireline.codegen.lower.views import settle
from fireline.errors import FirelineError
from fireline.graph import Concat, Input, MaxPool2d, Node

Offset = tuple[Fraction, ...]  # one per channel


def last_node(state: State) -> int:
    """The place of the node that makes the output; it says what the output's integers stand for.

    Behind the last integers a scale for each channel and a bias of any size, such as a float bias that meets no
    quantizer, are no arithmetic of the hardware: real = (integer - zero point) * scale + offset.

    Raises:
        FirelineError: more than that is pending, or the output is none.
    """
    tensor = state.onnx.output
    settle(state, tensor, last=True)
    value = state.values.get(tensor)
    if value is None:
        raise FirelineError("no node makes the output", node=tensor)
    if isinstance(value, Padded):
        value = state.activation(tensor)
    if isinstance(value, Codes):
        value = codes_out(state, value, tensor)
    if isinstance(value, Pieces):
        parts, offsets = zip(*(_read(state, part, tensor) for part in value.parts), strict=True)
        made = state.concat(Pieces(parts), tensor, one_quantizer=True)
        offset: Offset = sum(offsets, ())
    elif isinstance(value, Activation):
        made, offset = _read(state, value, tensor)
    else:
        raise FirelineError("the output does not depend on the input", node=tensor)
    if made.index == 0:
        raise FirelineError("the output is the input, quantized", node=tensor)
    node = state.nodes[made.index]
    if same_order(made.shape, made.layout):
        node = replace(node, source=tensor)
    elif any(offset):
        node = _unnamed(node)
    state.nodes[made.index] = replace(node, output=replace(node.output, offset=shared(offset)))
    return made.index


def _read(state: State, value: Activation, tensor: str) -> tuple[Activation, Offset]:
    """Settled integers, and what is to be added to their real values; nothing where integers hold it."""
    none = (Fraction(0),) * len(value.offset)
    whole = all(s and (o / s).denominator == 1 for s, o in zip(value.scale, value.offset, strict=True))
    if whole or 0 in value.scale or value.curves:
        return state.settle(value, tensor), none
    if min(value.scale) < 0:
        value = negated(state, value)
    node = state.nodes[value.index]
    if value.private and not isinstance(node, Input | MaxPool2d | Concat):  # whose scales are those of others
        node = _unnamed(replace(node, output=replace(node.output, scale=shared(value.scale))))
        state.nodes[value.index] = node
    zero = tuple(-s * node.output.zero_point for s in value.scale)
    offset = tuple(o - z for o, z in zip(value.offset, zero, strict=True))
    bare = value.mapped((Fraction(1),) * len(offset), tuple(-o for o in offset))
    return state.settle(bare, tensor), offset


def _unnamed(node: Node) -> Node:
    """`node`, whose values are no longer those of a tensor of the file."""
    return node if isinstance(node, Input) else replace(node, source=None)
