"""Dot products, as they are synthesized and as the test bench's model has them: every sum, in its cycle."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from math import ceil, log2
from pathlib import Path

import numpy as np
import pytest

from tests.firmware.rtl.harness import MODELS, SOURCES, Ints, build, needs_verilator, words

CYCLES = 200


@dataclass(frozen=True)
class Dot:
    """Parameters of fl_dot."""

    terms: int
    x_bits: int
    x_signed: bool
    w_bits: int
    w_signed: bool
    dsp: bool

    @property
    def latency(self) -> int:
        multiply = 1 if self.dsp else max(1, ceil(log2(self.x_bits)))
        return multiply + ceil(log2(self.terms))

    @property
    def product_bits(self) -> int:
        return self.x_bits + self.w_bits + 1

    @property
    def sum_bits(self) -> int:
        return self.product_bits + ceil(log2(self.terms))

    def instance(self, i: int) -> str:
        """Its values are row `cycle` of a memory, and a line of the output is its sum."""
        x, w = self.terms * self.x_bits, self.terms * self.w_bits
        return (
            f"  logic [{x - 1}:0] x{i}[{CYCLES}];\n  logic [{w - 1}:0] w{i}[{CYCLES}];\n"
            f'  initial $readmemh("x{i}.hex", x{i});\n  initial $readmemh("w{i}.hex", w{i});\n'
            f"  wire signed [{self.sum_bits - 1}:0] sum{i};\n"
            f"  fl_dot #(.TERMS({self.terms}), .X_BITS({self.x_bits}), .X_SIGNED({self.x_signed:d}), "
            f".W_BITS({self.w_bits}), .W_SIGNED({self.w_signed:d}), .PRODUCT_BITS({self.product_bits}), "
            f".SUM_BITS({self.sum_bits}), .DSP({self.dsp:d})) "
            f"dot{i} (.clk, .x(x{i}[cycle]), .w(w{i}[cycle]), .sum(sum{i}));\n"
            f'  always_ff @(posedge clk) if (!rst) $display("{i} %0d", sum{i});\n'
        )


def drawn() -> list[Dot]:
    """Every kind of factors, the narrowest and the widest among them."""
    random = np.random.default_rng(5)
    some = [
        Dot(
            int(random.integers(1, 40)),
            int(random.integers(1, 9)),
            bool(random.integers(2)),
            int(random.integers(2, 9)),
            bool(random.integers(2)),
            bool(random.integers(2)),
        )
        for _ in range(12)
    ]
    return [
        *some,
        Dot(1, 1, True, 8, True, False),
        Dot(9, 8, False, 8, True, False),
        Dot(5, 16, True, 16, True, False),
    ]


def integers(random: np.random.Generator, bits: int, signed: bool, terms: int) -> Ints:
    """Half of all rows are of the two ends alone."""
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    rows = random.integers(low, high, (CYCLES, terms), endpoint=True)
    ends = random.choice([low, high], (CYCLES, terms))
    return np.where(random.integers(2, size=(CYCLES, 1)) == 1, rows, ends).astype(np.int64)


@needs_verilator
@pytest.mark.parametrize("places", [SOURCES, MODELS], ids=["synthesized", "model"])
def test_every_sum_is_there_in_its_cycle(tmp_path: Path, places: tuple[Path, ...]) -> None:
    random, dots = np.random.default_rng(7), drawn()
    expected: list[Ints] = []
    for i, dot in enumerate(dots):
        x = integers(random, dot.x_bits, dot.x_signed, dot.terms)
        w = integers(random, dot.w_bits, dot.w_signed, dot.terms)
        (tmp_path / f"x{i}.hex").write_text("\n".join(words(x, dot.x_bits)))
        (tmp_path / f"w{i}.hex").write_text("\n".join(words(w, dot.w_bits)))
        expected.append((x * w).sum(axis=1))
    (tmp_path / "bench.sv").write_text(
        "module bench(input logic clk, input logic rst, input logic stall, output logic done);\n"
        f"  int cycle;\n  assign done = cycle == {CYCLES - 1};\n"
        "  always_ff @(posedge clk) cycle <= rst ? 0 : cycle + 1;\n"
        + "".join(dot.instance(i) for i, dot in enumerate(dots))
        + "endmodule\n"
    )
    ran = subprocess.run(
        [build(tmp_path, places), "0"], cwd=tmp_path, check=True, capture_output=True, text=True
    )
    found = [line.split() for line in ran.stdout.splitlines()]
    for i, dot in enumerate(dots):
        sums = np.array([int(number) for case, number in found if int(case) == i])
        assert len(sums) == CYCLES - 1
        np.testing.assert_array_equal(sums[dot.latency :], expected[i][: CYCLES - 1 - dot.latency], str(dot))
