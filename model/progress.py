"""What training shows and leaves while it runs: a bar, a row per epoch, and a checkpoint that is always whole."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.pytorch.callbacks import Checkpoint
from rich.progress import TaskID
from torch import Tensor

from fireline.bars import bars
from fireline.errors import FirelineError
from fireline.files import write_whole

Row = dict[str, float]

COLUMNS = (
    "phase",
    "epoch",
    "learning_rate",
    "train_loss",
    "train_top1",
    "test_loss",
    "test_top1",
    "test_top5",
    "seconds",
)


@dataclass(frozen=True)
class Resumed:
    """Where a training goes on: in `phase`, of which `epoch` are done, with the rows so far and the phase's weights."""

    identity: str
    phase: int = 0
    epoch: int = 0
    rows: Sequence[Row] = ()
    network: dict[str, Tensor] = field(default_factory=dict)


def read_checkpoint(path: Path, identity: str) -> Resumed:
    """Where the training called `identity` stopped: at its beginning if there is no checkpoint.

    Raises:
        FirelineError: the checkpoint is damaged or of another training.
    """
    if not path.exists():
        return Resumed(identity)
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        kept = content["fireline"]
        weights = {
            name.removeprefix("network."): value
            for name, value in content["state_dict"].items()
            if name.startswith("network.")
        }
        found = Resumed(**kept, network=weights)
    except Exception as error:  # torch.load has no error of its own: a damaged file may raise anything
        raise FirelineError(
            f"damaged checkpoint: {type(error).__name__}", node=str(path), hint="--restart begins anew"
        ) from None
    if found.identity != identity:
        raise FirelineError(
            "this checkpoint is of another training", node=str(path), hint="another --out, or --restart"
        )
    return found


class Keeper(Checkpoint):
    """After every epoch, a row in a CSV file and a checkpoint, each of which replaces the one before as a whole.

    It is one of Lightning's checkpoint callbacks so that it comes after all others.
    """

    def __init__(self, metrics: Path, checkpoint: Path, resumed: Resumed) -> None:
        self.metrics = metrics
        self.checkpoint = checkpoint
        self.identity = resumed.identity
        self.phase = resumed.phase
        self.rows = list(resumed.rows)
        self.start = time.monotonic() - (self.rows[-1]["seconds"] if self.rows else 0.0)

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        row = {name: round(float(value), 6) for name, value in trainer.callback_metrics.items()}
        row |= {
            "phase": self.phase + 1,
            "epoch": trainer.current_epoch + 1,
            # Past its last step, one cycle's straight line goes on below zero.
            "learning_rate": max(0.0, float(f"{trainer.optimizers[0].param_groups[0]['lr']:.6g}")),
            "seconds": round(time.monotonic() - self.start, 3),
        }
        self.rows.append(row)
        beside = self.checkpoint.with_suffix(".new")
        beside.parent.mkdir(parents=True, exist_ok=True)
        trainer.save_checkpoint(beside)
        if trainer.is_global_zero:
            beside.replace(self.checkpoint)
            write_rows(self.metrics, self.rows)

    def on_save_checkpoint(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        checkpoint["fireline"] = {
            "identity": self.identity,
            "phase": self.phase,
            "epoch": trainer.current_epoch + 1,
            "rows": self.rows,
        }


def write_rows(path: Path, rows: Sequence[Row]) -> None:
    """Rows of `COLUMNS` as CSV."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    write_whole(path, text.getvalue())


def read_rows(path: Path) -> list[Row]:
    """What `write_rows` wrote.

    Raises:
        FirelineError: there is no such file, or it is damaged.
    """
    try:
        with path.open(newline="") as file:
            return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
    except (OSError, ValueError, TypeError):
        raise FirelineError("missing or damaged", node=str(path), hint="fireline train") from None


class ProgressBar(lightning.Callback):
    """One progress bar over all epochs, on the terminal's error stream."""

    def __init__(self, title: str) -> None:
        self.progress = bars(transient=False)
        self.title = title
        self.task = TaskID(0)

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        total = trainer.estimated_stepping_batches
        self.task = self.progress.add_task(
            f"train {self.title}", total=total, completed=trainer.global_step, state=""
        )
        if trainer.is_global_zero:
            self.progress.start()

    def on_train_batch_end(self, trainer: lightning.Trainer, *_: Any) -> None:
        self.progress.advance(self.task)

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        top1 = float(trainer.callback_metrics["test_top1"])
        state = f"epoch {trainer.current_epoch + 1}/{trainer.max_epochs}, test {top1:.1%}"
        self.progress.update(self.task, state=state)

    def on_exception(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, exception: BaseException
    ) -> None:
        self.progress.stop()  # which shows the cursor again

    def teardown(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, stage: str) -> None:
        self.progress.stop()
