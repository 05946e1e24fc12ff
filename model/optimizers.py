"""The optimizer and the learning rate schedule of a training phase, as torch has them or makes them easy to have."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import SGD, Adam, AdamW, Optimizer, RMSprop
from torch.optim import lr_scheduler as schedulers

from fireline.model import recipe


def build_optimizer(network: nn.Module, wanted: recipe.Optimizer) -> Optimizer:
    """The optimizer of a phase for all parameters of `network`."""
    groups = list(_groups(network.parameters(), wanted.weight_decay))
    rate = wanted.learning_rate
    match wanted:
        case recipe.Sgd():
            return SGD(groups, rate, wanted.momentum, nesterov=wanted.nesterov)
        case recipe.Accelerated():
            return AcceleratedGradient(groups, rate, wanted.momentum)
        case recipe.Perturbed():
            return PerturbedGradient(groups, rate, wanted.momentum, wanted.radius, wanted.interval)
        case recipe.Adam():
            return (AdamW if wanted.decoupled else Adam)(groups, rate)
        case recipe.RmsProp():
            return RMSprop(groups, rate, momentum=wanted.momentum)


def build_schedule(
    optimizer: Optimizer, wanted: recipe.Schedule, steps: int, epoch_steps: int
) -> schedulers.LRScheduler | schedulers.ReduceLROnPlateau:
    """The schedule of a phase of `steps` steps, `epoch_steps` an epoch; it is to be stepped after every step.

    A plateau's is stepped after every epoch instead, with the test loss.
    """
    match wanted:
        case recipe.Constant():
            return schedulers.ConstantLR(optimizer, factor=1.0)
        case recipe.Step():
            return schedulers.StepLR(optimizer, wanted.epochs * epoch_steps, wanted.factor)
        case recipe.Cosine():
            return schedulers.CosineAnnealingLR(optimizer, steps)
        case recipe.Restarts():
            first = wanted.epochs * epoch_steps
            return schedulers.CosineAnnealingWarmRestarts(optimizer, first, wanted.growth)
        case recipe.Plateau():
            return schedulers.ReduceLROnPlateau(optimizer, factor=wanted.factor, patience=wanted.patience)
        case recipe.Linear():
            return schedulers.LinearLR(optimizer, start_factor=1.0, end_factor=0.0, total_iters=steps)
        case recipe.OneCycle():
            return schedulers.OneCycleLR(
                optimizer,
                [group["lr"] for group in optimizer.param_groups],
                total_steps=steps,
                pct_start=wanted.warmup,
                anneal_strategy=wanted.shape,
            )


def _groups(parameters: Iterable[nn.Parameter], decay: float) -> Iterator[dict[str, Any]]:
    """Decay is for the weights of convolutions: it would pull scales and biases to values that mean nothing."""
    known = list(parameters)
    decayed = [value for value in known if value.ndim == 4 and value.numel() > value.shape[0]]
    kept = {id(value) for value in decayed}
    yield {"params": decayed, "weight_decay": decay}
    yield {"params": [value for value in known if id(value) not in kept], "weight_decay": 0.0}


class AcceleratedGradient(SGD):
    """`fireline.model.recipe.Accelerated`. The step is counted in the parameter groups, so it is saved with them."""

    def __init__(self, groups: list[dict[str, Any]], rate: float, momentum: float) -> None:
        super().__init__(groups, rate, momentum)
        for group in self.param_groups:
            group |= {"limit": momentum, "step": 0}

    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        for group in self.param_groups:
            step = group["step"]
            # A first step without momentum is plain gradient descent, which torch does not call Nesterov's.
            group["momentum"] = min(group["limit"], step / (step + 3))
            group["nesterov"] = step > 0
            group["step"] += 1
        loss: float | None = super().step(closure)
        return loss


class PerturbedGradient(SGD):
    """`fireline.model.recipe.Perturbed`: noise uniform in a ball, by a direction and the radius's distribution."""

    def __init__(
        self, groups: list[dict[str, Any]], rate: float, momentum: float, radius: float, interval: int
    ) -> None:
        super().__init__(groups, rate, momentum)
        self.radius = radius
        for group in self.param_groups:
            group |= {"interval": interval, "step": 0}

    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        loss: float | None = super().step(closure)
        group = self.param_groups[0]
        group["step"] += 1
        if group["step"] % group["interval"] == 0:
            self._perturb([value for group in self.param_groups for value in group["params"]])
        return loss

    @torch.no_grad()
    def _perturb(self, values: list[Tensor]) -> None:
        noise = [torch.randn_like(value) for value in values]
        norm = torch.stack([part.square().sum() for part in noise]).sum().sqrt()
        size = sum(value.numel() for value in values)
        length = self.radius * torch.rand(()).item() ** (1 / size)
        for value, part in zip(values, noise, strict=True):
            value.add_(part, alpha=length / float(norm))
