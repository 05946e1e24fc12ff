"""The network of an architecture as a torch module.

The same `Network` is the float network and its quantized twin: what differs is the `Layers` it is built from, so
module names, and with them weights and the nodes of an exported file, are the same in both.

Every network takes raw pixels, `(N, C, H, W)` floats holding 0 to 255, and begins by centring them exactly:
`(x - 128) / 128`. What else a trained network expects of its pixels is folded into conv1 (`fireline.model.weights`).
"""

from __future__ import annotations

from typing import Any, Protocol, overload

import torch
from torch import Tensor, nn

from fireline.model.alexnet import POOL, POOLS, AlexNet
from fireline.model.architecture import LEAKY_SLOPE, Activation, Conv, Pool, SqueezeNet
from fireline.model.baselines import Architecture
from fireline.model.resnet import OUTPUT_SCALE, POOLED, ResNet9


class Layers(Protocol):
    """Makes the layers of a network that exist both in float and quantized; `name` is the layer's dotted path."""

    def pixels(self) -> nn.Module:
        """What raw pixels pass through first."""

    def centred(self) -> nn.Module:
        """What centred pixels, -1 to 1, pass through."""

    def conv(self, conv: Conv) -> nn.Module:
        """A convolution, without what follows it."""

    def relu(self, name: str) -> nn.Module:
        """A ReLU and the activation quantizer behind it."""

    def classifier(self, name: str, activation: Activation) -> nn.Module:
        """The activation behind the classifier; it hands on plain tensors."""


class FloatLayers:
    """Plain torch layers."""

    def pixels(self) -> nn.Module:
        return nn.Identity()

    def centred(self) -> nn.Module:
        return nn.Identity()

    def conv(self, conv: Conv) -> nn.Module:
        return nn.Conv2d(
            conv.inputs, conv.outputs, conv.kernel, conv.stride, conv.padding, bias=not conv.batch_norm
        )

    def relu(self, name: str) -> nn.Module:
        return nn.ReLU()

    def classifier(self, name: str, activation: Activation) -> nn.Module:
        if activation == "relu":
            return nn.ReLU()
        return nn.Sequential(nn.Identity(), curved(activation), nn.Identity())


def curved(activation: Activation) -> nn.Module:
    """A classifier activation other than ReLU, which a quantizer before it makes a table of a few entries."""
    return nn.Tanh() if activation == "tanh" else nn.LeakyReLU(LEAKY_SLOPE)


def plain(x: Any) -> Tensor:
    """The values of a tensor; a quantized tensor carries its scale beside them."""
    return x if isinstance(x, Tensor) else x.value


class Centre(nn.Module):
    """Pixels 0 to 255 as -1 to 127/128, exact in float32."""

    def forward(self, x: Any) -> Tensor:
        return (plain(x) - 128.0) / 128.0


class BatchNorm(nn.BatchNorm2d):
    """In float32 also where a processor trains in bfloat16: PyTorch's backward pass of that (2.13, channels last) takes
    several times as long, and was more than half of a training step.
    """

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.float()).to(x.dtype) if x.is_cpu else super().forward(x)


def _normalized(conv: Conv) -> nn.Module:
    return BatchNorm(conv.outputs) if conv.batch_norm else nn.Identity()


class FireModule(nn.Module):
    """squeeze -> (expand1x1 | expand3x3) -> concat, with an optional bypass around it all.

    One activation, `expand_act`, follows the concatenated values of both expands, so that a quantized network has one
    scale there. `convs` are the module's convolutions by the last part of their names.
    """

    def __init__(self, name: str, convs: dict[str, Conv], bypassed: bool, layers: Layers) -> None:
        super().__init__()
        self.squeeze = layers.conv(convs["squeeze"])
        self.squeeze_bn = _normalized(convs["squeeze"])
        self.squeeze_act = layers.relu(f"{name}.squeeze_act")
        self.expand1x1 = layers.conv(convs["expand1x1"])
        self.expand1x1_bn = _normalized(convs["expand1x1"])
        self.expand3x3 = layers.conv(convs["expand3x3"])
        self.expand3x3_bn = _normalized(convs["expand3x3"])
        self.expand_act = layers.relu(f"{name}.expand_act")
        self.bypassed = bypassed
        self.bypass = None
        if "bypass" in convs:
            self.bypass = layers.conv(convs["bypass"])
            self.bypass_bn = _normalized(convs["bypass"])
            self.bypass_act = layers.relu(f"{name}.bypass_act")
        if bypassed:
            self.sum_act = layers.relu(f"{name}.sum_act")

    def squeezed(self, x: Any) -> Any:
        """What both expands read."""
        return self.squeeze_act(self.squeeze_bn(self.squeeze(x)))

    def forward(self, x: Any) -> Any:
        squeezed = self.squeezed(x)
        expanded = (self.expand1x1_bn(self.expand1x1(squeezed)), self.expand3x3_bn(self.expand3x3(squeezed)))
        y = self.expand_act(torch.cat(expanded, dim=1))
        if not self.bypassed:
            return y
        if self.bypass is not None:
            x = self.bypass_act(self.bypass_bn(self.bypass(x)))
        return self.sum_act(plain(y) + plain(x))


class Staged(nn.Module):
    """Named stages, one after the other: raw pixels `(N, C, H, W)`, floats 0 to 255, to `(N, classes)` logits.

    `config` is the architecture; `path` are the names of the stages in the order they run.
    """

    config: Architecture

    def __init__(self) -> None:
        super().__init__()
        self.path: list[str] = []

    def forward(self, x: Tensor) -> Tensor:
        for name in self.path:
            x = self.get_submodule(name)(x)
        return x.flatten(1)

    def append(self, name: str, module: nn.Module) -> None:
        """Add a last stage."""
        self.add_module(name, module)
        self.path.append(name)


class Network(Staged):
    """A SqueezeNet, float or quantized."""

    config: SqueezeNet

    def __init__(self, config: SqueezeNet, layers: Layers) -> None:
        super().__init__()
        self.config = config
        convs = {conv.name: conv for conv in config.convolutions()}
        self.append("pixels", layers.pixels())
        self.append("centre", Centre())
        self.append("centred", layers.centred())
        self.append("conv1", layers.conv(convs["conv1"]))
        self.append("conv1_bn", _normalized(convs["conv1"]))
        self.append("conv1_act", layers.relu("conv1_act"))
        self._add_pool(1)
        for stage in range(2, len(config.fires) + 2):
            name = f"fire{stage}"
            inside = {
                key.partition(".")[2]: conv for key, conv in convs.items() if key.startswith(f"{name}.")
            }
            shared = inside["squeeze"].inputs == config.fires[stage - 2].output
            bypassed = "bypass" in inside or (config.bypass != "none" and shared)
            self.append(name, FireModule(name, inside, bypassed, layers))
            self._add_pool(stage)
        self.append("dropout", nn.Dropout(config.dropout))
        self.append("conv10", layers.conv(convs["conv10"]))
        self.append("conv10_bn", _normalized(convs["conv10"]))
        self.append("conv10_act", layers.classifier("conv10_act", config.classifier))
        self.append("average", nn.AdaptiveAvgPool2d(1))

    def _add_pool(self, stage: int) -> None:
        if stage in self.config.pools:
            pool: Pool = self.config.pool
            self.append(f"pool{stage}", nn.MaxPool2d(pool.kernel, pool.stride, ceil_mode=pool.ceil_mode))


class AlexNetwork(Staged):
    """An AlexNet in float; its fully connected layers are convolutions."""

    config: AlexNet

    def __init__(self, config: AlexNet) -> None:
        super().__init__()
        self.config = config
        layers = FloatLayers()
        self.append("centre", Centre())
        for conv in config.convolutions():
            if conv.name in ("fc6", "fc7"):
                self.append(f"{conv.name}_dropout", nn.Dropout(config.dropout))
            self.append(conv.name, layers.conv(conv))
            if conv.name != "fc8":
                self.append(f"{conv.name}_act", layers.relu(conv.name))
            if config.response_norm and conv.name in POOLS[:2]:
                self.append(f"{conv.name}_norm", nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2.0))
            if conv.name in POOLS:
                self.append(f"{conv.name}_pool", nn.MaxPool2d(POOL.kernel, POOL.stride))


class Normalized(nn.Module):
    """A convolution, batch norm and ReLU."""

    def __init__(self, conv: Conv, layers: FloatLayers) -> None:
        super().__init__()
        self.conv = layers.conv(conv)
        self.bn = _normalized(conv)
        self.act = layers.relu(conv.name)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.act(self.bn(self.conv(x)))
        return y


class ResidualBlock(nn.Module):
    """Two normalized convolutions, added to what enters."""

    def __init__(self, first: Conv, second: Conv, layers: FloatLayers) -> None:
        super().__init__()
        self.first = Normalized(first, layers)
        self.second = Normalized(second, layers)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = x + self.second(self.first(x))
        return y


class Scaled(nn.Module):
    """Values times a constant."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        return x * self.factor


class ResNetwork(Staged):
    """A ResNet-9 in float; its fully connected layer is a convolution."""

    config: ResNet9

    def __init__(self, config: ResNet9) -> None:
        super().__init__()
        self.config = config
        layers = FloatLayers()
        convs = {conv.name: conv for conv in config.convolutions()}
        self.append("centre", Centre())
        for name, conv in convs.items():
            block, _, part = name.partition(".")
            if part == "first":
                self.append(block, ResidualBlock(conv, convs[f"{block}.second"], layers))
            elif name == "fc":
                self.append("largest", nn.AdaptiveMaxPool2d(1))
                self.append(name, layers.conv(conv))
                self.append("scaled", Scaled(OUTPUT_SCALE))
            elif not part:
                self.append(name, Normalized(conv, layers))
            if name in POOLED:
                self.append(f"{name}_pool", nn.MaxPool2d(2))


@overload
def float_network(config: SqueezeNet, seed: int = 0) -> Network: ...
@overload
def float_network(config: AlexNet, seed: int = 0) -> AlexNetwork: ...
@overload
def float_network(config: ResNet9, seed: int = 0) -> ResNetwork: ...
def float_network(config: Architecture, seed: int = 0) -> Network | AlexNetwork | ResNetwork:
    """A float network with random weights, the same for the same `seed`: He's; classifiers: normal, 0.01."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network: Network | AlexNetwork | ResNetwork
        match config:
            case AlexNet():
                network = AlexNetwork(config)
            case ResNet9():
                network = ResNetwork(config)
            case SqueezeNet():
                network = Network(config, FloatLayers())
        for name, module in network.named_modules():
            if isinstance(module, nn.Conv2d):
                if name in ("conv10", "fc"):
                    nn.init.normal_(module.weight, std=0.01)
                else:
                    nn.init.kaiming_uniform_(module.weight, nonlinearity="relu")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
    return network
