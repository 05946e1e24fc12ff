"""Types and dimensions of every node, as one C++ struct each (`params::<node>`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

from fireline.codegen.design.arithmetic import accumulator_type, product_bits
from fireline.codegen.design.describe import describe
from fireline.codegen.geometry.axi import input_beat
from fireline.codegen.geometry.fires import is_pointwise
from fireline.codegen.geometry.line_buffer import buffer_rows, fill_pixels
from fireline.codegen.hls.names import holder, identifier, int_type, literal
from fireline.codegen.plan.cost.conv2d import rom_blocks
from fireline.codegen.plan.foldings import Folding, Plan
from fireline.fixed import IntType
from fireline.graph import (
    Add,
    Concat,
    Conv2d,
    GlobalAvgPool2d,
    Input,
    Lookup,
    MaxPool2d,
    Pair,
    Rescale,
    Tensor,
)


@dataclass(frozen=True)
class Struct:
    """A C++ struct of type names and integer constants."""

    name: str
    comment: str
    types: dict[str, str]
    constants: dict[str, str]  # name to "type name = value"


def parameter_structs(plan: Plan) -> tuple[Struct, ...]:
    """One struct for every node that has a kernel."""
    nodes = enumerate(plan.graph.nodes)
    return tuple(_struct(plan, index) for index, node in nodes if not isinstance(node, Concat))


def cpp_type(type: IntType) -> str:
    """The C++ type of integers of `type`."""
    return int_type(type.bits, type.signed)


def constants(values: dict[str, int]) -> dict[str, str]:
    """Definitions of named constants, in the type that holds each."""
    return {name: f"{holder(value)} {name} = {literal(value)}" for name, value in values.items()}


def _struct(plan: Plan, index: int) -> Struct:
    node, folding = plan.graph.nodes[index], plan.foldings[index]
    sources = [plan.graph.nodes[i].output for i in node.inputs]
    match node:
        case Input():
            types, values = _input(node)
        case Conv2d():
            types, values = _conv2d(node, folding, sources[0])
        case MaxPool2d():
            types, values = _maxpool2d(node, folding, sources[0])
        case GlobalAvgPool2d():
            types = {"Input": cpp_type(sources[0].type), "Output": cpp_type(node.output.type)}
            values = _sides("In", sources[0]) | {"kChannels": node.output.shape[0], "kLanes": folding.pe}
        case Add():
            types = {
                "InputA": cpp_type(sources[0].type),
                "InputB": cpp_type(sources[1].type),
                "Accumulator": int_type(node.accumulator.bits + (not node.accumulator.signed), True),
                "Output": cpp_type(node.output.type),
            }
            values = _whole(node.output) | {
                "kLanes": folding.pe,
                "kMultA": node.mult[0],
                "kMultB": node.mult[1],
            }
        case Rescale():
            types = {"Input": cpp_type(sources[0].type), "Output": cpp_type(node.output.type)}
            values = _whole(node.output) | {"kLanes": folding.pe}
        case Lookup():
            types = {"Input": cpp_type(sources[0].type), "Output": cpp_type(node.output.type)}
            values = _whole(node.output) | {
                "kLanes": folding.pe,
                "kTableFolds": node.output.shape[0] // folding.pe if len(node.table) > 1 else 1,
                "kEntries": node.table.shape[1],
                "kLowest": sources[0].type.min,
            }
        case Concat():
            raise AssertionError("a concatenation has no parameters")
        case _:
            assert_never(node)
    return Struct(identifier(node.name), describe(plan, node), types, constants(values))


def _input(node: Input) -> tuple[dict[str, str], dict[str, int]]:
    beat, type = input_beat(node), node.output.type
    values = _whole(node.output) | {
        "kBeatBits": beat.bits,
        "kBeatChannels": beat.channels,
        "kSlotBits": beat.slot,
        "kBits": type.bits,
        "kSigned": int(type.signed),
    }
    return {"Value": cpp_type(type)}, values


def _conv2d(node: Conv2d, folding: Folding, source: Tensor) -> tuple[dict[str, str], dict[str, int]]:
    types = {
        "Input": cpp_type(source.type),
        "Weight": cpp_type(node.weight_type),
        "Accumulator": cpp_type(accumulator_type(node, source.type)),
        "Output": cpp_type(node.output.type),
        "Multiplier": "fl::Lut" if folding.multiplier == "lut" else "fl::Dsp",
    }
    terms = folding.simd * folding.rows
    folds = node.output.shape[0] // folding.pe
    blocks = rom_blocks(node, folding)
    row_bits = folding.pe // blocks * terms * node.weight_type.bits
    values = {"kInChannels": source.shape[0]} | _sides("In", source)
    values |= {"kOutChannels": node.output.shape[0]} | _sides("Out", node.output)
    values |= _pair("Kernel", (node.weight.shape[2], node.weight.shape[3]))
    values |= {
        "kGroups": node.groups,
        "kPe": folding.pe,
        "kSimd": folding.simd,
        "kRows": folding.rows,
        "kTerms": terms,
        "kShared": folding.packed,
        "kSpacing": product_bits(node.weight_type, source.type),
        "kFolds": folds,
        "kWeightBits": node.weight_type.bits,
        "kWeightSigned": int(node.weight_type.signed),
        "kRomRows": node.weight.size // (folding.pe * terms),
        "kRomBlocks": blocks,
        "kRomWords": -(-row_bits // 64),
    }
    if not is_pointwise(node):
        values |= _pair("Stride", node.stride) | {"kPadTop": node.padding[0], "kPadLeft": node.padding[1]}
        values |= {
            "kZeroPoint": source.zero_point,
            "kFillPixels": fill_pixels(node, source.shape),
            "kBufferRows": buffer_rows(node, source.shape),
        }
    return types, values


def _maxpool2d(node: MaxPool2d, folding: Folding, source: Tensor) -> tuple[dict[str, str], dict[str, int]]:
    values = {"kChannels": source.shape[0]} | _sides("In", source) | {"kOutWidth": node.output.shape[2]}
    values |= _pair("Kernel", node.kernel) | _pair("Stride", node.stride)
    values |= dict(zip(("kPadTop", "kPadLeft", "kPadBottom", "kPadRight"), node.padding, strict=True))
    values |= {"kLanes": folding.pe, "kLowest": source.type.min}
    return {"Value": cpp_type(source.type)}, values


def _whole(tensor: Tensor) -> dict[str, int]:
    return {"kChannels": tensor.shape[0]} | _sides("", tensor)


def _sides(prefix: str, tensor: Tensor) -> dict[str, int]:
    return {f"k{prefix}Height": tensor.shape[1], f"k{prefix}Width": tensor.shape[2]}


def _pair(name: str, values: Pair) -> dict[str, int]:
    return {f"k{name}Height": values[0], f"k{name}Width": values[1]}
