"""The nodes that a file's output needs, each behind those whose outputs it reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from heapq import heapify, heappop, heappush

import onnx

from fireline.errors import FirelineError


def needed(graph: onnx.GraphProto) -> list[onnx.NodeProto]:
    """The nodes that the outputs need, in the order of the file where that is one in which they can be computed.

    Nodes that read each other stand last, as the file has them.

    Raises:
        FirelineError: two nodes make one tensor, or a node makes a constant of the file or its input.
    """
    taken = {value.name for value in (*graph.initializer, *graph.input)}
    makers: dict[str, int] = {}
    for at, node in enumerate(graph.node):
        for name in filter(None, node.output):
            if name in makers or name in taken:
                raise FirelineError(
                    f"tensor {name!r} is made twice",
                    node=f"{node.op_type} {node.name or name}",
                    hint="a tool before has damaged the file: export the network again",
                )
            makers[name] = at
    read = [{makers[name] for name in _read(node) if name in makers} for node in graph.node]
    stack = [makers[value.name] for value in graph.output if value.name in makers]
    wanted: set[int] = set()
    while stack:
        if (at := stack.pop()) not in wanted:
            wanted.add(at)
            stack.extend(read[at])
    readers: dict[int, list[int]] = {at: [] for at in wanted}
    for at in wanted:
        for before in read[at]:
            readers[before].append(at)
    missing = {at: len(read[at]) for at in wanted}
    ready = [at for at, count in missing.items() if not count]
    heapify(ready)
    order: list[int] = []
    while ready:
        order.append(heappop(ready))
        for at in readers[order[-1]]:
            missing[at] -= 1
            if not missing[at]:
                heappush(ready, at)
    return [graph.node[at] for at in (*order, *sorted(wanted.difference(order)))]


def _read(node: onnx.NodeProto) -> set[str]:
    """The tensors that a node reads, those that graphs inside of it take from outside among them."""
    return {name for inner in all_nodes([node]) for name in inner.input}


def all_nodes(nodes: Iterable[onnx.NodeProto]) -> Iterator[onnx.NodeProto]:
    """`nodes`, and those of the graphs inside of them."""
    for node in nodes:
        yield node
        for attribute in node.attribute:
            yield from all_nodes(attribute.g.node)
