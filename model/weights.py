"""Pretrained weights from files: npz or pth, torchvision's names or Fireline's own."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from fireline.errors import FirelineError
from fireline.model.architecture import SqueezeNet
from fireline.model.network import Network, float_network

Preprocessing = Literal["torchvision", "caffe", "fireline"]
Arrays = dict[str, npt.NDArray[np.float32]]

_TORCHVISION_MEAN, _TORCHVISION_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_CAFFE_MEAN_BGR = (104.0, 117.0, 123.0)

# File names that say where their weights come from; torchvision's own end in eight hexadecimal digits.
_KNOWN_NAMES: tuple[tuple[str, Preprocessing], ...] = (
    (r"torchvision|-[0-9a-f]{8}\.pth$", "torchvision"),
    (r"caffe|deep_?compression", "caffe"),
)


def import_weights(config: SqueezeNet, path: Path, preprocessing: str | None = None) -> Network:
    """A float network of `config` with the weights of a file.

    Args:
        config: the architecture; its weights must be in the file, and no others.
        path: npz or torch file of float weights, (O, I, H, W), under torchvision's names (`features.3.squeeze.weight`)
            or Fireline's (`fire2.squeeze.weight`). Fireline's are taken as they are.
        preprocessing: what the network was trained to be given: "torchvision" (RGB / 255, mean and standard deviation),
            "caffe" (BGR minus 104, 117, 123), or "fireline" (`(RGB - 128) / 128`). It is folded into conv1.
            None takes the file's own `preprocessing` entry, or what its name says.

    Raises:
        FirelineError: no such file, not of a known format, weights missing or of another shape, not finite, or it is
            not clear which preprocessing they need.
    """
    network = float_network(config)
    preprocessing, arrays = _named_arrays(network, path, preprocessing)
    _load(network, arrays, path)
    fold_preprocessing(network, preprocessing)
    return network


def start_from(network: Network, path: Path, preprocessing: str | None = None) -> None:
    """Give `network` the weights of a file that was trained for other classes: all but those of its classifier.

    Arguments and errors are those of `import_weights`.
    """
    preprocessing, arrays = _named_arrays(network, path, preprocessing)
    own = {name: value.numpy() for name, value in network.state_dict().items() if name.startswith("conv10.")}
    _load(network, arrays | own, path)
    fold_preprocessing(network, preprocessing)


def _named_arrays(network: Network, path: Path, preprocessing: str | None) -> tuple[Preprocessing, Arrays]:
    """The arrays of a file under Fireline's names, and the preprocessing that they were trained on."""
    arrays = read_arrays(path)
    stated = arrays.pop("preprocessing", None)
    if "conv1.weight" in arrays:
        preprocessing = "fireline"
    else:
        preprocessing = preprocessing or (str(stated) if stated is not None else _from_name(path))
        arrays = {
            ours: arrays.pop(theirs) for ours, theirs in _names(network).items() if theirs in arrays
        } | arrays
    for known in get_args(Preprocessing):
        if preprocessing == known:
            return known, arrays
    raise FirelineError(
        f"preprocessing {preprocessing!r} is not known",
        node=str(path),
        hint=f"one of {', '.join(get_args(Preprocessing))}",
    )


def read_arrays(path: Path) -> Arrays:
    """All arrays of an npz file or of a torch file's state dict, by name."""
    if not path.is_file():
        raise FirelineError("there is no such weights file", node=str(path))
    try:
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as file:
                return {name: file[name] for name in file.files}
        state = torch.load(path, map_location="cpu", weights_only=True)
        state = state.get("state_dict", state)
        return {name: value.numpy() for name, value in state.items()}
    except (
        OSError,
        ValueError,
        zipfile.BadZipFile,
        RuntimeError,
        EOFError,
        AttributeError,
        KeyError,
    ) as error:
        reason = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
        raise FirelineError(f"not a weights file: {reason}", node=str(path), hint="npz or pth") from None


def fold_preprocessing(network: Network, preprocessing: Preprocessing) -> None:
    """Rewrite conv1 so that it takes `(RGB - 128) / 128` instead of what it was trained on.

    Both are affine in the pixel p = 128 u + 128, channel by channel: the network saw a u + b. A convolution without
    padding sees them everywhere, so scaling its weights by a and adding weights times b to its bias is exact.

    Raises:
        FirelineError: conv1 pads, or the images are not of three channels.
    """
    if preprocessing == "fireline":
        return
    stem = network.config.stem
    if stem.padding or network.config.input[0] != 3:
        raise FirelineError(
            f"{preprocessing} preprocessing folds only into a conv1 on RGB without padding", node="conv1"
        )
    if preprocessing == "torchvision":
        a = 128.0 / 255.0 / np.array(_TORCHVISION_STD)
        b = a - np.array(_TORCHVISION_MEAN) / np.array(_TORCHVISION_STD)
    else:
        a = np.full(3, 128.0)
        b = 128.0 - np.array(_CAFFE_MEAN_BGR)
    conv = network.get_submodule("conv1")
    assert isinstance(conv, nn.Conv2d)
    assert conv.bias is not None
    weight = conv.weight.detach().double()
    bias = conv.bias.detach().double() + weight.sum(dim=(2, 3)) @ torch.from_numpy(b)
    weight = weight * torch.from_numpy(a).reshape(1, 3, 1, 1)
    if preprocessing == "caffe":
        weight = weight.flip(1)
    with torch.no_grad():
        conv.weight.copy_(weight)
        conv.bias.copy_(bias)


def _from_name(path: Path) -> str:
    for pattern, name in _KNOWN_NAMES:
        if re.search(pattern, path.name.lower()):
            return name
    raise FirelineError(
        "it is not clear what pixels these weights were trained on",
        node=str(path),
        hint="state the preprocessing: torchvision, caffe or fireline",
    )


def _names(network: Network) -> dict[str, str]:
    """Torchvision's name of every weight, by ours: it numbers conv1, its ReLU, the pools and the Fires."""
    stages = [name for name in network.path if re.fullmatch(r"(pool|fire)\d+", name)]
    modules = {"conv1": "features.0", "conv10": "classifier.1"}
    modules |= {name: f"features.{i}" for i, name in enumerate(stages, start=2)}
    names = {}
    for ours in network.state_dict():
        stage = ours.partition(".")[0]
        if stage in modules:
            names[ours] = modules[stage] + ours[len(stage) :]
    return names


def _load(network: Network, arrays: Mapping[str, npt.NDArray[np.float32]], path: Path) -> None:
    expected = network.state_dict()
    missing = [name for name in expected if name not in arrays]
    if missing:
        raise FirelineError(
            "this weight is not in the file", node=f"{path}: {missing[0]}", hint="another preset?"
        )
    for name, tensor in expected.items():
        if arrays[name].shape != tuple(tensor.shape):
            raise FirelineError(
                f"the file has {arrays[name].shape}, the network {tuple(tensor.shape)}",
                node=f"{path}: {name}",
            )
        if not np.isfinite(arrays[name]).all():
            raise FirelineError("weights hold values that are not finite numbers", node=f"{path}: {name}")
    surplus = sorted(set(arrays) - set(expected))
    if surplus:
        raise FirelineError(
            f"the network has no place for {surplus[0]}", node=str(path), hint="another preset?"
        )
    network.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in arrays.items()})
