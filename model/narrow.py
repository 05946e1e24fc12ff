"""A narrower network that begins with the channels of a trained wider one: those that are heard most.

As in Li et al., Pruning filters for efficient ConvNets, 2017 (arXiv:1608.08710), whole channels go. What tells them
apart is not the norm of their filters: batch norm says what a channel's values are like, so their mean square, times
the squares of the weights that read them, is how much of the channel reaches the layers behind. No image is needed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn

from fireline.errors import FirelineError
from fireline.model.architecture import SqueezeNet
from fireline.model.network import FireModule, Network, float_network
from fireline.model.run_networks import load_float

_NEW = -1  # the place of a channel that the wide network does not have


def narrowed(folder: Path, config: SqueezeNet, seed: int = 0) -> Network:
    """`narrow` of the float network in a run folder.

    Raises:
        FirelineError: the folder has none, or as `narrow`.
    """
    wide = load_float(folder)
    try:
        return narrow(wide, config, seed)
    except FirelineError as error:
        raise FirelineError(
            f"cannot be narrowed: {error.message}", node=str(folder), hint=error.hint
        ) from None


def narrow(wide: Network, config: SqueezeNet, seed: int = 0) -> Network:
    """A float network of `config` that has the channels of `wide` that are heard most, in the order they have there.

    Where `config` has more channels than `wide`, the others are random by `seed`, and nothing hears them yet. Running
    averages of batch norms are those of `wide`, where everything was heard: the network is made to be trained on.

    Raises:
        FirelineError: the two differ in more than widths, or `wide` has no batch norm somewhere.
    """
    network = float_network(config, seed)
    _check(wide, network)
    heard = _heard(wide)
    places = _most(heard["conv1"], config.stem.width)
    _copy(wide, network, "conv1", torch.arange(config.input[0]), places)
    for stages in _added(wide):
        old, new = wide.config.fires[stages[0] - 2], config.fires[stages[0] - 2]
        loudness = torch.stack([heard[f"fire{stage}"] for stage in stages]).sum(dim=0)
        one = _most(loudness[: old.expand1x1], new.expand1x1)
        three = _most(loudness[old.expand1x1 :], new.expand3x3)
        both = torch.cat([one, torch.where(three == _NEW, _NEW, three + old.expand1x1)])
        for stage in stages:
            name = f"fire{stage}"
            squeezed = _most(heard[f"{name}.squeeze"], config.fires[stage - 2].squeeze)
            _copy(wide, network, f"{name}.squeeze", places, squeezed)
            _copy(wide, network, f"{name}.expand1x1", squeezed, one)
            _copy(wide, network, f"{name}.expand3x3", squeezed, three)
            if _fire(wide, stage).bypass is not None:
                _copy(wide, network, f"{name}.bypass", places, both)
            places = both
    _copy(wide, network, "conv10", places, torch.arange(config.classes))
    return network


def _check(wide: Network, network: Network) -> None:
    config = network.config
    like = replace(
        config,
        fires=wide.config.fires,
        stem=config.stem._replace(width=wide.config.stem.width),
        dropout=wide.config.dropout,
    )
    if wide.config != like or len(wide.config.fires) != len(config.fires):
        raise FirelineError("the networks differ in more than the widths of their layers")
    if config.batch_norm != "all":
        raise FirelineError(
            "a convolution has no batch norm, which would say how large its channels' values are"
        )
    if _added(wide) != _added(network):
        raise FirelineError(
            "their bypasses stand around different Fires",
            hint="as many outputs in those that have one in both",
        )
    for stages in _added(wide):
        for fires in (wide.config.fires, config.fires):
            if len({fires[stage - 2][1:] for stage in stages}) > 1:
                names = ", ".join(f"fire{stage}" for stage in stages)
                raise FirelineError(f"the halves of {names}, whose outputs are added, differ in width")


def _added(network: Network) -> list[list[int]]:
    """The stages of the Fires, those together whose outputs are added, and so have the same channels.

    Raises:
        FirelineError: conv1's outputs are among those that are added.
    """
    together: list[list[int]] = []
    for stage in range(2, len(network.config.fires) + 2):
        fire = _fire(network, stage)
        if fire.bypassed and fire.bypass is None:
            if not together:
                raise FirelineError(
                    "the bypass of fire2 adds the outputs of conv1, which has no halves to keep"
                )
            together[-1].append(stage)
        else:
            together.append([stage])
    return together


def _fire(network: Network, stage: int) -> FireModule:
    fire = network.get_submodule(f"fire{stage}")
    assert isinstance(fire, FireModule)
    return fire


def _heard(wide: Network) -> dict[str, Tensor]:
    """How much of every channel behind conv1, each squeeze and each Fire reaches what reads it."""
    modules = dict(wide.named_modules())

    def loud(names: Iterable[str], readers: Iterable[str]) -> Tensor:
        values = torch.cat([_mean_square(modules[f"{name}_bn"]) for name in names])
        gains = [_gain(modules[name], modules[f"{name}_bn"]) for name in readers if name in modules]
        return values * torch.stack(gains).sum(dim=0)

    last = len(wide.config.fires) + 1
    heard = {"conv1": loud(["conv1"], ["fire2.squeeze", "fire2.bypass"])}
    for stage in range(2, last + 1):
        name, following = f"fire{stage}", f"fire{stage + 1}"
        halves = [f"{name}.expand1x1", f"{name}.expand3x3"]
        behind = ["conv10"] if stage == last else [f"{following}.squeeze", f"{following}.bypass"]
        heard[f"{name}.squeeze"] = loud([f"{name}.squeeze"], halves)
        heard[name] = loud(halves, behind)
    return heard


def _mean_square(norm: nn.Module) -> Tensor:
    """Of what a ReLU leaves of each channel behind a batch norm, where values have a normal distribution."""
    assert isinstance(norm, nn.BatchNorm2d)
    mean = norm.bias.detach().double()
    deviation = norm.weight.detach().double().abs().clamp(min=1e-12)
    z = mean / deviation
    share = (1 + torch.erf(z / math.sqrt(2))) / 2
    density = torch.exp(-z.square() / 2) / math.sqrt(2 * math.pi)
    return (mean.square() + deviation.square()) * share + mean * deviation * density


def _gain(conv: nn.Module, norm: nn.Module) -> Tensor:
    """The sum of the squares of all weights that read a channel, batch norm folded into them."""
    assert isinstance(conv, nn.Conv2d)
    assert isinstance(norm, nn.BatchNorm2d)
    assert norm.running_var is not None
    folded = norm.weight.detach().double().square() / (norm.running_var.double() + norm.eps)
    return folded @ conv.weight.detach().double().square().sum(dim=(2, 3))


def _most(heard: Tensor, count: int) -> Tensor:
    """Places of the `count` channels that are heard most, ascending; `_NEW` where there are not as many."""
    kept = heard.topk(min(count, len(heard))).indices.sort().values
    return torch.cat([kept, torch.full((count - len(kept),), _NEW)])


def _copy(wide: Network, network: Network, name: str, inputs: Tensor, outputs: Tensor) -> None:
    """Weights and batch norm of one convolution, from its channels `inputs` and `outputs` in `wide`."""
    source, target = wide.get_submodule(name), network.get_submodule(name)
    assert isinstance(source, nn.Conv2d)
    assert isinstance(target, nn.Conv2d)
    old = outputs != _NEW
    with torch.no_grad():
        weight = source.weight[outputs[old]][:, inputs]
        weight[:, inputs == _NEW] = 0
        target.weight[old] = weight
        before = wide.get_submodule(f"{name}_bn").state_dict()
        for key, value in network.get_submodule(f"{name}_bn").state_dict().items():
            if value.ndim:
                value[old] = before[key][outputs[old]]
