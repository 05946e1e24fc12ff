"""The matrix-vector unit of a convolution: fl_mvu."""

from __future__ import annotations

from fireline.codegen.plan.cost.conv2d import weight_rom, window_memory
from fireline.codegen.plan.cost.fabric import Fabric
from fireline.codegen.plan.cost.memory import Resources, block_rows, ceil_div, ramb18
from fireline.codegen.plan.cost.parts import Part
from fireline.codegen.plan.cost.rtl.latency import sum_latency
from fireline.codegen.plan.cost.rtl.logic import chain, counter_bits, memory, table_luts, tree
from fireline.codegen.plan.cost.rtl.rule import rule_parts
from fireline.codegen.plan.cycles import window_words
from fireline.codegen.plan.foldings import Folding
from fireline.graph import Conv2d, Graph, Tensor


def product_parts(graph: Graph, node: Conv2d, folding: Folding, fabric: Fabric) -> list[Part]:
    """What depends on where products are made and weights lie: those, the adders behind, the control beside."""
    x, w = graph.nodes[node.inputs[0]].output.type, node.weight_type
    pe, terms, acc = folding.pe, folding.simd * folding.rows, node.accumulator.bits
    folds, words = node.output.shape[0] // pe, window_words(node, folding)
    product = x.bits + w.bits
    if folding.multiplier == "dsp":
        one = Resources(dsp=fabric.product_dsps(x.bits + 1, w.bits), ff=product)
    else:  # multiples of the weight, of which that of a sign is negated
        multiples = x.bits * w.bits + x.signed * (w.bits + 1)
        one = Resources(lut=multiples) + tree(max(2, x.bits), w.bits + 1, product, shift=1)
    accumulator = Resources(lut=acc + chain(acc), ff=acc)  # with the choice of the bias
    # Counters, and with every step on its way to the rule its flags and its fold.
    cycles = sum_latency(x.bits, folding)
    flags = 3 * cycles + 8 + counter_bits(folds) * (cycles + 1)
    counters = counter_bits(folds * words) + 2 * counter_bits(folds) + counter_bits(words)
    return [
        _weights(node, folding),
        Part("multipliers", one * (pe * terms)),
        Part("adders", (tree(terms, product, acc) + accumulator) * pe),
        Part("control", Resources(lut=130, ff=25 + counters + flags)),
    ]


def _weights(node: Conv2d, folding: Folding) -> Part:
    """The ROM: fl_rom. Of its registers one is behind the choice of a bank; block RAM has the others inside."""
    depth, row = weight_rom(node, folding)
    if folding.rom == "bram":
        banks = ceil_div(depth, block_rows(depth, row))
        rom = Resources(lut=row * (banks - 1), ff=row + 2 * counter_bits(banks), bram18=ramb18(depth, row))
    else:
        rom = Resources(lut=table_luts(depth, row), ff=3 * row)
    return Part("weights", rom, depth, row, folding.rom)


def common_parts(node: Conv2d, source: Tensor, folding: Folding, fabric: Fabric) -> list[Part]:
    """What depends on the shape of the folding alone: biases, the kept window, the rule."""
    pe, terms, acc = folding.pe, folding.simd * folding.rows, node.accumulator.bits
    folds = node.output.shape[0] // pe
    bias = min(acc, int(abs(node.bias).max()).bit_length() + 1) * pe
    result = [Part("biases", Resources(lut=table_luts(folds, bias), ff=bias), folds, bias, "lut")]
    # The token of the window, three cycles; the folds after the first have it from a memory.
    token = terms * source.type.bits
    depth, width = window_memory(node, source, folding)
    result.append(Part("window", Resources(lut=token if depth else 0, ff=3 * token)))
    if depth:
        result.append(memory("window", depth, width, fabric))
    return result + rule_parts(node.requantize, acc, node, pe, fabric)
