"""What a device could do at best for a network, whatever the folding."""

from __future__ import annotations

from dataclasses import dataclass

from fireline.codegen.geometry.axi import input_beat
from fireline.codegen.plan.cost.fabric import Fabric, fabric_of
from fireline.codegen.plan.cost.multipliers import adder_tree
from fireline.codegen.plan.devices import Device
from fireline.codegen.plan.options import budget
from fireline.fixed import IntType
from fireline.graph import Conv2d, Graph, macs, node_macs


@dataclass(frozen=True)
class Roofline:
    """Frame rates that no design on a device exceeds, in images a second.

    `dsp`: every DSP multiplies in every cycle; `dsp_and_lut`: the LUTs that the sums leave over multiply as well;
    `input`: a word of the input stream in every cycle. `macs_per_byte` is the arithmetic intensity over the input
    and output streams, since weights stay on the chip.
    """

    dsp: float
    dsp_and_lut: float
    input: float
    macs_per_byte: float

    @property
    def best(self) -> float:
        """The lowest roof."""
        return min(self.dsp_and_lut, self.input)


def roofline(graph: Graph, part: Device, clock_mhz: float) -> Roofline:
    """The roofs over `graph` on `part` at `clock_mhz`."""
    layers = [node for node in graph.nodes if isinstance(node, Conv2d)]
    room, work, fabric = budget(part), macs(graph), fabric_of(part)
    # Cycles of an image when all DSPs do one layer after the other: the same as sharing them out in proportion.
    dsp_cycles = sum(node_macs(n) / (room.dsp * _shared(graph, n, fabric)) for n in layers)
    dsp_lanes = work / dsp_cycles
    product = sum(fabric.product_luts(_input(graph, n), n.weight_type) * node_macs(n) for n in layers) / work
    adder = (
        sum(adder_tree(2, _input(graph, n).bits + n.weight_type.bits) * node_macs(n) for n in layers) / work
    )
    lut_lanes = max(0.0, (room.lut - adder * dsp_lanes) / (product + adder))
    pixels = graph.input.output
    words = pixels.shape[0] * pixels.shape[1] * pixels.shape[2] / input_beat(graph.input).channels
    streams = (pixels, graph.output.output)
    stream_bytes = sum(t.shape[0] * t.shape[1] * t.shape[2] * t.type.bits for t in streams) / 8
    hertz = clock_mhz * 1e6
    return Roofline(
        hertz / dsp_cycles, hertz * (dsp_lanes + lut_lanes) / work, hertz / words, work / stream_bytes
    )


def _input(graph: Graph, node: Conv2d) -> IntType:
    return graph.nodes[node.inputs[0]].output.type


def _shared(graph: Graph, node: Conv2d, fabric: Fabric) -> int:
    return fabric.packed_products(_input(graph, node), node.weight_type)
