"""Which differences between an engine of real numbers and the simulator are float32's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import onnx
import torch
from onnx import numpy_helper

from fireline.fixed import is_power_of_two
from fireline.graph import Graph, Node
from fireline.nodes import column
from fireline.sim.engine import OFF_GRID, Images, Integers, Judged, file_order, file_tensors, in_order
from fireline.sim.float32.bounded import Bounded, Reals, U
from fireline.sim.float32.operations import TAKING, operation, taken
from fireline.sim.float32.quantizers import NOWHERE, QUANTIZERS, quantizer
from fireline.sim.integer import Simulator, integers, quantize


@dataclass
class Judge:
    """Judges an engine that computes `model` in float32; `graph` was lowered from it."""

    graph: Graph
    model: onnx.ModelProto

    def __call__(self, images: Images, got: Mapping[str, Integers]) -> dict[str, Judged]:
        """Every node in `got`, which is the engine's integers by node name, in the graph's order."""
        expected = self._expected(images, got)
        judged = {
            name: Judged(expected[name], np.zeros(values.shape, bool), np.full(values.shape, np.nan))
            for name, values in got.items()
        }
        differ = {name: (values != expected[name]).any(axis=(1, 2, 3)) for name, values in got.items()}
        for image in range(len(images)):
            nodes = [node for node in self.graph.nodes if node.name in got and differ[node.name][image]]
            if nodes:
                seen = {name: values[image] for name, values in got.items()}
                self._explain(images[image], seen, nodes, image, judged)
        return judged

    def _expected(self, images: Images, got: Mapping[str, Integers]) -> dict[str, Integers]:
        """Each node's integers, computed from the engine's own before it where it has them."""
        expected: dict[str, Integers] = {}
        given: list[torch.Tensor] = []
        simulator = Simulator(self.graph)
        for index, node in enumerate(self.graph.nodes):
            if index:
                made = simulator.steps[index - 1]([given[i] for i in node.inputs])
                expected[node.name] = integers(made)
            else:
                expected[node.name] = quantize(self.graph.input, images)
            seen = got.get(node.name, expected[node.name])
            usable = np.where(seen == OFF_GRID, expected[node.name], seen)
            given.append(torch.from_numpy(usable.astype(np.float64)))
        return expected

    def _explain(
        self,
        image: npt.NDArray[np.generic],
        seen: Mapping[str, Integers],
        nodes: list[Node],
        at: int,
        judged: dict[str, Judged],
    ) -> None:
        """Fill in `judged` at one image for `nodes`, which differ there."""
        tensors = {node.source: node for node in self.graph.nodes if node.source and node.name in seen}
        exact, distances = self._evaluate(image, {name: seen[node.name] for name, node in tensors.items()})
        names = file_tensors(self.graph, self.model.graph.output[0].name)
        for node in nodes:
            name = names[node.name]
            if name not in exact:
                continue
            bounds = exact[name]
            scale, offset = column(node.output.scale), column(node.output.offset)
            # Bounds are reals of the tensor's grid: half a thousandth of a step tells its points apart.
            low, high = (
                np.ceil((_placed(node, bounds.low) - offset) / scale - 5e-4),
                np.floor((_placed(node, bounds.high) - offset) / scale + 5e-4),
            )
            ours, theirs = (
                values - node.output.zero_point
                for values in (judged[node.name].expected[at], seen[node.name])
            )
            differs = seen[node.name] != judged[node.name].expected[at]
            within = (low <= np.minimum(ours, theirs)) & (np.maximum(ours, theirs) <= high)
            judged[node.name].tie[at] = differs & within & (seen[node.name] != OFF_GRID)
            distance = distances.get(name, NOWHERE)
            if distance is not NOWHERE:
                judged[node.name].distance[at] = _placed(node, distance)

    @cached_property
    def _constants(self) -> dict[str, npt.NDArray[np.generic]]:
        return {tensor.name: numpy_helper.to_array(tensor) for tensor in self.model.graph.initializer}

    def _evaluate(
        self, image: npt.NDArray[np.generic], seen: Mapping[str, Integers]
    ) -> tuple[dict[str, Bounded], dict[str, Reals]]:
        """The file's tensors on an image, and the distances of quantizers' arguments from their steps.

        From a quantizer on whose tensor the engine's integers are `seen`, values go on from these.
        """
        graph, constants = self.model.graph, self._constants
        (entry,) = (value for value in graph.input if value.name not in constants)
        sides = [side.dim_value for side in entry.type.tensor_type.shape.dim][1:]
        pixels = image.transpose(file_order(self.graph, sides))[None]
        inexact = pixels.dtype == np.float64 and (pixels.astype(np.float32) != pixels).any()
        values = {
            name: Bounded.exactly(array) for name, array in constants.items() if array.dtype.kind != "O"
        }
        start = Bounded.exactly(pixels)
        values[entry.name] = (
            Bounded(start.value, start.value - U * np.abs(start.value), start.value + U * np.abs(start.value))
            if inexact
            else start
        )
        types = {name: array.dtype for name, array in constants.items()}
        nodes = {node.source: node for node in self.graph.nodes if node.source}
        made, distances = dict(values), dict[str, Reals]()
        for node in graph.node:
            name = node.output[0]
            if any(one and one not in values for one in node.input):
                if name in seen and node.op_type in QUANTIZERS:  # what is behind is known again
                    values[name] = _engines(nodes[name], seen[name], None)
                continue
            x = [values[one] if one else None for one in node.input]
            try:
                if node.op_type in TAKING:
                    parts = dict(zip(node.output, taken(node, x), strict=True))
                    values, made = values | parts, made | parts
                    continue
                quantized = quantizer(node, x, types)
                result = quantized.real if quantized else operation(node, x)
            except NotImplementedError:
                continue
            values[name] = made[name] = result
            if quantized and quantized.distance is not NOWHERE:
                distances[name] = quantized.distance
            elif node.input[0] in distances and node.op_type in ("DequantizeLinear", "Clip", "Identity"):
                distances[name] = distances[node.input[0]]
            if quantized and name in seen:
                values[name] = _engines(nodes[name], seen[name], result)
        return made, distances


def _placed(node: Node, values: Reals) -> Reals:
    """One image's values of the tensor that a node has the integers of, as (C, H, W)."""
    return np.asarray(in_order(node, values[None]).reshape(node.output.shape), dtype=np.float64)


def _engines(node: Node, seen: Integers, exact: Bounded | None) -> Bounded:
    """What an engine holds where its integers are `seen`: their real value, rounded once to float32."""
    shape = (1, *node.output.shape) if exact is None else exact.value.shape
    scale = column(node.output.scale)
    real = ((seen - node.output.zero_point) * scale).reshape(shape)
    real = np.where((seen == OFF_GRID).reshape(shape), 0 if exact is None else exact.value, real)
    if all(map(is_power_of_two, node.output.scale)):
        return Bounded(real, real, real, float(scale.min()))
    return Bounded(real, real - U * np.abs(real), real + U * np.abs(real))
