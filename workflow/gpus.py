"""A machine's GPUs, shared by several runs each: the networks are small, and one alone leaves most of a card idle."""

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
    """How many GPUs this machine has, or may use."""
    return len(_cards())


def claim() -> IO[str] | None:
    """Let this process see the one GPU with the fewest runs on it; None, and all as it is, where there is no choice.

    A place is a locked file of this machine, free again when the process has ended, however it did.
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
    """The GPUs that may be used, by number or name; CUDA_VISIBLE_DEVICES lists them up to the first that is none."""
    allowed = os.environ.get("CUDA_VISIBLE_DEVICES")
    if allowed is None:
        return [str(number) for number in range(len(list(CARDS.glob("*"))))]
    return list(itertools.takewhile(lambda card: card not in ("", "-1"), map(str.strip, allowed.split(","))))
