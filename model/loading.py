"""Batches of an image set for the processes that train together."""

from __future__ import annotations

import os
from typing import Any

import lightning
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, DistributedSampler

from fireline.model.data import ImageSet
from fireline.model.recipe import Training

Loader = DataLoader[tuple[Tensor, Tensor]]


class Batches(lightning.LightningDataModule):
    """Each process's share of every batch of phase `place`, which begins with `epoch` done.

    The order of the images follows from the seed, the phase and the epoch.
    """

    def __init__(self, data: ImageSet, test: ImageSet, training: Training, place: int, epoch: int) -> None:
        super().__init__()
        self.data, self.test = data, test
        self.recipe, self.place, self.epoch = training, place, epoch

    def train_dataloader(self) -> Loader:
        return self._loader(self.data, shuffle=True)

    def val_dataloader(self) -> Loader:
        return self._loader(self.test, shuffle=False)

    def _loader(self, data: ImageSet, *, shuffle: bool) -> Loader:
        assert self.trainer is not None
        processes = self.trainer.world_size
        images = _Images(data)
        sampler: DistributedSampler[Any] = DistributedSampler(
            images, processes, self.trainer.global_rank, shuffle, seed=self.recipe.seed + self.place
        )
        sampler.set_epoch(
            self.epoch
        )  # Lightning does so too, but after it has fetched a resumed epoch's first batch
        size = min(self.recipe.batch // processes, len(sampler))
        workers = 0 if isinstance(data.images, np.ndarray) else os.cpu_count() or 0
        # A short last batch is left out of training: batch statistics of a few images are noise.
        return DataLoader(
            images,
            size,
            sampler=sampler,
            collate_fn=_as_it_is,
            drop_last=shuffle,
            num_workers=workers,
        )


class _Images(Dataset[tuple[Tensor, Tensor]]):
    """An image set that torch reads whole batches from."""

    def __init__(self, data: ImageSet) -> None:
        self.data = data

    def __len__(self) -> int:
        return len(self.data)

    def __getitems__(self, index: list[int]) -> tuple[Tensor, Tensor]:
        return torch.from_numpy(self.data.read(index)), torch.from_numpy(self.data.labels[index])


def _as_it_is(batch: Any) -> Any:
    return batch
