from pathlib import Path

import numpy as np
import pytest
import torch

from fireline.errors import FirelineError
from fireline.model.accuracy import accuracy
from fireline.model.architecture import Fire, SqueezeNet, Stem
from fireline.model.data import load
from fireline.model.evaluate import logits
from fireline.model.network import float_network
from fireline.model.presets import preset
from fireline.model.weights import import_weights
from tests.model.shared import PRETRAINED, photographs

TINY = SqueezeNet(Stem(8, 3, 2), (Fire(4, 8, 8), Fire(4, 8, 8)), pools=(1,), classes=5, input=(3, 33, 33))
NAMES = {"conv1": "features.0", "fire2": "features.3", "fire3": "features.4", "conv10": "classifier.1"}


def arrays(seed: int = 0) -> dict[str, np.ndarray]:
    """Random weights of TINY under torchvision's names: conv1, its ReLU, pool1, fire2, fire3."""
    random = np.random.default_rng(seed)
    shapes = float_network(TINY).state_dict()
    return {
        NAMES[name.partition(".")[0]] + name[name.index(".") :]: random.normal(size=value.shape).astype(
            np.float32
        )
        for name, value in shapes.items()
    }


def save(folder: Path, name: str = "tiny_torchvision.npz", **changes: np.ndarray) -> Path:
    np.savez(folder / name, **(arrays() | changes))
    return folder / name


def first_layer(values: dict[str, np.ndarray], x: torch.Tensor) -> torch.Tensor:
    weight, bias = torch.from_numpy(values["features.0.weight"]), torch.from_numpy(values["features.0.bias"])
    return torch.nn.functional.conv2d(x, weight.double(), bias.double(), stride=2)


@pytest.mark.parametrize("preprocessing", ["torchvision", "caffe", "fireline"])
def test_preprocessing_is_folded_into_conv1(tmp_path: Path, preprocessing: str) -> None:
    pixels = torch.from_numpy(np.random.default_rng(1).integers(0, 256, (2, 3, 33, 33))).double()
    if preprocessing == "torchvision":
        mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
        x = (pixels / 255 - mean.reshape(3, 1, 1)) / std.reshape(3, 1, 1)
    elif preprocessing == "caffe":
        x = pixels.flip(1) - torch.tensor([104.0, 117.0, 123.0]).reshape(3, 1, 1)
    else:
        x = (pixels - 128) / 128
    network = import_weights(TINY, save(tmp_path, "tiny.npz"), preprocessing)
    ours = network.conv1(network.centre(pixels.float()))
    assert torch.allclose(ours.double(), first_layer(arrays(), x), rtol=1e-5, atol=1e-3)


def test_all_weights_arrive(tmp_path: Path) -> None:
    network = import_weights(TINY, save(tmp_path))
    expected = arrays()
    assert np.array_equal(
        network.state_dict()["fire3.squeeze.weight"].numpy(), expected["features.4.squeeze.weight"]
    )
    assert np.array_equal(network.state_dict()["conv10.bias"].numpy(), expected["classifier.1.bias"])


def test_a_torch_file_and_our_own_names(tmp_path: Path) -> None:
    network = float_network(TINY, seed=3)
    torch.save(network.state_dict(), tmp_path / "own.pth")
    again = import_weights(TINY, tmp_path / "own.pth")
    assert all(torch.equal(a, b) for a, b in zip(network.parameters(), again.parameters(), strict=True))


def test_the_file_may_say_what_it_was_trained_on(tmp_path: Path) -> None:
    stated = import_weights(TINY, save(tmp_path, "tiny.npz", preprocessing=np.array("caffe")))
    named = import_weights(TINY, save(tmp_path, "tiny_caffe.npz"))
    assert torch.equal(stated.conv1.weight, named.conv1.weight)


def test_bad_files(tmp_path: Path) -> None:
    for name in ("text.npz", "text.pth"):
        (tmp_path / name).write_text("hello")
    cases = [
        ("not clear what pixels", save(tmp_path, "tiny.npz")),
        (
            "not finite",
            save(tmp_path, "nan_caffe.npz", **{"classifier.1.bias": np.full(5, np.nan, np.float32)}),
        ),
        ("has no place for extra", save(tmp_path, "more_caffe.npz", extra=np.zeros(1))),
        ("the network", save(tmp_path, "shape_caffe.npz", **{"features.0.bias": np.zeros(9, np.float32)})),
        ("no such weights file", tmp_path / "none.npz"),
        ("not a weights file", tmp_path / "text.npz"),
        ("not a weights file", tmp_path / "text.pth"),
    ]
    for message, path in cases:
        with pytest.raises(FirelineError, match=message):
            import_weights(TINY, path)
    with pytest.raises(FirelineError, match="not in the file"):
        import_weights(preset("squeezenet1_1"), save(tmp_path))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "file", "top1", "top5"),
    [
        ("squeezenet1_1", "squeezenet1_1_torchvision", 0.53, 0.80),
        ("squeezenet1_1", "squeezenet1_1_caffe", 0.53, 0.74),
        ("squeezenet1_0", "squeezenet1_0_deepcompression", 0.50, 0.78),
    ],
)
def test_published_weights_on_photographs(
    name: str, file: str, top1: float, top5: float, tmp_path_factory: pytest.TempPathFactory
) -> None:
    # Of all 1000 photographs they get 64.5/85.9, 61.8/82.9 and 60.9/83.9 %; these are the same on 100 of them. One
    # image may go the other way on a machine that sums in another order.
    folder = photographs(tmp_path_factory)
    network = import_weights(preset(name), PRETRAINED / f"{file}.npz")
    data = load(str(folder), "test", (3, 224, 224)).subset(100)
    reached = accuracy(logits(network, data), data.labels)
    assert (reached.top1, reached.top5) == pytest.approx((top1, top5), abs=0.011)
