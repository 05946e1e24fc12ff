"""The bridge between a serial line and a network, in Verilator: bits go in on a wire and come out on one."""

from __future__ import annotations

import shutil
import subprocess
import sys
from importlib.resources import as_file, files
from pathlib import Path

import pytest

CLOCKS_PER_BIT = 8

# In place of a network: a result for each word, the word and one. It works only once it is told to start.
LOOP = """
module loop (input clk, input rst, input rx, output tx, output overflow, output reg [7:0] started,
             output reg [7:0] lasts);
    wire image_valid, image_ready, image_last, result_ready, address_valid, data_valid;
    wire [15:0] image;
    /* verilator lint_off UNUSEDSIGNAL */
    wire [31:0] data;
    /* verilator lint_on UNUSEDSIGNAL */
    reg full;
    reg [31:0] result;
    serial_bridge #(.CLOCKS_PER_BIT(8), .IN_BYTES(2), .OUT_BYTES(4), .WORDS(3)) bridge (
        .clk(clk), .rst(rst), .rx(rx), .tx(tx), .overflow(overflow),
        .image_tvalid(image_valid), .image_tready(image_ready), .image_tdata(image), .image_tlast(image_last),
        .result_tvalid(full), .result_tready(result_ready), .result_tdata(result),
        .control_awvalid(address_valid), .control_awready(1'b1),
        .control_wvalid(data_valid), .control_wready(1'b1), .control_wdata(data)
    );
    assign image_ready = !full && started != 0;
    always @(posedge clk) begin
        if (rst) begin
            full <= 0;
            started <= 0;
            lasts <= 0;
        end else begin
            if (image_valid && image_ready) begin
                full <= 1;
                result <= {16'hcafe, image + 16'd1};
                lasts <= lasts + {7'd0, image_last};
            end else if (result_ready) full <= 0;
            if (address_valid && data_valid) started <= data[7:0];
        end
    end
endmodule
"""

# Sends the bytes that it is given, `gap` cycles apart, and prints those that come back.
MAIN = """
#include <cstdio>
#include <cstdlib>
#include "Vloop.h"

int main(int count, char** bytes) {
    const int bit = 8, gap = atoi(bytes[1]);
    Vloop top;
    auto tick = [&] { top.clk = 0; top.eval(); top.clk = 1; top.eval(); };
    top.rx = 1; top.rst = 1;
    for (int i = 0; i < 4; ++i) tick();
    top.rst = 0;
    for (int i = 0; i < 40; ++i) tick();
    int sent = 2, phase = 0, state = -1, wait = 0;
    unsigned byte = 0;
    for (long t = 0; t < 100000; ++t) {
        if (sent < count) {
            unsigned frame = 1u << 9 | unsigned(atoi(bytes[sent])) << 1;
            top.rx = phase < 10 * bit ? frame >> phase / bit & 1 : 1;
            if (++phase == 10 * bit + gap) { phase = 0; ++sent; }
        }
        tick();
        if (state < 0) {
            if (!top.tx) { state = 0; wait = bit / 2; byte = 0; }
        } else if (--wait == 0) {
            wait = bit;
            if (state >= 1 && state <= 8) byte |= unsigned(top.tx) << (state - 1);
            if (state == 9) printf("%u ", byte);
            state = state == 9 ? -1 : state + 1;
        }
    }
    printf("\\n%d %d %d\\n", top.started, top.lasts, top.overflow);
}
"""


@pytest.fixture(scope="module")
def loop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    verilator = shutil.which("verilator-cli", path=str(Path(sys.executable).parent))
    if not verilator or not shutil.which("perl"):
        pytest.skip("Verilator is not there")
    folder = tmp_path_factory.mktemp("bridge")
    (folder / "loop.sv").write_text(LOOP)
    (folder / "main.cpp").write_text(MAIN)
    with as_file(files("fireline.firmware.rtl") / "board") as board:
        sources = sorted(map(str, board.glob("*.sv")))
        options = ["-Wall", "-Wno-DECLFILENAME", "--cc", "--exe", "--build", "--top-module", "loop"]
        command = [verilator, *options, "loop.sv", *sources, "main.cpp"]
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return folder / "obj_dir" / "Vloop"


def run(loop: Path, gap: int, octets: list[int]) -> tuple[list[int], list[int]]:
    """The bytes that come back, and what was started, how many images ended, whether a word was lost."""
    command = [str(loop), str(gap), *map(str, octets)]
    first, second = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    return [int(n) for n in first.split()], [int(n) for n in second.split()]


@pytest.mark.slow
def test_words_go_through_and_one_that_is_lost_is_told(loop: Path) -> None:
    octets = [(73 * i + 5) % 256 for i in range(12)]
    expected = b""
    for low, high in zip(octets[::2], octets[1::2], strict=True):
        expected += (0xCAFE0000 | (low + 256 * high + 1) % 65536).to_bytes(4, "little")
    # A result takes as long as four bytes, so two bytes a word come too fast without a gap.
    assert run(loop, 20 * CLOCKS_PER_BIT, octets) == (list(expected), [0x81, 2, 0])
    back, (_, _, overflow) = run(loop, 0, octets)
    assert overflow
    assert back != list(expected)
