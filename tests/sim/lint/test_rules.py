# ruff: noqa: E501
"""Each rule on a small project that breaks it, and on one that keeps it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from fireline.cli import fireline
from fireline.errors import FirelineError
from fireline.sim.lint.check import check_project
from fireline.sim.lint.findings import RULES

pytest.importorskip("clang.cindex")
pytest.importorskip("hls4ml")

KERNELS = """
#include <ap_int.h>
#include <hls_stream.h>

using Word = ap_uint<16>;

static const short table[4][8] = {};

struct Pixel {
    ap_uint<8> lane[2];
};
"""

PORTS = """
#pragma HLS interface mode = axis port = input
#pragma HLS interface axis port = output
#pragma HLS interface s_axilite port = return
"""

COPY = """
template <int COUNT>
void copy(hls::stream<Word>& input, hls::stream<Word>& output) {
    for (int i = 0; i < COUNT; ++i) {
#pragma HLS pipeline II = 1 style = flp
        output.write(input.read());
    }
}
"""

REGION = """
void top(hls::stream<Word>& input, hls::stream<Word>& output) {%s
#pragma HLS dataflow
    hls::stream<Word, 4> middle("middle");
#pragma HLS bind_storage variable = middle type = fifo impl = srl
    copy<8>(input, middle);
    copy<8>(middle, output);
}
"""


def write(folder: Path, text: str, part: str = "xczu7ev-ffvc1156-2-e") -> Path:
    """A project of one file."""
    (folder / "src").mkdir()
    (folder / "src" / "top.cpp").write_text(text)
    (folder / "hls_config.cfg").write_text(
        f"part={part}\n[hls]\nsyn.top=top\nsyn.file=src/top.cpp\nsyn.cflags=-std=c++14\n"
    )
    return folder


def loop(body: str, before: str = "", bound: str = "8", after: str = "") -> str:
    """A top function that is one pipelined loop."""
    return (
        f"{KERNELS}void top(hls::stream<Word>& input, hls::stream<Word>& output, int length) {{{PORTS}"
        f"#pragma HLS interface s_axilite port = length\n{before}\n"
        f"for (int i = 0; i < {bound}; ++i) {{\n#pragma HLS pipeline II = 1\n{body}\n}}\n{after}\n}}\n"
    )


def region(body: str, ports: str = PORTS) -> str:
    """A top function that is a dataflow region."""
    return (
        f"{KERNELS}{COPY}void top(hls::stream<Word>& input, hls::stream<Word>& output) {{{ports}"
        f"#pragma HLS dataflow\n{body}\n}}\n"
    )


PACK = "template <class... Outputs>\nvoid all(Outputs&... outputs);\n"
TAG = "struct Tag {};\nvoid tagged(Tag %s, hls::stream<Word>& input, hls::stream<Word>& output) { copy<8>(input, output); }\n"
INNER = (REGION % "").replace("top(", "inner(").replace("& output)", "& output, const short (&values)[4][8])")
PASS = "output.write(input.read());"
MIDDLE = "hls::stream<Word, 2> middle;\n"
IN_SRL = "#pragma HLS bind_storage variable = middle type = fifo impl = srl\n"
TWICE = "copy<8>(input, middle); copy<8>(middle, output);"
MEMORY = "static short memory[64];\n"
SAID = "#pragma HLS bind_storage variable = memory type = ram_s2p impl = bram\n"
ROM = "#pragma HLS bind_storage variable = table type = rom_1p impl = lutram\n"

BROKEN = {
    "no such pragma": ("pragma-grammar", loop(PASS, "#pragma HLS pipelined")),
    "no such option": ("pragma-grammar", loop(PASS, "#pragma HLS dataflow style = fast")),
    "input = input": ("pragma-grammar", region(MIDDLE + TWICE, "\n#pragma HLS interface axis input = input\n")),
    "no mode": ("pragma-grammar", region(MIDDLE + TWICE, "\n#pragma HLS interface port = input\n")),
    "no factor": ("pragma-grammar", loop(PASS, f"{MEMORY}#pragma HLS array_partition variable = memory type = cyclic")),
    "no such operator": ("pragma-grammar", loop("Word x = input.read();\n#pragma HLS bind_op variable = x op = mul impl = lut\noutput.write(x);")),
    "a ROM of UltraRAM": ("pragma-grammar", loop(PASS, "#pragma HLS bind_storage variable = table type = rom_1p impl = uram")),
    "a style of its own": ("pragma-grammar", loop(PASS, "#pragma HLS pipeline style = quick")),
    "tripcount outside": ("pragma-scope", loop(PASS, "#pragma HLS loop_tripcount max = 4")),
    "nobody's variable": ("pragma-variable", loop(PASS, "#pragma HLS stream variable = nobody depth = 2")),
    "a fourth dimension": ("pragma-variable", loop(PASS, f"{MEMORY}#pragma HLS array_partition variable = memory dim = 4")),
    "a FIFO of an array": ("pragma-variable", loop(PASS, f"{MEMORY}#pragma HLS bind_storage variable = memory type = fifo impl = srl")),
    "UltraRAM with content": ("storage-kind", loop(PASS, "#pragma HLS bind_storage variable = table type = ram_1p impl = uram")),
    "a stream anywhere": ("storage-said", region(MIDDLE + TWICE)),
    "a memory anywhere": ("storage-said", loop("memory[i] = length;\n" + PASS, MEMORY)),
    "a table anywhere": ("storage-said", loop("output.write(table[i & 3][0] + input.read());")),
    "no control": ("interface", region(f"hls::stream<Word, 2> middle;\n{TWICE}", "\n#pragma HLS interface axis port = input\n#pragma HLS interface axis port = output\n")),
    "a variable in a region": ("dataflow-body", region(f"int state = 0;\nhls::stream<Word, 2> middle;\n{TWICE}")),
    "a loop in a region": ("dataflow-body", region("for (int i = 0; i < 2; ++i) copy<4>(input, output);")),
    "a region called by none": ("dataflow-caller", f"{KERNELS}{COPY}{REGION.replace('top', 'inner') % ''}void top(hls::stream<Word>& input, hls::stream<Word>& output) {{{PORTS}inner(input, output);\n}}\n"),
    "two readers": ("dataflow-streams", region("hls::stream<Word, 2> middle;\ncopy<8>(input, middle); copy<4>(middle, output); copy<4>(middle, output);")),
    "nobody reads": ("dataflow-streams", region("hls::stream<Word, 2> middle;\ncopy<8>(input, middle);")),
    "writes of unrolled slots": ("stream-access", loop("Word x = input.read();\nfor (int s = 0; s < 2; ++s) if (x > s) output.write(x);")),
    "reads of both conditions": ("stream-access", loop("Word x = input.read();\nif (x > 3) x = input.read();\noutput.write(x);")),
    "three accesses": ("memory-ports", loop("memory[i] = memory[i + 1] + memory[length];\n" + PASS, MEMORY)),
    "two accesses of one port": ("memory-ports", loop("memory[i] = memory[i + 1];\n" + PASS, f"{MEMORY}#pragma HLS bind_storage variable = memory type = ram_1p impl = bram")),
    "a table of all lanes": ("table-lanes", loop("Word x = input.read();\nfor (int lane = 0; lane < 8; ++lane) x += table[i & 3][lane];\noutput.write(x);")),
    "an open bound": ("loop-bound", loop(PASS, bound="length")),
    "an open bound within": ("loop-bound", loop("Word x = input.read();\nfor (int s = 0; s < length; ++s) x += s;\noutput.write(x);")),
    "something beside a loop": ("loop-nest", loop(PASS, "for (int y = 0; y < 4; ++y) {\nlength += 1;", after="}")),
    "dependence denied": ("dependence", loop("memory[i] = memory[length];\n" + PASS, f"{MEMORY}{SAID}#pragma HLS dependence variable = memory inter false")),
    "no distance": ("dependence", loop("memory[i] = memory[length];\n" + PASS, f"{MEMORY}#pragma HLS dependence variable = memory type = inter direction = RAW dependent = true")),
    "a struct on a stream": ("word", region(f"hls::stream<Pixel, 2> pixels;\nhls::stream<Word, 2> middle;\n{TWICE}")),
    "structs in a memory": ("word", loop(PASS, "static Pixel memory[8];")),
    "a parameter pack": ("subset", region(MIDDLE + TWICE).replace(COPY, COPY + PACK)),
    "a tag without a name": ("subset", region(f"{MIDDLE}copy<8>(input, middle); tagged(Tag(), middle, output);").replace(COPY, COPY + TAG % "")),
    "an empty list of values": ("subset", loop("ap_int<8> sums[4] = {};\n" + PASS)),
    "a short list of values": ("subset", loop("ap_int<8> sums[4] = {1, 2};\n" + PASS)),
    "a table through a region": ("subset", f"{KERNELS}{COPY}{INNER}void top(hls::stream<Word>& input, hls::stream<Word>& output) {{{PORTS}#pragma HLS dataflow\ninner(input, output, table);\n}}\n"),
    "a broad stream": ("word-width", region(f"hls::stream<ap_uint<5000>, 2> broad;\nhls::stream<Word, 2> middle;\n{TWICE}")),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_broken_is_found(name: str, tmp_path: Path) -> None:
    rule, text = BROKEN[name]
    found = check_project(write(tmp_path, text))
    assert rule in {one.rule for one in found}, found
    assert all(one.file == "src/top.cpp" and 0 < one.line <= text.count("\n") for one in found)


def test_every_rule_has_a_project_that_breaks_it() -> None:
    assert {rule for rule, _ in BROKEN.values()} == set(RULES)


KEPT = {
    "a region": KERNELS + COPY + REGION % PORTS,
    "branches exclude each other": loop("Word x = 0;\nif (i & 1) { x = input.read(); output.write(x); } else { output.write(x); input.read(); }"),
    "lanes of a partitioned table": loop(
        "Word x = input.read();\nfor (int lane = 0; lane < 8; ++lane) x += table[i & 3][lane];\noutput.write(x);",
        f"{ROM}#pragma HLS array_partition variable = table complete dim = 2",
    ),
    "lanes of one row": loop(
        "Word x = input.read();\nfor (int lane = 0; lane < 8; ++lane) x += table[i & 3][lane];\noutput.write(x);",
        f"{ROM}#pragma HLS array_reshape variable = table complete dim = 2",
    ),
    "a read and a write": loop("memory[i] = memory[length];\n" + PASS, f"{MEMORY}{SAID}#pragma HLS dependence variable = memory type = inter direction = RAW distance = 2 dependent = true"),
    "a tag with a name": region(f"{MIDDLE}{IN_SRL}copy<8>(input, middle); tagged(Tag(), middle, output);").replace(COPY, COPY + TAG % "tag"),
    "all values of a list": loop("const ap_int<8> sums[2] = {1, 2};\n" + PASS),
    "a nest": loop(PASS, "for (int y = 0; y < 4; ++y) {", after="}"),
    "what is constant is not there": loop("Word x = input.read();\nconstexpr int kTwice = 0;\nif (kTwice) output.write(x);\noutput.write(x);"),
}  # fmt: skip


@pytest.mark.parametrize("name", KEPT)
def test_what_is_right_is_clean(name: str, tmp_path: Path) -> None:
    assert check_project(write(tmp_path, KEPT[name])) == []


def test_ultraram_is_of_a_family(tmp_path: Path) -> None:
    text = loop(
        "memory[i] = length;\n" + PASS,
        f"{MEMORY}#pragma HLS bind_storage variable = memory type = ram_s2p impl = uram",
    )
    for part, rules in (
        ("xczu7ev-ffvc1156-2-e", set()),
        ("xc7z020clg400-1", {"storage-kind"}),
        ("xcvc1902-vsva2197-2MP-e-S", set()),
    ):
        folder = tmp_path / part
        folder.mkdir()
        assert {one.rule for one in check_project(write(folder, text, part))} == rules


def test_command(tmp_path: Path) -> None:
    (tmp_path / "bad").mkdir()
    rule, text = BROKEN["dependence denied"]
    line = next(n for n, one in enumerate(text.splitlines(), 1) if "inter false" in one)
    bad = write(tmp_path / "bad", text)
    result = CliRunner().invoke(fireline, ["lint", str(bad)])
    assert result.exit_code == 1 and f"src/top.cpp:{line}: {rule}: " in result.output
    assert RULES[rule] in result.output
    found = json.loads(CliRunner().invoke(fireline, ["lint", "--json", str(bad)]).output)
    assert [one["rule"] for one in found] == [rule] and found[0]["reason"] == RULES[rule]

    (tmp_path / "good").mkdir()
    good = write(tmp_path / "good", KEPT["a region"])
    result = CliRunner().invoke(fireline, ["lint", str(good)])
    assert result.exit_code == 0 and "0 findings" in result.output


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda folder: (folder / "hls_config.cfg").unlink(), "no HLS project"),
        (lambda folder: (folder / "hls_config.cfg").write_text("part=xc7z020\n"), "syn.top = ... is missing"),
        (lambda folder: (folder / "src" / "top.cpp").unlink(), "missing from the project"),
        (
            lambda folder: (folder / "src" / "top.cpp").write_text("void bottom() {}\n"),
            "there is no function top",
        ),
        (
            lambda folder: (folder / "src" / "top.cpp").write_text("void top() { x = 1; }\n"),
            "does not compile",
        ),
        (
            lambda folder: (folder / "src" / "top.cpp").write_text('#include "none.h"\n'),
            "cannot be preprocessed",
        ),
    ],
)
def test_bad_input(change, message: str, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    change(write(tmp_path, KEPT["a region"]))
    with pytest.raises(FirelineError, match=message):
        check_project(tmp_path)
