"""Training: one loop for float networks and their quantized twins, run by Lightning."""

from __future__ import annotations

import csv
import io
import logging
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning
import torch
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from torch import Tensor, nn
from torch.optim.lr_scheduler import OneCycleLR
from torch.utils.data import DataLoader, Dataset

from fireline.errors import FirelineError
from fireline.files import write_whole
from fireline.model.architecture import SqueezeNet
from fireline.model.count import counts
from fireline.model.data import ImageSet
from fireline.model.network import Network, float_network

_SMALL_STEP = 1 << 28  # multiply-accumulates


@dataclass(frozen=True)
class Recipe:
    """How to train: AdamW, its learning rate rising to `learning_rate` and falling to nothing (one cycle)."""

    epochs: int
    learning_rate: float = 1e-2
    batch: int = 64
    weight_decay: float = 0.05
    seed: int = 0

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.batch < 1 or self.learning_rate <= 0 or self.weight_decay < 0:
            raise FirelineError(
                f"{self} cannot be trained by", hint="epochs, batch and learning rate are above zero"
            )


def train(config: SqueezeNet, data: ImageSet, test: ImageSet, recipe: Recipe, metrics: Path) -> Network:
    """A float network trained from random weights; see `fit`."""
    network = float_network(config, recipe.seed)
    fit(network, data, test, recipe, metrics, "float")
    return network


def fit(
    network: Network,
    data: ImageSet,
    test: ImageSet,
    recipe: Recipe,
    metrics: Path,
    title: str,
    teacher: Network | None = None,
) -> None:
    """Train `network` in place on `data`; the same seed gives the same weights on the same machine.

    Args:
        network: float, or a quantized twin.
        data: what to train on; its labels are below the network's classes.
        test: what to measure after every epoch.
        recipe: how.
        metrics: a CSV file with one row per epoch, rewritten after each.
        title: stands beside the progress bar.
        teacher: learn its probabilities instead of the labels (Hinton et al., 2015), which are then only measured.

    Raises:
        FirelineError: no images, other classes than the network's, or the loss is no number any more.
    """
    if not len(data) or not len(test):
        raise FirelineError("no images to train on", node=data.name)
    if len(data.classes) != network.config.classes:
        raise FirelineError(
            f"{len(data.classes)} classes, the network has {network.config.classes}",
            node=data.name,
            hint="another preset, or other data",
        )
    with _quiet(), _threads(counts(network.config).macs * recipe.batch):
        lightning.seed_everything(recipe.seed, verbose=False)
        trainer = lightning.Trainer(
            max_epochs=recipe.epochs,
            devices=1,
            logger=False,
            enable_checkpointing=False,
            enable_model_summary=False,
            enable_progress_bar=False,
            num_sanity_val_steps=0,
            callbacks=[_Metrics(metrics), _Bar(title)],
        )
        trainer.fit(
            _Task(network.train(), recipe, teacher),
            _loader(data, recipe, shuffle=True),
            _loader(test, recipe, shuffle=False),
        )
    network.cpu().eval()


class _Batches(Dataset[tuple[Tensor, Tensor]]):
    """An image set that torch reads whole batches from."""

    def __init__(self, data: ImageSet) -> None:
        self.data = data

    def __len__(self) -> int:
        return len(self.data)

    def __getitems__(self, index: list[int]) -> tuple[Tensor, Tensor]:
        return torch.from_numpy(self.data.read(index)), torch.from_numpy(self.data.labels[index])


def _loader(data: ImageSet, recipe: Recipe, shuffle: bool) -> DataLoader[tuple[Tensor, Tensor]]:
    size = min(recipe.batch, len(data))
    order = torch.Generator().manual_seed(recipe.seed)
    # A short last batch is left out of training: batch statistics of a few images are noise.
    return DataLoader(
        _Batches(data), size, shuffle, generator=order, collate_fn=lambda batch: batch, drop_last=shuffle
    )


class _Task(lightning.LightningModule):
    """Cross-entropy on raw pixels, against the labels or a teacher's probabilities."""

    def __init__(self, network: Network, recipe: Recipe, teacher: Network | None) -> None:
        super().__init__()
        self.network = network
        self.recipe = recipe
        self.teacher = teacher

    def training_step(self, batch: tuple[Tensor, Tensor], index: int) -> Tensor:
        loss = self._measure("train", batch)
        if not bool(loss.isfinite()):
            raise FirelineError("the loss is not a number any more", hint="lower the learning rate")
        return loss

    def validation_step(self, batch: tuple[Tensor, Tensor], index: int) -> None:
        self._measure("test", batch)

    def configure_optimizers(self) -> Any:
        # Decay is for the weights of convolutions: it would pull scales and biases to values that mean nothing.
        decayed = [value for value in self.parameters() if value.ndim == 4 and value.numel() > value.shape[0]]
        kept = {id(value) for value in decayed}
        others = [value for value in self.parameters() if id(value) not in kept]
        optimizer = torch.optim.AdamW(
            [
                {"params": decayed, "weight_decay": self.recipe.weight_decay},
                {"params": others, "weight_decay": 0.0},
            ],
            lr=self.recipe.learning_rate,
        )
        steps = int(self.trainer.estimated_stepping_batches)
        schedule = OneCycleLR(optimizer, self.recipe.learning_rate, total_steps=steps)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def _measure(self, split: str, batch: tuple[Tensor, Tensor]) -> Tensor:
        pixels, labels = batch
        logits = self.network(pixels.float())
        loss = nn.functional.cross_entropy(logits, self._target(pixels, labels))
        top1 = (logits.argmax(dim=1) == labels).float().mean()
        values = {f"{split}_loss": loss.detach(), f"{split}_top1": top1}
        self.log_dict(values, on_step=False, on_epoch=True, batch_size=len(labels))
        return loss

    def _target(self, pixels: Tensor, labels: Tensor) -> Tensor:
        if self.teacher is None:
            return labels
        with torch.no_grad():
            logits: Tensor = self.teacher.eval()(pixels.float())
        return logits.softmax(dim=1)


class _Metrics(lightning.Callback):
    """One row per epoch in a CSV file that is always whole."""

    columns = ("epoch", "train_loss", "train_top1", "test_loss", "test_top1", "seconds")

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows: list[dict[str, float]] = []
        self.start = time.monotonic()

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        row = {name: round(float(value), 6) for name, value in trainer.callback_metrics.items()}
        self.rows.append(
            row | {"epoch": trainer.current_epoch, "seconds": round(time.monotonic() - self.start, 3)}
        )
        text = io.StringIO()
        writer = csv.DictWriter(text, self.columns, lineterminator="\n", extrasaction="ignore")
        writer.writeheader()
        writer.writerows(self.rows)
        write_whole(self.path, text.getvalue())


class _Bar(lightning.Callback):
    """One progress bar over all epochs, on the terminal's error stream."""

    def __init__(self, title: str) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[state]}"))
        self.progress = Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True))
        self.title = title
        self.task = TaskID(0)

    def on_fit_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        total = trainer.estimated_stepping_batches
        self.task = self.progress.add_task(f"train {self.title}", total=total, state="")
        self.progress.start()

    def on_train_batch_end(self, trainer: lightning.Trainer, *_: Any) -> None:
        self.progress.advance(self.task)

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        top1 = float(trainer.callback_metrics["test_top1"])
        state = f"epoch {trainer.current_epoch + 1}/{trainer.max_epochs}, test {top1:.1%}"
        self.progress.update(self.task, state=state)

    def teardown(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, stage: str) -> None:
        self.progress.stop()


@contextmanager
def _threads(macs: int) -> Iterator[None]:
    """One thread for steps of few multiply-accumulates: sharing them out takes longer than they do."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1 if macs < _SMALL_STEP else threads)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@contextmanager
def _quiet() -> Iterator[None]:
    """Lightning tells about hardware, workers and its shop; a progress bar is all that is wanted here."""
    loggers = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
