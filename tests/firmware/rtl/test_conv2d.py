"""Line buffer, matrix-vector unit and requantizers, against numpy's integers; values under stalls, and every cycle."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from math import ceil, log2, prod
from pathlib import Path

import numpy as np

from fireline.codegen.design.arithmetic import accumulator_type, product_bits, wide_type
from fireline.codegen.design.memories import pack_rows
from fireline.codegen.geometry.line_buffer import buffer_rows, fill_pixels
from fireline.codegen.plan.foldings import Folding
from fireline.codegen.plan.weights import rom_rows
from fireline.fixed import IntType
from fireline.graph import Conv2d, Requantize, Rule, Tensor, Thresholds
from fireline.sim.dataflow import steps
from tests.firmware.rtl.harness import Case, Stream, Value, needs_verilator, run, words

IMAGES = 2
Files = dict[str, list[str]]

LOAD = """  wire @load_valid, @load_ready;
  wire [63:0] @load_data;
  source #(.BITS(64), .TOKENS(COUNT), .FILE("@load.hex")) @load (.clk, .rst, .stall, .room(@load_ready),
    .valid(@load_valid), .data(@load_data));"""


def _conv2d(
    random: np.random.Generator,
    shape: tuple[int, int, int],
    outputs: int,
    kernel: tuple[int, int],
    stride: tuple[int, int] = (1, 1),
    padding: tuple[int, int, int, int] = (0, 0, 0, 0),
    groups: int = 1,
    weight: IntType = IntType(4, True),  # noqa: B008
) -> Conv2d:
    channels, height, width = shape
    rows = (height + padding[0] + padding[2] - kernel[0]) // stride[0] + 1
    columns = (width + padding[1] + padding[3] - kernel[1]) // stride[1] + 1
    weights = random.integers(weight.min, weight.max + 1, (outputs, channels // groups, *kernel))
    return Conv2d(
        "conv", None, (0,), Tensor((outputs, rows, columns), IntType(32, True), (Fraction(1),)), weights, weight,
        random.integers(-20, 21, outputs), stride, padding, groups, IntType(32, True), None,
    )  # fmt: skip


def _windows(node: Conv2d, x: np.ndarray, zero_point: int) -> np.ndarray:
    """Of images (n, C, H, W): (n, OH, OW, C, KH, KW)."""
    top, left, bottom, right = node.padding
    padded = np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)), constant_values=zero_point)
    views = np.lib.stride_tricks.sliding_window_view(padded, node.weight.shape[2:], (2, 3))
    return views[:, :, :: node.stride[0], :: node.stride[1]].transpose(0, 2, 3, 1, 4, 5)


def _window_tokens(node: Conv2d, windows: np.ndarray, folding: Folding) -> np.ndarray:
    """Windows in the order (group, ky, kx, c), `rows` pixels by `simd` channels a token."""
    n, height, width, channels, kh, kw = windows.shape
    simd, rows, depth = folding.simd, folding.rows, channels // node.groups
    split = windows.reshape(n, height, width, node.groups, depth // simd, simd, kh // rows, rows, kw)
    return split.transpose(0, 1, 2, 3, 6, 8, 4, 7, 5).reshape(-1, rows * simd)


def _line_buffer(
    random: np.random.Generator,
    node: Conv2d,
    shape: tuple[int, int, int],
    folding: Folding,
    block: bool,
    depth: int,
) -> Case:
    bits, zero_point = 4, int(random.integers(16))
    x = random.integers(0, 16, (IMAGES, *shape))
    pixels = x.transpose(0, 2, 3, 1).reshape(-1, folding.simd)
    tokens = _window_tokens(node, _windows(node, x, zero_point), folding)
    top, left, _, _ = node.padding
    parameters: dict[str, Value] = {
        "BITS": bits, "SIMD": folding.simd, "ROWS": folding.rows, "GROUPS": node.groups, "IN_CHANNELS": shape[0],
        "IN_HEIGHT": shape[1], "IN_WIDTH": shape[2], "OUT_HEIGHT": node.output.shape[1],
        "OUT_WIDTH": node.output.shape[2], "KERNEL_HEIGHT": node.weight.shape[2], "KERNEL_WIDTH": node.weight.shape[3],
        "STRIDE_HEIGHT": node.stride[0], "STRIDE_WIDTH": node.stride[1], "PAD_TOP": top, "PAD_LEFT": left,
        "FILL_PIXELS": fill_pixels(node, shape), "BUFFER_ROWS": buffer_rows(node, shape), "ZERO_POINT": zero_point,
        "BLOCK": int(block),
    }  # fmt: skip
    table = np.tile(steps.line_buffer(node, shape, folding), IMAGES)
    streams = Stream(pixels, bits), Stream(tokens, bits, depth)
    return Case("fl_line_buffer", parameters, [streams[0]], [streams[1]], table, 4)


@needs_verilator
def test_line_buffers(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    cases = []
    for shape, kernel, stride, padding, groups, simd, rows in (
        ((2, 5, 6), (3, 3), (1, 1), (1, 1, 1, 1), 1, 1, 1),
        ((2, 5, 6), (3, 3), (1, 1), (1, 1, 1, 1), 1, 2, 3),
        ((1, 8, 9), (3, 3), (2, 2), (0, 0, 0, 0), 1, 1, 3),
        ((4, 6, 5), (3, 3), (2, 2), (1, 1, 1, 1), 2, 2, 1),
        ((4, 6, 5), (2, 3), (1, 2), (1, 0, 0, 2), 4, 1, 2),
        ((3, 7, 7), (1, 1), (2, 2), (0, 0, 0, 0), 1, 3, 1),
        ((1, 7, 4), (5, 1), (1, 1), (2, 0, 2, 0), 1, 1, 5),
        ((2, 4, 8), (1, 5), (1, 3), (0, 2, 0, 2), 1, 2, 1),
        ((1, 9, 9), (7, 7), (2, 2), (3, 3, 3, 3), 1, 1, 7),
        ((1, 3, 4), (2, 2), (1, 1), (2, 3, 2, 2), 1, 1, 1),
    ):
        node = _conv2d(random, shape, groups, kernel, stride, padding, groups)
        depth = int(random.integers(2, 9))
        cases.append(
            _line_buffer(random, node, shape, Folding(1, simd, rows=rows), bool(random.integers(2)), depth)
        )
    run(tmp_path, cases)


def _rule(rule: Rule | None, acc: IntType, out: IntType, pe: int) -> tuple[dict[str, Value], Files, int]:
    """Parameters of a rule, its tables and its latency."""
    if rule is None:
        return {"OUT_BITS": out.bits, "WIDE_BITS": 33, "LOW": out.min, "HIGH": out.max}, {}, 3
    if isinstance(rule, Thresholds):
        count = rule.steps.shape[1]
        ends = [-acc.min, -acc.max, acc.min, acc.max, int(rule.steps.min()), int(rule.steps.max()), -1]
        wide = IntType.holding(min(ends), max(ends)).bits
        shared = len(rule.steps) == 1
        parameters: dict[str, Value] = {
            "OUT_BITS": out.bits,
            "WIDE_BITS": wide,
            "LOW": rule.low,
            "STEPS": count,
        }
        files = {
            "steps.hex": words(rule.steps.reshape(1 if shared else -1, count * (1 if shared else pe)), wide)
        }
        parameters |= {"STEPS_FILE": "steps.hex", "STEPS_ROWS": 0 if shared else len(files["steps.hex"])}
        if shared:
            parameters |= {"NEGATIVE": int(rule.sign[0] < 0)}
        else:
            files["negative.hex"] = words((rule.sign < 0).astype(np.int64).reshape(-1, pe), 1)
            parameters |= {"NEGATIVE_FILE": "negative.hex", "NEGATIVE_ROWS": len(files["negative.hex"])}
        return parameters, files, 4 + ceil(log2(count))
    parameters = {
        "OUT_BITS": out.bits,
        "WIDE_BITS": wide_type(rule, acc).bits,
        "LOW": rule.low,
        "HIGH": rule.high,
    }
    files = {}
    for name, values in (("mult", rule.mult), ("add", rule.add), ("shift", rule.shift)):
        least = int(values.min()) if name == "shift" else 0  # of which the table has what is more
        more = values - least
        bits = IntType.holding(0 if name == "shift" else min(-1, int(more.min())), int(more.max())).bits
        parameters[f"{name.upper()}_BITS"] = max(1, bits)
        if len(set(values.tolist())) == 1:
            parameters[name.upper()] = int(values[0])
        else:
            files[f"{name}.hex"] = words(more.reshape(-1, pe), bits)
            parameters |= {f"{name.upper()}_FILE": f"{name}.hex", f"{name.upper()}_ROWS": len(values) // pe}
            parameters |= {"SHIFT": least} if name == "shift" else {}
    return parameters, files, 3 if len(rule.mult) == 1 and rule.mult[0] == 1 else 6


def _apply(rule: Rule | None, acc: np.ndarray) -> np.ndarray:
    """The definition in `fireline.graph`, on accumulators (..., channels), in Python's integers."""
    if rule is None:
        return acc
    if isinstance(rule, Thresholds):
        return rule.low + (rule.steps <= (rule.sign * acc)[..., None]).sum(-1)
    value = (acc * rule.mult + rule.add).astype(object)
    unit = np.array([1 << int(s) for s in rule.shift], dtype=object)
    down, rest = value // unit, value % unit
    up = (2 * rest > unit) | ((2 * rest == unit) & (down % 2 == 1))
    return np.clip((down + up).astype(np.int64), rule.low, rule.high)


def _rules(random: np.random.Generator, channels: int) -> list[tuple[Rule | None, IntType]]:
    def scale(mult: list[int], add: list[int], shift: list[int], low: int, high: int) -> Requantize:
        return Requantize(np.array(mult), np.array(add), np.array(shift), low, high)

    def each(low: int, high: int) -> list[int]:
        return random.integers(low, high, channels).tolist()

    steps_each = np.sort(random.integers(-150, 150, (channels, 7)), 1)
    steps_one = np.sort(random.integers(-150, 150, (1, 1)), 1)
    return [
        (None, IntType(32, True)),
        (scale([1], [0], [3], 0, 15), IntType(4, False)),
        (scale([1], [5], [0], -8, 7), IntType(4, True)),
        (scale([37], [-90], [6], -128, 127), IntType(8, True)),
        (scale(each(-40, 40), each(-99, 99), each(0, 9), -3, 11), IntType(5, True)),
        (scale([1] * channels, [0] * channels, each(3, 7), 0, 15), IntType(4, False)),
        (Thresholds(-2, random.choice([-1, 1], channels), steps_each), IntType(4, True)),
        (Thresholds(0, np.array([-1]), steps_one), IntType(1, False)),
        (scale([3], [1 << 35], [0], 1 << 34, (1 << 35) + 20), IntType(37, False)),
    ]


def _mvu(
    random: np.random.Generator, node: Conv2d, folding: Folding, x_type: IntType, rule: Rule | None, out: IntType,
    depth: int, bank_rows: int, dsp: bool, loaded: bool,
) -> Case:  # fmt: skip
    outputs, height, width = node.output.shape
    depth_in, (kh, kw) = node.weight.shape[1], node.weight.shape[2:]
    windows = random.integers(
        x_type.min, x_type.max + 1, (IMAGES, height, width, depth_in * node.groups, kh, kw)
    )
    grouped = windows.reshape(*windows.shape[:3], node.groups, depth_in, kh, kw)
    weights = node.weight.reshape(node.groups, outputs // node.groups, depth_in, kh, kw)
    acc = np.einsum("nyxgcij,gocij->nyxgo", grouped, weights).reshape(-1, outputs) + node.bias
    acc_type = accumulator_type(node, x_type)
    rule_parameters, files, latency = _rule(rule, acc_type, out, folding.pe)
    terms = folding.simd * folding.rows
    window = prod(node.weight.shape[1:]) // terms
    rows = rom_rows(node, folding)
    files = dict(files)
    files["bias.hex"] = words(node.bias.reshape(-1, folding.pe), acc_type.bits)
    for bank in range(0, len(rows), bank_rows):
        files[f"rom_{bank // bank_rows:03d}.hex"] = words(
            rows[bank : bank + bank_rows], node.weight_type.bits
        )
    parameters: dict[str, Value] = {
        "PE": folding.pe, "TERMS": terms, "WINDOW": window, "GROUPS": node.groups,
        "GROUP_FOLDS": outputs // node.groups // folding.pe, "X_BITS": x_type.bits, "X_SIGNED": int(x_type.signed),
        "W_BITS": node.weight_type.bits, "W_SIGNED": int(node.weight_type.signed), "DSP": int(dsp),
        "PRODUCT_BITS": product_bits(node.weight_type, x_type), "ACC_BITS": acc_type.bits + (not acc_type.signed),
        "BANK_ROWS": bank_rows, "ROM_BLOCK": int(bank_rows > 4), "ROM_FILE": "rom",
        "BIAS_FILE": "bias.hex", "LOADED": int(loaded),
    }  # fmt: skip
    product = max(1, ceil(log2(x_type.bits))) if folding.multiplier == "lut" else 1
    streams = (
        Stream(_window_tokens(node, windows, folding), x_type.bits),
        Stream(_apply(rule, acc).reshape(-1, folding.pe), out.bits, depth),
    )
    table = np.tile(steps.mvu(node, folding), IMAGES)
    setup, extra = "", ".load_valid(1'b0), .load_ready(), .load_data('0)"
    if loaded:
        packed = pack_rows(rows, node.weight_type.bits).reshape(-1, 1)
        files = {name: text for name, text in files.items() if not name.startswith("rom")}
        files["load.hex"] = [f"{int(word):016x}" for word in packed[:, 0]]
        setup = LOAD.replace("COUNT", str(len(packed)))
        extra = ".load_valid(@load_valid), .load_ready(@load_ready), .load_data(@load_data)"
    return Case(
        "fl_mvu",
        parameters | rule_parameters,
        [streams[0]],
        [streams[1]],
        table,
        5 + product + ceil(log2(terms)) + latency,
        files,
        ("x",),
        setup,
        extra,
    )


@needs_verilator
def test_matrix_vector_units(tmp_path: Path) -> None:
    random = np.random.default_rng(2)
    cases = []
    geometries = (
        ((4, 3, 3), 6, (1, 1), 1, Folding(2, 2), 512),
        ((4, 3, 2), 4, (3, 3), 1, Folding(1, 4, rows=3), 512),
        ((6, 2, 2), 6, (3, 1), 3, Folding(2, 1, "lut"), 4),
        ((2, 2, 3), 3, (2, 2), 1, Folding(3, 2, "lut", rows=2), 512),
        ((4, 2, 2), 4, (1, 1), 4, Folding(1, 1), 2),
        ((5, 2, 2), 2, (3, 3), 1, Folding(1, 5), 8),
        ((1, 3, 3), 2, (2, 3), 1, Folding(2, 1), 512),
    )
    for i, (shape, outputs, kernel, groups, folding, bank_rows) in enumerate(geometries):
        x_type = IntType((4, 4, 1, 5, 4, 4, 4)[i], i % 2 == 1)
        weight = IntType(3, i % 3 != 2)
        whole = shape[0], shape[1] + kernel[0] - 1, shape[2] + kernel[1] - 1
        node = _conv2d(random, whole, outputs, kernel, groups=groups, weight=weight)
        for j, (rule, out) in enumerate(_rules(random, outputs)):
            if (i + j) % 7 == 0 or (i == 5 and j == 2):
                depth = 2 if j % 2 else 24
                cases.append(
                    _mvu(
                        random,
                        node,
                        folding,
                        x_type,
                        rule,
                        out,
                        depth,
                        bank_rows,
                        folding.multiplier == "dsp",
                        False,
                    )
                )
    run(tmp_path, cases)


@needs_verilator
def test_loaded_weights(tmp_path: Path) -> None:
    random = np.random.default_rng(4)
    cases = []
    for folding, weight in ((Folding(2, 4), IntType(5, True)), (Folding(4, 8, rows=3), IntType(3, True))):
        node = _conv2d(random, (8, 4, 4), 4, (3, 3), weight=weight)
        rule, out = None, IntType(32, True)
        case = _mvu(random, node, folding, IntType(4, False), rule, out, 24, 512, True, True)
        cases.append(replace(case, is_timed=False))
    run(tmp_path, cases)


@needs_verilator
def test_elementwise(tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    cases = []
    channels, pe = 6, 2
    for rule, out in _rules(random, channels):
        for mults in ((3, -5),):
            a = random.integers(0, 16, (20, channels))
            b = random.integers(-16, 16, (20, channels))
            ends = [m * v for m, v in zip(mults, (15, 16), strict=True)]
            acc_type = IntType.holding(-sum(map(abs, ends)) - 16, sum(map(abs, ends)) + 16)
            parameters, files, latency = _rule(rule, acc_type, out, pe)
            parameters |= {"LANES": pe, "FOLDS": channels // pe}
            add = {"A_BITS": 4, "B_BITS": 5, "B_SIGNED": 1, "MULT_A": mults[0], "MULT_B": mults[1]}
            y = _apply(rule, a * mults[0] + b * mults[1]).reshape(-1, pe)
            streams = [Stream(a.reshape(-1, pe), 4), Stream(b.reshape(-1, pe), 5)]
            cases.append(
                Case("fl_add", parameters | add | {"ACC_BITS": acc_type.bits}, streams, [Stream(y, out.bits)],
                     steps.copy(len(y), 2), 2 + latency, files, ("a", "b"))
            )  # fmt: skip
        y = _apply(rule, b).reshape(-1, pe)
        rescale = {"BITS": 5, "SIGNED": 1}
        cases.append(
            Case("fl_rescale", parameters | rescale, [streams[1]], [Stream(y, out.bits, 9)], steps.copy(len(y)),
                 latency, files)
        )  # fmt: skip
    run(tmp_path, cases)
