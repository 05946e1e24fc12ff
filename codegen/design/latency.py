"""How deep the pipeline of every process is, for each target, and the room that it takes in the stream behind it.

A latency counts the cycles by which a token is later in the stream behind than that of a process without a pipeline,
whose reader runs in the cycle after its own step. docs/cost-model.md derives each number.

Latencies of RTL are fixed by construction: they are what the header comments of firmware/rtl say, to the cycle. Those
of HLS are estimates, as the tool schedules; streams hold for up to `MARGIN` times as much.
"""

from __future__ import annotations

from fireline.codegen.design.operations import (
    Average,
    Elementwise,
    Fork,
    Join,
    LineBuffer,
    Mvu,
    Narrow,
    Operation,
    Pixels,
    Results,
    RunningMax,
    Widen,
)
from fireline.codegen.plan.cost.fabric import fabric_of
from fireline.codegen.plan.cost.memory import ceil_div
from fireline.codegen.plan.cost.rtl import latency as rtl
from fireline.codegen.plan.cost.rtl.latency import levels
from fireline.codegen.plan.cycles import window_words
from fireline.codegen.plan.foldings import Plan, Target
from fireline.graph import Lookup, Requantize, Rule, Thresholds

# Times the modelled latencies that the streams of a plan are deep enough for.
MARGIN: dict[Target, int] = {"hls": 2, "rtl": 1}

# More cycles through a stream in block RAM of RTL than through one in LUTs: the memory's output, a register behind it,
# and the queue in front of the reader.
BLOCK_RAM_FIFO = 3


def process_latency(operation: Operation, target: Target) -> int:
    """Cycles from a step of `operation` to its token in the stream behind."""
    return _hls(operation) if target == "hls" else _rtl(operation)


def stream_latency(plan: Plan, depth: int, bits: int) -> int:
    """Cycles that a stream of `depth` tokens of `bits` bits adds."""
    in_block_ram = fabric_of(plan.device, plan.target).fifo_storage(depth, bits) == "bram"
    return BLOCK_RAM_FIFO if plan.target == "rtl" and in_block_ram else 0


def landing(operation: Operation, latency: int) -> int:
    """Tokens of one output that can be in a pipeline of `latency` at once."""
    match operation:
        case Mvu(node, folding, _):
            return ceil_div(latency, window_words(node, folding))
        case Widen(_, ratio):
            return ceil_div(latency, ratio)
        case _:
            return latency


def _hls(operation: Operation) -> int:
    """The schedule of Vitis HLS at 5 ns and less, estimated."""
    match operation:
        case Mvu(node, folding, _):
            # Word of the window 1, weights 2, products, two levels of adders a cycle, sum 1, rule, write 1.
            product = 1 if folding.multiplier == "lut" else 3
            tree = ceil_div(levels(folding.simd * folding.rows), 2)
            return 5 + product + tree + _hls_rule(node.requantize)
        case Elementwise(node):
            return 3 if isinstance(node, Lookup) else 2 + _hls_rule(node.requantize)
        case LineBuffer():  # address, memory 2, choice of bank and padding, write
            return 5
        case RunningMax() | Average():  # memory 2, operation, write
            return 4
        case Pixels() | Results():
            return 3
        case Fork() | Widen() | Narrow() | Join():
            return 2


def _hls_rule(rule: Rule | None) -> int:
    """Cycles of a requantizer: shift and clamp, with a product in DSPs before; or comparators and their sum."""
    match rule:
        case Requantize():
            return 5 if rule.mult.max() > 1 or rule.mult.min() < 1 else 2
        case Thresholds():
            return 1 + ceil_div(levels(rule.steps.shape[1]), 2)
        case None:
            return 0


def _rtl(operation: Operation) -> int:
    """LATENCY in the header of the module of firmware/rtl."""
    match operation:
        case Mvu(node, folding, x_bits):
            return rtl.mvu_latency(node, x_bits, folding)
        case Elementwise(node):
            return rtl.elementwise_latency(node)
        case LineBuffer():
            return rtl.LINE_BUFFER
        case RunningMax() | Average():
            return rtl.POOL
        case Results():  # a FIFO of two beats, whose outputs are registers
            return 1
        case Fork() | Widen() | Narrow() | Join() | Pixels():  # wires
            return 0
