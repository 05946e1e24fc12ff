"""The build that synthesis sees: ap_int arithmetic, and Vitis's streams and AXI words (stand-ins of them here).

The ap_int headers are those that hls4ml carries; without hls4ml these tests are skipped.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from fireline.errors import FirelineError
from fireline.sim import engines
from tests.firmware.harness import drawn, project, run, unity
from tests.firmware.test_conv2d import convolutions
from tests.firmware.test_joins import joins
from tests.graphs import fire_network

# As much of Vitis HLS's own headers as a plain compiler needs.
STREAM = """
#pragma once
#include <queue>
namespace hls {
template <class T, int DEPTH = 0>
struct stream : stream<T, 0> {
    explicit stream(const char* name = "") : stream<T, 0>(name) {}
};
template <class T>
struct stream<T, 0> {
    explicit stream(const char* = "") {}
    void write(const T& value) { values.push(value); }
    T read() {
        const T value = values.front();
        values.pop();
        return value;
    }
    bool empty() const { return values.empty(); }
    std::queue<T> values;
};
}  // namespace hls
"""
AXI = """
#pragma once
#include <ap_int.h>
template <int BITS, int USER, int ID, int DEST>
struct ap_axiu {
    ap_uint<BITS> data;
    ap_uint<BITS / 8> keep, strb;
    ap_uint<1> last;
};
"""


@pytest.fixture(scope="module")
def ap_types() -> Path:
    try:
        return engines.ap_types()
    except FirelineError:
        pytest.skip("hls4ml is not installed")


@pytest.mark.parametrize("graph", [fire_network(7, bits=4), convolutions(3), joins()], ids=lambda g: g.name)
def test_ap_int(graph, ap_types: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    result = run(project(graph, drawn(6), tmp_path), f"-O0 -DFL_AP_INT -isystem {ap_types}")
    assert result.returncode == 0 and " 0 mismatches" in result.stdout, result.stderr[:2000]


def test_vitis(ap_types: Path, tmp_path: Path) -> None:
    (tmp_path / "hls_stream.h").write_text(STREAM)
    (tmp_path / "ap_axi_sdata.h").write_text(AXI)
    folder = project(fire_network(3), drawn(3), tmp_path)
    executable = unity(folder, f"-O0 -DFL_VITIS -isystem {tmp_path} -isystem {ap_types}")
    result = subprocess.run([str(executable)], cwd=folder, capture_output=True, text=True)
    assert result.stdout == "network: 2 images, 20 values compared, 0 mismatches\n"
