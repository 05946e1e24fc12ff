"""What one command accepts, all accept: inspect, plan, generate, csim and verify on random networks of every source."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.differential import onnxruntime_files
from tests.fireline.test_cli import run
from tests.qonnx_models import QonnxBuilder
from tests.random_networks import random_model

Maker = Callable[[int, Path], Path]
BIG = ("--device", "xcu250", "--target-fps", "1000")  # nothing here is too large for it


def built(seed: int, folder: Path) -> Path:
    return random_model(folder, seed, power_of_two=seed % 2 == 0)


def quantized(seed: int, folder: Path) -> Path:
    return onnxruntime_files.qdq(seed, folder).path


def odd(seed: int, folder: Path) -> Path:
    """Geometry that networks seldom have: windows in the padding, strides beyond the kernel, one pixel, one channel."""
    random = np.random.default_rng(seed)

    def one(*values: int) -> int:
        return int(random.choice(values))

    channels = one(1, 2, 5)
    b = QonnxBuilder((channels, one(1, 2, 5, 7), one(1, 3, 6)), seed)
    x = b.quant(b.pixels(), 0.25, one(1, 2, 8, 12, 20), True)
    for _ in range(one(1, 2, 3)):
        outputs = one(1, 2, 4, 7)
        pads, sides = [one(0, 1, 2, 4) for _ in range(4)], [one(1, 1, 2, 3) for _ in range(2)]
        weight = b.random.integers(-3, 4, (outputs, channels, *sides)) / 16
        attributes = {"strides": [one(1, 2, 4) for _ in range(2)], "dilations": [one(1, 1, 1, 2)] * 2}
        inputs = [x, b.quant(b.constant(weight), 2.0**-4, one(3, 8, 16), True)]
        x = b.node("Conv", inputs, kernel_shape=sides, pads=pads, **attributes)
        x, channels = b.quant(b.relu(x), 2.0 ** one(-4, 0, 2), one(1, 2, 8, 16, 24)), outputs
        if one(0, 0, 1):
            pool = {"kernel_shape": [2, 2], "strides": [one(1, 2, 3)] * 2, "pads": [one(0, 1)] * 4}
            x = b.node("MaxPool", [x], ceil_mode=one(0, 1), **pool)
    return b.save(x if one(0, 1) else b.node("GlobalAveragePool", [x]), folder)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "seed"),
    [*((odd, s) for s in range(16)), (built, 2000), (built, 2001), (quantized, 0), (quantized, 3)],
)
def test_every_stage_says_the_same(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, make: Maker, seed: int
) -> None:
    path, project = make(seed, tmp_path), tmp_path / "project"
    status, _, reason = run(capsys, "inspect", path)
    assert status in (0, 2), reason
    for command in (("plan", path, *BIG), ("generate", path, *BIG, "--out", project)):
        assert run(capsys, *command)[::2] == (status, reason), command
    images = tmp_path / "images.npy"
    np.save(images, np.zeros((1, 1, 1, 1), dtype=np.uint8))
    refused = run(capsys, "verify", path, "--inputs", images, "--engine", "qonnx")
    if status:
        assert refused[::2] == (status, reason) and not project.exists()
    elif seed % 8 == 0:
        from fireline.codegen.lower.network import lower

        shape = lower(path).input.output.shape
        np.save(images, np.random.default_rng(seed).integers(0, 256, (2, *shape)).astype(np.uint8))
        assert run(capsys, "csim", project)[::2] == (0, "")
        command = ("verify", path, "--inputs", images, "--project", project, "--engine", "csim")
        assert run(capsys, *command)[::2] == (0, "")
