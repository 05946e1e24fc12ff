import pytest
import torch

from fireline.errors import FirelineError
from fireline.model.alexnet import AlexNet
from fireline.model.count import counts, parameter_count
from fireline.model.network import float_network
from fireline.model.presets import BASELINES, architecture, preset

TINY = AlexNet((8, 12, 16, 16, 12), hidden=20, classes=5, input=(3, 67, 67))


# The first is also published as 62 380 346, which the layers below do not add up to.
@pytest.mark.parametrize(
    ("name", "parameters"), [("alexnet", 62_378_344), ("alexnet_torchvision", 61_100_840)]
)
def test_parameter_counts(name: str, parameters: int) -> None:
    assert counts(BASELINES[name]).parameters == parameters


def test_parameters_of_each_layer() -> None:
    layers = {conv.name: parameter_count(conv) for conv in BASELINES["alexnet"].convolutions()}
    assert layers == {
        "conv1": 96 * (11 * 11 * 3 + 1),
        "conv2": 256 * (5 * 5 * 96 + 1),
        "conv3": 384 * (3 * 3 * 256 + 1),
        "conv4": 384 * (3 * 3 * 384 + 1),
        "conv5": 256 * (3 * 3 * 384 + 1),
        "fc6": 4096 * (6 * 6 * 256 + 1),
        "fc7": 4096 * (4096 + 1),
        "fc8": 1000 * (4096 + 1),
    }


@pytest.mark.parametrize("name", ["alexnet", "alexnet_torchvision"])
def test_images_are_as_large_as_published(name: str) -> None:
    sides = {conv.name: conv.height for conv in BASELINES[name].convolutions()}
    assert [sides[f"conv{i}"] for i in range(1, 6)] == [55, 27, 13, 13, 13]


def test_counts_are_those_of_the_network() -> None:
    for response_norm in (True, False):
        network = float_network(AlexNet((8, 12, 16, 16, 12), 2, 20, 5, (3, 67, 67), response_norm))
        assert sum(value.numel() for value in network.parameters()) == counts(network.config).parameters


def test_float_forward_is_alexnet_written_out() -> None:
    network = float_network(TINY, seed=1).eval()
    pixels = torch.randint(0, 256, (2, 3, 67, 67), generator=torch.Generator().manual_seed(0)).float()
    f, state = torch.nn.functional, network.state_dict()

    def conv(x: torch.Tensor, name: str, stride: int = 1, padding: int = 0) -> torch.Tensor:
        return f.conv2d(x, state[f"{name}.weight"], state[f"{name}.bias"], stride, padding).relu()

    def linear(x: torch.Tensor, name: str) -> torch.Tensor:
        return x @ state[f"{name}.weight"].flatten(1).T + state[f"{name}.bias"]

    x = (pixels - 128) / 128
    x = f.max_pool2d(f.local_response_norm(conv(x, "conv1", stride=4), 5, 5e-4, 0.75, 2.0), 3, 2)
    x = f.max_pool2d(f.local_response_norm(conv(x, "conv2", padding=2), 5, 5e-4, 0.75, 2.0), 3, 2)
    x = conv(conv(x, "conv3", padding=1), "conv4", padding=1)
    x = f.max_pool2d(conv(x, "conv5", padding=1), 3, 2)
    expected = linear(linear(linear(x.flatten(1), "fc6").relu(), "fc7").relu(), "fc8")
    with torch.inference_mode():
        assert torch.allclose(network(pixels), expected, rtol=1e-4, atol=1e-5)


def test_dropout_stands_before_the_first_two_fully_connected_layers() -> None:
    names = float_network(TINY).path
    assert [names[i + 1] for i, name in enumerate(names) if "dropout" in name] == ["fc6", "fc7"]


def test_a_baseline_is_built_but_not_quantized() -> None:
    assert architecture("alexnet") == BASELINES["alexnet"]
    with pytest.raises(FirelineError, match="alexnet: this baseline exists in float only"):
        preset("alexnet")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"input": (3, 32, 32)}, "shrunk"),
        ({"input": (3, 227, 224)}, "square"),
        ({"hidden": 0}, "at least 1"),
    ],
)
def test_bad_alexnets_are_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(FirelineError, match=message):
        AlexNet((8, 12, 16, 16, 12), **changes)  # type: ignore[arg-type]
