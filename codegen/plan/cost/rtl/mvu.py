"""The matrix-vector unit of a convolution: fl_mvu."""

from __future__ import annotations

from dataclasses import replace

from fireline.codegen.plan.cost.conv2d import weight_rom, window_memory
from fireline.codegen.plan.cost.fabric import RtlFabric
from fireline.codegen.plan.cost.memory import Resources, block_rows, ceil_div
from fireline.codegen.plan.cost.parts import Part
from fireline.codegen.plan.cost.rtl.latency import ROM, levels, rule_latency, sum_latency
from fireline.codegen.plan.cost.rtl.logic import chain, choice, counter_bits, delay, memory, tree
from fireline.codegen.plan.cost.rtl.rule import rule_parts
from fireline.codegen.plan.cycles import window_words
from fireline.codegen.plan.foldings import Folding
from fireline.codegen.plan.weights import FEW_ROWS, distinct_bits, rom_rows
from fireline.fixed import IntType
from fireline.graph import Conv2d, Graph, Tensor

# Bits of a word in which weights are loaded, and of some counters, which have more than they need.
LOADED_WORD = 64
WIDE_COUNTER = 32


def product_parts(graph: Graph, node: Conv2d, folding: Folding, fabric: RtlFabric) -> list[Part]:
    """What depends on where products are made and weights lie: those, the adders behind, the control beside."""
    x, w = graph.nodes[node.inputs[0]].output.type, node.weight_type
    pe, terms, acc = folding.pe, folding.simd * folding.rows, node.accumulator.bits
    product, packed = x.bits + w.bits, _is_packed(x, w, folding, fabric)
    # What is packed comes with the first level of its sums.
    sums = tree(*((ceil_div(terms, 2), product + 1) if packed else (terms, product)), acc, fabric)
    # The accumulator, or the bias, and the sum: in one LUT where that is narrower.
    choices = acc if fabric.accumulator > 1 or product + levels(terms) >= acc else 0
    sums += Resources(lut=choices + chain(acc, fabric), ff=acc)
    return [
        _weights(node, folding, fabric, packed=packed),
        Part("multipliers", _product(x, w, folding, fabric) * (pe * terms)),
        Part("adders", sums * pe),
        Part("control", _control(node, x, folding, fabric)),
    ]


def _is_packed(x: IntType, w: IntType, folding: Folding, fabric: RtlFabric) -> bool:
    """Whether the registers around a product are those of its DSP."""
    return fabric.packs and folding.multiplier == "dsp" and fabric.in_dsps(x, w)


def _product(x: IntType, w: IntType, folding: Folding, fabric: RtlFabric) -> Resources:
    """One product, with its register: fl_multiply."""
    product = x.bits + w.bits
    if folding.multiplier == "lut":  # multiples of the weight, of which that of a sign is negated
        multiples = round(fabric.multiples * (x.bits * w.bits + x.signed * (w.bits + 1)))
        return Resources(lut=multiples) + tree(
            max(2, x.bits), w.bits + (not w.signed), product, fabric, shift=1
        )
    if not fabric.in_dsps(x, w):
        return Resources(lut=fabric.product_luts(x, w), ff=product)
    kept = 0 if fabric.packs else product
    return Resources(dsp=fabric.product_dsps(x.bits + 1, w.bits), ff=kept)


def _control(node: Conv2d, x: IntType, folding: Folding, fabric: RtlFabric) -> Resources:
    """Counters and flags, those that go with every step to its sum and its rule, and its fold."""
    folds, words = node.output.shape[0] // folding.pe, window_words(node, folding)
    cycles, fold = sum_latency(x.bits, folding), counter_bits(folds)
    counters = counter_bits(folds * words) + fold + counter_bits(words)
    counters += WIDE_COUNTER if folds > node.groups else 0
    steps = cycles + (cycles + 1) + rule_latency(node.requantize)
    result = Resources(lut=fabric.control.mvu, ff=counters + 3 + steps)
    return result + delay(1, cycles, fabric) + delay(fold, cycles - 1, fabric) + delay(fold, 2, fabric)


def _weights(node: Conv2d, folding: Folding, fabric: RtlFabric, *, packed: bool) -> Part:
    """The ROM: fl_rom. A bank's address, its register, one behind it, and one behind the choice of a bank.

    DSPs take in the last one, and the one before where there is one bank.
    """
    depth, row = weight_rom(node, folding)
    match folding.rom:
        case "bram":
            rows = block_rows(depth, row)
            banks = ceil_div(depth, rows)
            held = [fabric.weight_blocks(min(rows, depth - i * rows), row) for i in range(banks)]
            blocks, words = sum(count for count, _ in held), held[0][1] if banks == 1 else 1
            outside = (2 - fabric.block_registers) * (banks - (packed and banks == 1)) + (not packed)
            choices = choice(banks, row, fabric) + choice(words, row, fabric)
            addresses = banks * counter_bits(ceil_div(depth, banks)) + counter_bits(words)
            rom = Resources(lut=choices, ff=row * outside + addresses, bram18=blocks)
            if banks > 1:  # which of them holds its address, and which is chosen
                rom += Resources(lut=banks) + delay(counter_bits(banks), 3, fabric)
        case "uram":  # whole words of 64 bits are shifted in
            word = LOADED_WORD * ceil_div(row, LOADED_WORD)
            taken = Resources(ff=word + 2 * counter_bits(depth) + WIDE_COUNTER)
            rom = fabric.rom(depth, row, "uram") + Resources(ff=2 * row) + taken
        case _:  # bits that are equal in all rows are one
            bits = row if depth > FEW_ROWS else distinct_bits(rom_rows(node, folding), node.weight_type.bits)
            kept = Resources(ff=bits) if packed else delay(bits, 3, fabric)
            rom = Resources(lut=fabric.weight_luts(depth, bits), ff=counter_bits(depth)) + kept
    return Part("weights", rom, depth, row, folding.rom)


def common_parts(node: Conv2d, source: Tensor, folding: Folding, fabric: RtlFabric) -> list[Part]:
    """What depends on the shape of the folding alone: biases, the kept window, the rule."""
    pe, terms, acc = folding.pe, folding.simd * folding.rows, node.accumulator.bits
    folds = node.output.shape[0] // pe
    bias = distinct_bits(node.bias.reshape(folds, pe), min(acc, int(abs(node.bias).max()).bit_length() + 1))
    result = [Part("biases", Resources(lut=fabric.table_luts(folds, bias), ff=bias), folds, bias, "lut")]
    # The token of the window, as long as its weights; the folds after the first have it from a memory.
    token = terms * source.type.bits
    depth, width = window_memory(node, source, folding)
    if not depth:
        return [
            *result,
            Part("window", delay(token, ROM, fabric)),
            *rule_parts(node.requantize, acc, node, pe, fabric),
        ]
    last = 0 if _is_packed(source.type, node.weight_type, folding, fabric) else token
    held = 3 * token + last + counter_bits(depth) + 1
    result.append(Part("window", Resources(lut=token, ff=held) + delay(1, ROM - 1, fabric)))
    result.append(_window(depth, width, fabric))
    return result + rule_parts(node.requantize, acc, node, pe, fabric)


def _window(depth: int, width: int, fabric: RtlFabric) -> Part:
    """The memory of a window, whose words are written where they are read."""
    part = memory("window", depth, width, fabric)
    if part.storage != "lut":
        return part
    luts = fabric.window_luts(depth, width)
    return replace(part, resources=replace(part.resources, lut=luts, lutram=min(luts, part.resources.lutram)))
