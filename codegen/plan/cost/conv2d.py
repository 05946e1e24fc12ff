"""What a convolution costs: its line buffer, its matrix-vector unit, its weights."""

from __future__ import annotations

from fireline.codegen.geometry.fires import is_pointwise
from fireline.codegen.geometry.line_buffer import buffer_rows
from fireline.codegen.plan.cost.fabric import Fabric
from fireline.codegen.plan.cost.memory import WIDEST_WORD, Resources, ceil_div
from fireline.codegen.plan.cost.multipliers import adder_tree, products
from fireline.codegen.plan.cost.parts import INSIDE_DEPTH, Part, ram_part, stream_part, table_part
from fireline.codegen.plan.cost.rule import rule_parts
from fireline.codegen.plan.cycles import lanes, window_words
from fireline.codegen.plan.foldings import Folding
from fireline.graph import Conv2d, Graph, Tensor

# Addresses of the line buffer: three loop counters and their sums.
WINDOW_CONTROL = Resources(lut=60, ff=60)


def weight_rom(node: Conv2d, folding: Folding) -> tuple[int, int]:
    """Depth and width of a convolution's weight memory."""
    width = lanes(node, folding) * node.weight_type.bits
    return node.output.shape[0] // folding.pe * window_words(node, folding), width


def rom_blocks(node: Conv2d, folding: Folding) -> int:
    """Memories that a row of weights is divided among, by output channels, so that none is too wide."""
    _, width = weight_rom(node, folding)
    shares = (n for n in range(1, folding.pe + 1) if folding.pe % n == 0)
    return next((n for n in shares if width // n <= WIDEST_WORD), folding.pe)


def line_memory(node: Conv2d, source: Tensor, folding: Folding) -> tuple[int, int, int]:
    """Banks of a line buffer, and depth and width of each: rows that are read together are memories of their own."""
    held = buffer_rows(node, source.shape)
    banks = 1 if folding.rows == 1 else held
    depth = held // banks * source.shape[2] * source.shape[0] // folding.simd
    return banks, depth, folding.simd * source.type.bits


def window_memory(node: Conv2d, source: Tensor, folding: Folding) -> tuple[int, int]:
    """Depth and width of what keeps a window for the folds after the first; nothing where there is one fold."""
    one_fold = folding.pe == node.output.shape[0] // node.groups
    return 0 if one_fold else window_words(node, folding), folding.simd * folding.rows * source.type.bits


def common_parts(graph: Graph, node: Conv2d, folding: Folding, fabric: Fabric) -> list[Part]:
    """The pieces that are the same for every choice of multipliers and weight memory."""
    source = graph.nodes[node.inputs[0]].output
    pe, terms, x_bits = folding.pe, folding.simd * folding.rows, source.type.bits
    result: list[Part] = []
    if not is_pointwise(node):
        banks, depth, width = line_memory(node, source, folding)
        result += [ram_part("line buffer", depth, width, fabric)] * banks
        # Padding is one LUT a bit, and so is the choice between banks.
        select = Resources(lut=terms * x_bits * (1 if banks == 1 else 2))
        result.append(Part("window control", WINDOW_CONTROL + select))
        result.append(stream_part(INSIDE_DEPTH, terms * x_bits, fabric))
    depth, width = window_memory(node, source, folding)
    if depth:
        result.append(ram_part("window", depth, width, fabric))
    result.append(table_part("biases", node.output.shape[0] // pe, node.accumulator.bits, pe, fabric))
    return result + rule_parts(node.requantize, node.accumulator.bits, node, pe, fabric)


def chosen_parts(graph: Graph, node: Conv2d, folding: Folding, fabric: Fabric) -> list[Part]:
    """Weights, multipliers and adders."""
    x, pe, acc_bits = graph.nodes[node.inputs[0]].output.type, folding.pe, node.accumulator.bits
    depth, bits = weight_rom(node, folding)
    blocks = rom_blocks(node, folding)
    result = [
        Part("weights", fabric.rom(depth, bits // blocks, folding.rom) * blocks, depth, bits, folding.rom),
        Part("multipliers", products(x, node.weight_type, folding, fabric)),
    ]
    if folding.rom == "uram":  # which is loaded: a row is gathered before it is written
        result.append(Part("loading", Resources(lut=40, ff=64 * ceil_div(bits, 64))))
    tree = adder_tree(folding.simd * folding.rows, x.bits + node.weight_type.bits) * pe
    inside = folding.multiplier == "dsp" and folding.packed == 1 and fabric.dsp_adds
    if tree or not inside:  # else the sum is inside the DSP
        accumulator = fabric.accumulator * acc_bits * pe  # with the choice between the bias and the last sum
        result.append(Part("adders", Resources(lut=tree + accumulator, ff=tree + acc_bits * pe)))
    return result
