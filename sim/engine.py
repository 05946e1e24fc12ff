"""What an engine is, whatever computes in it: a name, and a function from images to the integers of every node."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fireline.errors import FirelineError
from fireline.fixed import is_power_of_two
from fireline.graph import Graph, Node
from fireline.nodes import column

Integers = npt.NDArray[np.int64]
Images = npt.NDArray[np.generic]

Reals = npt.NDArray[np.float64]

# Marks a real value that no integer of the tensor stands for: a mismatch whatever it is compared with.
OFF_GRID = np.iinfo(np.int64).min


@dataclass(frozen=True)
class Judged:
    """One node of an engine, every array (N, C, H, W).

    `expected` are the simulator's integers given what the engine itself has at the nodes before. Where it has another,
    `tie` tells whether its own rounding may have made that of the file's exact value, and `distance` how far that value
    is from the next step, in steps: not a number where there is no step or it is not known.
    """

    expected: Integers
    tie: npt.NDArray[np.bool_]
    distance: Reals


@dataclass(frozen=True)
class Engine:
    """A named way to compute the network.

    `run` maps images (N, C, H, W) to the integers (N, C, H, W) of every node it can see, by node name. A slow engine is
    a sample: it is shown one image in `every`, from the first on. An engine that computes in float32 has a `judge`: it
    tells from images and the engine's integers by node name which of them its own rounding explains.
    """

    name: str
    run: Callable[[Images], Mapping[str, Integers]]
    every: int = 1
    judge: Callable[[Images, Mapping[str, Integers]], Mapping[str, Judged]] | None = None


def file_order(graph: Graph, sides: Sequence[int]) -> tuple[int, int, int]:
    """Where the axes of an image (C, H, W) go in a file that takes `sides`, by which it says that channels are last."""
    channels, height, width = graph.input.output.shape
    last = tuple(sides) == (height, width, channels) != (channels, height, width)
    return (1, 2, 0) if last else (0, 1, 2)


def file_tensors(graph: Graph, output: str) -> dict[str, str]:
    """The file's tensors by the node that has their integers; `output`, which it ends with, where that has no other."""
    named = {node.name: node.source for node in graph.nodes if node.source}
    return {graph.output.name: output, **named}


def in_order(node: Node, real: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    """A file's tensor (N, ...) in the order (N, C, H, W): that of an output without a source has its channels last."""
    channels, height, width = node.output.shape
    if node.source or real.size != len(real) * channels * height * width:
        return real
    return real.reshape(-1, height, width, channels).transpose(0, 3, 1, 2)


def decode(node: Node, real: npt.NDArray[np.floating]) -> Integers:
    """The integers `(N, C, H, W)` that real values of any shape `(N, ...)` stand for, `OFF_GRID` where none does.

    A power-of-two scale divides exactly, so every value must be on the grid. Any other scale, or an offset,
    was rounded by the engine itself: the nearest integer is meant, and a value far from every integer is off the grid.
    """
    shape = node.output.shape
    if real.size != len(real) * int(np.prod(shape)):
        raise FirelineError(f"an engine gave {real.shape[1:]} where the graph has {shape}", node=node.name)
    scale = column(node.output.scale)
    values = real.reshape(len(real), *shape)
    if all(map(is_power_of_two, node.output.scale)) and not any(node.output.offset):
        steps = values * (1 / scale).astype(values.dtype)
        nearest = np.rint(steps)
        on_grid = steps - nearest == 0  # neither is infinity on the grid
    else:
        steps = (values.astype(np.float64) - column(node.output.offset)) / scale
        nearest = np.rint(steps)
        on_grid = np.abs(steps - nearest) <= 0.25
    if on_grid.all():
        return np.asarray(nearest.astype(np.int64) + node.output.zero_point)
    return np.where(on_grid, nearest + node.output.zero_point, OFF_GRID).astype(np.int64)
