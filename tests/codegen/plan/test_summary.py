import json
from dataclasses import asdict

import pytest

from fireline.codegen.plan.choice import plan_for
from fireline.codegen.plan.cost.node import total
from fireline.codegen.plan.cycles import initiation_interval
from fireline.codegen.plan.summary import summary
from fireline.graph import macs
from tests.graphs import fire_network


def test_a_summary_adds_up_and_is_plain_data() -> None:
    plan = plan_for(fire_network(), "xc7z020", target_fps=20000)
    s = summary(plan)
    assert s.initiation_interval == initiation_interval(plan) == max(stage.cycles for stage in s.stages)
    assert s.frames_per_second == pytest.approx(125e6 / s.initiation_interval)
    assert s.frames_per_second >= 20000
    assert s.lanes == sum(stage.lanes for stage in s.stages)
    assert s.utilisation == pytest.approx(macs(plan.graph) / s.lanes / s.initiation_interval)
    assert s.used.lut == total(plan).lut
    assert s.used.bram36 <= s.available.bram36
    assert any(stage.bottleneck for stage in s.stages)
    assert s.initiation_interval < s.latency < 10 * s.initiation_interval
    assert {m.name for stage in s.stages for m in stage.memories} >= {"weights", "line buffer", "fifo"}
    assert json.loads(json.dumps(asdict(s)))["stages"][2]["name"] == "conv1"
