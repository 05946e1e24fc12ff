import pytest
import torch

from fireline.errors import FirelineError
from fireline.model.count import counts
from fireline.model.network import float_network
from fireline.model.presets import BASELINES, preset
from fireline.model.resnet import ResNet9

TINY = ResNet9((4, 6, 8, 10), classes=5, input=(2, 16, 11))


def test_counts_are_those_of_the_network_and_as_published() -> None:
    sizes = counts(BASELINES["resnet9"])
    # 6,573,130 parameters in all (Page, 2018: 6.57 million, without a bias of the last layer).
    assert sizes.parameters - 10 == 6_573_120
    network = float_network(TINY)
    assert sum(value.numel() for value in network.parameters()) == counts(TINY).parameters


def test_float_forward_is_resnet_9_written_out() -> None:
    network = float_network(TINY, seed=1).eval()
    f, state, generator = torch.nn.functional, network.state_dict(), torch.Generator().manual_seed(0)
    for name, value in state.items():
        if "bn" in name and value.is_floating_point():
            value.copy_(torch.rand(value.shape, generator=generator) + 0.5)
    pixels = torch.randint(0, 256, (3, 2, 16, 11), generator=generator).float()

    def block(x: torch.Tensor, name: str) -> torch.Tensor:
        y = f.conv2d(x, state[f"{name}.conv.weight"], padding=1)
        mean, variance = state[f"{name}.bn.running_mean"], state[f"{name}.bn.running_var"]
        return f.batch_norm(y, mean, variance, state[f"{name}.bn.weight"], state[f"{name}.bn.bias"]).relu()

    x = block((pixels - 128) / 128, "conv1")
    x = f.max_pool2d(block(x, "conv2"), 2)
    x = x + block(block(x, "block1.first"), "block1.second")
    x = f.max_pool2d(block(x, "conv3"), 2)
    x = f.max_pool2d(block(x, "conv4"), 2)
    x = x + block(block(x, "block2.first"), "block2.second")
    expected = (x.amax((2, 3)) @ state["fc.weight"].flatten(1).T + state["fc.bias"]) / 8
    with torch.inference_mode():
        assert torch.allclose(network(pixels), expected, rtol=1e-4, atol=1e-5)


def test_it_is_not_quantized() -> None:
    with pytest.raises(FirelineError, match="resnet9: this baseline exists in float only"):
        preset("resnet9")


@pytest.mark.parametrize(
    ("changes", "message"), [({"input": (3, 7, 32)}, "halves the image"), ({"classes": 0}, "at least 1")]
)
def test_bad_sizes_are_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(FirelineError, match=message):
        ResNet9((4, 4, 4, 4), **changes)  # type: ignore[arg-type]
