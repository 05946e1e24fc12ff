"""The registers of a network in RTL, read and written as a driver does."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from fireline.firmware.rtl import LIBRARY
from tests.firmware.rtl.harness import TOOL, needs_verilator

# Reads commands: w ADDRESS VALUE, r ADDRESS (prints), and c CYCLES BEAT DONE STALLED, which
# prints run and, a cycle later, the interrupt.
MAIN = """
#include <cstdio>
#include "Vfl_control.h"

int main() {
    Vfl_control top;
    auto tick = [&] { top.clk = 0; top.eval(); top.clk = 1; top.eval(); };
    top.rst = 1; top.s_axi_bready = top.s_axi_rready = 1; top.s_axi_wstrb = 15;
    tick(); tick();
    top.rst = 0;
    char command;
    unsigned a, b, c, d;
    while (std::scanf(" %c", &command) == 1) {
        if (command == 'w' && std::scanf("%x %x", &a, &b) == 2) {
            top.s_axi_awaddr = a; top.s_axi_wdata = b; top.s_axi_awvalid = top.s_axi_wvalid = 1;
            top.eval();
            if (top.s_axi_awready || top.s_axi_wready) std::printf("a path from an input to an output ");
            while (!top.s_axi_awready) tick();
            tick();
            top.s_axi_awvalid = top.s_axi_wvalid = 0;
            tick();
        } else if (command == 'r' && std::scanf("%x", &a) == 1) {
            top.s_axi_araddr = a; top.s_axi_arvalid = 1;
            tick();
            top.s_axi_arvalid = 0;
            tick();
            std::printf("%x ", top.s_axi_rdata);
            tick();
        } else if (command == 'c' && std::scanf("%u %u %u %x", &a, &b, &c, &d) == 4) {
            top.beat = b; top.done = c; top.stalled = d;
            for (unsigned i = 0; i < a; ++i) tick();
            top.beat = top.done = top.stalled = 0;
            std::printf("%d", top.run);
            tick();
            std::printf("%d ", top.irq);
        }
    }
}
"""


def build(folder: Path, beats: int) -> str:
    (folder / "main.cpp").write_text(MAIN)
    options = ["--cc", "--exe", "--build", "-Wall", f"-GBEATS={beats}", "-GSTAGES=3", "-CFLAGS", "-O0"]
    sources = [str(LIBRARY / "lint.vlt"), str(LIBRARY / "fl_control.sv"), "main.cpp"]
    flags = os.environ | {"MAKEFLAGS": "CFG_CXXFLAGS_PCH_I=-include CFG_LDLIBS_THREADS=-pthread"}
    subprocess.run([TOOL, *options, *sources], cwd=folder, check=True, capture_output=True, env=flags)
    return str(folder / "obj_dir" / "Vfl_control")


def answer(command: str, commands: str) -> str:
    return subprocess.run(
        [command], input=commands, check=True, capture_output=True, text=True
    ).stdout.strip()


@needs_verilator
@pytest.mark.parametrize("beats", [1, 3])
def test_an_image_is_in_with_its_last_beat_whatever_the_pauses(tmp_path: Path, beats: int) -> None:
    command, random = build(tmp_path, beats), np.random.default_rng(beats)
    for _ in range(20):
        commands, printed = [], []
        for _ in range(4):
            commands.append("w 0 1")
            left = beats
            while left:
                some = int(random.integers(1, left + 1))
                left -= some
                pause = int(random.integers(2))
                commands += [f"c {some} 1 0 0", *["c 1 0 0 0"] * pause]
                printed += ["10" if left else "00"] * (1 + pause)
        assert answer(command, " ".join(commands)) == " ".join(printed)


@needs_verilator
def test_registers_are_those_of_a_core_of_vitis_hls_and_counters(tmp_path: Path) -> None:
    command = build(tmp_path, beats=2)
    for commands, printed in (
        ("r 0 w 0 1 r 0", "4 1"),  # idle, then started
        (
            "w 0 1 c 1 1 0 0 r 0 c 1 1 0 0 r 0 r 0",
            "10 1 00 8 0",
        ),  # ready with the second beat, cleared by reading
        ("w 0 1 c 2 1 0 0 c 3 0 0 0 c 1 0 1 0 r 0 r 0 r 14", "00 00 00 e 4 1"),  # done, idle
        ("w 0 80 c 2 1 0 0 r 0 w 0 0 c 2 1 0 0", "10 89 00"),  # auto-restart
        ("c 1 0 1 0 r c", "00 0"),  # no cause is chosen
        ("w 8 1 c 1 0 1 0 r c w 4 1 c 1 0 0 0", "00 1 01"),  # raised, and let through
        (
            "w 4 1 w 8 3 w 0 1 c 2 1 0 0 r c w c 2 c 1 0 0 0 r c",
            "01 2 00 0",
        ),  # ready raises it, a write clears it
        ("r 4 r 8 w 4 1 w 8 2 r 4 r 8", "0 0 1 2"),
        ("r 10 r 2c", "2 0"),
        ("w 20 2 c 5 0 0 4 c 3 0 0 3 r 24 w 20 0 r 24 c 3 0 0 1 c 1 0 0 0 r 24 r 20", "00 00 5 0 00 00 3 0"),
        ("c 7 0 0 0 r 18 r 1c", "00 9 0"),
    ):
        assert answer(command, commands) == printed, commands
