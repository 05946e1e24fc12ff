"""What Brevitas, and the float network, compute on the way: the values that the other engines are compared with.

Both traces have the same keys: names of tensors in the exported file. The values after each activation quantizer, after
each pool, after the global average, and the logits.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from fireline.model.network import Network, plain
from fireline.quant.export import OUTPUT
from fireline.quant.twin import FIXED, conv_inputs, convolutions

Trace = dict[str, npt.NDArray[np.float32]]

# Beyond it float32, and with it Brevitas and the QONNX executor, no longer holds every integer.
EXACT = 1 << 24


def brevitas_trace(twin: Network, images: npt.NDArray[np.generic], batch: int = 16) -> Trace:
    """Real values of a twin in eval mode on pixels, both `(N, C, H, W)`, by tensor name; logits are `(N, classes)`.

    They are exact multiples of their scales wherever `accumulators` stays below `EXACT`. No more than `batch` images
    run at once; what is returned is as large as the images are many.
    """
    return _trace(twin, images, batch)


def float_trace(network: Network, images: npt.NDArray[np.generic], batch: int = 16) -> Trace:
    """The same of the float network that a twin was made from."""
    return _trace(network, images, batch)


def accumulators(twin: Network) -> dict[str, int]:
    """The largest magnitude that a convolution's sum can reach, in units of its accumulator, by dotted path."""
    inputs = conv_inputs(twin)
    magnitudes = {}
    for path, conv in convolutions(twin):
        weights, limit = conv.quant_weight(), inputs[path].limit
        integers = weights.int().abs().flatten(1).sum(dim=1, dtype=torch.int64)
        unit = weights.scale.flatten().double() * inputs[path].scale
        bias = torch.round(conv.bias.detach().double() / unit).abs().to(torch.int64)
        magnitudes[path] = int((integers * limit + bias).max())
    return magnitudes


def tensor_name(path: str, module: nn.Module) -> str | None:
    """The exported file's name for what `module` puts out; None if nothing is compared there.

    Activations have their quantizer's name in both networks, though the float network has none.
    """
    stem = "/" + path.replace(".", "/")
    if isinstance(module, nn.MaxPool2d):
        return f"{stem}/MaxPool_output_0"
    if isinstance(module, nn.AdaptiveAvgPool2d):
        return f"{stem}/GlobalAveragePool_output_0"
    if path in FIXED or re.search(r"_act(\.[02])?$", path):
        # A classifier activation behind a quantizer of its own is numbered inside its container.
        stem = re.sub(r"/(\w+_act)/([02])$", r"/\1/\1.\2", stem)
        return (
            None if isinstance(module, nn.Sequential) else f"{stem}/act_quant/export_handler/Quant_output_0"
        )
    return None


def _trace(network: Network, images: npt.NDArray[np.generic], batch: int) -> Trace:
    parts: dict[str, list[npt.NDArray[np.float32]]] = {}

    def keep(name: str) -> Callable[..., None]:
        def hook(module: nn.Module, inputs: Any, output: Any) -> None:
            parts.setdefault(name, []).append(plain(output).numpy())

        return hook

    network.eval()
    with ExitStack() as hooks, torch.inference_mode():
        for path, module in network.named_modules():
            name = tensor_name(path, module)
            if name is not None:
                hooks.enter_context(module.register_forward_hook(keep(name)))
        hooks.enter_context(network.register_forward_hook(keep(OUTPUT)))
        for start in range(0, len(images), batch):
            network(torch.from_numpy(images[start : start + batch]).float())
    return {name: np.concatenate(arrays) for name, arrays in parts.items()}
