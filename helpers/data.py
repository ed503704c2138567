"""The course's data sets (MNIST, Fashion-MNIST, CIFAR-10), each in three parts; or the sample that stands in for them.

Environment: `DATA_DIR` says where the files are (default `data/`), `DATA=real` forbids the sample.
As a program, `python -m helpers.data MNIST CIFAR10` fetches what is missing and checks all files.
"""

from __future__ import annotations

import argparse
import functools
import hashlib
import json
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from helpers import files
from helpers.atomic import write
from helpers.files import DataError, data_root, fetch, snapshot

# torch takes seconds to import, and the workflow only needs `snapshot`: it is imported where it is used.
if TYPE_CHECKING:
    from torch import Tensor

    from helpers.splits import Split

__all__ = [
    "CLASSES",
    "DataError",
    "Dataset",
    "data_root",
    "fetch",
    "flat",
    "load",
    "main",
    "manifest",
    "snapshot",
]

CLASSES = {
    "MNIST": tuple("0123456789"),
    "FashionMNIST": tuple("T-shirt/top,Trouser,Pullover,Dress,Coat,Sandal,Shirt,Sneaker,Bag,Ankle boot".split(",")),
    "CIFAR10": ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
}
NOTICE = f"SAMPLE DATA, not for submission: real images are neither on disk nor within reach; {files.CONNECT}"


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
        import torch

        from helpers.splits import Split

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
    stay in file order. On the sample, sizes too large for it shrink in proportion. `classes` keeps only the images of
    these, before anything is split, and numbers them in the order given.

    Raises:
        DataError: unknown name or class, impossible sizes, damaged files, a folder that cannot be written to, or, with
            `DATA=real`, missing files.
    """
    from helpers.splits import choose, shuffled, stratify

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
        (images, labels, test_images, test_labels), fingerprint = _sample(name)
    if classes:
        numbers = _numbers(name, classes)
        images, labels = _only(images, labels, numbers)
        test_images, test_labels = _only(test_images, test_labels, numbers)
    if not found:
        train, validation, test = _shrink(train, validation, test, len(labels), len(test_labels))

    if validation + (train or 1) > len(labels):  # something must be left to train on
        raise DataError(f"{name} has {len(labels)} training images, too few for {train=}, {validation=}: ask for fewer")
    if test and test > len(test_labels):
        raise DataError(f"{name} has {len(test_labels)} test images, too few for {test=}: ask for fewer")
    held_out, rest = stratify(shuffled(len(labels), seed), labels, validation)
    kept, _ = stratify(rest, labels, train or len(rest))
    tested, _ = stratify(shuffled(len(test_labels), seed), test_labels, test or len(test_labels))
    return Dataset(
        name=name,
        train=choose(images, labels, kept),
        validation=choose(images, labels, held_out),
        test=choose(test_images, test_labels, tested),
        classes=tuple(classes or CLASSES[name]),
        sample=not found,
        fingerprint=fingerprint,
        md5s=files.md5s(name, found) if found else {},
    )


def flat(images: Tensor) -> Tensor:
    """Images uint8 [n, 28, 28] or [n, 3, 32, 32] -> rows of pixels, float32 [n, 784] or [n, 3072] in [0, 1]."""
    return images.flatten(1).float().div_(255)


def manifest(name: str, root: str | os.PathLike | None = None) -> dict[str, object]:
    """Check a set's files and say what `load` would use: {"name", "sample", "fingerprint", "files": {file: md5}}.

    Raises:
        DataError: unknown name, damaged files, or, with `DATA=real`, missing files.
    """
    found = files.locate(name, root)
    md5s = files.check(name, found, root)
    fingerprint = files.fingerprint(name) if found else _sample(name)[1]
    return {"name": name, "sample": not found, "fingerprint": fingerprint, "files": md5s}


def main(arguments: Sequence[str] | None = None) -> int:
    """Fetch and check data sets, print a line for each, and write their manifests; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m helpers.data", description="Fetch and check the data sets.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(CLASSES)} (default: all)")
    parser.add_argument("--manifests", type=Path, metavar="DIR", help="write DIR/NAME.json for each")
    options = parser.parse_args(arguments)
    names = options.names or list(CLASSES)
    try:
        fetch(names)
        for name in names:
            made = manifest(name)
            folder = data_root()
            shown = folder.relative_to(Path.cwd()) if folder.is_relative_to(Path.cwd()) else folder
            count = len(made["files"])
            state = f"real data, {count} file{'s'[: count != 1]} checked in {shown}/" if count else NOTICE
            print(f"{name:<13}{state}", flush=True)
            if options.manifests:
                _write(options.manifests / f"{name}.json", json.dumps(made, indent=2) + "\n")
    except DataError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("error: interrupted; nothing unfinished was kept", file=sys.stderr)
        return 130
    return 0


def _write(path: Path, text: str) -> None:
    """Write a file in one step; if it is unchanged, only renew its time so that a workflow sees it as made."""
    try:
        if path.is_file() and path.read_text() == text:
            path.touch()
            return
        write(path, lambda unfinished: unfinished.write_text(text))
    except OSError as error:
        raise DataError(f"cannot write {path} ({error.strerror}): choose another folder for the manifests") from error


def _sample(name: str) -> tuple[tuple[Tensor, Tensor, Tensor, Tensor], str]:
    """The sample, as `files.read` gives the real set, and its fingerprint."""
    from helpers import sample

    arrays = sample.draw(name)
    content = b"".join(array.numpy().tobytes() for array in arrays)
    return arrays, "sample-" + hashlib.sha256(content).hexdigest()[:12]


@functools.cache  # one notice per process is enough
def _announce_sample() -> None:
    print(NOTICE, file=sys.stderr)


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
    wrong = [word for k, word in enumerate(classes) if word not in CLASSES[name] or word in classes[:k]]
    if wrong:
        raise DataError(f"{name} has no class {wrong[0]!r} to add: name each once, of {', '.join(CLASSES[name])}")
    return [CLASSES[name].index(word) for word in classes]


def _only(images: Tensor, labels: Tensor, numbers: Sequence[int]) -> tuple[Tensor, Tensor]:
    """The images whose label is among ``numbers``, labelled 0, 1, ... in their order."""
    import torch

    new = torch.full((int(labels.max()) + 1,), -1)
    new[list(numbers)] = torch.arange(len(numbers))
    kept = new[labels] >= 0
    return images[kept], new[labels][kept]


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # a cancelled job cleans up like an interrupted one
    sys.exit(main())
