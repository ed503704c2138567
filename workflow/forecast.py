"""How long runs take: by Snakemake's benchmarks where there are some, else by chapters.yaml."""

from __future__ import annotations

import csv
import json
import os
import statistics
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from helpers.results import ROOT
from workflow.chapters import Chapter
from workflow.plan import PlannedRun

MANY = 100  # runs whose order hardly matters
SHARE, START = 1 / 20, 15  # on the sample a run takes about this share of a chapter's seconds, and these to start
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def measured(benchmark: str | Path) -> float | None:
    """How many seconds a run took, from Snakemake's benchmark file; None without one."""
    try:
        with (ROOT / benchmark).open(encoding="utf-8") as file:
            return float(next(csv.DictReader(file, delimiter="\t"))["s"])
    except (OSError, StopIteration, KeyError, ValueError):
        return None


def comparable(benchmarks: Iterable[Path], chapter: Chapter) -> list[float]:
    """The seconds of the runs of ``chapter`` with these ``benchmarks`` that learned from what it would learn from now.

    The sample is much smaller than the real data. A chapter that has no data of its own is compared with any run.
    """
    kinds = (on_sample(chapter), None) if chapter.data else (False, True, None)
    times = [(measured(path), path.with_name("results.json")) for path in benchmarks]
    return [seconds for seconds, record in times if seconds is not None and was_on_sample(record) in kinds]


def was_on_sample(record: Path) -> bool | None:
    """Whether the run of this results.json learned from the sample; None when that cannot be read."""
    try:
        return bool(json.loads(record.read_text(encoding="utf-8"))["provenance"]["sample_data"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def estimate(run: PlannedRun) -> float | None:
    """Expected seconds of a run: the median of its other seeds, else of its chapter in this profile, on the same data.

    Of a chapter that has not run in this profile, what chapters.yaml says, which holds for `standard` alone, and of the
    sample a small share of it; else None.
    """
    home, files = ROOT / f"reports/{run.profile}", f"seed-*/{run.name}/benchmark.tsv"
    siblings = (ROOT / run.where).parent.glob(files)
    for found in (siblings, [*home.glob(files), *home.glob(f"varied/*/{files}")]):
        if times := comparable(found, run.chapter):
            return statistics.median(times)
    if run.profile != "standard":
        return None
    return run.chapter.seconds * SHARE + START if on_sample(run.chapter) else float(run.chapter.seconds)


def on_sample(chapter: Chapter) -> bool:
    """Whether the sample stands in for a data set of a chapter, as the last check of the data has found."""
    manifests = (ROOT / "reports" / "data" / f"{name}.json" for name in chapter.data)
    return any(path.exists() and json.loads(path.read_text(encoding="utf-8"))["sample"] for path in manifests)


def priorities(chapters: Mapping[str, Chapter], profile: str) -> dict[str, int]:
    """By chapter, the seconds from its start to the end of the longest chain of chapters that need it.

    What is longest from the end must start first, or cores wait for it. By benchmarks, if all chapters but those that
    compare have one in this profile; else by chapters.yaml: the two must not be mixed.
    """
    files = {name: (ROOT / f"reports/{profile}").glob(f"seed-*/{name}/benchmark.tsv") for name in chapters}
    times = {name: comparable(paths, chapters[name]) for name, paths in files.items()}
    known = all(times[name] or chapter.compares for name, chapter in chapters.items())
    own = {
        name: statistics.median(times[name]) if known and times[name] else chapter.seconds
        for name, chapter in chapters.items()
    }

    def path(name: str) -> float:
        above = [path(other) for other, chapter in chapters.items() if name in chapter.needed]
        return own[name] + max(above, default=0)

    return {name: round(path(name)) for name in chapters}


def makespan(runs: Collection[PlannedRun], seconds: Mapping[str, float], cores: int = CORES) -> float:
    """How long ``runs`` take on so many cores, with the ``seconds`` of each by its folder.

    Whenever a core is free, it takes the longest run that waits for no other of them. Of more than MANY runs it is
    their sum, over the cores.
    """
    if len(runs) > MANY:
        return sum(seconds.values()) / cores
    waiting = sorted(runs, key=lambda run: seconds[run.folder], reverse=True)
    ends: dict[str, float] = {}  # of the runs that have begun
    now = 0.0
    while waiting:
        busy = sum(end > now for end in ends.values())
        held = {run.folder for run in waiting} | {folder for folder, end in ends.items() if end > now}
        ready = [run for run in waiting if not held & _before(run, runs)]
        if busy < cores and ready:
            waiting.remove(ready[0])
            ends[ready[0].folder] = now + seconds[ready[0].folder]
        else:
            now = min(end for end in ends.values() if end > now)
    return max(ends.values(), default=0.0)


def _before(run: PlannedRun, runs: Collection[PlannedRun]) -> set[str]:
    """The folders of the runs that must end before ``run`` begins."""
    if run.chapter.compares:
        return {other.folder for other in runs if not other.chapter.compares}
    return {needed.folder for needed in run.needs.values()}


def words(seconds: float) -> str:
    """A duration as a reader says it: "40 seconds", "9 minutes", "2.5 hours"."""
    for limit, size, unit in ((100, 1, "second"), (5400, 60, "minute")):
        if seconds < limit:
            count = max(1, round(seconds / size))
            return f"{count} {unit}{'s'[: count != 1]}"
    return f"{seconds / 3600:.1f} hours"
