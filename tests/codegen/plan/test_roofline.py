import pytest

from fireline.codegen.plan.choice import plan_for
from fireline.codegen.plan.devices import device
from fireline.codegen.plan.roofline import roofline
from fireline.codegen.plan.summary import summary
from fireline.graph import macs
from tests.codegen.networks import squeezenet1_1
from tests.graphs import fire_network


def test_the_roof_of_a_uniform_network_is_all_dsps_busy() -> None:
    graph, part = squeezenet1_1(8), device("xczu7ev")
    roof = roofline(graph, part, 300)
    assert roof.dsp == pytest.approx(300e6 * 2 * int(0.95 * 1728) / macs(graph))
    assert roof.input == pytest.approx(300e6 / (224 * 224))
    assert roof.dsp < roof.best < roof.input


@pytest.mark.parametrize("name", ["xc7z020", "xczu3eg", "xcu250"])
def test_no_plan_is_above_the_roof(name: str) -> None:
    plan = plan_for(fire_network(size=31), name)
    roof = roofline(plan.graph, plan.device, plan.clock_mhz)
    assert summary(plan).frames_per_second <= roof.best
