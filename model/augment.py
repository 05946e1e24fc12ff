"""Random changes of training images that leave their class what it is."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from fireline.model.recipe import Augment

_GREY = 128.0  # what a network of this project sees as zero


def augment(pixels: Tensor, how: Augment) -> Tensor:
    """Float images `(N, C, H, W)`, 0 to 255, each changed by itself; random numbers from torch's own generator."""
    if how.flip:
        mirrored = torch.rand(len(pixels), device=pixels.device) < 0.5
        pixels = torch.where(mirrored[:, None, None, None], pixels.flip(3), pixels)
    if how.shift:
        pixels = _shifted(pixels, how.shift)
    if how.cutout:
        pixels = pixels.masked_fill(_squares(pixels, how.cutout), _GREY)
    return pixels


def _shifted(pixels: Tensor, limit: int) -> Tensor:
    """Moved by up to `limit` pixels each way; what comes in at an edge mirrors what is inside of it."""
    count, channels, height, width = pixels.shape
    padded = functional.pad(pixels, (limit,) * 4, mode="reflect")
    top, left = torch.randint(0, 2 * limit + 1, (2, count, 1), device=pixels.device)
    rows = top + torch.arange(height, device=pixels.device)
    columns = left + torch.arange(width, device=pixels.device)
    image = torch.arange(count, device=pixels.device)[:, None, None, None]
    channel = torch.arange(channels, device=pixels.device)[:, None, None]
    return padded[image, channel, rows[:, None, :, None], columns[:, None, None, :]]


def _squares(pixels: Tensor, side: int) -> Tensor:
    """A square in each image, perhaps partly outside (DeVries and Taylor, arXiv:1708.04552): (N, 1, H, W) of bool."""
    count, _, height, width = pixels.shape
    top = torch.randint(0, height, (count, 1), device=pixels.device) - side // 2
    left = torch.randint(0, width, (count, 1), device=pixels.device) - side // 2
    rows = torch.arange(height, device=pixels.device) - top
    columns = torch.arange(width, device=pixels.device) - left
    inside = ((rows >= 0) & (rows < side))[:, :, None] & ((columns >= 0) & (columns < side))[:, None, :]
    return inside[:, None]
