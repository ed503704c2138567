"""Run chapters of a report again, shut off from the rest, and compare every metric with what the report has."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml

from helpers import integrity
from helpers.results import ROOT, write_text
from workflow.chapters import Chapter
from workflow.check import differences, sandbox
from workflow.check.findings import Finding, chapters, differing, named
from workflow.check.reading import DAMAGE, LARGEST, Report, check_record
from workflow.parameters import ParameterError

WHAT = "rerun"


def asked(report: Report, names: str) -> list[str]:
    """The chapters of a report that RERUN names by the starts of their names, or all. Raises ParameterError."""
    there = list(report.records)
    if names.split() == ["all"]:
        return there
    starts = [start.zfill(2) if start.isdecimal() else start for start in names.split()]
    for start in starts:
        if not any(name.startswith(start) for name in there):
            raise ParameterError(f"RERUN: the report has no chapter '{start}', only: {', '.join(there)}")
    chosen = [name for name in there if name.startswith(tuple(starts))]
    for name in chosen:  # it would compare what is there in the copy, which is less than the report has
        if "read" in report.records[name]["tables"] and len(chosen) < len(there):
            raise ParameterError(f"RERUN: {name} reads what all others left: RERUN=all")
    return chosen


def findings(report: Report, chosen: Sequence[str], bundle: Path = ROOT) -> list[Finding]:
    """Run the chapters ``chosen`` with the code of ``bundle`` and compare; a finding for each."""
    runs: dict[tuple[str, int], dict[str, Any]] = {}  # records by profile and seed, of which a report should have one
    for name in chosen:
        record = report.records[name]
        runs.setdefault((record["profile"], record["seed"]), {})[name] = record
    found = []
    for (profile, seed), records in runs.items():
        again, said = run(records, profile, seed, bundle)
        for name in records:
            why = said.get(name, "its run did not finish: see above")
            found.append(verdict(name, report, again[name]) if name in again else Finding(name, WHAT, False, why))
    return found


def verdict(name: str, report: Report, again: Mapping[str, Any]) -> Finding:
    """Whether a chapter's metrics are those of its second run: equal, within noise, or off."""
    record = report.records[name]
    found = differences.between(name, [record], [again], images=differences.test_images(record))
    lost = sorted(record["metrics"].keys() ^ again["metrics"].keys())
    results = [item for item in differences.ordered(found) if not item.is_time]
    equal = [item for item in results if item.is_equal]
    off = [item for item in results if not item.is_equal and not item.is_noise]
    near = [item for item in results if not item.is_equal and item.is_noise]
    groups = {"within noise": [item for item in near if item.noise]}
    groups |= {f"within {differences.NEAR:.0%}, noise unknown": [item for item in near if not item.noise]}

    def words(items: Sequence[differences.Difference]) -> str:
        return named(f"{item.metric} {differences.number(item.a)}, now {differences.number(item.b)}" for item in items)

    parts = [f"off: {words(off)}"] if off else []
    parts += [f"of one run alone: {named(lost)}"] if lost else []
    parts += [f"{len(equal)} of {len(results)} metrics are equal"]
    parts += [f"{len(items)} {what} ({words(items)})" for what, items in groups.items() if items]
    return Finding(name, WHAT, not off and not lost, "; ".join(parts))


def run(records: Mapping[str, Any], profile: str, seed: int, bundle: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """The records of a second run of the chapters that left ``records``; and why there is none of the others."""
    notebooks, said = {}, {}
    try:
        known = chapters(profile)
        copy = sandbox.copy_of(bundle)
    except (ParameterError, ValueError, OSError) as error:
        return {}, dict.fromkeys(records, f"it cannot be run here: {error}")
    for name, record in records.items():
        try:
            notebooks[name] = changes(name, record, known) or None
        except (ParameterError, *DAMAGE) as error:
            said[name] = f"it cannot be run here: {error}"
    if not notebooks:
        return {}, said
    minutes = sum(chapter.minutes for chapter in known.values())
    # Beside the copy: what runs there must not change them.
    lock_file, asks = (copy.with_name(f"rerun-{copy.name}{ending}") for ending in (".lock", ".yaml"))
    listed = copy / "reports" / profile / "sweeps" / asks.stem / "runs.json"
    command = [sys.executable, "-E", "-s", "-X", "utf8", "-m", "workflow.sweep", str(asks), "--profile", profile]
    with lock_file.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another check of the same code waits, and then finds its runs done
        write_text(asks, yaml.safe_dump({"seeds": [seed], "notebooks": notebooks}, sort_keys=False))
        listed.unlink(missing_ok=True)  # of an earlier run, if this one does not begin
        print(f"runs {', '.join(notebooks)} again; {sandbox.SAYS[sandbox.tool()]}", flush=True)
        started: dict[str, Any] = {"cwd": copy, "env": {**sandbox.environment(), **only_real()}}
        with suppress(subprocess.TimeoutExpired):
            shut_off = sandbox.shut_off(command, copy, asks)
            subprocess.run(shut_off, stdin=subprocess.DEVNULL, timeout=60 * minutes, **started)
        return finished(copy, listed, {name: records[name] for name in notebooks}), said


def only_real() -> dict[str, str]:
    """A run for a check reads the real data, unless the user asks for the sample."""
    return {"DATA": os.environ.get("DATA") or "real"}


def changes(name: str, record: Mapping[str, Any], known: Mapping[str, Chapter]) -> dict[str, Any]:
    """The settings of a run that are others than its profile's, as a sweep's file names them.

    Raises ParameterError for a chapter or a setting that this tree does not have.
    """
    if name not in known:
        raise ParameterError(f"this tree has no chapter {name}")
    found = {key: theirs for key, (theirs, _) in differing(record["parameters"], known[name]).items()}
    for key in found:
        if key not in known[name].parameters:
            raise ParameterError(f"{name} has no parameter {key} here")
    return {key: [value] if isinstance(value, list) else value for key, value in found.items()}


def finished(copy: Path, listed: Path, records: Mapping[str, Any]) -> dict[str, Any]:
    """The records that the runs have left, of those that finished; none that is no such run's."""
    found = {}
    with suppress(OSError, *DAMAGE):
        for entry in json.loads(text_of(listed, copy))["runs"]:
            again, name = json.loads(text_of(copy / entry["folder"] / integrity.RECORD, copy)), entry["notebook"]
            check_record(again)
            if name in records and all(again[key] == records[name][key] for key in ("notebook", "profile", "seed")):
                found[name] = again
    return found


def text_of(path: Path, copy: Path) -> str:
    """A file that code of a stranger's may have left. Raises ValueError for a link, a device, or one too large."""
    if not path.resolve().is_relative_to(copy.resolve()) or not path.is_file() or path.stat().st_size > LARGEST:
        raise ValueError(f"{path} is no file of a run")
    return path.read_text(encoding="utf-8")
