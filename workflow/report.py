"""`make report`: check the settings, fetch and check the data, run what is not up to date, say where the report is.

The data step stands before Snakemake, not in it: Snakemake re-runs everything below a rule that ran, changed or not,
and the data must be looked at every time.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from plan import chapters, report_name, select, with_needs  # noqa: E402

from helpers import data  # noqa: E402
from helpers.parameters import ParameterError  # noqa: E402

MANIFESTS = ROOT / "reports" / "data"
FORMATS = {"html": ["html"], "pdf": ["pdf"], "both": ["html", "pdf"]}


class Stop(Exception):
    """Why the report cannot be made, in one line."""


@contextmanager
def only_one() -> Iterator[None]:
    """Keep a second `make report` out while one runs. Raises Stop when there is one, or reports/ cannot be written."""
    try:
        MANIFESTS.mkdir(parents=True, exist_ok=True)
        lock = (ROOT / "reports" / ".lock").open("w")
    except OSError as error:
        raise Stop(f"cannot write to {ROOT / 'reports'} ({error.strerror}): free some room or mend it") from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Stop("another `make report` is at work in this folder: wait for it, or stop it") from None
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


def snakemake(config: Sequence[str], *arguments: str) -> None:
    """Run Snakemake on workflow/Snakefile, one-thread jobs on every core. Raises Stop when it fails.

    One chapter that fails does not stop the others. What a job prints says enough, so Snakemake itself is quiet; when
    it could not even plan, no job has spoken, and a dry run is asked why.
    """
    command = [sys.executable, "-m", "snakemake", "-s", "workflow/Snakefile", "--cores", "all", "--config", *config]
    command += ["--keep-going", "--rerun-incomplete", *arguments]
    if subprocess.run([*command, "--quiet", "all"], cwd=ROOT).returncode:
        plan = subprocess.run([*command, "--dry-run"], cwd=ROOT, capture_output=True, text=True)
        if plan.returncode:
            raise Stop(f"the workflow cannot be planned: {' '.join((plan.stderr or plan.stdout).split())}")
        raise Stop("stopped; `make report` goes on from what had finished")


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the report; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--profile", default="standard")
    parser.add_argument("--seed", default="0")
    parser.add_argument("--notebooks", default="", help="starts of chapter names; all when empty")
    parser.add_argument("--assignment", default="", help="only the chapters of this one of the original assignments")
    parser.add_argument("--format", default="both", help="html, pdf or both")
    parser.add_argument("--author", default="")
    parser.add_argument("--roll", default="")
    options = parser.parse_args(arguments)
    try:
        if not options.seed.isdecimal():
            raise Stop(f"SEED must be a whole number, 0 or more, not '{options.seed}'")
        if options.format not in FORMATS:
            raise Stop(f"FORMAT must be html, pdf or both, not '{options.format}'")
        found = chapters(options.profile)
        selected = select(found, options.notebooks.split(), options.assignment)
        with only_one():
            if names := sorted({name for chapter in with_needs(found, selected) for name in chapter.data}):
                refresh_data(names)
            config = [f"profile={options.profile}", f"seed={options.seed}"]
            config.append(f"notebooks={' '.join(chapter.name for chapter in selected)}")
            config += [f"assignment={options.assignment}", f"formats={' '.join(FORMATS[options.format])}"]
            # Not as config: Snakemake would make a number of a roll number.
            os.environ |= {"REPORT_AUTHOR": options.author, "REPORT_ROLL": options.roll}
            if any((ROOT / ".snakemake" / "locks").glob("*")):  # left by a run that was killed: we are the only one
                snakemake(config, "--unlock")
            snakemake(config)
    except (Stop, ParameterError, data.DataError) as error:
        if str(error):
            print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; what had finished is kept, and `make report` goes on from there", file=sys.stderr)
        return 130
    name = report_name(options.assignment)
    made = " and ".join(f"{name}.{ending}" for ending in FORMATS[options.format])
    print(f"reports/{options.profile}: {made}, results.csv; each run in seed-{options.seed}/")
    return 0


if __name__ == "__main__":
    sys.exit(main())
