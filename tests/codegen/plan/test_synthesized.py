"""The cost model of RTL kernels against what Yosys made of whole networks, stage by stage.

Each file holds a plan of a shipped checkpoint for a part, and of every stage the LUTs, FFs, multipliers and block RAMs
of 18 Kbit that `fireline synth` counted in the project of that plan.
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
    """The integer graph of a shipped checkpoint."""
    from fireline.codegen.lower.network import lower

    return lower(unpacked(name) / "model.onnx")
