import pytest

from fireline.codegen.plan.devices import device
from fireline.codegen.plan.foldings import DEFAULT_DEPTH, Folding, Plan
from fireline.errors import FirelineError
from tests.graphs import Builder

PART = device("xc7z020")


def test_streams_have_the_default_depth_or_the_plans() -> None:
    b = Builder((4, 5, 5), seed=0)
    b.conv(0, 6)
    foldings = (Folding(4, 4), Folding(3, 2))
    assert Plan(b.graph(), PART, 100, foldings).depth(1, 0) == DEFAULT_DEPTH
    assert Plan(b.graph(), PART, 100, foldings, ((), (7,))).depth(1, 0) == 7
    with pytest.raises(FirelineError, match="one stream depth for each input"):
        Plan(b.graph(), PART, 100, foldings, ((), (7, 7)))
    with pytest.raises(FirelineError, match="at least one token"):
        Plan(b.graph(), PART, 100, foldings, ((), (0,)))
    with pytest.raises(FirelineError, match="at least one token"):
        Plan(b.graph(), PART, 100, foldings, adapter_depths=((), (0,)))


@pytest.mark.parametrize("folding", [Folding(4, 2), Folding(3, 3), Folding(3, 2, rows=2)])
def test_a_folding_divides_the_channels(folding: Folding) -> None:
    b = Builder((4, 5, 5), seed=0)
    b.conv(0, 6, name="one")
    with pytest.raises(FirelineError, match=r"^one: "):
        Plan(b.graph(), PART, 100, (Folding(4, 4), folding))


def test_groups_are_folded_within_themselves() -> None:
    b = Builder((4, 5, 5), seed=0)
    b.conv(0, 8, (3, 3), groups=4)
    assert Plan(b.graph(), PART, 100, (Folding(4, 4), Folding(2, 1, rows=3)))
    with pytest.raises(FirelineError):
        Plan(b.graph(), PART, 100, (Folding(4, 4), Folding(4, 1)))


def test_a_pool_has_as_many_lanes_in_as_out() -> None:
    b = Builder((4, 6, 6), seed=0)
    b.maxpool(0, (2, 2), (2, 2))
    with pytest.raises(FirelineError, match="do not divide"):
        Plan(b.graph(), PART, 100, (Folding(4, 4), Folding(4, 2)))
