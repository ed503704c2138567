"""Share a machine's GPUs: several runs on each, since one small network alone leaves most of a GPU idle."""

from __future__ import annotations

import fcntl
import getpass
import itertools
import os
import tempfile
from pathlib import Path
from typing import IO

SHARE = 4  # runs on a GPU at once
CARDS = Path("/proc/driver/nvidia/gpus")


def count() -> int:
    """How many GPUs this process may use."""
    return len(_cards())


def claim() -> IO[str] | None:
    """Set CUDA_VISIBLE_DEVICES to the GPU with the fewest runs on it; returns the lock that counts this run there.

    Changes nothing and returns None where there are fewer than two GPUs, or all of them are full. A lock is a file in
    the machine's temporary folder; the system releases it when the process ends, in whatever way.
    """
    cards = _cards()
    if len(cards) < 2:
        return None
    for place in range(SHARE):
        for card in cards:
            file = (Path(tempfile.gettempdir()) / f"report-{getpass.getuser()}-gpu-{card}-{place}").open("w")
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.close()
                continue
            os.environ["CUDA_VISIBLE_DEVICES"] = card
            return file
    return None


def _cards() -> list[str]:
    """The GPUs that may be used, by number or name; CUDA_VISIBLE_DEVICES is read to its first invalid one."""
    allowed = os.environ.get("CUDA_VISIBLE_DEVICES")
    if allowed is None:
        return [str(number) for number in range(len(list(CARDS.glob("*"))))]
    return list(itertools.takewhile(lambda card: card not in ("", "-1"), map(str.strip, allowed.split(","))))
