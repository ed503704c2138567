"""What a classifier is shown of its images in a pass: mirrored, moved, or the hard ones alone."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Generator, Tensor

Transform = Callable[[Tensor, Generator], Tensor]  # a batch, and the source of chance -> the batch to learn from


def mirror_half(images: Tensor, generator: Generator) -> Tensor:
    """Images [N, C, H, W], a random half of them mirrored. Images and ``generator`` are on one device."""
    chosen = torch.rand(len(images), 1, 1, 1, generator=generator, device=images.device) < 0.5
    return torch.where(chosen, images.flip(3), images)


def move(images: Tensor, generator: Generator, *, by: int) -> Tensor:
    """Images [N, C, H, W], each moved by up to so many pixels, edges repeated.

    One gather reads rows and columns by numbers that were moved. The result lies in memory with the channels last.
    Images and ``generator`` are on one device.
    """
    count, _, height, width = images.shape
    moves = torch.randint(-by, by + 1, (2, count, 1), generator=generator, device=images.device)
    row, column, number = (torch.arange(size, device=images.device) for size in (height, width, count))
    rows, columns = (row + moves[0]).clamp_(0, height - 1), (column + moves[1]).clamp_(0, width - 1)
    gathered = images[number[:, None, None], :, rows[:, :, None], columns[:, None, :]]  # [N, H, W, C]
    return gathered.permute(0, 3, 1, 2)


def unchanged(images: Tensor, generator: Generator) -> Tensor:
    """A transform that leaves a batch as it is."""
    return images


def pruned(losses: Tensor, share: float, generator: Generator) -> Tensor:
    """Losses of images [N] -> how much each counts in a pass [N], zero for those left out (InfoBatch; Qin et al. 2024).

    An image is easy when its loss is below the mean. Each easy image is left out with the probability ``share``, else
    it counts 1 / (1 - share) times: the expected gradient stays that of all images.
    """
    kept = torch.rand(len(losses), generator=generator, device=losses.device) >= share
    return torch.where(losses < losses.mean(), kept / (1 - share), 1.0)
