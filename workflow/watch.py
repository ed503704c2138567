"""Stop this process when the one that started it has ended, or when it exceeds its limits of time or memory."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable

import psutil

PAUSE = 1.0  # seconds between two checks

Check = Callable[[], str | None]  # returns why to stop, or None


def stop_on(*checks: Check) -> list[str]:
    """Run ``checks`` every second in a thread; when one gives a reason to stop, send this process SIGTERM.

    Returns a list, empty at first, to which the reason is then added.
    """
    reasons: list[str] = []

    def watch() -> None:
        while not reasons:
            time.sleep(PAUSE)
            reasons.extend(filter(None, (check() for check in checks)))
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()
    return reasons


def stop_signals() -> list[signal.Signals]:
    """The signals that stop this process: SIGHUP (a closed terminal) is one of them unless `nohup` started it."""
    hang_up = signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN
    return [signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if hang_up else [])]


def ignore_signal(*_: object) -> None:
    """A handler that does nothing. Not SIG_IGN: Python prints a warning when a signal arrived just before that."""


def orphaned(top: int) -> Check:
    """A check whether any of the processes from the parent of this one up to ``top`` has ended.

    Nothing tells a process that kill -9 has ended the one above it. If ``top`` is not above, it has ended already.
    """
    if top == os.getpid():
        return lambda: None
    parents = psutil.Process().parents()
    numbers = [process.pid for process in parents]
    above = parents[: numbers.index(top) + 1] if top in numbers else []
    return lambda: None if above and all(map(_alive, above)) else "what started it has ended"


def _alive(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def too_long(minutes: float) -> Check:
    """A check whether more than ``minutes`` have passed since this call."""
    until = time.monotonic() + 60 * minutes
    return lambda: f"it took more than its {minutes:g} minutes" if time.monotonic() > until else None


def too_much(memory_mb: float) -> Check:
    """A check whether this process and those below it use more than ``memory_mb`` (10^6 bytes) together."""

    def check() -> str | None:
        held = 0.0
        for process in (psutil.Process(), *psutil.Process().children(recursive=True)):
            try:
                held += process.memory_info().rss / 1e6
            except psutil.NoSuchProcess:
                continue
        return f"it took {held:,.0f} MB of memory, more than its {memory_mb:,.0f}" if held > memory_mb else None

    return check
