"""Download a file from the first of several servers that has it, whole or not at all. Used by `helpers.files`."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext, redirect_stderr
from pathlib import Path
from urllib.parse import urlsplit

from helpers import progress

STALL = 30.0  # seconds without progress before a download fails
RETRIES = 2  # of a failed download from one server, a second and two seconds later, before the next server is asked
UNFINISHED = ".download-"  # how the folders of unfinished downloads begin
DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
NOT_WRITABLE = (errno.EACCES, errno.EPERM, errno.EROFS)


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Wait until no other process downloads into ``folder``, and delete what a killed one has left there.

    The lock is the folder's own: it leaves no file, and ends with the process. Without it, on a file system that has no
    locks, two processes download the same files, each into a folder of its own, and both end well.
    """
    handle = os.open(folder, os.O_RDONLY)
    try:
        if _locked(handle, folder):
            for left in folder.glob(f"{UNFINISHED}*"):
                shutil.rmtree(left, ignore_errors=True)
        yield
    finally:
        os.close(handle)


def _locked(handle: int, folder: Path) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        progress.tell(f"waiting for another process that downloads into {folder}")
        fcntl.flock(handle, fcntl.LOCK_EX)
    except OSError:
        return False
    return True


def download(servers: Iterable[str], name: str, md5: str, goal: Path, folder: Path) -> None:
    """Download the file ``name`` to ``goal``, by way of ``folder`` on the same disk, with a progress bar.

    ``servers`` are the addresses to put before the name; each is asked again with a pause before the next one.

    Raises:
        ConnectionError: no server gives a file with this md5; the message has a reason for each.
        OSError: of the disk.
    """
    failures = []
    with tempfile.TemporaryDirectory(prefix=UNFINISHED, dir=folder) as unfinished:
        for server in servers:
            try:
                _retrieve(server, name, md5, unfinished)
            except (OSError, ValueError) as error:
                if isinstance(error, OSError) and error.errno in DISK_FULL + NOT_WRITABLE:
                    raise
                failures.append(f"{urlsplit(server).netloc}: {_reason(error)}")
            else:
                goal.parent.mkdir(parents=True, exist_ok=True)
                os.replace(Path(unfinished, name), goal)
                return
    raise ConnectionError(f"could not download {name} ({'; '.join(failures)})")


def _retrieve(server: str, name: str, md5: str, folder: str) -> None:
    import pooch  # takes a while, and is needed once

    pooch.get_logger().setLevel("WARNING")
    # Packed files are wanted as they are: some servers let the receiver unpack them on the way.
    ask = pooch.HTTPDownloader(progressbar=True, timeout=STALL, headers={"Accept-Encoding": "identity"})
    source = pooch.create(folder, server, registry={name: f"md5:{md5}"}, retry_if_failed=RETRIES)
    # A notebook prints standard error in red, as it prints errors.
    with redirect_stderr(sys.stdout) if progress.is_live() else nullcontext():
        fetched = source.fetch(name, downloader=ask)
    os.chmod(fetched, 0o644)  # pooch lets nobody else read it; who may is the folder's matter


def _reason(error: Exception) -> str:
    """Why a download failed, in a few words."""
    from requests import exceptions

    if isinstance(error, exceptions.HTTPError) and error.response is not None:
        return f"{error.response.status_code} {error.response.reason}"
    if isinstance(error, exceptions.TooManyRedirects):
        return "it redirects without end"
    if isinstance(error, OSError):
        return "the connection failed, stalled or broke off"
    return "it sent something else; does this network ask for a login?"
