"""Cycles and resources of every node of a plan, in closed form. docs/cost-model.md derives each formula."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, log2

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
from fireline.codegen.plan import DEFAULT_DEPTH, Folding, Plan
from fireline.codegen.window import buffer_rows, fill_pixels, rest_pixels
from fireline.graph import (
    Add,
    Concat,
    Conv2d,
    GlobalAvgPool2d,
    Graph,
    Input,
    MaxPool2d,
    Node,
    Requantize,
    Rescale,
    Shape,
)

# DSP48E1 and DSP48E2 multiply 18 by at least 25 signed bits (UG479, UG579).
DSP_OPERANDS = (18, 25)

# State machine, counters and stream handshakes of one process.
CONTROL = Resources(lut=60, ff=60)

# AXI DMA, interconnect and resets around the network on a Zynq part.
SHELL = Resources(lut=6000, lutram=600, ff=8000, bram18=8)


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
        result += stream_parts(graph, source, plan.foldings[source], plan.depth(index, position))
        if plan.foldings[source].pe != folding.simd:
            bits = graph.nodes[source].output.type.bits
            result.append(
                Part("adapter", narrow_side(plan.foldings[source].pe, bits) + wide_side(folding.simd, bits))
            )
    return result


def stream_parts(graph: Graph, source: int, folding: Folding, depth: int = DEFAULT_DEPTH) -> list[Part]:
    """The stream behind node `source`, towards one of its readers."""
    width = folding.pe * graph.nodes[source].output.type.bits
    place: Storage = "lut" if depth <= DEFAULT_DEPTH or fifo_is_lut(depth, width) else "bram"
    return [Part("fifo", fifo(depth, width), depth, width, place)]


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
            return [control, adders, *_requantize_parts(node.requantize, wide, node, pe)]
        case Rescale():
            wide = graph.nodes[node.inputs[0]].output.type.bits
            return [control, *_requantize_parts(node.requantize, wide, node, pe)]
        case Input():
            return [control, Part("axi stream", Resources(lut=40 + bits * pe, ff=80 + 2 * bits * pe))]


def product(x_bits: int, w_bits: int) -> Resources:
    """One product in DSPs; the operands are signed, so one bit more for an unsigned activation."""
    small, large = sorted((x_bits, w_bits))
    return Resources(dsp=ceil_div(small, DSP_OPERANDS[0]) * ceil_div(large, DSP_OPERANDS[1]))


def packed_products(x_bits: int, w_bits: int) -> int:
    """Products of weights with one activation that fit one DSP.

    The weights stand `x_bits + w_bits` apart in the wide operand, so that no product reaches into the next but for
    its sign; the top one needs a bit more for the borrow from below.
    """
    if x_bits + 1 > DSP_OPERANDS[0]:
        return 1
    return max(1, (DSP_OPERANDS[1] - 1 - w_bits) // (x_bits + w_bits) + 1)


def products(x_bits: int, w_bits: int, folding: Folding) -> Resources:
    """All multipliers of a matrix-vector unit."""
    terms = folding.simd * folding.rows
    if folding.multiplier == "lut":
        return Resources(lut=3 * x_bits * w_bits, ff=x_bits + w_bits) * (folding.pe * terms)
    if folding.packed == 1:
        return product(x_bits, w_bits) * (folding.pe * terms)
    groups = ceil_div(folding.pe, folding.packed)
    # Every product but the lowest of a DSP takes back the borrow of the one below.
    borrow = Resources(lut=x_bits + w_bits) * ((folding.pe - groups) * terms)
    return Resources(dsp=groups * terms) + borrow


def weight_rom(node: Conv2d, folding: Folding) -> tuple[int, int]:
    """Depth and width of a convolution's weight memory."""
    width = lanes(node, folding) * node.weight_type.bits
    return node.output.shape[0] // folding.pe * window_words(node, folding), width


def _conv2d_parts(graph: Graph, node: Conv2d, folding: Folding) -> list[Part]:
    channels, _, width = graph.nodes[node.inputs[0]].output.shape
    x_bits, w_bits, acc_bits = (
        graph.nodes[node.inputs[0]].output.type.bits,
        node.weight_type.bits,
        node.accumulator.bits,
    )
    pe, terms = folding.pe, folding.simd * folding.rows
    result: list[Part] = []
    if not is_pointwise(node):
        held = buffer_rows(node, graph.nodes[node.inputs[0]].output.shape)
        banks = 1 if folding.rows == 1 else held  # rows read together are memories of their own
        bank = _ram_part(
            "line buffer", held // banks * width * channels // folding.simd, folding.simd * x_bits
        )
        result += [bank] * banks
        result.append(Part("window control", CONTROL + Resources(lut=terms * x_bits * banks)))
    if pe < node.output.shape[0]:
        result.append(_ram_part("window", window_words(node, folding), terms * x_bits))
    depth, bits = weight_rom(node, folding)
    result.append(Part("weights", rom(depth, bits, folding.rom), depth, bits, folding.rom))
    result.append(Part("multipliers", products(x_bits, w_bits, folding)))
    tree = adder_tree(terms, x_bits + w_bits) * pe
    if tree or folding.multiplier == "lut":  # one product a cycle accumulates inside its DSP
        accumulate = Resources(lut=acc_bits * pe, ff=acc_bits * pe)
        result.append(Part("adders", Resources(lut=tree, ff=tree) + accumulate))
    depth, bits = node.output.shape[0] // pe, pe * acc_bits
    result.append(_rom_part("biases", depth, bits))
    return result + _requantize_parts(node.requantize, acc_bits, node, pe)


def adder_tree(terms: int, bits: int) -> int:
    """LUTs of a tree that adds `terms` values of `bits` bits: one LUT for each bit of each adder's result."""
    result = 0
    while terms > 1:
        bits += 1
        result += terms // 2 * bits
        terms = ceil_div(terms, 2)
    return result


def _requantize_parts(rule: Requantize | None, bits: int, node: Node, pe: int) -> list[Part]:
    """`pe` requantizers of `bits`-bit accumulators, and the constants of their channels."""
    if rule is None:
        return []
    wide, lane = bits, Resources()
    multiplier = int(rule.mult.max()).bit_length()
    if multiplier > 1 or int(rule.mult.min()) < 1:
        lane += product(multiplier + 1, bits)
        wide += multiplier
    if rule.add.any():
        lane += Resources(lut=wide, ff=wide)
    shifts = int(rule.shift.max() - rule.shift.min())
    if shifts:  # a barrel shifter, two binary places a LUT
        lane += Resources(lut=wide * ceil(ceil(log2(shifts + 1)) / 2), ff=wide)
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
