"""A test bench notices what is wrong: other values, empty streams, tokens left over, values too wide."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.firmware.harness import STRICT, expect_exact, least, most, project, run, unity
from tests.graphs import Builder, fire_network

INCLUDE = Path(__file__).parents[2] / "firmware" / "hls"


def execute(folder: Path, code: str, *flags: str) -> subprocess.CompletedProcess[str]:
    """Compile and run `code`, which uses the kernels."""
    source, program = folder / "main.cpp", folder / "main"
    source.write_text(code)
    subprocess.run(["g++", *STRICT, *flags, "-I", str(INCLUDE), "-o", str(program), str(source)], check=True)
    return subprocess.run([str(program)], capture_output=True, text=True)


def test_the_last_word_of_an_image_is_the_last_lane_of_its_last_token(tmp_path: Path) -> None:
    b = Builder((4, 3, 3), seed=0)
    b.conv(b.rescale(0), 4, (1, 1))
    expect_exact(run(project(b.graph(), most, tmp_path)))


def test_reading_an_empty_stream_names_it(tmp_path: Path) -> None:
    result = execute(
        tmp_path,
        '#include "fireline/stream.h"\n'
        'int main() { fl::Stream<int> s("conv1.windows"); s.write(1); s.read(); return s.read(); }\n',
    )
    assert result.returncode == 3
    assert result.stderr == "stream conv1.windows: read while empty\n"


def test_a_log_begins_anew_after_all_was_read(tmp_path: Path) -> None:
    code = """
        #include "fireline/stream.h"
        int main() {
            using Value = fl::Int<20>;
            static fl::RecordedStream<Value, 2> s("s.part");
            const auto write = [](const int a, const int b) {
                const Value lanes[] = {Value(a), Value(b)};
                s.write(fl::pack(lanes));
            };
            std::vector<std::int64_t> values;
            const fl::StreamRecord& record = fl::stream_records().at(0);
            if (record.name != "s.part") return 1;
            write(1, -2);
            write(3, 4);
            Value lanes[2];
            fl::unpack(s.read(), lanes);
            if (lanes[1] != -2 || record.unread(record.stream) != 1) return 2;
            s.read();
            record.copy(record.stream, values);
            if (values != std::vector<std::int64_t>{1, -2, 3, 4} || !s.empty()) return 3;
            write(5, 6);
            record.copy(record.stream, values);
            return values == std::vector<std::int64_t>{5, 6} ? 0 : 4;
        }
    """
    for flags in ([], ["-DFL_CHECKED"]):
        assert execute(tmp_path, code, *flags).returncode == 0


@pytest.mark.parametrize("flags", [(), ("-DFL_CHECKED",)])
def test_lanes_lie_across_the_words_of_a_wide_token(flags: tuple[str, ...], tmp_path: Path) -> None:
    """Seven lanes of 19 bits: 133 bits, one lane across 64, another across 128."""
    code = """
        #include "fireline/stream.h"
        int main() {
            using Value = fl::Int<19>;
            Value in[7], out[7];
            for (int i = 0; i < 7; ++i) in[i] = Value((i % 2 ? -1 : 1) * (200000 + 9999 * i));
            fl::unpack(fl::pack(in), out);
            for (int i = 0; i < 7; ++i) if (out[i] != in[i]) return i + 1;
            return 0;
        }
    """
    assert execute(tmp_path, code, *flags).returncode == 0


def test_a_value_too_wide_stops_the_checked_build(tmp_path: Path) -> None:
    code = '#include "fireline/types.h"\nint main() { fl::UInt<3> x = 7; x = x + 1; return x; }\n'
    result = execute(tmp_path, code, "-DFL_CHECKED")
    assert (result.returncode, result.stderr) == (4, "value 8 does not fit uint3\n")


def test_shared_products_for_every_pair_of_operands(tmp_path: Path) -> None:
    code = """
        #include "fireline/multiply.h"
        template <class X>
        int check(const int low, const int high) {
            for (int a = -8; a < 8; ++a)
                for (int b = -8; b < 8; ++b)
                    for (int c = -8; c < 8; ++c)
                        for (int x = low; x <= high; ++x) {
                            const fl::Int<4> weights[3] = {fl::Int<4>(a), fl::Int<4>(b), fl::Int<4>(c)};
                            std::int64_t products[3];
                            fl::multiply_shared<3, 8, 4>(weights, X(x), products);
                            if (products[0] != a * x || products[1] != b * x || products[2] != c * x) return 1;
                        }
            return 0;
        }
        int main() { return check<fl::UInt<4>>(0, 15) + check<fl::Int<4>>(-8, 7); }
    """
    assert execute(tmp_path, code, "-O1", "-DFL_CHECKED").returncode == 0


def test_pairs_of_bytes_share_for_every_pair_of_operands(tmp_path: Path) -> None:
    code = """
        #include "fireline/multiply.h"
        int main() {
            for (int a = -128; a < 128; ++a)
                for (int b = -128; b < 128; ++b)
                    for (int x = 0; x < 256; ++x) {
                        const fl::Int<8> weights[2] = {fl::Int<8>(a), fl::Int<8>(b)};
                        std::int64_t products[2];
                        fl::multiply_shared<2, 16, 8>(weights, fl::UInt<8>(x), products);
                        if (products[0] != a * x || products[1] != b * x) return 1;
                    }
            return 0;
        }
    """
    assert execute(tmp_path, code, "-O2").returncode == 0


def test_the_first_mismatch_is_named(tmp_path: Path) -> None:
    folder = project(fire_network(), least, tmp_path)
    golden = folder / "tb" / "data" / "conv1.bin"  # (8, 8, 8) bytes an image
    values = bytearray(golden.read_bytes())
    values[512 + (5 * 8 + 2) * 8 + 3] ^= 1
    golden.write_bytes(values)
    result = run(folder)
    assert result.returncode == 1
    assert result.stderr.startswith("mismatch: node conv1, image 1, channel 3, pixel (5, 2): expected ")
    assert result.stdout.endswith(" 1 mismatches\n")


def test_tokens_left_over_are_an_error(tmp_path: Path) -> None:
    folder = project(fire_network(), least, tmp_path)
    top = folder / "src" / "network.cpp"
    top.write_text(top.read_text().replace("fl::axi_output<32, 10,", "fl::axi_output<32, 8,"))
    result = run(folder)
    assert (result.returncode, result.stderr) == (3, "stream globalavgpool: 2 tokens were never read\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--nonsense"], "usage: "),
        (["--run", "missing", "out"], "missing: cannot be read\n"),
        (["--run", "odd", "out"], "odd: not a whole number of images\n"),
        (["--run", "tb/data/pixels.bin", "no/such/folder"], "no/such/folder: cannot be written\n"),
    ],
)
def test_wrong_arguments(arguments: list[str], message: str, tmp_path: Path) -> None:
    folder = project(Builder((3, 2, 2), seed=1).graph(), least, tmp_path)
    (folder / "odd").write_bytes(b"12345")
    result = subprocess.run([str(unity(folder)), *arguments], cwd=folder, capture_output=True, text=True)
    assert result.returncode == 2
    assert result.stderr.startswith(message)
