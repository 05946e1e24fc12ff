"""The cost of RTL kernels in pieces: worked out by hand, or as Yosys 0.70 counted it in networks it synthesized."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fireline.codegen.plan.cost.fabric import ULTRASCALE_RTL
from fireline.codegen.plan.cost.lutram import SEVEN_SERIES, ULTRASCALE
from fireline.codegen.plan.cost.memory import Resources
from fireline.codegen.plan.cost.node import parts
from fireline.codegen.plan.cost.rtl.logic import tree
from fireline.codegen.plan.cost.rtl.rule import rule_parts
from fireline.codegen.plan.devices import device
from fireline.codegen.plan.foldings import Folding, Plan
from fireline.codegen.plan.weights import FEW_ROWS, distinct_bits, rom_rows
from fireline.graph import Conv2d, Requantize
from tests.graphs import Builder


@pytest.mark.parametrize(
    ("depth", "width", "words", "lut"),
    [  # of a stream on UltraScale+: LUTs of its memory, and all, of squeezenet1_1
        (2, 8, 8, 23),
        (2, 384, 192, 583),
        (5, 16, 16, 50),
        (6, 192, 112, 324),
        (28, 64, 40, 137),
        (50, 96, 112, 243),
        (111, 64, 160, 270),
        (147, 32, 120, 233),
        (194, 8, 64, 129),
        (258, 8, 80, 148),
        (493, 8, 128, 230),
    ],
)
def test_streams_in_lut_memory_are_as_counted(depth: int, width: int, words: int, lut: int) -> None:
    stream = ULTRASCALE.stream(depth, width, block=False)
    assert stream.lutram == words
    assert abs(stream.lut - lut) <= lut / 10


def test_memories_are_rows_of_the_cells_of_a_family() -> None:
    assert SEVEN_SERIES.words(32, 6) == 4 and ULTRASCALE.words(32, 6) == 8
    assert SEVEN_SERIES.words(64, 3) == 4 and ULTRASCALE.words(64, 7) == 8
    assert ULTRASCALE.words(1, 16) == ULTRASCALE.window(32, 16) == 8
    assert ULTRASCALE.memory(220, 64) - ULTRASCALE.words(220, 64) == 64 + 8  # one of four words is one LUT


def test_a_term_that_waits_is_a_shift_register_with_the_register_in_front() -> None:
    # 9 terms of 12 bits, 5, 3, 2, 1: the last waits three cycles
    pairs = 4 * 13 + 2 * 14 + 15 + 16
    assert tree(9, 12, 20, ULTRASCALE_RTL) == Resources(lut=pairs + 12, lutram=12, ff=pairs - 12)
    assert tree(9, 12, 20, replace(ULTRASCALE_RTL, shifts=False)) == Resources(lut=pairs, ff=pairs + 3 * 12)
    assert tree(3, 8, 16, ULTRASCALE_RTL) == Resources(lut=9 + 10, ff=9 + 8 + 10)  # a cycle is a register


def test_bits_that_are_equal_in_every_row_are_one() -> None:
    rows = np.array([[0, 1, 3, -1], [0, 1, 2, -1], [0, 0, 2, 0]])
    # 001.. of the second value and of all four bits of the last, 01 of the third; constants are none
    assert distinct_bits(rows, 4) == 2
    assert distinct_bits(np.tile(rows, (6, 1)), 4) == 16
    assert FEW_ROWS < 18


def test_few_rows_of_weights_in_luts_cost_the_bits_that_differ() -> None:
    folding = Folding(4, 4, "dsp", "lut", rows=3)
    plan = conv_plan(4, 8, folding)
    node = plan.graph.nodes[1]
    assert isinstance(node, Conv2d)
    (weights,) = (part for part in parts(plan, 1) if part.name == "weights")
    few = distinct_bits(rom_rows(node, folding), node.weight_type.bits)
    assert weights.depth == 6 and few < weights.width
    assert weights.resources.lut == 2 * few  # the table, and registers one behind the other


def test_a_scale_that_all_channels_share_costs_every_lane_the_same() -> None:
    rule = Requantize(np.array([1]), np.array([-128]), np.array([0]), -128, 127)
    node = Builder((3, 4, 4), seed=0).graph().nodes[0]
    (one,), (three,) = (rule_parts(rule, 8, node, pe, ULTRASCALE_RTL) for pe in (1, 3))
    assert three.resources == one.resources * 3
    assert one.resources == Resources(lut=8, lutram=8)  # only the sign is turned: nothing is summed


def test_tokens_that_change_to_a_width_that_does_not_divide_them_pass_two_adapters() -> None:
    plan = conv_plan(6, 8, Folding(1, 2), pe=3)
    widen, narrow = (part.resources for part in parts(plan, 1) if part.name == "adapter")
    assert widen.ff == (6 - 3) * 8 + 2  # 3 values to 6, in two steps
    assert narrow.ff == (6 - 2) * 8 + 3


def conv_plan(inputs: int, outputs: int, folding: Folding, pe: int = 1) -> Plan:
    """A 3 x 3 convolution for RTL on UltraScale+, behind an input of `pe` channels at a time."""
    b = Builder((inputs, 6, 6), seed=3)
    b.globalavgpool(b.conv(0, outputs, (3, 3)))
    return Plan(b.graph(), device("xczu7ev"), 300, (Folding(pe, pe), folding, Folding(1, 1)), target="rtl")
