"""The networks of the benchmarks: random weights, calibrated on random pixels, so that anybody can make them."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

import fireline
from bench.measure import Result
from fireline.graph import Graph
from fireline.model.architecture import Pool, SqueezeNet, Stem, metaparameter_fires
from fireline.model.data import ImageSet
from fireline.model.network import Network, float_network
from fireline.model.presets import preset
from fireline.quant.bits import parse_precision
from fireline.quant.calibrate import calibrate
from fireline.quant.export import export
from fireline.quant.twin import build_twin

DEVICE = "xczu7ev"  # what the projects are folded for

# hls4ml has no overlapping pools and no partial windows; the first is the largest network it does in reasonable time.
HLS4ML_CIFAR = replace(preset("cifar_e4"), stem=Stem(96, 2, 2), pool=Pool(2, 2, False))
HLS4ML_SQUEEZENET = replace(preset("squeezenet1_1"), pool=Pool(2, 2, False))

# Expand widths of the series of growing networks: 0.02 to 5 million parameters.
SERIES = (24, 48, 96, 128, 192, 256, 344)


@dataclass(frozen=True)
class Quantized:
    """One network in all its forms; `model` is its QONNX file."""

    float_network: Network
    twin: Network
    model: Path
    graph: Graph


def random_images(shape: tuple[int, int, int], count: int, seed: int = 0) -> npt.NDArray[np.uint8]:
    """Pixels 0 to 255, `(count, C, H, W)`."""
    return np.random.default_rng(seed).integers(0, 256, (count, *shape), dtype=np.uint8)


def quantized(config: SqueezeNet, folder: Path, bits: str = "w8a8", calibration: int = 4) -> Quantized:
    """`config` with random weights, calibrated on random pixels and exported to `folder`."""
    network = float_network(config).eval()
    twin = build_twin(network, parse_precision(bits))
    pixels = random_images(config.input, calibration)
    labels = np.zeros(calibration, dtype=np.int64)
    calibrate(network, twin, ImageSet("random", pixels, labels, ("none",), config.input))
    path = folder / "model.onnx"
    export(twin, path)
    return Quantized(network, twin.eval(), path, fireline.lower(path))


def grown(expand: int) -> SqueezeNet:
    """`cifar_e4` with another width; at 128 it is the preset itself."""
    fires = metaparameter_fires(base_e=expand, incr_e=expand)
    return replace(preset("cifar_e4"), stem=Stem(expand * 3 // 4, 2, 1, 1), fires=fires)


def for_both(compare: Callable[[str, int, int, Path], Result]) -> list[Result]:
    """`compare(name, images, repeats, folder)` of the CIFAR network and of SqueezeNet 1.1 at 224x224."""
    results = []
    for name in ("cifar_e4", "squeezenet1_1"):
        with tempfile.TemporaryDirectory() as folder:
            results.append(compare(name, 16, 5, Path(folder)))
    return results
