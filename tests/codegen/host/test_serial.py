"""A ULX3S around a network: clocks, rates, and the program of the PC against a board that computes with the graph."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from fireline.codegen.geometry.axi import input_beat, output_bits
from fireline.codegen.host.data import default_images, element, write_data
from fireline.codegen.host.serial import Pll, baud, pll, serial_texts
from fireline.codegen.plan.devices import device
from fireline.codegen.plan.foldings import Plan
from fireline.codegen.plan.simple import simple_plan
from fireline.errors import FirelineError
from tests.codegen.networks import cifar_e4
from tests.graphs import fire_network


def made(clock_mhz: float = 80.0) -> Plan:
    return simple_plan(fire_network(), device("LFE5U-85F"), clock_mhz)


def test_the_pll_makes_the_fastest_clock_that_is_not_above_what_is_asked() -> None:
    assert pll(80.0) == Pll(5, 16, 7)
    assert pll(100.0).mhz == 100
    for wanted in (12.5, 33.3, 97.3, 140.0):
        one = pll(wanted)
        assert wanted * 0.96 < one.mhz <= wanted
        assert 400 <= one.mhz * one.output <= 800
        assert 25 / one.reference >= 3.125
    with pytest.raises(FirelineError, match="no clock of 1 MHz"):
        pll(1.0)


def test_the_line_is_no_faster_than_the_network() -> None:
    assert baud(made(), 80.0) == 3_000_000
    slow = simple_plan(cifar_e4(4), device("LFE5U-85F"), 80.0, lanes=4)
    assert baud(slow, 80.0) < 3_000_000
    with pytest.raises(FirelineError, match="too fast for"):
        baud(slow, 1.0)


class Board:
    """A serial port with the network behind it."""

    def __init__(self, plan: Plan, wrong: bool) -> None:
        self.plan, self.wrong, self.answer = plan, wrong, b""

    def write(self, octets: bytes) -> None:
        first, last = self.plan.graph.input, self.plan.graph.output
        channels, height, width = first.output.shape
        beat = input_beat(first)
        slots = np.frombuffer(octets, element(first.output.type)).reshape(-1, beat.bits // beat.slot)
        pixels = slots[:, : beat.channels].reshape(1, height, width, channels).transpose(0, 3, 1, 2)
        values = self.plan.graph.trace(first.output.real(pixels.astype(np.int64)))
        integers = values[last.name].transpose(0, 2, 3, 1).ravel()
        integers[0] += self.wrong
        self.answer = integers.astype(f"<i{output_bits(last) // 8}").tobytes()

    def read(self, count: int) -> bytes:
        return self.answer[:count]

    def __enter__(self) -> Board:
        return self

    def __exit__(self, *_: object) -> None: ...


@pytest.mark.parametrize("wrong", [False, True])
def test_the_program_sends_images_and_finds_what_differs(
    wrong: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = made()
    write_data(plan.graph, default_images(plan.graph), tmp_path / "tb" / "data")
    (tmp_path / "drivers").mkdir()
    program = tmp_path / "drivers" / "serial_host.py"
    program.write_text(serial_texts(plan)["drivers/serial_host.py"])
    port = ModuleType("serial")
    port.Serial = lambda name, rate, timeout: Board(plan, wrong)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "serial", port)
    names: dict[str, object] = {"__name__": "program", "__file__": str(program)}
    exec(program.read_text(), names)
    assert names["main"]("/dev/ttyUSB0") == 2 * wrong  # type: ignore[operator]
    assert f"2 images, {2 * wrong} of " in capsys.readouterr().out
