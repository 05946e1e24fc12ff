"""The processes of a design and the streams between them: what a plan becomes before it is written down.

Neutral about the target language. One process for every node, or for every Fire module; a fork where a tensor has
several readers; a resize where a reader takes another number of lanes than its producer gives.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from math import prod

from fireline.codegen.geometry.axi import input_beat
from fireline.codegen.geometry.fires import Fire, find_fires
from fireline.codegen.plan.foldings import DEFAULT_DEPTH, Plan
from fireline.fixed import IntType
from fireline.graph import Input, Tensor


@dataclass(frozen=True)
class Stream:
    """A stream of tokens of `lanes` channels; `node` names the tensor if this stream is where it first appears."""

    name: str
    type: IntType
    lanes: int
    depth: int
    node: str | None


@dataclass(frozen=True)
class Stage:
    """One node, or the four of a Fire module, that reads `inputs` and writes `output`."""

    name: str
    nodes: tuple[int, ...]
    fire: Fire | None
    inputs: tuple[Stream, ...]
    output: Stream


@dataclass(frozen=True)
class Fork:
    """A copy of `source` for every reader."""

    source: Stream
    outputs: tuple[Stream, ...]
    tokens: int


@dataclass(frozen=True)
class Resize:
    """The same `values` in tokens of another number of lanes."""

    source: Stream
    output: Stream
    values: int


Process = Stage | Fork | Resize


@dataclass(frozen=True)
class Design:
    """All processes in the order of the data, the first stream and the last."""

    plan: Plan
    processes: tuple[Process, ...]
    first: Stream
    last: Stream

    @property
    def streams(self) -> tuple[Stream, ...]:
        """Every stream once, in the order in which they are first written."""
        written = [self.first]
        for process in self.processes:
            written += process.outputs if isinstance(process, Fork) else (process.output,)
        return tuple(written)

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The processes that are nodes or Fire modules."""
        return tuple(p for p in self.processes if isinstance(p, Stage))


def stream_lanes(plan: Plan, index: int) -> int:
    """Channels of a token behind node `index`."""
    node = plan.graph.nodes[index]
    return input_beat(node).channels if isinstance(node, Input) else plan.foldings[index].pe


def design(plan: Plan) -> Design:
    """The processes and streams of `plan`."""
    return _Designer(plan).run()


class _Designer:
    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.graph = plan.graph
        self.processes: list[Process] = []
        self.edges: dict[
            tuple[int, int], Stream
        ] = {}  # (reader, position of its input) -> stream before a resize
        self.names = Counter(node.name for node in plan.graph.nodes)
        self.fires = {index: fire for fire in find_fires(plan.graph) for index in fire.nodes}

    def run(self) -> Design:
        first = last = self._produce(0)
        self._fork(0, first)
        for index in range(1, len(self.graph.nodes)):
            fire = self.fires.get(index)
            if fire is None:
                inputs = tuple(self._consume(index, k) for k in range(len(self.graph.nodes[index].inputs)))
                last = self._stage(index, (index,), None, inputs)
            elif index == fire.concat:
                last = self._stage(index, fire.nodes, fire, (self._consume(fire.squeeze, 0),))
        return Design(self.plan, tuple(self.processes), first, last)

    def _stage(
        self, index: int, nodes: tuple[int, ...], fire: Fire | None, inputs: tuple[Stream, ...]
    ) -> Stream:
        output = self._produce(index)
        self.processes.append(Stage(self.graph.nodes[index].name, nodes, fire, inputs, output))
        self._fork(index, output)
        return output

    def _produce(self, index: int) -> Stream:
        """The stream behind node `index`."""
        node = self.graph.nodes[index]
        readers, lanes = self._readers(index), stream_lanes(self.plan, index)
        depth = self._depth(readers[0], lanes) if len(readers) == 1 else DEFAULT_DEPTH
        return Stream(node.name, node.output.type, lanes, depth, node.name)

    def _fork(self, index: int, stream: Stream) -> None:
        """Give every reader of node `index` its stream."""
        readers = self._readers(index)
        copies = (stream,) * len(readers)
        if len(readers) > 1:
            copies = tuple(
                Stream(
                    self._name(index, reader[0]),
                    stream.type,
                    stream.lanes,
                    self._depth(reader, stream.lanes),
                    None,
                )
                for reader in readers
            )
            self.processes.append(
                Fork(stream, copies, _values(self.graph.nodes[index].output) // stream.lanes)
            )
        self.edges.update(zip(readers, copies, strict=True))

    def _consume(self, index: int, position: int) -> Stream:
        """The stream that node `index` reads at `position`, resized to its lanes if need be."""
        stream = self.edges[index, position]
        lanes = self.plan.foldings[index].simd
        if stream.lanes == lanes:
            return stream
        source = self.graph.nodes[index].inputs[position]
        depth = self.plan.depth(index, position)
        resized = Stream(self._name(source, index, "resized"), stream.type, lanes, depth, None)
        self.processes.append(Resize(stream, resized, _values(self.graph.nodes[source].output)))
        return resized

    def _depth(self, reader: tuple[int, int], lanes: int) -> int:
        """Depth of a stream of `lanes` towards `reader`, with which a resize may follow."""
        resized = self.plan.foldings[reader[0]].simd != lanes
        return self.plan.adapter_depth(*reader) if resized else self.plan.depth(*reader)

    def _readers(self, index: int) -> list[tuple[int, int]]:
        return [
            (i, k)
            for i, node in enumerate(self.graph.nodes)
            for k, source in enumerate(node.inputs)
            if source == index
        ]

    def _name(self, source: int, reader: int, suffix: str = "") -> str:
        """A name that no node and no other stream has."""
        parts = (self.graph.nodes[source].name, "to", self.graph.nodes[reader].name, suffix)
        name = "_".join(part for part in parts if part)
        while self.names[name]:
            name += "_"
        self.names[name] += 1
        return name


def _values(tensor: Tensor) -> int:
    return prod(tensor.shape)
