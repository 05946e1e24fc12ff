"""Random networks: the QONNX executor, the simulator and the compiled C++ agree on every tensor."""

from pathlib import Path

import numpy as np
import pytest

from fireline.codegen.lower import lower
from fireline.graph import Graph
from fireline.sim.engines import qonnx_executor, simulator
from fireline.sim.verify import verify
from tests.random_networks import random_model


def pixels(graph: Graph, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (2, *graph.input.output.shape)).astype(np.uint8)


@pytest.mark.parametrize("seed", range(40))
def test_simulator_equals_executor(tmp_path: Path, seed: int) -> None:
    path = random_model(tmp_path, seed)
    graph = lower(path)
    verify(graph, simulator(graph), [qonnx_executor(graph, path)], [pixels(graph, seed)]).require_exact()
