"""What the pages and examples start from: a small QONNX file and images for it."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from fireline.model.data import load
from fireline.quant.run import Source, quantize
from tests.docs.blocks import ROOT


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with model.onnx, the digits network with random weights, and images.npy."""
    folder = tmp_path_factory.mktemp("made")
    quantize("digits", folder, data="digits", bits="w4a4", source=Source(random=True))
    np.save(folder / "images.npy", load("digits", "test").read(range(8)))
    return folder


@pytest.fixture
def desk(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder of a reader who follows a page; C++ is compiled without optimisation to save time."""
    for name in ("model.onnx", "images.npy"):
        shutil.copy(made / name, tmp_path)
    shutil.copytree(ROOT / "examples" / "ci", tmp_path / "ci")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CXXFLAGS", "-O0")
    return tmp_path
