import pytest

from fireline.codegen.plan.cost import ecp5
from fireline.codegen.plan.cost.fabric import ECP5, XILINX
from fireline.codegen.plan.cost.memory import Resources, ramb18, uram
from fireline.codegen.plan.cost.xilinx import rom_luts


@pytest.mark.parametrize(
    ("depth", "width", "blocks"),
    [
        (512, 36, 1),
        (512, 72, 2),
        (1024, 18, 1),
        (1024, 36, 2),
        (16384, 1, 1),
        (2048, 9, 1),
        (1152, 128, 12),  # DESIGN: Yosys packs words and needs 11
        (9216, 64, 36),
        (513, 36, 2),
    ],
)
def test_block_ram_is_the_best_aspect_ratio(depth: int, width: int, blocks: int) -> None:
    assert ramb18(depth, width) == blocks


@pytest.mark.parametrize(
    ("depth", "luts"),
    [(1, 0), (2, 8), (64, 8), (65, 16), (128, 16), (144, 32), (256, 32), (300, 64), (512, 64), (576, 80)],
)
def test_a_rom_in_logic_is_64_words_of_a_bit_in_a_lut(depth: int, luts: int) -> None:
    assert rom_luts(depth, 8) == luts


def test_uram_has_one_shape() -> None:
    assert uram(1, 1) == uram(4096, 72) == 1
    assert uram(4097, 73) == 4


@pytest.mark.parametrize("storage", ["lut", "bram", "uram"])
def test_a_rom_costs_only_its_own_kind(storage: str) -> None:
    used = XILINX.rom(1000, 100, storage)
    assert [used.lut > 0, used.bram18 > 0, used.uram > 0] == [storage == s for s in ("lut", "bram", "uram")]


def test_memories_go_where_they_are_cheap() -> None:
    assert XILINX.ram(16, 24).bram18 == 0 < XILINX.ram(16, 24).lutram
    assert XILINX.ram(1792, 64).bram18 > 0 == XILINX.ram(1792, 64).lut
    assert XILINX.fifo(2, 64).bram18 == XILINX.fifo(226, 32).bram18 - 1 == 0
    assert XILINX.fifo(64, 16).lutram == 32


def test_resources_add_up() -> None:
    a, b = Resources(1, 2, 3, 4, 5, 6), Resources(lut=10, bram18=1)
    assert a + b == Resources(11, 2, 3, 4, 6, 6)
    assert a * 2 == Resources(2, 4, 6, 8, 10, 12)
    assert Resources.sum([a, b, b]).bram36 == 3.5


@pytest.mark.parametrize(
    ("depth", "luts"), [(1, 0), (16, 40), (32, 80), (64, 160), (128, 320), (256, 774), (576, 1974)]
)
def test_a_rom_in_the_logic_of_an_ecp5_as_yosys_builds_it(depth: int, luts: int) -> None:
    assert ecp5.rom_luts(depth, 40) == luts


@pytest.mark.parametrize(
    ("depth", "width", "luts"),
    [(576, 4, 190), (1024, 4, 375), (2320, 4, 800), (4096, 4, 1445), (576, 16, 767), (4096, 16, 5526)],
)
def test_random_weights_in_the_logic_of_an_ecp5_are_within_ten_percent_of_yosys(
    depth: int, width: int, luts: int
) -> None:
    assert abs(ECP5.weight_luts(depth, width) - luts) <= luts / 10


@pytest.mark.parametrize(
    ("depth", "width", "luts"),
    [(200, 4, 113), (414, 4, 146), (512, 4, 132), (1000, 4, 150), (414, 16, 176), (2048, 16, 163)],
)
def test_a_stream_in_the_block_ram_of_an_ecp5_is_within_ten_percent_of_yosys(
    depth: int, width: int, luts: int
) -> None:
    assert abs(ecp5.fifo(depth, width, block=True).lut - luts) <= luts / 10


def test_distributed_ram_of_an_ecp5_is_16_words_of_4_bits() -> None:
    assert ECP5.ram(16, 16).lutram == 16 < ECP5.ram(16, 16).lut == 24
    assert ECP5.ram(1024, 18) == Resources(bram18=1)
