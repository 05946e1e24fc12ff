"""The closed-form model: figures worked out by hand, and properties over every legal folding."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import islice

import pytest

from fireline.codegen.design.kernels import kernels
from fireline.codegen.plan.choice import plan_for
from fireline.codegen.plan.cost.conv2d import rom_blocks, weight_rom
from fireline.codegen.plan.cost.fabric import ECP5, XILINX, fabric_of
from fireline.codegen.plan.cost.memory import WIDEST_WORD, Resources
from fireline.codegen.plan.cost.multipliers import adder_tree, products
from fireline.codegen.plan.cost.node import parts, resources, total
from fireline.codegen.plan.cost.parts import INSIDE_DEPTH
from fireline.codegen.plan.cycles import cycles, lanes, node_cycles
from fireline.codegen.plan.devices import device, devices
from fireline.codegen.plan.foldings import Folding, Plan, Target
from fireline.codegen.plan.options import Freedom, budget, foldings, node_options
from fireline.codegen.plan.skew import stream_depths
from fireline.errors import FirelineError
from fireline.fixed import IntType
from fireline.graph import Conv2d, node_macs
from tests.codegen.networks import squeezenet1_1
from tests.firmware.harness import drawn
from tests.graphs import Builder, fire_network

UINT8, INT8, UINT4, INT4 = IntType(8, False), IntType(8, True), IntType(4, False), IntType(4, True)


def conv_plan(folding: Folding) -> Plan:
    b = Builder((8, 10, 12), seed=0)
    b.globalavgpool(b.conv(0, 16, (3, 3), (2, 2), (1, 1, 1, 1)))
    return Plan(b.graph(), device("xczu7ev"), 300, (Folding(8, 8), folding, Folding(1, 1)))


@pytest.mark.parametrize(
    ("folding", "expected"),
    [
        (Folding(1, 1), 5 * 6 * 16 * 72),
        (Folding(4, 2), 5 * 6 * 4 * 36),
        (
            Folding(16, 8, rows=3),
            (1 * 12 + 2) + 5 * 6 * 4,
        ),  # bound by the line buffer, which takes in 4 a window
        (Folding(16, 8), (1 * 12 + 2) + 5 * 6 * 9),
    ],
)
def test_cycles_of_a_convolution(folding: Folding, expected: int) -> None:
    assert cycles(conv_plan(folding))[1] == expected


def test_both_streams_at_a_width_adapter_cost_their_depth() -> None:
    plan = conv_plan(Folding(4, 2))  # the input gives 8 channels at once
    _, wide, narrow = (part for part in parts(plan, 1) if part.name == "fifo")  # behind that of the windows
    assert (wide.depth, narrow.depth) == (2, 2)
    deeper = replace(plan, depths=((), (40,), (2,)), adapter_depths=((), (300,), (2,)))
    streams = [part for part in parts(deeper, 1) if part.name == "fifo"][1:]
    assert sorted((part.depth, part.width) for part in streams) == [(40, 16), (300, 64)]


def test_results_leave_one_a_cycle() -> None:
    b = Builder((8, 10, 12), seed=0)
    b.conv(0, 16, (3, 3), (2, 2), (1, 1, 1, 1))
    plan = Plan(b.graph(), device("xczu7ev"), 300, (Folding(8, 8), Folding(16, 8, rows=3)))
    assert cycles(plan)[1] == 16 * 5 * 6


def test_weights_are_one_memory_of_all_lanes() -> None:
    plan = conv_plan(Folding(4, 2, rows=3))
    node = plan.graph.nodes[1]
    assert isinstance(node, Conv2d)
    assert weight_rom(node, plan.foldings[1]) == (48, 192)
    assert node.weight.size * node.weight_type.bits == 48 * 192


def test_no_folding_does_more_than_its_lanes() -> None:
    graph = squeezenet1_1()
    for node in graph.nodes:
        for folding in islice(foldings(graph, node, device("xczu7ev")), 0, None, 7):
            assert node_macs(node) <= lanes(node, folding) * node_cycles(graph, node, folding)


def test_dsps_are_shared_where_the_products_fit() -> None:
    assert XILINX.packed_products(UINT8, INT8) == 2
    assert XILINX.packed_products(UINT4, INT4) == 3
    assert XILINX.packed_products(IntType(17, False), INT8) == 1
    assert products(UINT8, INT8, Folding(4, 8), XILINX) == Resources(dsp=32)
    assert products(UINT8, INT8, Folding(4, 8, packed=2), XILINX).dsp == 16
    assert products(UINT4, INT4, Folding(4, 8, packed=3), XILINX).dsp == 16  # three and one
    assert products(UINT4, INT4, Folding(4, 8, multiplier="lut"), XILINX).lut == 32 * 24


def test_shared_products_never_meet() -> None:
    """Over all operands of some widths, each product is what its field holds after the borrow is given back."""
    for x, w in ((UINT4, INT4), (IntType(3, False), IntType(5, True)), (INT4, INT4)):
        count, spacing = XILINX.packed_products(x, w), x.bits + w.bits
        for activation in range(x.min, x.max + 1):
            for first in range(w.min, w.max + 1):
                weights = [first, w.min, w.max, 1][:count]
                rest = activation * sum(v << (i * spacing) for i, v in enumerate(weights))
                for weight in weights:
                    field = (rest + (1 << (spacing - 1))) % (1 << spacing) - (1 << (spacing - 1))
                    assert field == weight * activation
                    rest = (rest >> spacing) + (rest >> (spacing - 1) & 1)


def test_products_in_logic_are_as_measured() -> None:
    assert [XILINX.product_luts(UINT4, INT4), XILINX.product_luts(UINT8, INT8)] == [24, 146]
    assert XILINX.product_luts(INT8, INT8) == XILINX.product_luts(IntType(7, False), INT8)
    assert XILINX.product_luts(IntType(16, False), INT8) == 292


def test_an_adder_is_one_lut_a_bit() -> None:
    assert adder_tree(1, 16) == 0
    assert adder_tree(2, 16) == 17
    assert adder_tree(4, 16) == 2 * 17 + 18
    assert adder_tree(3, 16) == 17 + 18


def test_parts_of_a_plan_add_up() -> None:
    plan = plan_for(fire_network(), "xczu7ev")
    for index, used in enumerate(resources(plan)):
        assert used == Resources.sum([part.resources for part in parts(plan, index)])
        for part in parts(plan, index):
            assert (part.storage is None) == (part.depth == 0)
    assert total(plan).dsp == sum(used.dsp for used in resources(plan))


def test_a_plan_needs_no_more_than_its_options_say() -> None:
    graph = fire_network()
    plan = plan_for(graph, "xc7z020")
    options = node_options(graph, plan.device)
    promised = [
        next(o.counts for o in ways if o.folding == f) for ways, f in zip(options, plan.foldings, strict=True)
    ]
    promise = Resources.sum([XILINX.shell, *(Resources(*counts) for counts in promised)])
    assert all(a <= b for a, b in zip(total(plan).counts(), promise.counts(), strict=True))
    assert all(a <= b for a, b in zip(promise.counts(), budget(plan.device).counts(), strict=True))


def test_uram_needs_loaded_weights() -> None:
    graph = squeezenet1_1()
    node = graph.nodes[-2]

    def stores(name: str, freedom: Freedom) -> set[str]:
        return {f.rom for f in islice(foldings(graph, node, devices()[name], freedom), 40)}

    assert "uram" not in stores("xck26", Freedom())
    assert "uram" in stores("xck26", Freedom(loaded=True))
    assert "uram" not in stores("xcvc1902", Freedom())
    assert "uram" in stores("xcvc1902", Freedom(loaded=True))
    assert "uram" not in stores("xczu9eg", Freedom(loaded=True))


def test_no_word_is_wider_than_a_tool_takes() -> None:
    graph = squeezenet1_1()
    for node in graph.nodes:
        for folding in islice(foldings(graph, node, device("xcu250")), 0, None, 7):
            assert folding.pe * node.output.type.bits <= WIDEST_WORD
            if isinstance(node, Conv2d):
                x = graph.nodes[node.inputs[0]].output.type
                assert folding.simd * folding.rows * x.bits <= WIDEST_WORD
                blocks = rom_blocks(node, folding)
                assert folding.pe % blocks == 0
                assert lanes(node, folding) // blocks * node.weight_type.bits <= WIDEST_WORD
                assert blocks == 1 or folding.rom != "uram"


def test_a_twentieth_of_the_dsps_is_left() -> None:
    assert budget(device("xc7z020")).dsp == 209


def test_memories_of_a_few_words_are_registers() -> None:
    assert [XILINX.ram_storage(*size) for size in ((4, 8), (5, 8), (4096, 64))] == [
        "registers",
        "lut",
        "bram",
    ]
    assert XILINX.ram(3, 10) == Resources(lut=10, ff=30)


@pytest.mark.parametrize("folding", [Folding(3, 2), Folding(4, 3), Folding(4, 2, rows=2)])
def test_illegal_foldings_are_refused(folding: Folding) -> None:
    with pytest.raises(FirelineError, match=r"divide|rows"):
        conv_plan(folding)


def test_an_ecp5_multiplies_in_18_bits_and_adds_in_logic() -> None:
    assert products(UINT8, INT8, Folding(4, 8), ECP5) == Resources(dsp=32)
    assert ECP5.packed_products(UINT8, INT8) == 1
    assert products(UINT4, INT4, Folding(4, 8, multiplier="lut"), ECP5).lut == 32 * 60
    assert ECP5.product_dsps(19, 8) == 2


@pytest.mark.parametrize("target", ["hls", "rtl"])
def test_streams_inside_a_node_or_a_fire_are_no_deeper_than_counted(target: Target) -> None:
    plan = replace(plan_for(fire_network(), "xczu7ev"), target=target)
    inside = re.compile(r".*\.(windows|rows|in)|fire._squeeze")
    depths = {fifo.depth for fifo in kernels(plan).fifos if inside.fullmatch(fifo.name)}
    assert len(depths) > 1
    assert max(depths) <= INSIDE_DEPTH


@pytest.mark.parametrize("target", ["hls", "rtl"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_streams_cost_what_is_said_of_them(target: Target, seed: int) -> None:
    graph = fire_network()
    beat = next(foldings(graph, graph.nodes[0], device("xczu7ev")))
    chosen = (beat, *(drawn(seed)(graph, node) for node in graph.nodes[1:]))
    plan = Plan(graph, device("xczu7ev"), 300, chosen, stream_depths(graph, chosen), target=target)
    fabric = fabric_of(plan.device, target)
    said = [(fabric.fifo(fifo.depth, fifo.bits), fifo.bits) for fifo in kernels(plan).fifos]
    counted = [p for i in range(len(graph.nodes)) for p in parts(plan, i) if p.name == "fifo"]
    assert sorted(width for _, width in said) == sorted(part.width for part in counted)
    # Two tokens that are counted as some more are six LUTs too many.
    lut = sum(cost.lut for cost, _ in said)
    assert lut <= sum(part.resources.lut for part in counted) <= lut + 6 * len(said)
