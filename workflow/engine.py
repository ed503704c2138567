"""What `make report` and `make sweep` share: one at a time, data first, then Snakemake, which can be stopped; refusals.

The data step stands before Snakemake, not in it: Snakemake re-runs everything below a rule that ran, changed or not,
and the data must be looked at every time.
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
from pathlib import Path
from typing import Any

import psutil

from helpers.files import DataError, data_root, snapshot
from helpers.results import ROOT, write
from workflow.gpus import SHARE, count
from workflow.parameters import ParameterError
from workflow.plan import BUILT, PlannedRun
from workflow.watch import orphaned, stop_on, stop_signals, unheard

MANIFESTS = ROOT / "reports" / "data"
PROFILES = ROOT / "workflow" / "profiles"
PLUGINS = ROOT / "workflow" / "plugins"  # of Snakemake's, which finds them on the search path
LEAST = 2**20  # bytes without which the disk is called full
PATIENCE = 60  # seconds in which notebooks write down what they have, and jobs of a cluster are cancelled


class Stop(Exception):
    """Why it cannot go on, in one line."""


def guarded(command: str, action: Callable[[], int]) -> int:
    """The exit status of ``action``, or of what stopped it, told in a line; ``command`` goes on from there."""
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
    """Keep a second engine out while one runs; the lock's file, which Snakemake holds as well, in case it survives.

    By hand, since a lock of a library is freed with its process, while this one must last as long as Snakemake does.

    Raises Stop when there is another, or reports/ cannot be written.
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
    """Fetch, check and describe the data sets of ``runs`` in reports/data/, unless their files are as last time.

    Sets that only the sample stood in for are looked for again. Raises Stop with nothing more to say on failure.
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
    write(record, lambda path: path.write_text(json.dumps(seen)))


def _read(path: Path) -> dict[str, Any] | None:
    """What is in a JSON file; None where it is not there, or was cut short."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def snakemake(
    config: Sequence[str], *arguments: str, lock: int, on: str = "", tell: Callable[[dict], None] | None = None
) -> bool:
    """Run workflow/Snakefile, on every core here or ``on`` what workflow/profiles says; whether everything was done.

    What fails does not stop the others. Snakemake itself is quiet: jobs print what they have to say, or ``tell`` is
    given its events (see workflow/plugins). Raises Stop when it could not even plan: no job has
    spoken then, and a dry run is asked why.
    """
    command = [sys.executable, "-m", "snakemake", "-s", "workflow/Snakefile", "--config", *config]
    command += [] if on else [f"gpus={count()}"]
    # Another command line, the trigger "code", makes no result another. The other scheduler solves a puzzle before each
    # job, which takes seconds when there are a thousand.
    command += ["--keep-going", "--rerun-incomplete", "--rerun-triggers", "mtime", "params", "input"]
    command += ["--scheduler", "greedy"]
    if on:
        if not (PROFILES / on).is_dir():
            known = ", ".join(sorted(path.name for path in PROFILES.iterdir()))
            raise Stop(f"ON: there is no '{on}' in workflow/profiles, only: {known}; leave it out for this machine")
        command += ["--workflow-profile", str(PROFILES / on)]
    else:  # what there is of these is shared by the runs
        memory = psutil.virtual_memory().total // 10**6
        command += ["--cores", "all", "--resources", f"mem_mb={memory}", f"gpu={SHARE * count()}"]
    if any((ROOT / ".snakemake" / "locks").glob("*")):  # left by a run that was killed: we are the only one
        subprocess.run([*command, "--unlock", "--quiet", "all"], cwd=ROOT)
    # A run is stopped with `make`, where `make` called: see watch.py.
    top = os.getppid() if os.environ.get("MAKELEVEL") else os.getpid()
    search = os.pathsep.join(filter(None, [str(PLUGINS), os.environ.get("PYTHONPATH")]))
    environment = os.environ | {"PYTHONPATH": search}
    if not on:  # nodes of a cluster know nothing of this machine's processes
        environment["REPORT_ENGINE"] = str(top)
    spoken = ["--logger", "events"] if tell else ["--quiet", "all"]
    command_line = [*command, *arguments, *spoken]
    start = {"cwd": ROOT, "env": environment, "stdout": subprocess.PIPE if tell else None, "pass_fds": [lock]}
    # In this order: whatever goes wrong while listening stops Snakemake, instead of waiting for its end.
    with subprocess.Popen(command_line, text=True, **start) as engine, stopped_as_one(top):
        for line in engine.stdout or ():
            if line.startswith('{"event": '):
                tell(json.loads(line))
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
    """Give a report that was built its name. Snakemake deletes what it is about to build, and a build may be refused:
    the report of last time must outlive that.
    """
    for ending in endings:
        built, shown = ROOT / folder / BUILT / f"{name}.{ending}", ROOT / folder / f"{name}.{ending}"
        if not shown.exists() or shown.stat().st_mtime_ns != built.stat().st_mtime_ns:
            write(shown, lambda path, built=built: shutil.copy2(built, path))


@contextmanager
def stopped_as_one(top: int) -> Iterator[None]:
    """However this process is stopped (Ctrl-C, a signal to it alone, the end of ``top``), all that it started stops.

    Only kill -9 leaves it no time; the notebooks notice that themselves.
    """

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    former = {number: signal.signal(number, interrupt) for number in stop_signals()}
    stop_on(orphaned(top))
    try:
        yield
    except BaseException:
        for number in former:  # a second Ctrl-C must not cut this short
            signal.signal(number, unheard)
        below = psutil.Process().children(recursive=True)
        for process in below:
            # Not SIGINT, which a terminal may have sent to all and Snakemake takes badly twice. Kernels are in sessions
            # of their own: who started them stops them.
            _send(process, signal.SIGTERM, os.getsid(0))
        for process in psutil.wait_procs(below, timeout=PATIENCE)[1]:
            _send(process, signal.SIGKILL)
        raise
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


def _send(process: psutil.Process, number: int, session: int | None = None) -> None:
    """Send a signal to a process that may have gone; with a ``session``, only when it is of that one."""
    with suppress(psutil.NoSuchProcess, ProcessLookupError):
        if session in (None, os.getsid(process.pid)):
            process.send_signal(number)
