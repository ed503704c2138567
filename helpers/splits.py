"""Choosing from labelled images: a part of a split, a balanced part, some of every class. Chance comes from a seed."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from helpers.files import DataError


@dataclass(frozen=True, eq=False)
class Split:
    """Labelled images: `images` uint8 [n, 28, 28] or [n, 3, 32, 32], `labels` int64 [n]."""

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def __repr__(self) -> str:
        return f"Split({len(self)} images of {list(self.images.shape[1:])})"


def part(split: Split, size: int, *, seed: int) -> Split:
    """A random part of a split, classes in proportion, fixed by `seed`: `size` images, or all if it has no more.

    Raises:
        DataError: a size below one.
    """
    if size < 1:
        raise DataError(f"{size} is no number of images: use a whole number, 1 or more")
    chosen, _ = stratify(shuffled(len(split), seed), split.labels, min(size, len(split)))
    return choose(split.images, split.labels, chosen)


def balanced(split: Split, count: int, *, seed: int) -> Split:
    """A part of a split with `count` random images of every class, fixed by `seed`.

    Raises:
        DataError: a class with fewer images.
    """
    return choose(split.images, split.labels, some_of_each(split.labels, count, seed=seed).flatten())


def first_of_each(labels: Tensor) -> Tensor:
    """The index of the first image of every class, [classes], from `labels` [n]."""
    return some_of_each(labels, 1)[:, 0]


def some_of_each(labels: Tensor, count: int, *, seed: int | None = None) -> Tensor:
    """Indices of `count` images of every class, [classes, count]: the first ones, or random ones fixed by `seed`.

    Raises:
        DataError: a class with fewer images.
    """
    order = torch.arange(len(labels)) if seed is None else shuffled(len(labels), seed)
    chosen = [order[labels[order] == label][:count] for label in range(int(labels.max()) + 1)]
    if min(map(len, chosen)) < count:
        raise DataError(f"not every class has {count} images: use more images")
    return torch.stack(chosen)


def shuffled(size: int, seed: int) -> Tensor:
    """0 ... size-1 in random order, from a generator of its own: the global ones stay as they are."""
    return torch.randperm(size, generator=torch.Generator().manual_seed(seed))


def stratify(order: Tensor, labels: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Take `size` indices from the front of `order`, classes in proportion (largest remainder); and the others."""
    ordered = labels[order]
    counts = torch.bincount(ordered)
    shares, remainders = counts * size // len(order), counts * size % len(order)
    shares[remainders.argsort(descending=True, stable=True)[: size - int(shares.sum())]] += 1
    chosen = torch.zeros(len(order), dtype=torch.bool)
    for label, share in enumerate(shares.tolist()):
        chosen[(ordered == label).nonzero()[:share, 0]] = True
    return order[chosen], order[~chosen]


def choose(images: Tensor, labels: Tensor, indices: Tensor) -> Split:
    """The images with these indices, in file order: it reads faster, and plots the same for every size."""
    indices = indices.sort().values
    return Split(images[indices], labels[indices])
