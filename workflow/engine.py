"""What `make report` and `make sweep` share: the lock, the check of the data, starting and stopping Snakemake, errors.

The data are checked before Snakemake starts, not by a rule: they must be checked every time, and Snakemake runs
everything again that depends on a rule that ran, whether its output changed or not.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import psutil

from helpers.files import DataError, data_root, snapshot
from helpers.results import ROOT, write, write_text
from workflow.gpus import SHARE, count
from workflow.parameters import ParameterError
from workflow.plan import BUILT, PlannedRun
from workflow.standing import Standing, note
from workflow.watch import ignore_signal, orphaned, stop_on, stop_signals

MANIFESTS = ROOT / "reports" / "data"
PROFILES = ROOT / "workflow" / "profiles"
PLUGINS = ROOT / "workflow" / "plugins"  # Snakemake finds its plug-ins on Python's search path
LEAST = 2**20  # free bytes below which the disk counts as full
PATIENCE = 60  # seconds to record errors in notebooks and cancel a cluster's jobs, before everything is killed


class Stop(Exception):
    """Why `make` cannot go on, in one line; "" when it has been printed."""


def guarded(command: str, action: Callable[[], int]) -> int:
    """The exit status of ``action``, or of an error, which is printed in one line; ``command`` is named there."""
    try:
        return action()
    except (Stop, ParameterError, DataError) as error:
        if str(error):
            print(f"error: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        what = f"{error.filename or ROOT}: {error.strerror}"
        print(f"error: {what}: free some room or mend it; `{command}` goes on from what had finished", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"interrupted; what had finished is kept, and `{command}` goes on from there", file=sys.stderr)
        return 130


@contextmanager
def only_one() -> Iterator[int]:
    """Hold the lock of this folder, and yield its file descriptor, for Snakemake to inherit.

    By hand, since flock's lock lasts as long as any process that inherited it: if this process is killed and its
    Snakemake goes on, a second one is still refused. Raises Stop when the lock is taken or reports/ is read-only.
    """
    try:
        MANIFESTS.mkdir(parents=True, exist_ok=True)
        lock = (ROOT / "reports" / ".lock").open("w")
    except OSError as error:
        raise Stop(f"cannot write to {ROOT / 'reports'} ({error.strerror}): free some room or mend it") from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            busy = "another `make report` or `make sweep` is at work in this folder"
            raise Stop(f"{busy}: wait for it, or stop it") from None
        yield lock.fileno()


def refresh_data(runs: Iterable[PlannedRun]) -> None:
    """Fetch and check the data sets of ``runs`` and write their manifests to reports/data/.

    Does nothing if all files are real ones and have the same sizes and times as at the last call. Raises Stop,
    without text, after an error that has been printed.
    """
    names = sorted({name for run in runs for name in run.chapter.data})
    if not names:
        return
    seen = {"root": str(data_root()), "only real": os.environ.get("DATA", ""), "files": snapshot(names)}
    record = MANIFESTS / "seen.json"
    manifests = [_read(MANIFESTS / f"{name}.json") for name in names]
    if _read(record) == seen and all(manifest and not manifest["sample"] for manifest in manifests):
        return
    command = [sys.executable, "-m", "workflow.data", *names, "--manifests", str(MANIFESTS)]
    if subprocess.run(command, cwd=ROOT).returncode:
        raise Stop
    seen["files"] = snapshot(names)
    write_text(record, json.dumps(seen))


def _read(path: Path) -> dict[str, Any] | None:
    """The content of a JSON file; None if it is missing or not valid."""
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content


def snakemake(
    config: Sequence[str],
    *arguments: str,
    lock: int,
    finished: Standing | None = None,
    on: str = "",
    on_event: Callable[[dict[str, Any]], None] | None = None,
    file: str = "workflow/Snakefile",
) -> bool:
    """Run a Snakefile on every core of this machine, or as the profile ``on`` in workflow/profiles says.

    Returns whether every job succeeded; a failed job does not stop the others. ``finished`` says which earlier runs
    are kept and which run again. Snakemake itself prints nothing: jobs print their own messages, and ``on_event`` is
    called with Snakemake's events (see workflow/plugins). Raises Stop when the disk is full, or when the jobs cannot
    even be planned (a dry run then says why).
    """
    command = [sys.executable, "-m", "snakemake", "-s", file, "--config", *config]
    command += [] if on else [f"gpus={count()}"]
    # Without the trigger "code": another command line does not change a result. The greedy scheduler, since the default
    # solves a linear program before each job, which takes seconds for a thousand jobs.
    command += ["--keep-going", "--rerun-incomplete", "--rerun-triggers", "mtime", "params", "input"]
    command += ["--scheduler", "greedy"]
    if on:
        if not (PROFILES / on).is_dir():
            known = ", ".join(sorted(path.name for path in PROFILES.iterdir()))
            raise Stop(f"ON: there is no '{on}' in workflow/profiles, only: {known}; leave it out for this machine")
        command += ["--workflow-profile", str(PROFILES / on)]
    else:  # the machine's memory and GPUs are shared by the runs
        memory = psutil.virtual_memory().total // 10**6
        command += ["--cores", "all", "--resources", f"mem_mb={memory}", f"gpu={SHARE * count()}"]
    if any((ROOT / ".snakemake" / "locks").glob("*")):  # left by a Snakemake that was killed: we hold the lock
        subprocess.run([*command, "--unlock", "--quiet", "all"], cwd=ROOT)
    if finished:
        note(finished.kept)
        command += ["--forcerun", *finished.again] if finished.again else []
    # When `make` has called, the runs stop with `make`: see watch.orphaned.
    top = os.getppid() if os.environ.get("MAKELEVEL") else os.getpid()
    environment = os.environ | {"PYTHONPATH": str(PLUGINS)}
    if not on:  # a cluster's nodes cannot see this machine's processes
        environment["REPORT_ENGINE"] = str(top)
    output = ["--logger", "events"] if on_event else ["--quiet", "all"]
    command_line = [*command, *arguments, *output]
    stdout = subprocess.PIPE if on_event else None
    start: dict[str, Any] = {"cwd": ROOT, "env": environment, "stdout": stdout, "pass_fds": [lock]}
    # In this order: an error while reading events must stop Snakemake before Popen waits for it.
    with subprocess.Popen(command_line, text=True, **start) as engine, stopped_as_one(top):
        for line in engine.stdout or ():
            if on_event and line.startswith('{"event": '):
                on_event(json.loads(line))
            else:
                print(line, end="")
        failed = engine.wait()
    if failed:
        if shutil.disk_usage(ROOT).free < LEAST:
            raise Stop(
                f"no room left on the disk of {ROOT}: free some, and the same command goes on from what had finished"
            )
        plan = subprocess.run([*command, "--dry-run", "--quiet", "all"], cwd=ROOT, capture_output=True, text=True)
        if plan.returncode:
            raise Stop(f"the workflow cannot be planned: {' '.join((plan.stderr or plan.stdout).split())}")
    return not failed


def publish(folder: str, name: str, endings: Sequence[str]) -> None:
    """Copy a finished report to where readers look for it, if it was deleted or changed there."""
    for ending in endings:
        built, shown = ROOT / folder / BUILT / f"{name}.{ending}", ROOT / folder / f"{name}.{ending}"
        if not shown.exists() or shown.stat().st_mtime_ns != built.stat().st_mtime_ns:
            write(shown, partial(shutil.copy2, built))


@contextmanager
def stopped_as_one(top: int) -> Iterator[None]:
    """When this process is stopped (Ctrl-C, a signal to it alone, the end of ``top``), stop all that it started.

    kill -9 leaves no time for this; the runners of notebooks check for it themselves (watch.orphaned).
    """

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    former = {number: signal.signal(number, interrupt) for number in stop_signals()}
    stop_on(orphaned(top))
    try:
        yield
    except BaseException:
        for number in former:  # a second Ctrl-C must not cut this short
            signal.signal(number, ignore_signal)
        below = psutil.Process().children(recursive=True)
        for process in below:
            # Not SIGINT: a terminal may have sent that to all, and a second one makes Snakemake exit at once. Kernels,
            # in sessions of their own, are stopped by their runners.
            _send(process, signal.SIGTERM, os.getsid(0))
        for process in psutil.wait_procs(below, timeout=PATIENCE)[1]:
            _send(process, signal.SIGKILL)
        raise
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


def _send(process: psutil.Process, number: int, session: int | None = None) -> None:
    """Send a signal to a process that may have ended; with a ``session``, only if it belongs to that session."""
    with suppress(psutil.NoSuchProcess, ProcessLookupError):
        if session in (None, os.getsid(process.pid)):
            process.send_signal(number)
