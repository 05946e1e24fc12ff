"""A network the whole way: float, quantized, QONNX, integer graph, HLS project; every engine on every integer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from fireline.codegen.hls.project import write_project
from fireline.codegen.lower.network import lower
from fireline.codegen.plan.devices import device
from fireline.codegen.plan.simple import simple_plan
from fireline.graph import Graph
from fireline.model.architecture import SqueezeNet
from fireline.model.data import ImageSet
from fireline.model.network import Network, float_network
from fireline.quant.bits import parse_precision
from fireline.quant.export import export
from fireline.quant.run import calibrated_twin
from fireline.quant.witness import EXACT, accumulators, brevitas_trace
from fireline.sim import engines
from fireline.sim.verify import verify
from tests.firmware import harness


def lively_network(config: SqueezeNet, seed: int = 0) -> Network:
    """A float network of random weights whose biases, batch norms and classifier are not those of a first step."""
    network = float_network(config, seed)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, value in network.named_parameters():
            if "_bn.weight" in name:
                value.uniform_(0.5, 1.5, generator=generator)
            elif name.endswith("bias"):
                value.normal_(0, 0.1, generator=generator)
            elif name == "conv10.weight":
                value.mul_(20)
        for name, value in network.named_buffers():
            if name.endswith("running_mean"):
                value.normal_(0, 0.1, generator=generator)
            elif name.endswith("running_var"):
                value.uniform_(0.5, 1.5, generator=generator)
    return network.eval()


def whole_way(config: SqueezeNet, bits: str, folder: Path) -> Graph:
    """Take a random network of `config` the whole way on images of noise: all engines have the simulator's integers."""
    pixels = np.random.default_rng(0).integers(0, 256, (4, *config.input)).astype(np.uint8)
    names = tuple(map(str, range(config.classes)))
    noise = ImageSet("noise", pixels, np.zeros(len(pixels), np.int64), names, config.input)
    _, twin = calibrated_twin(lively_network(config), parse_precision(bits), noise)
    assert max(accumulators(twin).values()) < EXACT
    export(twin, folder / "model.onnx")
    graph = lower(folder / "model.onnx")
    witnesses = [
        engines.real_valued(
            graph, "brevitas", folder / "model.onnx", lambda images: brevitas_trace(twin, images)
        ),
        engines.qonnx_executor(graph, folder / "model.onnx"),
    ]
    verify(graph, engines.simulator(graph), witnesses, [pixels[:1]]).require_exact()
    write_project(simple_plan(graph, device("xcu250"), 300.0), folder / "project", images=pixels[:1])
    result = harness.run(folder / "project")
    assert result.returncode == 0 and " 0 mismatches" in result.stdout, result.stderr[:2000]
    return graph
