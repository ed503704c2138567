"""Run chapters of a report again, shut off from the rest, and compare every metric with what the report has."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from helpers import integrity
from helpers.results import ROOT, write_text
from workflow import plan
from workflow.check import differences, sandbox
from workflow.check.findings import Finding, chapters, differing, named
from workflow.check.reading import DAMAGE, Report
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
    return [name for name in there if name.startswith(tuple(starts))]


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
    answers = report.evidence["chapters"][name]["answers"]
    images = record["provenance"].get("images", {}).get("test", 0) if answers else 0
    found = differences.between(name, [record], [again], images=images)
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
    try:
        known = chapters(profile)
        sweep = sweep_of(records, known, seed)
    except (ParameterError, *DAMAGE) as error:
        return {}, dict.fromkeys(records, f"it cannot be run here: {error}")
    alone = {name for name in records if known[name].compares} if len(sweep["notebooks"]) == 1 else set()
    if alone:
        return {}, dict.fromkeys(alone, "it only reads what other chapters left: RERUN=all runs it too")
    try:
        copy = sandbox.copy_of(bundle)
    except (ValueError, OSError) as error:
        return {}, dict.fromkeys(records, str(error))
    with (copy / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another check of the same code waits, and then finds its runs done
        write_text(copy / "rerun.yaml", yaml.safe_dump(sweep, sort_keys=False))
        command = [sys.executable, "-E", "-s", "-X", "utf8", "-m", "workflow.sweep", "rerun.yaml", "--profile", profile]
        print(f"runs {', '.join(records)} again; {sandbox.SAYS[sandbox.tool()]}", flush=True)
        subprocess.run(sandbox.shut_off(command, copy), cwd=copy, env={**sandbox.environment(), **only_real()})
        return finished(copy, profile, records), {}


def only_real() -> dict[str, str]:
    """A run for a check reads the real data, unless the user asks for the sample."""
    return {"DATA": os.environ.get("DATA") or "real"}


def sweep_of(records: Mapping[str, Any], known: Mapping[str, plan.Chapter], seed: int) -> dict[str, Any]:
    """A sweep file's content that asks for these chapters with the settings of their records.

    Raises ParameterError for a chapter or a setting that this tree does not have.
    """
    notebooks: dict[str, Any] = {}
    for name, record in records.items():
        if name not in known:
            raise ParameterError(f"this tree has no chapter {name}")
        changes = {key: theirs for key, (theirs, _) in differing(record["parameters"], known[name]).items()}
        for key, value in changes.items():
            if key not in known[name].parameters:
                raise ParameterError(f"{name} has no parameter {key} here")
            if isinstance(value, list):
                changes[key] = [value]
        notebooks[name] = changes or None
    return {"seeds": [seed], "notebooks": notebooks}


def finished(copy: Path, profile: str, records: Mapping[str, Any]) -> dict[str, Any]:
    """The records that the runs have left, of those that finished."""
    listed = copy / "reports" / profile / "sweeps" / "rerun" / "runs.json"
    found = {}
    try:
        for entry in json.loads(listed.read_text(encoding="utf-8"))["runs"]:
            path = copy / entry["folder"] / integrity.RECORD
            if entry["notebook"] in records and path.is_file() and path.resolve().is_relative_to(copy.resolve()):
                found[entry["notebook"]] = integrity.read(path)
    except (OSError, *DAMAGE):
        return {}
    return found
