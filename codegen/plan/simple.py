"""The simplest folding: every node as parallel as a fixed number of lanes allows. For tests and first looks."""

from __future__ import annotations

from math import gcd

from fireline.codegen.plan.devices import Device
from fireline.codegen.plan.foldings import Folding, Plan
from fireline.graph import Conv2d, Graph, Node


def simple_plan(
    graph: Graph, device: Device, clock_mhz: float, lanes: int = 16, depths: tuple[tuple[int, ...], ...] = ()
) -> Plan:
    """A plan in which `pe` and `simd` are the largest legal numbers up to `lanes`; nothing is fitted to the device."""
    foldings = tuple(_folding(graph, node, lanes) for node in graph.nodes)
    return Plan(graph, device, clock_mhz, foldings, depths)


def _folding(graph: Graph, node: Node, lanes: int) -> Folding:
    if isinstance(node, Conv2d):
        outputs, inputs = node.output.shape[0] // node.groups, int(node.weight.shape[1])
        return Folding(_largest_divisor(outputs, lanes), _largest_divisor(inputs, lanes))
    channels = gcd(node.output.shape[0], *(graph.nodes[i].output.shape[0] for i in node.inputs))
    pe = _largest_divisor(channels, lanes)
    return Folding(pe, pe)


def _largest_divisor(number: int, limit: int) -> int:
    return max(d for d in range(1, limit + 1) if number % d == 0)
