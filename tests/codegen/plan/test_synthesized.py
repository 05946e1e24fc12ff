"""The cost model of RTL kernels against what Yosys made of whole networks, stage by stage.

Each file holds a plan of a network for a part, and of every stage the LUTs, FFs, multipliers and block RAMs of 18 Kbit
that `fireline synth` counted in the project of that plan. The network is a shipped checkpoint, or the graph beside it:
SqueezeNet 1.1 with torchvision's weights, which are zeros here but in the first convolution, as the cost depends on no
others.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fireline.codegen.plan import file as plan_file
from fireline.codegen.plan.cost.node import resources
from fireline.graph import Graph
from fireline.quant.pretrained import unpacked

FOLDER = Path(__file__).parent / "synthesized"


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.json")), ids=lambda path: path.stem)
def test_every_stage_is_within_ten_percent(path: Path) -> None:
    counted = json.loads(path.read_text())
    graph = lowered(path.stem.split("-")[0])
    plan = plan_file.parse(counted["plan"], graph)
    assert list(counted["stages"]) == [node.name for node in graph.nodes]
    far = []
    for (name, (lut, ff, dsp, block)), model in zip(counted["stages"].items(), resources(plan), strict=True):
        if (dsp, block) != (model.dsp, model.bram18) or any(
            abs(planned - found) > found / 10 for planned, found in ((model.lut, lut), (model.ff, ff))
        ):
            far.append(f"{name}: {lut, ff, dsp, block} synthesized, {model} planned")
    assert not far


def lowered(name: str) -> Graph:
    """The integer graph of a shipped checkpoint, or of a file in `FOLDER`."""
    from fireline.codegen.lower.network import lower

    path = FOLDER / f"{name}.npz"
    return Graph.load(path) if path.exists() else lower(unpacked(name) / "model.onnx")
