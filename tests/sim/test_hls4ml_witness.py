from pathlib import Path

import pytest

from fireline.codegen.lower import lower
from fireline.errors import FirelineError
from fireline.sim.engines import simulator
from fireline.sim.hls4ml_witness import available, hls4ml
from fireline.sim.verify import verify
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
def test_hls4ml_is_a_witness(tmp_path: Path) -> None:
    path = plain_model(tmp_path)
    graph = lower(path)
    verify(graph, simulator(graph), [hls4ml(graph, path)], [random_pixels(graph, 4)]).require_exact()


@pytest.mark.slow
@pytest.mark.skipif(not available(), reason="hls4ml is not installed")
def test_what_hls4ml_cannot_do_is_an_error_and_no_crash(tmp_path: Path) -> None:
    b = QonnxBuilder((3, 8, 8))
    path = b.save(b.maxpool(b.quant(b.relu(b.conv(b.quant("input", 1.0), 3, 4)), 4.0, 4), 3, 2), tmp_path)
    graph = lower(path)
    with pytest.raises(FirelineError, match="hls4ml cannot do this network"):
        hls4ml(graph, path).run(random_pixels(graph, 1))
