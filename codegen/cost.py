"""Cycles and resources of every node of a plan, in closed form. docs/cost-model.md derives each formula."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from fireline.codegen.fires import is_pointwise
from fireline.codegen.memory import (
    LUT_PER_RAMB18,
    Resources,
    Storage,
    ceil_div,
    fifo,
    fifo_is_lut,
    ram,
    ram_is_lut,
    ramb18,
    rom,
    rom_luts,
)
from fireline.codegen.multipliers import adder_tree, product_dsps, products
from fireline.codegen.plan import DEFAULT_DEPTH, Folding, Plan
from fireline.codegen.window import buffer_rows, fill_pixels, rest_pixels
from fireline.graph import (
    Add,
    Concat,
    Conv2d,
    GlobalAvgPool2d,
    Graph,
    Input,
    Lookup,
    MaxPool2d,
    Node,
    Requantize,
    Rescale,
    Rule,
    Shape,
    Thresholds,
)

# State machine, counters and stream handshakes of one process.
CONTROL = Resources(lut=60, ff=60)

# AXI DMA (both ways, simple mode), two interconnects and resets around the network on a Zynq part (PG021, PG059).
SHELL = Resources(lut=4000, lutram=400, ff=6000, bram18=6)


@dataclass(frozen=True)
class Part:
    """One piece of a node's hardware; `depth` words of `width` bits when it is a memory."""

    name: str
    resources: Resources
    depth: int = 0
    width: int = 0
    storage: Storage | None = None


def lanes(node: Node, folding: Folding) -> int:
    """Multiply-accumulates per cycle."""
    return folding.pe * folding.simd * folding.rows if isinstance(node, Conv2d) else 0


def window_words(node: Conv2d, folding: Folding) -> int:
    """Words of `simd` channels of `rows` positions in one window: kh * kw * Cin / (simd * rows)."""
    _, depth, kh, kw = node.weight.shape
    return int(kh * kw * depth) // (folding.simd * folding.rows)


def line_buffer_cycles(node: Conv2d, source: Shape, folding: Folding) -> int:
    """Cycles of a line buffer: it fills, then gives a window and takes in what the next ones need, then drains."""
    tokens = source[0] // folding.simd  # of one pixel
    _, height, width = node.output.shape
    load = max(ceil_div(node.stride[0] * source[2] * tokens, width), node.stride[0] * node.stride[1] * tokens)
    window = window_words(node, folding) * node.groups
    alone = fill_pixels(node, source) + rest_pixels(node, source)
    return alone * tokens + height * width * max(window, load)


def maxpool_cycles(node: MaxPool2d, source: Shape, lanes: int) -> int:
    """Cycles of the slower of its two passes: along every row of the image, then down every column of windows."""
    channels, height, width = source
    top, left, bottom, right = node.padding
    along, down = height * (left + width + right), (top + height + bottom) * node.output.shape[2]
    return max(along, down) * channels // lanes


def node_cycles(graph: Graph, node: Node, folding: Folding) -> int:
    """Cycles between two images at this node when nothing else holds it up (its initiation interval)."""
    channels, height, width = node.output.shape
    match node:
        case Conv2d():
            multiply = height * width * (channels // folding.pe) * window_words(node, folding)
            if is_pointwise(node):
                return multiply
            return max(multiply, line_buffer_cycles(node, graph.nodes[node.inputs[0]].output.shape, folding))
        case MaxPool2d():
            return maxpool_cycles(node, graph.nodes[node.inputs[0]].output.shape, folding.pe)
        case GlobalAvgPool2d():
            source = graph.nodes[node.inputs[0]].output.shape
            return source[0] * source[1] * source[2] // folding.pe
        case _:
            return channels * height * width // folding.pe


def cycles(plan: Plan) -> tuple[int, ...]:
    """The initiation interval of every node, in the graph's order."""
    nodes = zip(plan.graph.nodes, plan.foldings, strict=True)
    return tuple(node_cycles(plan.graph, node, folding) for node, folding in nodes)


def initiation_interval(plan: Plan) -> int:
    """Cycles between two images: those of the slowest node."""
    return max(cycles(plan))


def resources(plan: Plan) -> tuple[Resources, ...]:
    """Resources of every node with the streams and width adapters in front of it, in the graph's order."""
    return tuple(
        Resources.sum([part.resources for part in parts(plan, i)]) for i in range(len(plan.foldings))
    )


def total(plan: Plan) -> Resources:
    """Resources of the whole design, the shell around the network included."""
    return Resources.sum([SHELL, *resources(plan)])


def parts(plan: Plan, index: int) -> list[Part]:
    """The pieces that node `index` is made of, the streams and width adapters in front of it included."""
    graph, node, folding = plan.graph, plan.graph.nodes[index], plan.foldings[index]
    result = core_parts(graph, node, folding)
    for position, source in enumerate(node.inputs):
        bits = graph.nodes[source].output.type.bits
        result.append(stream_part(plan.depth(index, position), folding.simd * bits))
        if plan.foldings[source].pe != folding.simd:
            result.append(stream_part(DEFAULT_DEPTH, plan.foldings[source].pe * bits))
            result.append(
                Part("adapter", narrow_side(plan.foldings[source].pe, bits) + wide_side(folding.simd, bits))
            )
    return result


def stream_part(depth: int, width: int) -> Part:
    """A stream of `depth` tokens of `width` bits."""
    place: Storage = "lut" if depth <= DEFAULT_DEPTH or fifo_is_lut(depth, width) else "bram"
    return Part("fifo", fifo(depth, width), depth, width, place)


def narrow_side(pe: int, bits: int) -> Resources:
    """The part of a width adapter that depends on its producer: a shift register with a parallel load."""
    return Resources(lut=pe * bits + 6, ff=pe * bits + 6)


def wide_side(simd: int, bits: int) -> Resources:
    """The part of a width adapter that depends on its consumer: a register of one word."""
    return Resources(ff=simd * bits)


def core_parts(graph: Graph, node: Node, folding: Folding) -> list[Part]:
    """The pieces of a node that depend on its own folding alone."""
    control = Part("control", CONTROL)
    bits, pe = node.output.type.bits, folding.pe
    match node:
        case Conv2d():
            return [control, *_conv2d_parts(graph, node, folding)]
        case MaxPool2d():
            channels = node.output.shape[0]
            slots = [
                ceil_div(kernel, stride) for kernel, stride in zip(node.kernel, node.stride, strict=True)
            ]
            # A comparator and a multiplexer for each window that is open at a time.
            compare = Resources(lut=ceil(1.5 * bits) * pe, ff=bits * pe) * sum(slots)
            row, pixel = node.output.shape[2] * channels // pe, channels // pe
            rows = [_ram_part("rows", row, pe * bits)] * slots[0] + [
                _ram_part("columns", pixel, pe * bits)
            ] * slots[1]
            return [control, control, Part("compare", compare), *rows]
        case GlobalAvgPool2d():
            adders = Part("adders", Resources(lut=bits * pe, ff=bits * pe))
            return [control, adders, _ram_part("sums", node.output.shape[0] // pe, pe * bits)]
        case Concat():
            return [control, Part("multiplexer", Resources(lut=bits * pe, ff=bits * pe))]
        case Add():
            wide = node.accumulator.bits
            scaled = sum(0 if m & (m - 1) == 0 else wide for m in map(abs, node.mult))
            adders = Part("adders", Resources(lut=(wide + scaled) * pe, ff=wide * pe))
            return [control, adders, *_rule_parts(node.requantize, wide, node, pe)]
        case Rescale():
            wide = graph.nodes[node.inputs[0]].output.type.bits
            return [control, *_rule_parts(node.requantize, wide, node, pe)]
        case Lookup():
            words = (1 << graph.nodes[node.inputs[0]].output.type.bits) * max(1, len(node.table) // pe)
            return [control, *[_rom_part("table", words, bits)] * pe]
        case Input():
            return [control, Part("axi stream", Resources(lut=40 + bits * pe, ff=80 + 2 * bits * pe))]


def weight_rom(node: Conv2d, folding: Folding) -> tuple[int, int]:
    """Depth and width of a convolution's weight memory."""
    width = lanes(node, folding) * node.weight_type.bits
    return node.output.shape[0] // folding.pe * window_words(node, folding), width


def _conv2d_parts(graph: Graph, node: Conv2d, folding: Folding) -> list[Part]:
    channels, _, width = graph.nodes[node.inputs[0]].output.shape
    x, acc_bits = graph.nodes[node.inputs[0]].output.type, node.accumulator.bits
    pe, terms = folding.pe, folding.simd * folding.rows
    result: list[Part] = []
    if not is_pointwise(node):
        held = buffer_rows(node, graph.nodes[node.inputs[0]].output.shape)
        banks = 1 if folding.rows == 1 else held  # rows read together are memories of their own
        bank = _ram_part(
            "line buffer", held // banks * width * channels // folding.simd, folding.simd * x.bits
        )
        result += [bank] * banks
        result.append(Part("window control", CONTROL + Resources(lut=terms * x.bits * banks)))
    if pe < node.output.shape[0]:
        result.append(_ram_part("window", window_words(node, folding), terms * x.bits))
    depth, bits = weight_rom(node, folding)
    result.append(Part("weights", rom(depth, bits, folding.rom), depth, bits, folding.rom))
    result.append(Part("multipliers", products(x, node.weight_type, folding)))
    tree = adder_tree(terms, x.bits + node.weight_type.bits) * pe
    if tree or folding.multiplier == "lut":  # one product a cycle accumulates inside its DSP
        accumulate = Resources(
            lut=2 * acc_bits * pe, ff=acc_bits * pe
        )  # an adder, and the bias at the first step
        result.append(Part("adders", Resources(lut=tree, ff=tree) + accumulate))
    depth, bits = node.output.shape[0] // pe, pe * acc_bits
    result.append(_rom_part("biases", depth, bits))
    return result + _rule_parts(node.requantize, acc_bits, node, pe)


def _rule_parts(rule: Rule | None, bits: int, node: Node, pe: int) -> list[Part]:
    """What makes `pe` outputs of `bits`-bit accumulators, and the constants of their channels."""
    match rule:
        case Requantize():
            return _requantize_parts(rule, bits, node, pe)
        case Thresholds():
            return _threshold_parts(rule, bits, node, pe)
        case None:
            return []


def _threshold_parts(rule: Thresholds, bits: int, node: Node, pe: int) -> list[Part]:
    """A comparator for every step, two bits a LUT, and a counter of those that say yes."""
    rows, steps = rule.steps.shape
    lane = Resources(lut=steps * (ceil_div(bits, 2) + 1), ff=steps + node.output.type.bits)
    result = [Part("thresholds", lane * pe)]
    if rows > 1:
        result.append(_rom_part("steps", rows // pe, pe * steps * bits))
    return result


def _requantize_parts(rule: Requantize, bits: int, node: Node, pe: int) -> list[Part]:
    wide, lane = bits, Resources()
    multiplier = int(rule.mult.max()).bit_length()
    if multiplier > 1 or int(rule.mult.min()) < 1:
        lane += Resources(dsp=product_dsps(multiplier + 1, bits))
        wide += multiplier
    if rule.add.any():
        lane += Resources(lut=wide, ff=wide)
    shifts = int(rule.shift.max() - rule.shift.min())
    if shifts:  # a barrel shifter, two binary places a LUT
        lane += Resources(lut=wide * ceil_div(shifts.bit_length(), 2), ff=wide)
    # Ties and saturation are wide ANDs and ORs, rounding is an increment, clamping a multiplexer.
    out = node.output.type.bits
    lane += Resources(lut=ceil_div(wide, 3) + 2 * out + 4, ff=2 * out)
    result = [Part("requantize", lane * pe)]
    if rule.mult.size > 1:
        varying = (multiplier if len(set(rule.mult.tolist())) > 1 else 0) + shifts.bit_length()
        varying += wide if len(set(rule.add.tolist())) > 1 else 0
        if varying:
            result.append(_rom_part("scales", node.output.shape[0] // pe, pe * varying))
    return result


def _ram_part(name: str, depth: int, width: int) -> Part:
    return Part(name, ram(depth, width), depth, width, "lut" if ram_is_lut(depth, width) else "bram")


def _rom_part(name: str, depth: int, width: int) -> Part:
    """A small constant memory, where it is cheapest."""
    storage: Storage = "lut" if rom_luts(depth, width) <= LUT_PER_RAMB18 * ramb18(depth, width) else "bram"
    return Part(name, rom(depth, width, storage), depth, width, storage)
