"""What one step of training computes, as Lightning wants to be told."""

from __future__ import annotations

from typing import Any

import lightning
import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import ReduceLROnPlateau

from fireline.errors import FirelineError
from fireline.model.augment import augment
from fireline.model.network import Staged
from fireline.model.optimizers import build_optimizer, build_schedule
from fireline.model.prune import Masks, apply_masks
from fireline.model.recipe import Plateau, Training

TOP = 5
_cross_entropy = nn.functional.cross_entropy


class Task(lightning.LightningModule):
    """Cross-entropy on raw pixels, against labels, a teacher's probabilities or both, in phase `place` of a training.

    `masks` are weights that stay zero.
    """

    def __init__(self, network: Staged, training: Training, place: int, teacher: Staged | None) -> None:
        super().__init__()
        self.network = network
        self.training_recipe = training
        self.place = place
        self.phase = training.phases[place]
        self.masks: Masks = {}
        self.plateau: ReduceLROnPlateau | None = None
        self._plateau_state: dict[str, Any] | None = None
        self._teacher = (
            [] if teacher is None else [teacher.eval()]
        )  # in a list: it is no part of what is trained

    def on_fit_start(self) -> None:
        for teacher in self._teacher:
            teacher.to(self.device)
        self.masks = {name: mask.to(self.device) for name, mask in self.masks.items()}

    def training_step(self, batch: tuple[Tensor, Tensor], index: int) -> Tensor:
        # Lightning has no hook that runs at the start of every epoch, a resumed one included; every step has.
        entropy = [self.training_recipe.seed, self.place, self.global_step, self.global_rank]
        torch.manual_seed(int(np.random.SeedSequence(entropy).generate_state(1)[0]))
        pixels, labels = batch
        loss = self._measure(
            "train", augment(pixels.float(), self.phase.augment or self.training_recipe.augment), labels
        )
        if not bool(loss.isfinite()):
            raise FirelineError("the loss is not a number any more", hint="lower the learning rate")
        return loss

    def validation_step(self, batch: tuple[Tensor, Tensor], index: int) -> None:
        pixels, labels = batch
        self._measure("test", pixels.float(), labels)

    def configure_optimizers(self) -> Any:
        optimizer = build_optimizer(self.network, self.phase.optimizer)
        steps = int(self.trainer.estimated_stepping_batches)
        schedule = build_schedule(optimizer, self.phase.schedule, steps, steps // self.phase.epochs)
        if isinstance(schedule, ReduceLROnPlateau):
            self.plateau = schedule
            if self._plateau_state is not None:
                schedule.load_state_dict(self._plateau_state)
            return optimizer
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        super().optimizer_step(*args, **kwargs)
        apply_masks(self.network, self.masks)

    def on_train_epoch_end(self) -> None:
        if isinstance(self.phase.schedule, Plateau) and self.plateau is not None:
            self.plateau.step(float(self.trainer.callback_metrics["test_loss"]))

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["masks"] = self.masks
        checkpoint["plateau"] = self.plateau.state_dict() if self.plateau else None

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self.masks = checkpoint["masks"]
        self._plateau_state = checkpoint["plateau"]

    def _measure(self, split: str, pixels: Tensor, labels: Tensor) -> Tensor:
        pixels = pixels.contiguous(memory_format=torch.channels_last)
        logits = self.network(pixels).float()
        loss = self._loss(pixels, logits, labels) if split == "train" else _cross_entropy(logits, labels)
        order = logits.detach().topk(min(TOP, logits.shape[1])).indices == labels[:, None]
        values = {
            f"{split}_loss": loss.detach(),
            f"{split}_top1": order[:, 0].float().mean(),
            f"{split}_top5": order.any(dim=1).float().mean(),
        }
        self.log_dict(values, on_step=False, on_epoch=True, batch_size=len(labels), sync_dist=True)
        return loss

    def _loss(self, pixels: Tensor, logits: Tensor, labels: Tensor) -> Tensor:
        smoothing = self.training_recipe.label_smoothing
        if not self._teacher:
            return _cross_entropy(logits, labels, label_smoothing=smoothing)
        with torch.no_grad():
            taught: Tensor = self._teacher[0](pixels).float()
        how = self.training_recipe.distill
        share, warmth = (how.labels, how.temperature) if how else (0.0, 1.0)
        # Gradients shrink by the square of the temperature, and are to weigh the same beside those of the labels.
        loss = _cross_entropy(logits / warmth, (taught / warmth).softmax(dim=1)) * (1 - share) * warmth**2
        return loss + share * _cross_entropy(logits, labels, label_smoothing=smoothing) if share else loss
