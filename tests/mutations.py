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


SIMULATOR = ("tests/sim/test_integer.py", "tests/codegen/test_lower.py")
LOWERING = ("tests/codegen/test_lower.py", "tests/codegen/test_requantizer.py")
KERNELS = ("tests/firmware",)


def simulator(old: str, new: str) -> Mutation:
    return Mutation("sim/integer.py", old, new, SIMULATOR)


def lowering(file: str, old: str, new: str) -> Mutation:
    return Mutation(f"codegen/{file}.py", old, new, LOWERING)


def kernel(file: str, old: str, new: str) -> Mutation:
    return Mutation(f"firmware/include/fireline/{file}.h", old, new, KERNELS)


MUTATIONS = (
    simulator("(left, right, top, bottom), value=zero_point", "(right, left, top, bottom), value=zero_point"),
    simulator("(left, right, top, bottom), value=zero_point", "(left, right, top, bottom), value=0"),
    simulator("scaled.round_()", "scaled.floor_()"),
    simulator(
        "clamp_(rule.low, rule.high).to(out)\n\n    return apply\n",
        "clamp_(rule.low, rule.high - 1).to(out)\n\n    return apply\n",
    ),
    simulator("torch.cat(list(x), dim=1)", "torch.cat(list(x)[::-1], dim=1)"),
    simulator("value=-torch.inf", "value=0"),
    simulator("x[0].to(dtype) * a + x[1].to(dtype) * b", "x[0].to(dtype) * b + x[1].to(dtype) * a"),
    simulator("groups=node.groups", "groups=1"),
    simulator("right=True) + rule.low", "right=False) + rule.low"),
    simulator("right=True) + rule.low", "right=True) + rule.low + 1"),
    simulator("* node.table.shape[1] - lowest", "* node.table.shape[1]"),
    simulator("x[0].sum(dim=(2, 3)", "x[0][:, :, 1:].sum(dim=(2, 3)"),
    simulator("node.stride, padding, groups", "node.stride[::-1], padding, groups"),
    lowering("rounding", "return 2 * q - 1, q % 2 == 1", "return 2 * q - 1, q % 2 == 0"),
    lowering("rounding", "return 2 * q - 1, q <= 0", "return 2 * q - 1, False"),
    lowering("rounding", "return 2 * q - 2, True\n        case", "return 2 * q - 2, False\n        case"),
    lowering("staircase", "(not strict)) // divisor + 1", "(not strict)) // divisor"),
    lowering("curves", "return y if y.value >= 0 else", "return y if y.value >= 1 else"),
    lowering("requantizer", "below, until = q, stairs.steps - 1", "below, until = q, stairs.steps - 2"),
    lowering("convolutions", "- tensor.zero_point * total", "+ tensor.zero_point * total"),
    lowering("windows", "pads[axis + 2] += extra", "pads[axis] += extra"),
    lowering("layouts", "pieces if len(parts) > 1", "Pieces(pieces.parts[::-1]) if len(parts) > 1"),
    lowering("quantizers", "type.max - (narrow and not type.signed)", "type.max"),
    kernel("requantize", "value + below_half + odd", "value + below_half"),
    kernel("requantize", "value + below_half + odd", "value"),
    kernel("requantize", "rounded < low ? low", "rounded < low ? high"),
    kernel("requantize", "at_least_low > high ? high", "at_least_low > high ? low"),
    kernel("requantize", "R::step(fold, lane, i) <= value", "R::step(fold, lane, i) < value"),
    kernel(
        "line_buffer", "x * L::kStrideWidth - L::kPadLeft + kx", "x * L::kStrideWidth - L::kPadLeft + kx + 1"
    ),
    kernel(
        "line_buffer",
        "y * L::kStrideHeight - L::kPadTop + ky + j",
        "y * L::kStrideHeight - L::kPadTop + ky + j + 1",
    ),
    kernel("line_buffer", "= L::kZeroPoint;", "= 0;"),
    kernel("line_buffer", "ix * kFolds + first + c", "ix * kFolds + c"),
    kernel("maxpool2d", "x.lane[lane] < held.lane[lane] ? held.lane[lane] : x.lane[lane]", "x.lane[lane]"),
    kernel("maxpool2d", "i >= BEFORE && i < BEFORE + LENGTH", "i >= AFTER && i < AFTER + LENGTH"),
    kernel("globalavgpool2d", "if (pixel == 0) sum", "if (pixel <= 1) sum"),
    kernel("add", "operand<Wide>(y.lane[lane]) * L::kMultB", "operand<Wide>(y.lane[lane]) * L::kMultA"),
    kernel("lookup", "x.lane[lane] - L::kLowest", "x.lane[lane]"),
    kernel("concat", "fold < FIRST ? first.read()", "fold <= FIRST ? first.read()"),
    kernel("resize", "token.lane[part * TO + lane]", "token.lane[lane * (FROM / TO) + part]"),
    kernel(
        "resize",
        "token.lane[part * FROM + lane] = x.lane[lane]",
        "token.lane[lane * (TO / FROM) + part] = x.lane[lane]",
    ),
)


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
        target = package / mutation.path
        text = target.read_text()
        if mutation.old and text.count(mutation.old) != 1:
            sys.exit(f"{mutation.path} holds {mutation.old!r} {text.count(mutation.old)} times")
        target.write_text(text.replace(mutation.old, mutation.new))
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
    for tests in dict.fromkeys(m.tests for m in chosen):
        if caught(Mutation("sim/__init__.py", "", "", tests)):
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
