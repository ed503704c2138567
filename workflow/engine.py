"""What `make report` and `make sweep` share: one at a time, data first, then Snakemake, which can be stopped.

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
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from gpus import SHARE, count  # noqa: E402
from watch import orphaned, stop_on, stop_signals  # noqa: E402

from helpers import data  # noqa: E402

MANIFESTS = ROOT / "reports" / "data"
PROFILES = ROOT / "workflow" / "profiles"
PLUGINS = ROOT / "workflow" / "plugins"  # of Snakemake's, which finds them on the search path
LEAST = 2**20  # bytes without which the disk is called full
PATIENCE = 20  # seconds in which notebooks write down what they have when all is stopped


class Stop(Exception):
    """Why it cannot go on, in one line."""


@contextmanager
def only_one() -> Iterator[None]:
    """Keep a second engine out while one runs. Raises Stop when there is one, or reports/ cannot be written."""
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
        yield


def refresh_data(names: Sequence[str]) -> None:
    """Fetch, check and describe the data sets ``names`` in reports/data/, unless their files are as last time.

    Sets that only the sample stood in for are looked for again. Raises Stop with nothing more to say on failure.
    """
    seen = {"root": str(data.data_root()), "only real": os.environ.get("DATA", ""), "files": data.snapshot(names)}
    record = MANIFESTS / "seen.json"
    if record.exists() and json.loads(record.read_text()) == seen and all(map(_is_real, names)):
        return
    command = [sys.executable, "-m", "helpers.data", *names, "--manifests", str(MANIFESTS)]
    if subprocess.run(command, cwd=ROOT).returncode:
        raise Stop
    seen["files"] = data.snapshot(names)
    record.write_text(json.dumps(seen))


def _is_real(name: str) -> bool:
    manifest = MANIFESTS / f"{name}.json"
    return manifest.exists() and not json.loads(manifest.read_text())["sample"]


def snakemake(config: Sequence[str], *arguments: str, on: str = "", tell: Callable[[dict], None] | None = None) -> bool:
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
    environment = os.environ | {"REPORT_ENGINE": str(top), "PYTHONPATH": search}
    spoken = ["--logger", "events"] if tell else ["--quiet", "all"]
    pipe = subprocess.PIPE if tell else None
    with (
        stopped_as_one(top),
        subprocess.Popen([*command, *arguments, *spoken], cwd=ROOT, env=environment, stdout=pipe, text=True) as engine,
    ):
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
            signal.signal(number, signal.SIG_IGN)
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
