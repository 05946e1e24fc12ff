"""What pools cost: comparators or adders, and memories of what is not finished."""

from __future__ import annotations

from math import ceil

from fireline.codegen.plan.cost.fabric import Fabric
from fireline.codegen.plan.cost.memory import Resources, ceil_div
from fireline.codegen.plan.cost.parts import INSIDE_DEPTH, Part, ram_part, stream_part
from fireline.codegen.plan.foldings import Folding
from fireline.graph import GlobalAvgPool2d, MaxPool2d


def largest_memory(node: MaxPool2d, folding: Folding, inner: int) -> tuple[int, int]:
    """Depth and width of the memory of an open window in a pass whose positions have `inner` tokens."""
    return inner, folding.pe * node.output.type.bits


def sums_memory(node: GlobalAvgPool2d, folding: Folding) -> tuple[int, int]:
    """Depth and width of the memory of the sums of all channels."""
    return node.output.shape[0] // folding.pe, folding.pe * node.output.type.bits


def maxpool_parts(node: MaxPool2d, folding: Folding, fabric: Fabric) -> list[Part]:
    """A comparator and a multiplexer for each window that is open at a time, and a memory: along rows, down columns."""
    bits, pe, folds = node.output.type.bits, folding.pe, node.output.shape[0] // folding.pe
    down, along = (ceil_div(kernel, stride) for kernel, stride in zip(node.kernel, node.stride, strict=True))
    compare = Resources(lut=ceil(1.5 * bits) * pe, ff=bits * pe) * (along + down)
    pixel = ram_part("columns", *largest_memory(node, folding, folds), fabric)
    row = ram_part("rows", *largest_memory(node, folding, node.output.shape[2] * folds), fabric)
    between = stream_part(INSIDE_DEPTH, pe * bits, fabric)
    return [Part("compare", compare), *[row] * down, *[pixel] * along, between]


def average_parts(node: GlobalAvgPool2d, folding: Folding, fabric: Fabric) -> list[Part]:
    """An adder for each lane, and the sums."""
    width = node.output.type.bits * folding.pe
    return [
        Part("adders", Resources(lut=width, ff=width)),
        ram_part("sums", *sums_memory(node, folding), fabric),
    ]
