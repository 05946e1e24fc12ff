from fireline.codegen.plan.choice import plan_for
from fireline.sim.dataflow.simulator import trace
from fireline.sim.dataflow.steps import network
from fireline.sim.report.timeline_svg import plan_svg, timeline_svg
from tests.graphs import fire_network


def test_pictures_name_every_stage_and_are_the_same_each_time() -> None:
    plan = plan_for(fire_network(), "xc7z020", target_fps=20000)
    traced = trace(network(plan), 2)
    for draw in (lambda: timeline_svg(plan, traced), lambda: plan_svg(plan)):
        picture = draw()
        assert all(node.name in picture for node in plan.graph.nodes)
        assert picture == draw()
