"""What the numbers do, as rows of the report: noise, activation ranges, weight ranges and accumulators."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite

import numpy as np

from fireline.codegen.requantize.solve import Proof
from fireline.fixed import IntType
from fireline.graph import Add, Conv2d, Graph, Node, Rescale, Thresholds
from fireline.sim.ranges import ranges
from fireline.sim.report.format import count, decibel, percent, width
from fireline.sim.statistics import NodeStatistics, clamp_of


@dataclass(frozen=True)
class Noise:
    """SQNR of one node."""

    node: str
    type: str
    sqnr: str
    bar: str


@dataclass(frozen=True)
class Span:
    """The part of a type's range that is used: a bar from `left`, `bar` long, in percent; `zero` is where 0 lies."""

    low: int
    high: int
    type: str
    bits: int
    left: str
    bar: str
    zero: str


@dataclass(frozen=True)
class Activations:
    """The range of one node's integers; `clamped` is empty where nothing is cut off."""

    node: str
    span: Span
    clamped: str
    zeros: str


@dataclass(frozen=True)
class Weights:
    """Weights and accumulator of one convolution."""

    node: str
    span: Span
    accumulator: int
    naive: int
    saved: int


@dataclass(frozen=True)
class Rule:
    """How one node's requantization was chosen and proved; empty where there is nothing to tell."""

    node: str
    rule: str
    channels: int
    bits: int
    boundaries: str
    distance: str


def noises(graph: Graph, statistics: Sequence[NodeStatistics]) -> list[Noise]:
    """Every node with a float activation."""
    known = [(one.name, one.sqnr) for one in statistics if one.sqnr is not None]
    top = max((sqnr for _, sqnr in known if isfinite(sqnr)), default=1.0)
    types = {node.name: str(node.output.type) for node in graph.nodes}
    return [Noise(name, types[name], decibel(sqnr), width(sqnr / max(top, 1.0))) for name, sqnr in known]


def activations(graph: Graph, statistics: Sequence[NodeStatistics]) -> list[Activations]:
    """Every node that was observed."""
    nodes = {node.name: node for node in graph.nodes}
    rows = []
    for one in statistics:
        node = nodes[one.name]
        below, above = cut_off(graph, node)
        clamped = ""
        if below or above:
            # At the low end of an unsigned range lie the zeros of a ReLU, which are no saturation.
            at_low = one.at_low if below and clamp_of(node)[0] < node.output.zero_point else 0.0
            clamped = percent(at_low + (one.at_high if above else 0.0), 2)
        rows.append(
            Activations(one.name, span(one.low, one.high, node.output.type), clamped, percent(one.zeros))
        )
    return rows


def cut_off(graph: Graph, node: Node) -> tuple[bool, bool]:
    """Whether the clamp of `node` can meet values below its low end, and above its high end."""
    if not isinstance(node, Conv2d | Add | Rescale) or node.requantize is None:
        return False, False
    rule = node.requantize
    if isinstance(rule, Thresholds):
        return True, True
    type = graph.nodes[node.inputs[0]].output.type if isinstance(node, Rescale) else node.accumulator
    ends = [(end * rule.mult + rule.add) / 2.0**rule.shift for end in (type.min, type.max)]
    return bool(np.min(ends) < rule.low - 0.5), bool(np.max(ends) > rule.high + 0.5)


def weights(graph: Graph) -> list[Weights]:
    """Every convolution."""
    sums = {one.node: one for one in ranges(graph)}
    return [
        Weights(
            node.name,
            span(int(node.weight.min()), int(node.weight.max()), node.weight_type),
            sums[node.name].bits,
            sums[node.name].naive_bits,
            sums[node.name].saved,
        )
        for node in graph.nodes
        if isinstance(node, Conv2d)
    ]


def rules(graph: Graph, proofs: Mapping[str, Proof]) -> list[Rule]:
    """Every requantization with a proof, in the order of the graph."""
    named = [(node.name, proofs[node.name]) for node in graph.nodes if node.name in proofs]
    return [
        Rule(
            name,
            proof.rule,
            proof.channels,
            proof.bits,
            count(proof.boundaries) if proof.boundaries else "",
            "" if proof.distance is None else f"{proof.distance:.2g}",
        )
        for name, proof in named
    ]


def span(low: int, high: int, type: IntType) -> Span:
    """The range `low` to `high` within `type`."""
    whole = type.max - type.min + 1
    return Span(
        low,
        high,
        str(type),
        IntType.holding(low, high).bits,
        width((low - type.min) / whole),
        width((high - low + 1) / whole),
        width(-type.min / whole),
    )
