import json
from pathlib import Path

import numpy as np
import pytest

from fireline.cli import main
from fireline.codegen.lower.network import lower
from fireline.errors import FirelineError
from fireline.sim.hls4ml_witness import available, hls4ml
from tests.graphs import random_pixels
from tests.qonnx_models import QonnxBuilder


def plain_model(folder: Path) -> Path:
    """What hls4ml can do: powers of two, 2x2 pools, no average."""
    b = QonnxBuilder((3, 8, 8))
    x = b.quant("input", 1.0)
    x = b.quant(b.relu(b.conv(x, 3, 4, 3, 1, 1)), 2.0**2, 6)
    x = b.maxpool(x, 2, 2, False)
    x = b.quant(b.relu(b.conv(x, 4, 5)), 2.0**2, 6)
    return b.save(x, folder)


def test_without_hls4ml_the_way_out_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fireline.sim.hls4ml_witness.available", lambda python: False)
    path = plain_model(tmp_path)
    with pytest.raises(FirelineError, match=r"hls4ml is not installed \(pip install"):
        hls4ml(lower(path), path)


@pytest.mark.slow
@pytest.mark.skipif(not available(), reason="hls4ml is not installed")
def test_hls4ml_and_ap_int_are_witnesses(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = plain_model(tmp_path)
    np.save(tmp_path / "x.npy", random_pixels(lower(path), 4))
    engines = ["--engine", "hls4ml", "--engine", "csim-ap-int", "--engine", "qonnx"]
    main(["verify", str(path), "--inputs", str(tmp_path / "x.npy"), "--json", *engines])
    result = json.loads(capsys.readouterr().out)["engines"]
    assert {name: one["mismatches"] for name, one in result.items()} == {
        "simulator": 0,
        "hls4ml": 0,
        "csim-ap-int": 0,
        "qonnx": 0,
    }
    assert result["hls4ml"]["tensors"] == 1 and result["hls4ml"]["values"] == 4 * 5 * 4 * 4


@pytest.mark.slow
@pytest.mark.skipif(not available(), reason="hls4ml is not installed")
def test_what_hls4ml_cannot_do_is_an_error_and_no_crash(tmp_path: Path) -> None:
    b = QonnxBuilder((3, 8, 8))
    path = b.save(b.maxpool(b.quant(b.relu(b.conv(b.quant("input", 1.0), 3, 4)), 4.0, 4), 3, 2), tmp_path)
    graph = lower(path)
    with pytest.raises(FirelineError, match="hls4ml cannot do this network"):
        hls4ml(graph, path).run(random_pixels(graph, 1))
