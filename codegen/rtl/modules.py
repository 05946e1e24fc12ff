"""Which module of firmware/rtl a kernel of the design is, with its parameters and memories."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import prod

import numpy as np

from fireline.codegen.design.arithmetic import accumulator_type, product_bits
from fireline.codegen.design.kernels import Fifo, Kernel, Kernels
from fireline.codegen.design.operations import (
    Average,
    Elementwise,
    Fork,
    Join,
    LineBuffer,
    Mvu,
    Narrow,
    Pixels,
    Results,
    RunningMax,
    Widen,
)
from fireline.codegen.geometry.axi import input_beat, output_bits
from fireline.codegen.geometry.line_buffer import buffer_rows, distances, fill_pixels
from fireline.codegen.plan.cost.conv2d import line_memory, weight_rom, window_memory
from fireline.codegen.plan.cost.fabric import fabric_of
from fireline.codegen.plan.cost.memory import block_rows
from fireline.codegen.plan.foldings import Folding, Plan
from fireline.codegen.plan.weights import rom_rows
from fireline.codegen.rtl.tables import Constants, Value, banks, memory, rule_constants
from fireline.graph import Add, Conv2d, Input, Lookup, Rescale


@dataclass(frozen=True)
class Module:
    """An instance: its module, the values of parameters, the files that they name.

    `inputs` are the prefixes of its input ports, one for each stream, or one for all of them side by side.
    """

    module: str
    constants: Constants
    inputs: tuple[str, ...] = ("x",)
    clocked: bool = True
    ports: tuple[tuple[str, str], ...] = field(default=())  # others, and what is at them


def module_of(made: Kernels, kernel: Kernel) -> Module:
    """The instance that `kernel` is."""
    plan = made.plan
    reads = [made.fifos[place] for place in kernel.inputs]
    writes = [made.fifos[place] for place in kernel.outputs]
    match kernel.operation:
        case Pixels():
            return _input(plan.graph.input, writes[0])
        case Results(tokens, lanes):
            values = {**_values(reads[0]), "LANES": lanes, "TOKENS": tokens}
            return _plain("fl_output", {**values, "BEAT_BITS": output_bits(plan.graph.output)})
        case Fork() | Widen(_, 1) | Narrow(_, 1):
            copies = _plain("fl_fork", {"BITS": reads[0].bits, "OUTPUTS": len(writes)})
            return replace(copies, clocked=False)
        case Widen(_, ratio):
            return _plain("fl_widen", {"BITS": reads[0].bits, "RATIO": ratio})
        case Narrow(_, ratio):
            return _plain("fl_narrow", {"BITS": writes[0].bits, "RATIO": ratio})
        case LineBuffer(node, _, folding):
            return _line_buffer(plan, node, folding)
        case Mvu(node, folding, _):
            return _mvu(plan, node, folding)
        case RunningMax() as operation:
            return _running_max(plan, operation, reads[0])
        case Average(pixels, folds):
            block = _in_block_ram(plan, folds, writes[0].bits)
            values = {**_values(reads[0]), "OUT_BITS": writes[0].type.bits, "LANES": reads[0].lanes}
            return _plain("fl_globalavgpool2d", {**values, "PIXELS": pixels, "FOLDS": folds, "BLOCK": block})
        case Join(_, folds):
            packed = sum(count << 32 * place for place, count in enumerate(folds))
            return _plain("fl_concat", {"BITS": writes[0].bits, "INPUTS": len(folds), "FOLDS": packed})
        case Elementwise(Add() as node):
            return _add(node, reads, writes[0].lanes)
        case Elementwise(Rescale() as node):
            return _rescale(node, reads[0])
        case Elementwise(Lookup() as node):
            return _lookup(node, reads[0], writes[0])
    raise AssertionError(f"{kernel.name} is no operation")


def _plain(module: str, values: dict[str, int]) -> Module:
    return Module(module, Constants(values))


def _values(fifo: Fifo) -> dict[str, int]:
    return {"BITS": fifo.type.bits, "SIGNED": int(fifo.type.signed)}


def _in_block_ram(plan: Plan, depth: int, bits: int) -> int:
    """Whether a memory that is written and read is in block RAM, as the cost model has it."""
    return int(fabric_of(plan.device, plan.target).ram_storage(depth, bits) == "bram")


def _input(node: Input, output: Fifo) -> Module:
    beat = input_beat(node)
    values = {"BEAT_BITS": beat.bits, "CHANNELS": beat.channels, "SLOT_BITS": beat.slot}
    return replace(
        _plain("fl_input", {**values, "BITS": output.type.bits}),
        inputs=(),
        clocked=False,
    )


def _line_buffer(plan: Plan, node: Conv2d, folding: Folding) -> Module:
    source = plan.graph.nodes[node.inputs[0]].output
    _, depth, bits = line_memory(node, source, folding)
    # A token may come in over the one that the step before reads, in the cycle in which it is read: not in block RAM.
    is_near = (
        node.output.shape[2] == 1 or distances(node, source.shape, folding.simd, folding.rows).write == 1
    )
    return _plain(
        "fl_line_buffer",
        {
            "BITS": source.type.bits,
            "SIMD": folding.simd,
            "ROWS": folding.rows,
            "GROUPS": node.groups,
            "IN_CHANNELS": source.shape[0],
            "IN_HEIGHT": source.shape[1],
            "IN_WIDTH": source.shape[2],
            "OUT_HEIGHT": node.output.shape[1],
            "OUT_WIDTH": node.output.shape[2],
            "KERNEL_HEIGHT": int(node.weight.shape[2]),
            "KERNEL_WIDTH": int(node.weight.shape[3]),
            "STRIDE_HEIGHT": node.stride[0],
            "STRIDE_WIDTH": node.stride[1],
            "PAD_TOP": node.padding[0],
            "PAD_LEFT": node.padding[1],
            "FILL_PIXELS": fill_pixels(node, source.shape),
            "BUFFER_ROWS": buffer_rows(node, source.shape),
            "ZERO_POINT": source.zero_point & ((1 << source.type.bits) - 1),
            "BLOCK": 0 if is_near else _in_block_ram(plan, depth, bits),
        },
    )


def _mvu(plan: Plan, node: Conv2d, folding: Folding) -> Module:
    source = plan.graph.nodes[node.inputs[0]].output
    acc = accumulator_type(node, source.type)
    terms = folding.simd * folding.rows
    depth, width = weight_rom(node, folding)
    index = plan.graph.nodes.index(node)
    is_loaded = index in plan.loaded
    bank_rows = min(block_rows(depth, width), depth) if folding.rom == "bram" else depth
    values: dict[str, Value] = {
        "PE": folding.pe,
        "TERMS": terms,
        "WINDOW": prod(node.weight.shape[1:]) // terms,
        "GROUPS": node.groups,
        "GROUP_FOLDS": node.output.shape[0] // node.groups // folding.pe,
        "X_BITS": source.type.bits,
        "X_SIGNED": int(source.type.signed),
        "W_BITS": node.weight_type.bits,
        "W_SIGNED": int(node.weight_type.signed),
        "PRODUCT_BITS": product_bits(node.weight_type, source.type),
        "ACC_BITS": acc.bits,
        "DSP": int(folding.multiplier == "dsp"),
        "WINDOW_BLOCK": _in_block_ram(plan, *window_memory(node, source, folding)),
        "ROM_BLOCK": int(folding.rom == "bram"),
        "BANK_ROWS": bank_rows,
        "BIAS_FILE": f"{node.name}_bias.hex",
    }
    files = {f"{node.name}_bias.hex": memory(node.bias.reshape(-1, folding.pe), acc.bits)}
    if is_loaded:
        values["LOADED"] = 1
    else:
        values["ROM_FILE"] = f"{node.name}_weights"
        files |= banks(f"{node.name}_weights", rom_rows(node, folding), node.weight_type.bits, bank_rows)
    rule = rule_constants(node.requantize, acc, node, folding.pe)
    constants = Constants({**values, **rule.parameters}, {**files, **rule.files})
    ports = (("load_valid", "1'b0"), ("load_ready", ""), ("load_data", "64'd0"))
    if is_loaded:
        place = plan.loaded.index(index)
        ports = (
            ("load_valid", f"load_valid[{place}]"),
            ("load_ready", f"load_ready[{place}]"),
            ("load_data", "load_data"),
        )
    return Module("fl_mvu", constants, ports=ports)


def _running_max(plan: Plan, operation: RunningMax, source: Fifo) -> Module:
    values = {
        "LANES": source.lanes,
        "BEFORE": operation.before,
        "LENGTH": operation.length,
        "AFTER": operation.after,
        "INNER": operation.inner,
        "KERNEL": operation.kernel,
        "STRIDE": operation.stride,
        "BLOCK": _in_block_ram(plan, operation.inner, source.bits),
    }
    return _plain("fl_running_max", {**_values(source), **values})


def _add(node: Add, reads: list[Fifo], lanes: int) -> Module:
    a, b = reads
    bits = node.accumulator.bits + (not node.accumulator.signed)
    values = {
        "LANES": lanes,
        "FOLDS": node.output.shape[0] // lanes,
        "A_BITS": a.type.bits,
        "A_SIGNED": int(a.type.signed),
        "B_BITS": b.type.bits,
        "B_SIGNED": int(b.type.signed),
        "MULT_A": node.mult[0],
        "MULT_B": node.mult[1],
        "ACC_BITS": bits,
    }
    rule = rule_constants(node.requantize, node.accumulator, node, lanes)
    return Module("fl_add", Constants({**values, **rule.parameters}, rule.files), inputs=("a", "b"))


def _rescale(node: Rescale, source: Fifo) -> Module:
    values = {"LANES": source.lanes, "FOLDS": node.output.shape[0] // source.lanes, **_values(source)}
    rule = rule_constants(node.requantize, source.type, node, source.lanes)
    return Module("fl_rescale", Constants({**values, **rule.parameters}, rule.files))


def _lookup(node: Lookup, source: Fifo, output: Fifo) -> Module:
    per_channel = len(node.table) > 1
    folds = node.output.shape[0] // source.lanes if per_channel else 1
    values: dict[str, Value] = {
        "LANES": source.lanes,
        **_values(source),
        "OUT_BITS": output.type.bits,
        "TABLE_FOLDS": folds,
        "PER_LANE": int(per_channel and source.lanes > 1),
        "FILE": f"{node.name}_table",
    }
    # A table for each lane that differs: fold after fold, lowest entry first.
    lanes = node.table.reshape(folds, -1, node.table.shape[1]).transpose(1, 0, 2)
    rows = np.ascontiguousarray(lanes).reshape(-1, 1)
    files = banks(f"{node.name}_table", rows, output.type.bits, folds * node.table.shape[1])
    return Module("fl_lookup", Constants(values, files))
