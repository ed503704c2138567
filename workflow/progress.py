"""What `make report` and `make sweep` print while they work: what has ended, and how long the rest should take."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Mapping
from statistics import mean
from typing import Any

from helpers.results import ROOT
from workflow.forecast import CORES, estimate, makespan, measured, words
from workflow.plan import PlannedRun


class Progress:
    """Receives Snakemake's events (see workflow/plugins), and prints a line for each run that has ended.

    ``unit`` is what a run is called, such as "chapter"; ``retried``: whether one that failed is tried once more;
    ``cores``: how many runs are at work at once, None where that is not known, as on a cluster.
    """

    def __init__(self, runs: Iterable[PlannedRun], *, unit: str, retried: bool = False, cores: int | None = CORES):
        self.runs = {run.folder: run for run in runs}
        self.unit, self.retried, self.cores = unit, retried, cores
        self.planned: list[PlannedRun] = []  # in a dry run
        self.failed: dict[str, int] = {}  # how often, by folder, while it has not finished
        self.left: dict[str, PlannedRun] = {}  # by folder: not finished, and not up to date when all began
        self._started: dict[str, float] = {}  # when, by folder
        self._taken: dict[str, float] = {}  # seconds of those that have finished, by folder,
        self._estimates = {folder: estimate(run) for folder, run in self.runs.items()}  # and as they were expected

    def __call__(self, event: dict[str, Any]) -> None:
        """Handle one event of the logger plug-in."""
        if event["event"] == "todo":
            self._begin(event["jobs"])
            return
        run = self.runs.get(os.path.dirname(next(iter(event["outputs"]), "")))
        if run is None:  # another job, such as the report
            return
        if event["event"] == "planned":
            self.planned.append(run)
        elif event["event"] == "started":
            self._started[run.folder] = time.monotonic()
        elif event["event"] == "finished":
            self._finish(run)
        elif event["event"] == "failed":
            self.failed[run.folder] = self.failed.get(run.folder, 0) + 1
            again = self.retried and self.failed[run.folder] == 1
            what = "failed, and is tried once more with more memory" if again else "failed"
            print(f"{run}  {what}", flush=True)

    def _begin(self, jobs: Mapping[str, int]) -> None:
        for name in dict.fromkeys(run.name for run in self.runs.values()):
            # Snakemake tells only how many runs of a chapter are to do: those without results are among them.
            known = [run for run in self.runs.values() if run.name == name]
            known.sort(key=lambda run: (ROOT / run.file("results.json")).exists())
            self.left |= {run.folder: run for run in known[: jobs.get(f"chapter_{name}", 0)]}
        done = len(self.runs) - len(self.left)
        rest = (
            f", {len(self.left)} {'is' if len(self.left) == 1 else 'are'} left{self._time_to_go()}" if self.left else ""
        )
        print(f"{done} of {self._count(len(self.runs))} {'is' if done == 1 else 'are'} done{rest}", flush=True)

    def _finish(self, run: PlannedRun) -> None:
        same = [folder for folder, other in self.left.items() if other.name == run.name]
        if same:  # of a chapter it may be another run than was thought to be left
            self.left.pop(run.folder if run.folder in same else same[-1])
        self.failed.pop(run.folder, None)
        taken = measured(run.file("benchmark.tsv"))
        if taken is not None:
            self._taken[run.folder] = taken
        seconds = "" if taken is None else f"  {taken:.0f} s"
        done = len(self.runs) - len(self.left)
        print(
            f"{run}{seconds}{headline(run)}  ({done} of {self._count(len(self.runs))} done{self._time_to_go()})",
            flush=True,
        )

    def _count(self, number: int) -> str:
        return f"{number} {self.unit}{'s'[: number != 1]}"

    def _time_to_go(self) -> str:
        """ ", about 9 minutes to go"; "" when nothing is left, or nothing is known of this profile yet."""
        if not (self.left and self.cores):
            return ""
        usual = mean(self._taken.values()) if self._taken else None  # of a chapter that is new to this profile
        expected = {folder: guess for folder in self._taken if (guess := self._estimates[folder])}
        pace = sum(self._taken[folder] for folder in expected) / sum(expected.values()) if expected else 1.0
        seconds = {}
        for folder in self.left:
            known = self._estimates[folder]
            whole = usual if known is None else known * pace  # at the pace of this machine, now
            if whole is None:
                return ""
            elapsed = time.monotonic() - self._started[folder] if folder in self._started else 0.0
            seconds[folder] = max(1.0, whole - elapsed)
        return f", about {words(makespan(self.left.values(), seconds, self.cores))} to go"


def headline(run: PlannedRun) -> str:
    """The chapter's headline metric as text, "" where it has none."""
    try:
        metrics = json.loads((ROOT / run.file("results.json")).read_text(encoding="utf-8"))["metrics"]
    except (OSError, ValueError, KeyError):
        return ""
    name = run.chapter.headline
    return f"  {name} {metrics[name]:.4g}" if name in metrics else ""
