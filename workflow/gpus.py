"""A machine's GPUs, shared by several runs each: the networks are small, and one alone leaves most of a card idle."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import IO

SHARE = 4  # runs on a GPU at once
CARDS = Path("/proc/driver/nvidia/gpus")


def count() -> int:
    """How many GPUs this machine has, or may use."""
    allowed = os.environ.get("CUDA_VISIBLE_DEVICES")
    if allowed is not None:
        return len([card for card in allowed.split(",") if card])
    return len(list(CARDS.glob("*")))


def claim(folder: Path) -> IO[str] | None:
    """Let this process see the one GPU with the fewest runs on it; None, and all as it is, where there is no choice.

    A place is a locked file in ``folder``, free again when the process has ended, however it did.
    """
    allowed = os.environ.get("CUDA_VISIBLE_DEVICES")
    cards = allowed.split(",") if allowed is not None else [str(number) for number in range(count())]
    if len(cards) < 2:
        return None
    for place in range(SHARE):
        for card in cards:
            file = (folder / f".gpu-{card}-{place}").open("w")
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.close()
                continue
            os.environ["CUDA_VISIBLE_DEVICES"] = card
            return file
    return None
