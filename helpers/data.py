"""The data sets of :mod:`helpers.sets` in three parts; subsets of them; the noise they are given.

Environment: `DATA_DIR` says where the files are (default `data/`), `DATA=real` forbids the sample, `DATA=sample` asks
for it. A set's way to the first batch: `load` finds and reads its files (:mod:`helpers.files`) or takes the sample
(:mod:`helpers.sample`), keeps the classes asked for, and holds out, stratifies and takes the images of each part.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Sequence, Sized
from dataclasses import dataclass
from functools import partial

import torch
from torch import Generator, Tensor

from helpers import files, progress, sample
from helpers.files import DataError, fetch
from helpers.sets import SETS

Corrupt = Callable[[Tensor, Generator], Tensor]  # images in [0, 1] -> corrupted images of the same shape


@dataclass(frozen=True, eq=False)
class Split:
    """Labelled images: `images` uint8 [n, 28, 28] or [n, 3, 32, 32], `labels` int64 [n]."""

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def __repr__(self) -> str:
        return f"Split({len(self)} images of {list(self.images.shape[1:])})"


@dataclass(frozen=True, eq=False)
class Dataset:
    """One data set in three disjoint parts.

    `sample` is true for the embedded sample. `fingerprint` identifies the images behind the splits: it is the same
    for the same files, packed or not, and starts with "sample-" for the sample. `md5s` has the files that were read,
    none for the sample.
    """

    name: str
    train: Split
    validation: Split
    test: Split
    classes: tuple[str, ...]
    sample: bool
    fingerprint: str
    md5s: dict[str, str]

    @property
    def development(self) -> Split:
        """Train and validation joined, in this order: what the final model may learn from."""
        parts = (self.train, self.validation)
        return Split(torch.cat([part.images for part in parts]), torch.cat([part.labels for part in parts]))


def load(
    name: str,
    *,
    seed: int = 0,
    classes: Sequence[str] | None = None,
    train: int | None = None,
    validation: int = 0,
    test: int | None = None,
    root: str | os.PathLike | None = None,
) -> Dataset:
    """Load a data set, fetching it first if need be; failing that its sample, with a notice on stderr.

    `validation` images are held out of the training set, `train` and `test` are how many to keep (None: all). The
    choice is random, stratified by class and fixed by `seed`; validation and test do not depend on `train`. Images
    stay in file order. On the sample, sizes too large for it shrink in proportion, with a line on stderr; an epoch is a
    pass over what there is, so that training shrinks with them. `classes` keeps only the images of
    these, before anything is split, and numbers them in the order given.

    Raises:
        DataError: unknown name or class, impossible sizes, damaged files, a folder that cannot be written to, or, with
            `DATA=real`, missing files.
    """
    for what, size, least in (("train", train, 1), ("validation", validation, 0), ("test", test, 1)):
        if size is not None and (not isinstance(size, int) or size < least):
            raise DataError(f"{what}={size!r} is no number of images: use a whole number, {least} or more")
    fetch([name], root)
    found = files.locate(name, root)
    if found:
        images, labels, test_images, test_labels = files.read(name, found, root)
        fingerprint = files.fingerprint(name)
    else:
        _announce_sample()
        fingerprint = sample.fingerprint(name)
        images, labels, test_images, test_labels = sample.load(name)
    if classes:
        numbers = _numbers(name, classes)
        images, labels = _only(images, labels, numbers)
        test_images, test_labels = _only(test_images, test_labels, numbers)
    asked = train, validation, test
    if not found:
        train, validation, test = _shrink(train, validation, test, len(labels), len(test_labels))

    if validation + (train or 1) > len(labels):  # something must be left to train on
        raise DataError(f"{name} has {len(labels)} training images, too few for {train=}, {validation=}: ask for fewer")
    if test and test > len(test_labels):
        raise DataError(f"{name} has {len(test_labels)} test images, too few for {test=}: ask for fewer")
    held_out, rest = stratify(shuffled(len(labels), seed), labels, validation)
    kept, _ = stratify(rest, labels, train or len(rest))
    tested, _ = stratify(shuffled(len(test_labels), seed), test_labels, test or len(test_labels))
    loaded = Dataset(
        name=name,
        train=take(images, labels, kept),
        validation=take(images, labels, held_out),
        test=take(test_images, test_labels, tested),
        classes=tuple(classes or SETS[name].classes),
        sample=not found,
        fingerprint=fingerprint,
        md5s=files.md5s(name, found) if found else {},
    )
    if (train, validation, test) != asked:
        _announce_sizes(name, *(len(part) for part in (loaded.train, loaded.validation, loaded.test)))
    return loaded


def flat(images: Tensor) -> Tensor:
    """Images uint8 [n, 28, 28] or [n, 3, 32, 32] -> rows of pixels, float32 [n, 784] or [n, 3072] in [0, 1]."""
    return images.flatten(1).float().div_(255)


def stratified_subset(split: Split, size: int, *, seed: int, what: str = "images") -> Split:
    """A random part of a split, classes in proportion, fixed by `seed`: `size` images, or all if it has no more.

    `what` names the size where more images are asked for than there are, which is said.

    Raises:
        DataError: a size below one.
    """
    chosen = stratified_rows(split.labels, size, seed=seed, what=what)
    return Split(split.images[chosen], split.labels[chosen])


def stratified_rows(labels: Tensor, size: int, *, seed: int, what: str = "images") -> Tensor:
    """The rows of :func:`stratified_subset`, in ascending order: it reads faster, and plots the same for every size.

    Raises:
        DataError: a size below one.
    """
    chosen, _ = stratify(shuffled(len(labels), seed), labels, at_most(size, len(labels), what))
    return chosen.sort().values


def first(size: int, *, of: Sized, what: str) -> slice:
    """The first `size` of so many, or all where there are no more, which is said with the name `what` of the size.

    Raises:
        DataError: a size below one.
    """
    return slice(at_most(size, len(of), what))


def at_most(size: int, there: int, what: str) -> int:
    """`size`, or how many there are where it is more; that is said once, with the name `what` of the size.

    Raises:
        DataError: a size below one.
    """
    if size < 1:
        raise DataError(f"{what}={size!r} is no number of images: use a whole number, 1 or more")
    if size > there:
        _announce_fewer(what, size, there)
    return min(size, there)


def balanced_subset(split: Split, count: int, *, seed: int) -> Split:
    """A part of a split with `count` random images of every class, fixed by `seed`.

    Raises:
        DataError: a class with fewer images.
    """
    return take(split.images, split.labels, some_of_each(split.labels, count, seed=seed).flatten())


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


def take(images: Tensor, labels: Tensor, indices: Tensor) -> Split:
    """The images with these indices, in file order: it reads faster, and plots the same for every size."""
    indices = indices.sort().values
    return Split(images[indices], labels[indices])


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


@functools.cache  # one notice per process is enough
def _announce_sample() -> None:
    progress.tell(files.NOTICE)


@functools.cache
def _announce_fewer(what: str, size: int, there: int) -> None:
    progress.tell(f"{what}={size} is more than there are: all {there} are taken")


@functools.cache
def _announce_sizes(name: str, train: int, validation: int, test: int) -> None:
    shares = f"{train:,} to learn from, {validation:,} held out, {test:,} to test on"
    progress.tell(f"{name}: fewer images than asked for, as many as the sample has: {shares}")


def _shrink(
    train: int | None, validation: int, test: int | None, available: int, available_test: int
) -> tuple[int | None, int, int | None]:
    """Scale sizes meant for the real set down to the sample; a `train` of None weighs four times `validation`."""
    wanted = validation + (4 * validation if train is None else train)
    if wanted > available:
        validation = max(validation * available // wanted, min(validation, 10))  # one of each class, if asked for
        train = None if train is None else available - validation
    return train, validation, test and min(test, available_test)


def _numbers(name: str, classes: Sequence[str]) -> list[int]:
    """The labels of ``classes``. Raises DataError for one that the set does not have, or has been named twice."""
    known = SETS[name].classes
    wrong = [word for k, word in enumerate(classes) if word not in known or word in classes[:k]]
    if wrong:
        raise DataError(f"{name} has no class {wrong[0]!r} to add: name each once, of {', '.join(known)}")
    return [known.index(word) for word in classes]


def _only(images: Tensor, labels: Tensor, numbers: Sequence[int]) -> tuple[Tensor, Tensor]:
    """The images whose label is among ``numbers``, labelled 0, 1, ... in their order."""
    new = torch.full((int(labels.max()) + 1,), -1)
    new[list(numbers)] = torch.arange(len(numbers))
    kept = new[labels] >= 0
    return images[kept], new[labels][kept]
