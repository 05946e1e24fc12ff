import pytest

from fireline.graph import Conv2d, macs
from tests.codegen.networks import network


@pytest.mark.parametrize(
    ("name", "parameters", "work"),
    [
        ("squeezenet1_1", 1235496, 349151936),
        ("cifar_e4", 727594, 223669888),
        ("squeezenet1_0", 1248424, 818924576),
    ],
)
def test_random_networks_have_the_size_of_their_presets(name: str, parameters: int, work: int) -> None:
    graph = network(name, 4)
    convs = [node for node in graph.nodes if isinstance(node, Conv2d)]
    assert sum(node.weight.size + node.bias.size for node in convs) == parameters
    assert macs(graph) == work
