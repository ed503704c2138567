"""Noise to remove: Gaussian, masking, salt and pepper. What Vincent et al. (2010) corrupt images with."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Generator, Tensor

from helpers.data import flat
from helpers.splits import Split

Corrupt = Callable[[Tensor, Generator], Tensor]  # images in [0, 1] -> corrupted images of the same shape


def noise(kind: str, level: float) -> Corrupt:
    """A function that corrupts images, each call anew from its generator.

    ``gaussian``: add a normal number of standard deviation ``level`` to every pixel and clip to [0, 1];
    ``masking``: set a fraction ``level`` of the pixels to 0; ``salt_and_pepper``: to 0 or 1, evenly.
    Raises ValueError for another kind, a negative level, or a fraction above 1.
    """
    if kind not in KINDS:
        raise ValueError(f"unknown noise '{kind}': use one of {', '.join(KINDS)}")
    if not 0 <= level < float("inf") or (kind != "gaussian" and level > 1):
        limit = "0 or more" if kind == "gaussian" else "within 0 to 1"
        raise ValueError(f"the level of {kind} noise must be {limit}, not {level}")
    return partial(KINDS[kind], level)


def corrupted(split: Split, corrupt: Corrupt, *, seed: int) -> Split:
    """The same images, each corrupted once and for all, in bytes again; the labels stay."""
    images = corrupt(flat(split.images), Generator().manual_seed(seed))
    return Split(images.mul_(255).round_().to(torch.uint8).view_as(split.images), split.labels)


def _gaussian(level: float, images: Tensor, generator: Generator) -> Tensor:
    return torch.empty_like(images).normal_(generator=generator).mul_(level).add_(images).clamp_(0, 1)


def _masking(level: float, images: Tensor, generator: Generator) -> Tensor:
    return images * (torch.empty_like(images).uniform_(generator=generator) >= level)


def _salt_and_pepper(level: float, images: Tensor, generator: Generator) -> Tensor:
    chance = torch.empty_like(images).uniform_(generator=generator)
    return torch.where(chance < level, (chance < level / 2).to(images.dtype), images)


KINDS = {"gaussian": _gaussian, "masking": _masking, "salt_and_pepper": _salt_and_pepper}
