"""Stop in good order when a process that this one works for is gone, or when it takes more than it was given."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable

import psutil

PAUSE = 1.0  # seconds between two looks

Trouble = Callable[[], str | None]  # why to stop, or None


def stop_on(*troubles: Trouble) -> list[str]:
    """Look at ``troubles`` from a thread; at the first, send this process SIGTERM. Returns where it is noted why."""
    noted: list[str] = []

    def look() -> None:
        while not noted:
            time.sleep(PAUSE)
            noted.extend(filter(None, (trouble() for trouble in troubles)))
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=look, daemon=True).start()
    return noted


def stop_signals() -> list[signal.Signals]:
    """Those that ask this process to stop; a closed terminal does not, when it was started by `nohup`."""
    heard = signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN
    return [signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if heard else [])]


def unheard(*_: object) -> None:
    """A handler that does nothing: one of Python's own, since it complains of a signal that came before SIG_IGN."""


def orphaned(top: int) -> Trouble:
    """Whether any of the processes from the parent of this one up to ``top`` has ended.

    kill -9 of one of them tells this process nothing. When ``top`` is not above, it has ended already.
    """
    if top == os.getpid():
        return lambda: None
    parents = psutil.Process().parents()
    numbers = [process.pid for process in parents]
    above = parents[: numbers.index(top) + 1] if top in numbers else []
    return lambda: None if above and all(map(_alive, above)) else "what started it has ended"


def _alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def too_long(minutes: float) -> Trouble:
    """Whether it is more than ``minutes`` from now."""
    until = time.monotonic() + 60 * minutes
    return lambda: f"it took more than its {minutes:g} minutes" if time.monotonic() > until else None


def too_much(memory_mb: float) -> Trouble:
    """Whether this process and those below it hold more than ``memory_mb`` together."""

    def look() -> str | None:
        held = 0.0
        for process in (psutil.Process(), *psutil.Process().children(recursive=True)):
            try:
                held += process.memory_info().rss / 1e6
            except psutil.NoSuchProcess:
                continue
        return f"it took {held:,.0f} MB of memory, more than its {memory_mb:,.0f}" if held > memory_mb else None

    return look
