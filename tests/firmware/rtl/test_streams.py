"""FIFOs, fork, width adapters, concatenation, pooling, sums and tables: values under random stalls, and every cycle."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fireline.sim.dataflow import steps
from tests.firmware.rtl.harness import Case, Stream, needs_verilator, run, words

IMAGES = 2


def _tokens(
    random: np.random.Generator, count: int, lanes: int, bits: int, signed: bool = False
) -> np.ndarray:
    low = -(1 << bits - 1) if signed else 0
    return random.integers(low, low + (1 << bits), (count, lanes))


@needs_verilator
def test_streams(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    cases = []
    for depth, block in ((1, False), (2, False), (3, False), (9, False), (5, True), (16, True)):
        x = _tokens(random, 40, 3, 4)
        outputs = [Stream(x, 4, depth, block), Stream(x, 4, 2)]
        cases.append(
            Case(
                "fl_fork",
                {"BITS": 12, "OUTPUTS": 2},
                [Stream(x, 4, depth, block)],
                outputs,
                steps.copy(40, 1, 2),
                0,
            )
        )
    for ratio in (2, 3, 4):
        x = _tokens(random, 12 * ratio, 2, 3)
        wide = x.reshape(12, -1)
        parameters = {"BITS": 6, "RATIO": ratio}
        cases.append(
            Case("fl_widen", parameters, [Stream(x, 3)], [Stream(wide, 3)], steps.widen(len(x), ratio), 0)
        )
        cases.append(
            Case("fl_narrow", parameters, [Stream(wide, 3)], [Stream(x, 3)], steps.narrow(12, ratio), 0)
        )
    for folds in ((1, 1), (2, 3), (1, 4, 2)):
        inputs = [_tokens(random, 5 * count, 2, 4) for count in folds]
        parts = [x.reshape(5, count, 2) for x, count in zip(inputs, folds, strict=True)]
        packed = sum(count << 32 * i for i, count in enumerate(folds))
        parameters = {"BITS": 8, "INPUTS": len(folds), "FOLDS": packed}
        streams = [Stream(x, 4) for x in inputs]
        output = np.concatenate(parts, 1).reshape(-1, 2)
        cases.append(Case("fl_concat", parameters, streams, [Stream(output, 4)], steps.concat(5, folds), 0))
    for line in (
        (0, 6, 0, 2, 2),
        (1, 7, 1, 3, 2),
        (1, 5, 1, 3, 1),
        (0, 8, 1, 3, 2),
        (2, 5, 2, 3, 3),
        (0, 7, 1, 2, 3),
    ):
        for inner, block in ((1, False), (3, False), (4, False), (6, True)):
            cases.append(_running_max(random, *line, inner, block))
    for pixels, folds, signed in ((1, 1, False), (6, 1, True), (5, 3, False), (4, 5, True)):
        x = _tokens(random, IMAGES * pixels * folds, 2, 4, signed)
        sums = x.reshape(IMAGES, pixels, folds, 2).sum(1).reshape(-1, 2)
        parameters = {
            "BITS": 4,
            "SIGNED": int(signed),
            "OUT_BITS": 9,
            "LANES": 2,
            "PIXELS": pixels,
            "FOLDS": folds,
        }
        table = np.tile(steps.globalavgpool2d(pixels, folds), IMAGES)
        cases.append(Case("fl_globalavgpool2d", parameters, [Stream(x, 4)], [Stream(sums, 9)], table, 3))
    for folds, per_lane, signed in ((1, False, False), (1, True, True), (3, True, False)):
        cases.append(_lookup(random, folds, per_lane, signed))
    run(tmp_path, [*cases, *_edges(random)])


def _edges(random: np.random.Generator) -> list[Case]:
    """Weights in front of pixels, pixels to tokens, tokens to results with TLAST."""
    cases = []
    for bits in (8, 16, 32, 64):
        words = [3, 2]
        weights = random.integers(0, 1 << 63, sum(words))
        beats = random.integers(0, 1 << min(bits, 62), 9)
        parts = [int(word) >> bits * i & (1 << bits) - 1 for word in weights for i in range(64 // bits)]
        x = np.array([*parts, *beats], dtype=object).reshape(-1, 1)
        memories = [[int(word), 1 if i < words[0] else 2] for i, word in enumerate(weights)]
        tokens = [word | memory << 64 for word, memory in memories] + [int(beat) for beat in beats]
        y = np.array(tokens, dtype=object).reshape(-1, 1)
        parameters = {"BEAT_BITS": bits, "WORDS": words[0] | words[1] << 32}
        table = np.zeros(0, np.uint8)
        cases.append(
            Case("load_edge", parameters, [Stream(x, bits)], [Stream(y, 66)], table, 0, is_timed=False)
        )
    for channels, slot, bits in ((1, 8, 8), (3, 8, 5), (2, 16, 12), (4, 16, 16)):
        pixels = random.integers(0, 1 << bits, (20, channels))
        beat_bits = max(8, 1 << (channels * slot - 1).bit_length())
        beats = np.array(
            [[sum(int(v) << slot * i for i, v in enumerate(row))] for row in pixels], dtype=object
        )
        parameters = {"BEAT_BITS": beat_bits, "CHANNELS": channels, "SLOT_BITS": slot, "BITS": bits}
        streams = Stream(beats, beat_bits), Stream(pixels, bits)
        cases.append(Case("input_edge", parameters, [streams[0]], [streams[1]], steps.copy(20), 0))
    for lanes, tokens, signed in ((1, 1, True), (1, 5, False), (3, 2, True), (4, 1, False)):
        x = _tokens(random, IMAGES * 3 * tokens, lanes, 5, signed)
        values, last = x.reshape(-1), lanes * tokens
        ends = [3 << 16 if i % last == last - 1 else 0 for i in range(len(values))]
        y = np.array([(int(v) & 0xFFFF) | end for v, end in zip(values, ends, strict=True)]).reshape(-1, 1)
        parameters = {"BITS": 5, "SIGNED": int(signed), "LANES": lanes, "TOKENS": tokens, "BEAT_BITS": 16}
        streams = Stream(x, 5), Stream(y, 18)
        table = np.zeros(0, np.uint8)
        cases.append(Case("output_edge", parameters, [streams[0]], [streams[1]], table, 0, is_timed=False))
    return cases


def _running_max(
    random: np.random.Generator,
    before: int,
    length: int,
    after: int,
    kernel: int,
    stride: int,
    inner: int,
    block: bool,
) -> Case:
    signed = bool(random.integers(2))
    outer, lanes = 2, 2
    x = _tokens(random, IMAGES * outer * length * inner, lanes, 4, signed).reshape(-1, length, inner, lanes)
    padded = np.pad(x, ((0, 0), (before, after), (0, 0), (0, 0)), constant_values=-8 if signed else 0)
    starts = range(0, before + length + after - kernel + 1, stride)
    best = np.stack([padded[:, start : start + kernel].max(1) for start in starts], 1)
    parameters = {
        "BITS": 4,
        "SIGNED": int(signed),
        "LANES": lanes,
        "BEFORE": before,
        "LENGTH": length,
        "AFTER": after,
    }
    parameters |= {"INNER": inner, "KERNEL": kernel, "STRIDE": stride, "BLOCK": int(block)}
    table = np.tile(steps.running_max(outer, before, length, after, inner, kernel, stride), IMAGES)
    streams = Stream(x.reshape(-1, lanes), 4), Stream(best.reshape(-1, lanes), 4, int(random.integers(1, 6)))
    return Case("fl_running_max", parameters, [streams[0]], [streams[1]], table, 3)


def _lookup(random: np.random.Generator, folds: int, per_lane: bool, signed: bool) -> Case:
    lanes, bits, out_bits = 3, 3, 5
    x = _tokens(random, 24, lanes, bits, signed)
    tables = random.integers(0, 1 << out_bits, (folds, lanes if per_lane else 1, 1 << bits))
    fold = np.arange(len(x))[:, None] % folds
    lane = np.arange(lanes)[None] if per_lane else 0
    y = tables[fold, lane, x + (4 if signed else 0)]
    files = {
        f"table_{i:03d}.hex": words(tables[:, i].reshape(-1, 1), out_bits) for i in range(tables.shape[1])
    }
    parameters = {
        "LANES": lanes,
        "BITS": bits,
        "SIGNED": int(signed),
        "OUT_BITS": out_bits,
        "TABLE_FOLDS": folds,
    }
    parameters |= {"PER_LANE": int(per_lane), "FILE": "table"}
    return Case(
        "fl_lookup", parameters, [Stream(x, bits)], [Stream(y, out_bits)], steps.copy(len(x)), 2, files
    )
