"""Training: one loop for float networks and their quantized twins, run by Lightning, that can be stopped at any moment.

After every epoch a checkpoint replaces the one before. Training that finds one goes on from it, and ends with the same
weights, bit for bit on the same processor, as if it had never been stopped: all that is random in a step follows from
the seed, the phase and the number of the step.
"""

from __future__ import annotations

import logging
import signal
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import lightning
import torch
from lightning.pytorch.callbacks import EMAWeightAveraging

from fireline.errors import FirelineError
from fireline.model.count import counts
from fireline.model.data import ImageSet
from fireline.model.loading import Batches
from fireline.model.machines import ALONE, Machines, leads
from fireline.model.network import Staged
from fireline.model.progress import Keeper, ProgressBar, read_checkpoint
from fireline.model.prune import Masks, apply_masks, magnitude_masks
from fireline.model.recipe import Phase, Training
from fireline.model.task import Task
from fireline.model.threads import threads

_SMALL_STEP = 1 << 28  # multiply-accumulates
_PRECISION: dict[str, Literal["32-true", "bf16-mixed"]] = {"float32": "32-true", "bfloat16": "bf16-mixed"}


@dataclass(frozen=True)
class Files:
    """Where training leaves a row per epoch (CSV), and what it goes on from."""

    metrics: Path
    checkpoint: Path


def fit(
    network: Staged,
    data: ImageSet,
    test: ImageSet,
    training: Training,
    files: Files,
    title: str,
    *,
    teacher: Staged | None = None,
    masks: Masks | None = None,
    machines: Machines = ALONE,
) -> None:
    """Train `network` in place on `data`, from its weights or from the checkpoint that a stopped training left.

    Args:
        network: float, or a quantized twin.
        data: what to train on; its labels are below the network's classes.
        test: what to measure after every epoch.
        training: how.
        files: the checkpoint is removed in the end.
        title: stands beside the progress bar.
        teacher: learn its probabilities, as `training.distill` says or else in place of the labels, which are then only
            measured.
        masks: weights that stay zero in every phase.
        machines: where.

    Raises:
        FirelineError: no images, other classes than the network's, the loss is no number any more, or the checkpoint
            is damaged or of another training.
    """
    _check(network, data, test, training, machines)
    resumed = read_checkpoint(files.checkpoint, identity(network, data, training, title))
    keeper = Keeper(files.metrics, files.checkpoint, resumed)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    # Sharing out a step of few multiply-accumulates takes longer than they do.
    is_small = counts(network.config).macs * training.batch < _SMALL_STEP
    with _quiet(), threads(1 if is_small else torch.get_num_threads()):
        for place, phase in enumerate(training.phases):
            if place < resumed.phase:
                continue
            if place == resumed.phase and resumed.epoch == phase.epochs:
                network.load_state_dict(resumed.network)
                continue
            keeper.phase = place
            task = Task(network.train(), training, place, teacher)
            task.masks = magnitude_masks(network, phase.sparsity) if phase.sparsity else masks or {}
            apply_masks(network, task.masks)
            done = resumed.epoch if place == resumed.phase else 0
            trainer = _trainer(
                training, phase, machines, keeper, f"{title} {_count(training, place)}".strip()
            )
            try:
                trainer.fit(
                    task,
                    datamodule=Batches(data, test, training, place, done),
                    ckpt_path=files.checkpoint if done else None,
                    weights_only=True,
                )
            except SystemExit:
                # Lightning makes a plain exit of an interrupt, and ignores those that follow.
                signal.signal(signal.SIGINT, signal.default_int_handler)
                raise KeyboardInterrupt from None
            network.cpu()
    network.to(memory_format=torch.contiguous_format).eval()  # type: ignore[call-overload]
    if leads():
        files.checkpoint.unlink(missing_ok=True)


def identity(network: Staged, data: ImageSet, training: Training, title: str) -> str:
    """What tells a training from another, so that none goes on from another's checkpoint."""
    return repr((title, network.config, data.name, len(data), training))


def _check(network: Staged, data: ImageSet, test: ImageSet, training: Training, machines: Machines) -> None:
    if not len(data) or not len(test):
        raise FirelineError("no images to train on", node=data.name)
    if len(data.classes) != network.config.classes:
        raise FirelineError(
            f"{len(data.classes)} classes, the network has {network.config.classes}",
            node=data.name,
            hint="another preset, or other data",
        )
    if training.batch % machines.processes:
        raise FirelineError(
            f"a batch of {training.batch} cannot be shared by {machines.processes} processes",
            hint="change batch, or --devices",
        )


def _count(training: Training, place: int) -> str:
    return f"{place + 1}/{len(training.phases)}" if len(training.phases) > 1 else ""


def _trainer(
    training: Training, phase: Phase, machines: Machines, keeper: Keeper, title: str
) -> lightning.Trainer:
    callbacks: list[lightning.Callback] = [ProgressBar(title), keeper]
    if training.average is not None:
        callbacks.append(EMAWeightAveraging(decay=training.average))
    return lightning.Trainer(
        max_epochs=phase.epochs,
        devices=machines.devices,
        num_nodes=machines.nodes,
        precision=_PRECISION[training.precision],
        use_distributed_sampler=False,
        logger=False,
        enable_checkpointing=True,
        enable_model_summary=False,
        enable_progress_bar=False,
        num_sanity_val_steps=0,
        callbacks=callbacks,
    )


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
