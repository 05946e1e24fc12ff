"""What the integers of a network do over a data set: ranges, saturation, and noise against the float network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf, log10

import numpy as np
import numpy.typing as npt

from fireline.errors import FirelineError
from fireline.graph import Add, Conv2d, Graph, Node, Rescale

Integers = npt.NDArray[np.int64]
Reals = npt.NDArray[np.floating]


@dataclass(frozen=True)
class NodeStatistics:
    """One node over a data set.

    `low` and `high` are the smallest and largest integer; `at_low`, `at_high` and `zeros` shares (0 to 1) of integers
    at the ends of the clamp and at the zero point. `sqnr` is the ratio of the float activation's power to that of its
    difference from integer times scale, in dB, infinite without a difference; None where there is no float activation.
    """

    name: str
    low: int
    high: int
    at_low: float
    at_high: float
    zeros: float
    sqnr: float | None


class Statistics:
    """Collects statistics part by part, in memory that does not grow with the number of images."""

    def __init__(self, graph: Graph) -> None:
        self._tallies = {node.name: _Tally(node) for node in graph.nodes}

    def update(self, trace: Mapping[str, Integers], floats: Mapping[str, Reals] | None = None) -> None:
        """Take in some images.

        Args:
            trace: integers (N, C, H, W) by node name, as a simulator's trace.
            floats: the float network's activations of the same images, (N, ...) by the name of the QONNX tensor.
        """
        for name, values in trace.items():
            tally = self._tallies[name]
            tally.count(values)
            source = tally.node.source
            if floats is not None and source is not None and source in floats:
                tally.compare(values, floats[source])

    def nodes(self) -> tuple[NodeStatistics, ...]:
        """Statistics of every node that has been seen, in the graph's order."""
        return tuple(tally.result() for tally in self._tallies.values() if tally.values)


class _Tally:
    """One node so far."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.clamp = clamp_of(node)
        self.low, self.high = node.output.type.max, node.output.type.min
        self.values = self.at_low = self.at_high = self.zeros = 0
        self.signal = self.noise = 0.0
        self.compared = False

    def count(self, values: Integers) -> None:
        self.values += values.size
        self.low, self.high = min(self.low, int(values.min())), max(self.high, int(values.max()))
        self.at_low += int(np.count_nonzero(values == self.clamp[0]))
        self.at_high += int(np.count_nonzero(values == self.clamp[1]))
        self.zeros += int(np.count_nonzero(values == self.node.output.zero_point))

    def compare(self, values: Integers, floats: Reals) -> None:
        if floats.size != values.size or len(floats) != len(values):
            raise FirelineError(
                f"the float network gave {floats.shape} for {values.shape}", node=self.node.name
            )
        for integers, real in zip(values, floats, strict=True):  # image by image: real values are large
            signal = real.reshape(integers.shape).astype(np.float64)
            noise = signal - self.node.output.real(integers)
            self.signal += float(np.vdot(signal, signal))
            self.noise += float(np.vdot(noise, noise))
        self.compared = True

    def result(self) -> NodeStatistics:
        sqnr = decibels(self.signal, self.noise) if self.compared else None
        return NodeStatistics(
            self.node.name,
            self.low,
            self.high,
            self.at_low / self.values,
            self.at_high / self.values,
            self.zeros / self.values,
            sqnr,
        )


def decibels(signal: float, noise: float) -> float:
    """`signal / noise`, both powers, in dB; infinite without noise."""
    if not noise:
        return inf
    return 10 * log10(signal / noise) if signal else -inf


def clamp_of(node: Node) -> tuple[int, int]:
    """The lowest and the highest integer that a node can put out: of its clamp, or else of its type."""
    if isinstance(node, Conv2d | Add | Rescale) and node.requantize is not None:
        return node.requantize.low, node.requantize.high
    return node.output.type.min, node.output.type.max
