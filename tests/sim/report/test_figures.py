from pathlib import Path

import pytest

from fireline.codegen.plan.choice import plan_for
from fireline.errors import FirelineError
from fireline.picture import picture, write_picture
from fireline.sim.dataflow.simulator import trace
from fireline.sim.dataflow.steps import network
from fireline.sim.report.figures import draw_plan, draw_timeline
from tests.graphs import fire_network


def test_figures_name_every_stage_and_are_the_same_each_time(tmp_path: Path) -> None:
    plan = plan_for(fire_network(), "xc7z020", target_fps=20000)
    traced = trace(network(plan), 2)
    for draw in (lambda: draw_timeline(plan, traced), lambda: draw_plan(plan)):
        assert all(node.name in picture(draw(), "svg").decode() for node in plan.graph.nodes)
    for kind, first in (("svg", b"<?xml"), ("png", b"\x89PNG"), ("pdf", b"%PDF")):
        made = picture(draw_plan(plan), kind)
        assert made.startswith(first)
        assert made == picture(draw_plan(plan), kind)
    with pytest.raises(FirelineError, match=r"no picture of kind 'jpg' \(\.png, \.svg or \.pdf\)"):
        write_picture(draw_plan(plan), tmp_path / "plan.jpg")
