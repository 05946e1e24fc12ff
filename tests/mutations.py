"""Break the simulator, the lowering and every kernel by one, one at a time: each break must fail a test.

python -m tests.mutations [--only TEXT]
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PARTS = ("model", "quant", "codegen", "firmware", "sim")  # of the package, beside fireline/ itself


@dataclass(frozen=True)
class Mutation:
    """`old`, which occurs once in `path`, becomes `new`; `tests` must notice."""

    path: str
    old: str
    new: str
    tests: tuple[str, ...]


SIMULATOR = ("tests/sim/test_integer.py", "tests/codegen/lower/test_network.py")
LOWERING = ("tests/codegen/requantize/test_solve.py", "tests/codegen/lower/test_network.py")


def simulator(old: str, new: str) -> Mutation:
    return Mutation("sim/integer.py", old, new, SIMULATOR)


def lowering(file: str, old: str, new: str) -> Mutation:
    proved = file in ("rounding", "staircase", "solve", "sums", "curves")
    path = f"codegen/{'requantize' if proved else 'lower'}/{file}.py"
    return Mutation(path, old, new, LOWERING if proved else LOWERING[::-1])


def foreign(file: str, old: str, new: str) -> Mutation:
    tests = ("test_qoperator", "test_pads", "test_as_people_have_them", "test_spellings", "test_whole_files")
    paths = tuple(f"tests/codegen/lower/{test}.py" for test in tests)
    return Mutation(f"codegen/lower/{file}.py", old, new, paths)


def reading(path: str, old: str, new: str) -> Mutation:
    return Mutation(path, old, new, ("tests/codegen/lower/test_output.py",))


def taking(old: str, new: str) -> Mutation:
    return Mutation("codegen/lower/slices.py", old, new, ("tests/codegen/lower/test_slices.py",))


def quieting(old: str, new: str) -> Mutation:
    tests = ("tests/codegen/lower/test_constant_channels.py",)
    return Mutation("codegen/lower/constant_channels.py", old, new, tests)


def viewing(old: str, new: str) -> Mutation:
    return Mutation("codegen/lower/views.py", old, new, ("tests/codegen/lower/test_views.py",))


def timing(path: str, old: str, new: str) -> Mutation:
    return Mutation(
        path, old, new, ("tests/sim/dataflow/test_simulator.py", "tests/codegen/plan/test_cost.py")
    )


def kernel(file: str, test: str, old: str, new: str) -> Mutation:
    return Mutation(f"firmware/hls/fireline/{file}.h", old, new, (f"tests/firmware/{test}.py",))


def audit(path: str, old: str, new: str) -> Mutation:
    """Of what only hardware would show."""
    return Mutation(
        path, old, new, ("tests/sim/lint/test_audit.py", "tests/codegen/hls/test_project_parts.py")
    )


def loop(file: str, test: str, old: str, new: str) -> Mutation:
    """Of a process that is written for its streams."""
    return Mutation(f"codegen/hls/templates/{file}_body.cpp.j2", old, new, (f"tests/firmware/{test}.py",))


MUTATIONS = (
    # The input, every node and every rule of the simulator.
    simulator("images.astype(np.int64) + zero_point", "images.astype(np.int64)"),
    simulator("np.rint(steps + before)", "np.floor(steps + before)"),
    simulator(
        "(zero_point, 0) if node.zero_point_first else", "(0, zero_point) if node.zero_point_first else"
    ),
    simulator("+ after, type.min", "+ after, type.min + 1"),
    simulator("= 1 << 24, 1 << 53", "= 1 << 30, 1 << 53"),
    simulator("= 1 << 24, 1 << 53, 1 << 62", "= 1 << 24, 1 << 60, 1 << 62"),
    simulator(
        "memory_format=torch.channels_last), (top, left)", "memory_format=torch.channels_last), (left, top)"
    ),
    simulator("(left, right, top, bottom), value=zero_point", "(right, left, top, bottom), value=zero_point"),
    simulator("(left, right, top, bottom), value=zero_point", "(left, right, top, bottom), value=0"),
    simulator("pixels, weight, bias, node.stride", "pixels, weight, None, node.stride"),
    simulator("bias, node.stride, padding", "bias, node.stride[::-1], padding"),
    simulator("padding, node.groups", "padding, 1"),
    simulator("scaled.round_()", "scaled.floor_()"),
    simulator("scaled.round_()", "scaled.add_(0.5).floor_()"),
    simulator(
        "round_().clamp_(rule.low, rule.high).to(out)", "round_().clamp_(rule.low, rule.high - 1).to(out)"
    ),
    simulator(
        "round_().clamp_(rule.low, rule.high).to(out)", "round_().clamp_(rule.low + 1, rule.high).to(out)"
    ),
    simulator("from_numpy(shifted).clamp_(rule.low", "from_numpy(shifted).clamp_(rule.low + 1"),
    simulator("acc.to(dtype) * mult + add).numpy()", "acc.to(dtype) * mult).numpy()"),
    simulator(".mul_(mult).add_(add).mul_(factor)", ".mul_(mult).mul_(factor)"),
    simulator("right=True) + rule.low", "right=False) + rule.low"),
    simulator("right=True) + rule.low", "right=True) + rule.low + 1"),
    simulator("* sign[:, None]", "* 1"),
    simulator("value=-torch.inf", "value=0"),
    simulator("padded, node.kernel, node.stride", "padded, node.kernel[::-1], node.stride"),
    simulator("x[0].sum(dim=(2, 3)", "x[0][:, :, 1:].sum(dim=(2, 3)"),
    simulator("torch.cat(list(x), dim=1)", "torch.cat(list(x)[::-1], dim=1)"),
    simulator("x[0].to(dtype) * a + x[1].to(dtype) * b", "x[0].to(dtype) * b + x[1].to(dtype) * a"),
    simulator("finish(x[0].to(dtype) * a", "(x[0].to(dtype) * a"),
    simulator("finish(x[0].clone())", "finish(x[0].clone() + 1)"),
    simulator("* node.table.shape[1] - lowest", "* node.table.shape[1]"),
    simulator("torch.arange(len(node.table))", "torch.zeros(len(node.table), dtype=torch.int64)"),
    Mutation("fireline/fixed.py", "(rest == half) & (floor & 1 == 1)", "(rest == half)", SIMULATOR),
    # Lowering: where the steps are, what a rule may be, and how values become nodes.
    lowering("rounding", "return 2 * q - 1, q % 2 == 1", "return 2 * q - 1, q % 2 == 0"),
    lowering("rounding", "return 2 * q - 1, q <= 0", "return 2 * q - 1, False"),
    lowering("rounding", "return 2 * q - 1, q > 0", "return 2 * q - 1, False"),
    lowering("rounding", "return 2 * q - 2, True\n        case", "return 2 * q - 2, False\n        case"),
    lowering("rounding", "whole + strict", "whole"),
    lowering("staircase", "(not strict)) // divisor + 1", "(not strict)) // divisor"),
    lowering("staircase", "+ 1\n    return min(max(above", "\n    return min(max(above"),
    lowering("curves", "return y if y.value >= 0 else", "return y if y.value >= 1 else"),
    lowering("curves", 'logarithm / 2 if self.kind == "tanh"', 'logarithm if self.kind == "tanh"'),
    lowering("solve", "below, until = q, stairs.steps - 1", "below, until = q, stairs.steps - 2"),
    lowering("solve", "(q % 2 if shift else 0)", "0"),
    lowering("sums", "(outputs % 2 if shift else 0)", "0"),
    lowering("state", "output, (by_a, by_b), accumulator", "output, (by_a, by_a), accumulator"),
    lowering("state", "weight = np.array(factors, ", "weight = np.array(factors[::-1], "),
    lowering("state", "(x + y for x, y in zip(a.offset, b.offset", "(x for x, y in zip(a.offset, b.offset"),
    lowering("convolutions", "- tensor.zero_point * total", "+ tensor.zero_point * total"),
    lowering("convolutions", "np.array(factors, dtype=np.int64)", "np.array(factors[::-1], dtype=np.int64)"),
    lowering("convolutions", "(0, 3, 1, 2) if x.layout", "(0, 3, 2, 1) if x.layout"),
    lowering("windows", "pads[axis + 2] += extra", "pads[axis] += extra"),
    lowering("windows", 'if auto == "SAME_UPPER"', 'if auto == "SAME_LOWER"'),
    lowering("layouts", "pieces if len(parts) > 1", "Pieces(pieces.parts[::-1]) if len(parts) > 1"),
    lowering("pools", "Fraction(1, sides[0] * sides[1])", "Fraction(1, sides[0])"),
    lowering("pools", "s / pixels if divide else s", "s if divide else s / pixels"),
    lowering("quantizers", "type.max - (narrow and not type.signed)", "type.max"),
    lowering("quantizers", "out_zero = zero >> dropped", "out_zero = zero"),
    lowering("values", "np.copysign(np.ceil(np.abs(x)), x)", "np.ceil(x)"),
    lowering("values", "np.floor(np.abs(x) + 0.5), x)", "np.floor(np.abs(x) + 0.25), x)"),
    lowering("elementwise", "g / _root(v + epsilon)", "g / (v + epsilon)"),
    lowering("elementwise", "tuple(1 / d for d in divisor)", "divisor"),
    reading("codegen/lower/output.py", "tuple(-o for o in offset)", "offset"),
    reading("codegen/lower/state.py", "o - f * own for", "o - own for"),
    reading("codegen/lower/pools.py", "tuple(times * one", "tuple(one"),
    reading("codegen/lower/pools.py", "1 if divide else count,", "1,"),
    foreign("pools", "count if divide else 1)", "1 if divide else count)"),
    foreign("pools", "(height, 1) if here[0] in named", "(height, 1) if here[0] not in named"),
    foreign("pools", "tensor.zero_point * count", "tensor.zero_point"),
    foreign("pools", "k * t == side", "k <= side"),
    reading(
        "codegen/lower/state.py",
        "# `tensor` may be",
        "return self.requantize(value, target, tensor)\n        #",
    ),
    reading("sim/engine.py", " - column(node.output.offset)", ""),
    reading("fireline/nodes.py", "* scale + offset)", "* scale)"),
    taking("channels[owner == i] - starts[i]", "channels[owner == i] - starts[0]"),
    taking("(np.diff(owner) < 0).any()", "False"),
    taking("isinstance(node, Conv2d) and node.groups == 1", "isinstance(node, Conv2d)"),
    taking("weight[:, :, rows[0], columns[0]]", "weight[:, :, 0, columns[0]]"),
    taking("bias = own(node.weight), own(node.bias)", "bias = own(node.weight), node.bias[: len(channels)]"),
    taking("start += shape[0]", "start += 0"),
    quieting("if low == high == _at(", "if low + 1 >= high == _at("),
    quieting("if low != high)", "if low == high)"),
    quieting("(usual, lines[channel]) if", "(usual,) if"),
    quieting("if low == high == _at(line, 0, rule)", "if low == high"),
    quieting("bias[channel], lines[channel] = 0, 0, same[0]", "_, lines[channel] = 0, 0, same[0]"),
    quieting("max(rounded, rule.low), rule.high", "max(rounded, rule.low), rule.high + 1"),
    viewing("channels_of(state, value, found[0]", "channels_of(state, value, found[0][::-1]"),
    viewing("reshape(1, *sides, -1).transpose(0, 3, 1, 2)", "reshape(1, -1, *sides)"),
    viewing("source=None", "source=tensor"),
    foreign(
        "quantizers",
        "isinstance(value, Codes) and state.read_once(node.inputs[0])",
        "isinstance(value, Codes)",
    ),
    foreign("qoperator", "(a * b * factor).astype", "((a + b) * factor).astype"),
    foreign("qoperator", "(zero) or 0) % 2", "(zero) or 0) % 1"),
    foreign("qoperator", "(1, 4), alpha)", "(1, 4))"),
    foreign("qoperator", "3, axis=0)", "3, axis=1)"),
    foreign(
        "qoperator",
        "_FIRST, _LAST = (0, 3, 1, 2), (0, 2, 3, 1)",
        "_FIRST, _LAST = (0, 2, 3, 1), (0, 3, 1, 2)",
    ),
    foreign("state", "c.low <= c.scale * least + c.offset", "c.low <= c.high"),
    foreign("convolutions", "tuple(beta * one for one in bias)", "bias"),
    foreign("values", "[int(one / unit) for one in row]", "[1 for one in row]"),
    foreign("state", "min(max(by * end + offset", "min(max(end + offset"),
    foreign("state", "(held.type.min - held.zero_point, held", "(held.type.min, held"),
    foreign("folding", "scale[at] if one is None", "scale[: at.size].reshape(at.shape) if one is None"),
    foreign("order", "readers[before].append(at)", "readers[before].insert(0, before)"),
    foreign("quantizers", "np.subtract(made[1], read[1])", "np.subtract(read[1], made[1])"),
    foreign("pads", "p + f for p, f", "p for p, f"),
    foreign("pads", "*begins[rows : rows + 2], *ends", "*ends[rows : rows + 2], *ends"),
    # When everything happens: the simulated cycles, the closed form, and the depths of streams.
    timing("sim/dataflow/loop.cpp", "taken < depth ?", "taken <= depth ?"),
    timing("sim/dataflow/loop.cpp", "tokens > 0 ?", "tokens > 1 ?"),
    timing("sim/dataflow/loop.cpp", " ends[image] = now + 1;", " ends[image] = now;"),
    timing("sim/dataflow/loop.cpp", "begins[image] = now;", "begins[image] = now + 1;"),
    timing("sim/dataflow/loop.cpp", "if (step >> kPorts) written", "if (step) written"),
    timing("sim/dataflow/loop.cpp", "if (++stream.taken > stream.peak)", "if (stream.taken++ > stream.peak)"),
    timing("sim/dataflow/loop.cpp", "slot + stream.delay", "slot + stream.delay / 2"),
    timing("sim/dataflow/steps.py", "+= process.latency", "+= 0"),
    timing("sim/dataflow/depths.py", "MARGIN[plan.target] * p.latency", "0"),
    timing("codegen/design/kernels.py", "else fifo.depth + room", "else fifo.depth"),
    timing("sim/dataflow/steps.py", "window[:, -1] |= WRITE", "window[:, 0] |= WRITE"),
    timing("sim/dataflow/steps.py", "last % stride == 0", "last % stride == stride - 1"),
    timing("sim/dataflow/depths.py", "max(interval, tokens)", "max(interval // 2, tokens)"),
    timing(
        "sim/dataflow/depths.py",
        "elif fifo.narrowed or fifo.edge not in narrowed",
        "elif not fifo.narrowed",
    ),
    timing("codegen/plan/cycles.py", "pause = max(load - given, 0)", "pause = max(load - given - 1, 0)"),
    timing("codegen/plan/cycles.py", "max(0, fill + pause - hidden)", "max(0, fill - hidden)"),
    timing("codegen/plan/cycles.py", "held = read(given - 1) + 1 ", "held = read(given - 1) "),
    timing("codegen/plan/cycles.py", "+ 1 + DEFAULT_DEPTH)", "+ DEFAULT_DEPTH)"),
    timing("codegen/plan/cycles.py", "max(own, prod(node.output.shape))", "own"),
    timing("codegen/plan/cost/node.py", "plan.adapter_depth(index, position)", "2"),
    # What is said about accesses to a line buffer.
    *[
        Mutation("codegen/geometry/line_buffer.py", old, new, ("tests/codegen/hls/test_project_parts.py",))
        for old, new in (
            ("within // loads) * steps", "within // loads + 1) * steps"),
            ("(column + left) // sw, columns - 1", "(column + left) // sw, columns"),
            ("np.maximum(reads, 1)", "reads[reads > 0]"),
            ("written[height - kept :]", "written[:kept]"),
        )
    ],
    # Every kernel.
    kernel("add", "test_joins", "y[lane], L::kMultB)", "y[lane], L::kMultA)"),
    kernel("axi", "test_joins", "data >> (lane * L::kSlotBits)", "data >> ((lane ^ 1) * L::kSlotBits)"),
    kernel("axi", "test_joins", "std::int64_t>(values[lane])", "std::int64_t>(values[LANES - 1 - lane])"),
    kernel("axi", "test_stream", "i == VALUES / LANES - 1 && lane == LANES - 1", "i == VALUES / LANES - 1"),
    audit("codegen/hls/rule.py", 'int(values.min()) if name == "shift" else ', ""),
    audit("codegen/hls/memories.py", "None, folds)", "None, None)"),
    audit("firmware/hls/fireline/pragmas.h", "style = flp)", "style = frp)"),
    audit("firmware/hls/fireline/line_buffer.h", "(address + column)", "(address * 3 + column)"),
    audit("firmware/hls/fireline/line_buffer.h", "Column column =", "int column ="),
    audit(
        "firmware/hls/fireline/mvu.h",
        "window[step + i] = token;",
        "window[step + i] = token; token = window[step + i];",
    ),
    kernel("axi", "test_loaded", "i < WORDS;", "i < WORDS - 1;"),
    loop("concat", "test_joins", "if (fold < ", "if (fold <= "),
    loop("fork", "test_joins", "i < {{ tokens }};", "i < {{ tokens }} - 1;"),
    loop("weights_and_pixels", "test_loaded", "is_loaded = true;", "is_loaded = false;"),
    Mutation(
        "codegen/hls/bodies.py",
        "zip(inputs, accumulate(folds), strict=True)",
        "zip(inputs, folds, strict=True)",
        ("tests/firmware/test_joins.py",),
    ),
    kernel("globalavgpool2d", "test_joins", "if (pixel == 0) sum", "if (pixel <= 1) sum"),
    kernel("line_buffer", "test_conv2d", "ix = left + kx;", "ix = left + kx + 1;"),
    kernel("line_buffer", "test_conv2d", "iy = top + ky + j;", "iy = top + ky + j + 1;"),
    kernel("line_buffer", "test_conv2d", "= L::kZeroPoint;", "= 0;"),
    kernel("line_buffer", "test_conv2d", "column = left_column + first;", "column = left_column;"),
    kernel("line_buffer", "test_conv2d", "column + (kFolds - kGroupFolds + 1)", "column + kFolds"),
    kernel("line_buffer", "test_conv2d", "top = top + L::kStrideHeight;", "top = top + 1;"),
    kernel(
        "line_buffer",
        "test_conv2d",
        "wrap_beyond(top_row + L::kStrideHeight, L::kBufferRows)",
        "wrap(top_row + L::kStrideHeight, L::kBufferRows)",
    ),
    kernel("line_buffer", "test_conv2d", "left_column + L::kStrideWidth * kFolds;", "left_column + kFolds;"),
    kernel("line_buffer", "test_conv2d", "address = wrap(address + kRowStep, kRowEnd);", ""),
    kernel("line_buffer", "test_conv2d", "bank = wrap(bank + 1, Lines<L>::kBanks);", ""),
    kernel("loaded", "test_loaded", "memory[i][0][k] = row[k]", "memory[i][0][k] = row[0]"),
    kernel("loaded", "test_loaded", "halves[1]) << 32", "halves[0]) << 32"),
    kernel("lookup", "test_requantize", "x[lane] - L::kLowest", "x[lane]"),
    kernel("lookup", "test_requantize", "L::kTableFolds == 1 ? 0 : fold", "0 * fold"),
    kernel("maxpool2d", "test_maxpool2d", "? held[lane] : x[lane]", "? x[lane] : x[lane]"),
    kernel("maxpool2d", "test_maxpool2d", "place > 0 && i > 0", "place > 1 && i > 0"),
    kernel("maxpool2d", "test_maxpool2d", "rest <= early : rest == early", "rest == early : rest == early"),
    kernel("maxpool2d", "test_maxpool2d", "x[lane] = P::kLowest", "x[lane] = 0"),
    kernel("maxpool2d", "test_maxpool2d", "if (is_finished) output", "if (is_finished || true) output"),
    kernel("multiply", "test_stream", "+ (rest >> (SPACING - 1) & 1)", ""),
    kernel("mvu", "test_conv2d", "= bias[fold", "= bias[0 * fold"),
    kernel("mvu", "test_conv2d", "turn = wrap(turn + 1, T::kTurns);", "turn = 0;"),
    kernel("mvu", "test_conv2d", "fold = wrap(fold + T::kFolds, L::kFolds);", "fold = 0;"),
    kernel("mvu", "test_conv2d", "T::kFolds) window[step + i] = token;", "T::kFolds) window[i] = token;"),
    kernel("mvu", "test_conv2d", "(T::kAllFolds > T::kFolds)", "(T::kAllFolds > T::kFolds + 1)"),
    kernel(
        "mvu", "test_conv2d", "weight<L>(rom, turn, p, s), wide[s])", "weight<L>(rom, turn, p, s), wide[0])"
    ),
    kernel("mvu", "test_conv2d", "(acc[i][p], fold + i, p)", "(acc[i][p], fold, p)"),
    kernel("mvu", "test_conv2d", "(acc[i][p], fold + i, p)", "(acc[i][p], fold + i, 0)"),
    kernel("mvu", "test_conv2d", "sum[first + i] += products[i]", "sum[first + i] += products[0]"),
    kernel("requantize", "test_requantize", "> half - odd", ">= half - odd"),
    kernel("requantize", "test_requantize", "> half - odd ?", "> half ?"),
    kernel("requantize", "test_requantize", "- odd ? 1 : 0", "- odd ? 0 : 0"),
    kernel("requantize", "test_requantize", "whole & mask & 1", "whole & 1"),
    kernel("requantize", "test_requantize", "rounded < low ? low", "rounded < low ? high"),
    kernel("requantize", "test_requantize", "at_least_low > high ? high", "at_least_low > high ? low"),
    kernel(
        "requantize", "test_requantize", "R::step(fold, lane, i) <= value", "R::step(fold, lane, i) < value"
    ),
    kernel("requantize", "test_requantize", "R::sign(fold, lane) < 0 ?", "R::sign(fold, lane) < -1 ?"),
    kernel("rescale", "test_requantize", "requantize<R>(x, fold)", "requantize<R>(x, 0 * fold)"),
    kernel("resize", "test_joins", "wide[first + lane];", "wide[lane];"),
    kernel("resize", "test_joins", "wide[first + lane] =", "wide[lane] ="),
    kernel("rom", "test_conv2d", "words[first + 1] << (64 - offset)", "words[first + 1] << (63 - offset)"),
    kernel("rom", "test_conv2d", "p % kOutputs * L::kTerms + s", "s * kOutputs + p % kOutputs"),
    kernel("stream", "test_stream", "{ return log_.size() - next_; }", "{ return next_ - next_; }"),
    kernel("turn", "test_conv2d", "L::kInChannels / L::kGroups / L::kTerms", "L::kInChannels / L::kTerms"),
    Mutation(
        "firmware/hls/fireline/bounded.h",
        "return depth_ != kUnbounded && room_.empty();",
        "return false;",
        ("tests/sim/test_bounded.py",),
    ),
    kernel("types", "test_stream", "token.words[bit / 64] >> (bit % 64)", "token.words[0] >> (bit % 64)"),
    kernel("types", "test_stream", "(bits ^ sign) - sign", "bits"),
    kernel("types", "test_ap_int", "<< (i * T::width);", "<< ((LANES - 1 - i) * T::width);"),
    kernel("types", "test_conv2d", "return value == end ? 0 : value;", "return value;"),
    kernel("types", "test_stream", "SIGNED ? BITS - 1 : BITS;", "SIGNED ? BITS : BITS + 1;"),
    kernel("types", "test_requantize", "BITS <= 16", "BITS <= 24"),
)


def misplaced(mutation: Mutation) -> str | None:
    """Why a mutation cannot be made, or None."""
    path = ROOT / mutation.path
    count = path.read_text().count(mutation.old) if path.exists() else 0
    return None if count == 1 else f"{mutation.path} holds {mutation.old!r} {count} times"


def caught(mutation: Mutation) -> bool:
    """Whether one of its tests fails in a copy of the repository with this mutation."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copytree(ROOT / "tests", folder / "tests", ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "pyproject.toml", folder)
        package = folder / "package" / "fireline"
        skipped = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / "fireline", package, ignore=skipped)
        for part in PARTS:
            shutil.copytree(ROOT / part, package / part, ignore=skipped)
        (folder / "firmware").symlink_to(package / "firmware")
        if mutation.old:
            target = package / mutation.path.removeprefix("fireline/")
            target.write_text(target.read_text().replace(mutation.old, mutation.new))
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *mutation.tests]
        environment = os.environ | {"PYTHONPATH": str(folder / "package"), "OMP_NUM_THREADS": "1"}
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, timeout=1800
        )
        if done.returncode not in (0, 1):
            sys.exit(f"the tests did not run: {done.stdout[-500:]}")
        return done.returncode == 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="part of a path")
    chosen = [m for m in MUTATIONS if parser.parse_args().only in m.path]
    if faults := list(filter(None, map(misplaced, chosen))):
        sys.exit("\n".join(faults))
    tests = tuple(dict.fromkeys(path for m in chosen for path in m.tests))
    if caught(Mutation("", "", "", tests)):
        sys.exit(f"{', '.join(tests)} fail without any mutation")
    survivors = []
    for mutation in chosen:
        found = caught(mutation)
        survivors += [] if found else [mutation]
        print(
            f"{'caught  ' if found else 'SURVIVED'} {mutation.path}: {mutation.old!r} -> {mutation.new!r}",
            flush=True,
        )
    print(f"{len(chosen) - len(survivors)} of {len(chosen)} caught")
    sys.exit(bool(survivors))


if __name__ == "__main__":
    main()
