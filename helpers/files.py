"""The data sets' files: find them, download them, check their md5s, decode them. Notebooks use `helpers.data`.

Which sets there are says `helpers/sets.py`. By hand, since torchvision unpacks files on the disk: here they are
unpacked in memory, so that a read-only folder works, and so that an archive cannot write anywhere. No file is used
before its md5 has been checked.
"""

from __future__ import annotations

import functools
import gzip
import hashlib
import http.client
import io
import os
import pickle
import queue
import struct
import sys
import tarfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from helpers.download import DISK_FULL, alone, download
from helpers.sets import SETS, ImageSet

# torch takes seconds to import, and the workflow calls only `snapshot`, so it is imported where it is used.
if TYPE_CHECKING:
    from torch import Tensor

PROJECT = Path(__file__).resolve().parents[1]
PATIENCE = 5.0  # seconds without any server's answer before this machine counts as offline
CONNECT = "connect and run `make data`, or set DATA_DIR to a folder that holds them"
NOTICE = f"SAMPLE DATA, not for submission: asked for, or real images are neither on disk nor within reach; {CONNECT}"


class DataError(ValueError):
    """What is wrong with the data and how to correct it, in one line."""


def data_root(root: str | os.PathLike[str] | None = None) -> Path:
    """The folder of the data sets: `root`, else `DATA_DIR` (relative to the project's folder), else `data/`."""
    return Path(root) if root else PROJECT / os.path.expanduser(os.environ.get("DATA_DIR") or "data")


def snapshot(names: Iterable[str], root: str | os.PathLike[str] | None = None) -> dict[str, dict[str, list[int]]]:
    """Each set's files as {name: {file: [size, mtime_ns]}}: a fast way to see whether the data have changed.

    Raises:
        DataError: unknown name.
    """
    folder = data_root(root)
    seen: dict[str, dict[str, list[int]]] = {}
    for name in names:
        files = [file for part in _set(name).parts for files in part for file in files]
        stats = {file: os.stat(folder / file) for file in files if os.path.isfile(folder / file)}
        seen[name] = {file: [stat.st_size, stat.st_mtime_ns] for file, stat in stats.items()}
    return seen


def locate(name: str, root: str | os.PathLike[str] | None = None) -> list[str]:
    """The files to read a set from, relative to the root; [] when the sample must be used instead.

    Raises:
        DataError: unknown name, or missing files with `DATA=real` or in a folder that `DATA_DIR` names.
    """
    folder, setting = data_root(root), _setting()
    files, missing = _find(name, folder)
    if setting == "sample":
        return []
    if not missing:
        return files
    if _given(root):
        _check_place(name, folder)
    if _given(root) or setting == "real":
        state = "" if os.path.isdir(folder) else " (there is no such folder)"
        raise DataError(f"{name} is not complete in {folder}{state}, missing {', '.join(missing)}: {CONNECT}")
    return []


def check(name: str, files: Sequence[str], root: str | os.PathLike[str] | None = None) -> dict[str, str]:
    """Check a set's files, with one at a time in memory; returns {file: md5}.

    Raises:
        DataError: a damaged or unreadable file.
    """
    expected = md5s(name, files)
    for file, md5 in expected.items():
        _checked(data_root(root) / file, md5)
    return expected


def md5s(name: str, files: Sequence[str]) -> dict[str, str]:
    """The md5s that a set's files must have, as {file: md5}."""
    known = _set(name).md5s
    return {file: known[file] for file in files}


def read(name: str, files: Sequence[str], root: str | os.PathLike[str] | None = None) -> tuple[Tensor, ...]:
    """Check and decode a set: training images (uint8 [n, 28, 28] or [n, 3, 32, 32]) and labels (int64 [n]), test ones.

    Raises:
        DataError: a damaged or unreadable file.
    """
    contents = {file: _checked(data_root(root) / file, md5) for file, md5 in md5s(name, files).items()}
    try:
        return _decoded(name, _unpack(name, contents))
    except MemoryError:
        raise
    except Exception as error:  # of as many kinds as there are formats
        reason = " ".join(str(error).split()) or type(error).__name__
        mend = "delete its files and run `make data`"
        raise DataError(f"{name} in {data_root(root)} cannot be decoded ({reason}): {mend}") from error


def fingerprint(name: str) -> str:
    """A short hash of the md5s of a set's unpacked files: the same whichever copy, packed or not, is read."""
    known = _set(name)
    md5s = (known.md5s.get(file) or known.md5s[f"{file}.gz"] for file in known.unpacked)
    return hashlib.sha256("".join(md5s).encode()).hexdigest()[:12]


def fetch(names: Iterable[str], root: str | os.PathLike[str] | None = None) -> None:
    """Download the missing files of the named sets, with a progress bar. Only complete, checked files reach the root.

    Does nothing without a network, with `DATA=sample`, or in a batch run (`DATA_FETCHED` is set), whose workflow has
    called this before. A failed download is printed on stderr. Another process that fetches into this folder waits.

    Raises:
        DataError: unknown name, a full disk, a folder that cannot be written to or that has the files in another place,
            or, with `DATA=real` or `DATA_DIR`, a failure.
    """
    setting, folder = _setting(), data_root(root)
    lacking = [name for name in names if _find(name, folder)[1]]
    if setting == "sample" or os.environ.get("DATA_FETCHED"):
        return
    if _given(root):
        for name in lacking:
            _check_place(name, folder)
    if not (lacking and _online()):
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with alone(folder):
            for name in lacking:
                try:
                    _download(name, folder)
                except ConnectionError as error:
                    if setting == "real" or _given(root):
                        raise DataError(f"{name}: {error}: {CONNECT}") from error
                    print(f"{name}: {error}", file=sys.stderr)
    except OSError as error:
        full = error.errno in DISK_FULL
        trouble, mend = ("no room left in", "free some") if full else ("cannot write to", "make it writable")
        message = f"{trouble} {folder} ({error.strerror or error}): {mend}, or set DATA_DIR to another folder"
        raise DataError(message) from error


def _setting() -> str:
    """`DATA`: "real" forbids the sample, "sample" asks for it. Raises DataError for another value."""
    setting = os.environ.get("DATA", "")
    if setting not in ("", "auto", "real", "sample"):
        uses = "DATA=real to forbid the sample, DATA=sample to ask for it, or leave it out"
        raise DataError(f"DATA={setting} means nothing: use {uses}")
    return setting


def _given(root: str | os.PathLike[str] | None) -> bool:
    """Whether `DATA_DIR` says where the files are; the sample must not stand in for them then."""
    return root is None and bool(os.environ.get("DATA_DIR"))


def _check_place(name: str, folder: Path) -> None:
    """Raise DataError when `DATA_DIR` is no folder, or misses a set's files by a level or two."""
    if os.path.exists(folder) and not os.path.isdir(folder):
        raise DataError(f"DATA_DIR={folder} is a file: give the folder that holds {', '.join(SETS)}")
    if os.path.isdir(folder) and not os.access(folder, os.R_OK | os.X_OK):
        raise DataError(f"DATA_DIR={folder} cannot be read: mend its permissions, or give another folder")
    whole = Path(os.path.abspath(folder))
    for near in (*whole.parents[:2], *(whole.iterdir() if whole.is_dir() else ())):
        if not _find(name, near)[1]:
            mend = f"set DATA_DIR={near}, or move its files"
            raise DataError(f"DATA_DIR={folder} does not hold {name} itself, but {near} does: {mend}")
    for near in (whole, whole / name):
        for file in _set(name).md5s:
            if near / Path(file).name != whole / file and os.path.isfile(near / Path(file).name):
                goal = (whole / file).parent
                raise DataError(f"{near} holds {Path(file).name}, which {name} has in {goal}: move its files there")


def _set(name: str) -> ImageSet:
    """The entry of a set. Raises DataError when there is none."""
    if name not in SETS:
        raise DataError(f"unknown data set {name!r}: use one of {', '.join(SETS)}")
    return SETS[name]


def _find(name: str, folder: Path) -> tuple[list[str], list[str]]:
    """The files that make up a set, packed or unpacked, and those of them that are missing."""
    chosen: list[str] = []
    missing: list[str] = []
    for part in _set(name).parts:
        lacks = {files: _lacks(files, folder) for files in part}
        # The alternative that is complete, else the one with some files, else the one with the fewest files.
        best = min(part, key=lambda files: (lacks[files] == list(files), len(lacks[files])))
        chosen += best
        missing += lacks[best]
    return chosen, missing


def _lacks(files: Iterable[str], folder: Path) -> list[str]:
    return [file for file in files if not os.path.isfile(folder / file)]


def _checked(path: Path, md5: str) -> bytes:
    """The content of a file with this md5, which makes other checks (size, header) unnecessary."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"cannot read {path} ({error.strerror}): mend its permissions or delete it") from error
    if hashlib.md5(content, usedforsecurity=False).hexdigest() != md5:
        raise DataError(f"{path} is truncated or altered (md5 is not {md5}): delete it and run `make data`")
    return content


def _unpack(name: str, contents: dict[str, bytes]) -> dict[str, bytes]:
    """The content of a set's unpacked files, by file, from that of the files that are there."""
    unpacked: dict[str, bytes] = {}
    for file, content in contents.items():
        if file == SETS[name].archive:
            with tarfile.open(fileobj=io.BytesIO(content)) as archive:
                for item in archive:
                    if item.name in SETS[name].unpacked and (batch := archive.extractfile(item)):
                        unpacked[item.name] = batch.read()
        elif file.endswith(".gz"):
            unpacked[file.removesuffix(".gz")] = gzip.decompress(content)
        else:
            unpacked[file] = content
    return unpacked


def _decoded(name: str, unpacked: dict[str, bytes]) -> tuple[Tensor, ...]:
    """Training images and labels, test images and labels. Raises whatever their formats do, ValueError for shapes."""
    import torch

    known = SETS[name]
    if known.archive:
        # Unpickling can run any code, so it is safe only because the md5 was checked.
        batches = [pickle.loads(unpacked[file], encoding="latin1") for file in known.unpacked]
        images = [torch.from_numpy(batch["data"]).view(-1, *known.shape) for batch in batches]
        labels = [torch.tensor(batch["labels"]) for batch in batches]
        parts = [torch.cat(images[:-1]), torch.cat(labels[:-1]), images[-1], labels[-1]]
    else:
        parts = [_idx(unpacked[file]) for file in known.unpacked]
    for pictures, numbers in (parts[:2], parts[2:]):
        kinds = pictures.dtype, numbers.dtype
        if (pictures.shape, kinds) != ((len(numbers), *known.shape), (torch.uint8, torch.int64)) or numbers.ndim != 1:
            raise ValueError("images and labels do not fit together")
        if not all(0 <= number < len(known.classes) for number in numbers.unique().tolist()):
            raise ValueError("a label is no class's")
    return tuple(parts)


def _idx(content: bytes) -> Tensor:
    """Decode IDX: two zero bytes, a type (here always uint8), the number of dimensions, the dimensions, the values."""
    import torch

    if content[:3] != b"\0\0\x08":
        raise ValueError("no IDX file of bytes")
    dimensions = struct.unpack_from(f">{content[3]}I", content, 4)
    values = torch.frombuffer(bytearray(content), dtype=torch.uint8, offset=4 + 4 * content[3]).view(dimensions)
    return values.long() if values.ndim == 1 else values


@functools.cache  # one probe per process
def _online() -> bool:
    """Whether any of the servers answers within PATIENCE seconds."""
    mirrors = [mirror for known in SETS.values() for mirror in known.servers]
    answers: queue.SimpleQueue[bool] = queue.SimpleQueue()
    for mirror in mirrors:
        # Looking up a host's name has no timeout, so in a daemon thread, which is not waited for at exit.
        threading.Thread(target=lambda url=mirror: answers.put(_answers(url)), daemon=True).start()
    deadline = time.monotonic() + PATIENCE
    try:
        return any(answers.get(timeout=max(0.0, deadline - time.monotonic())) for _ in mirrors)
    except queue.Empty:
        return False


def _answers(url: str) -> bool:
    try:
        urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=PATIENCE).close()
    except urllib.error.HTTPError:
        return True  # an error from the server is an answer too
    except (OSError, http.client.HTTPException):
        return False
    return True


def _download(name: str, folder: Path) -> None:
    """Download a set's archives that are still missing. Raises as :func:`helpers.download.download`."""
    known = SETS[name]
    unmet = [part for part in known.parts if all(_lacks(files, folder) for files in part)]
    for archive in (files[0] for part in unmet for files in part if files[0].endswith(".gz")):
        file = Path(archive).name
        print(f"{name}: fetching {file}", file=sys.stderr)
        download(known.servers, file, known.md5s[archive], folder / archive, folder)
