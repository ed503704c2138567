"""The runs of chapters: a seed, parameters, the runs that each needs, and its folder. Light to import."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from workflow.chapters import Chapter

BUILT = ".built"  # the folder that Snakemake builds reports in; `engine.publish` copies them to where readers look
LONGEST = 60  # characters of a folder's name that say how its runs differ from the profile


@dataclass(frozen=True)
class PlannedRun:
    """One run of a chapter: a seed, the parameters that differ from the profile, and the runs that it needs.

    Its folder is named by these, so that sweeps share equal runs; where only the seed differs, also with `make report`.
    """

    chapter: Chapter
    profile: str
    seed: int
    changes: dict[str, Any]
    needs: dict[str, PlannedRun]  # by the parameter whose value is a file of that run

    @property
    def name(self) -> str:
        """The chapter's name."""
        return self.chapter.name

    @property
    def parameters(self) -> dict[str, Any]:
        """All parameters, without the files of other chapters and the seed."""
        return self.chapter.parameters | self.changes

    @cached_property
    def differs(self) -> dict[str, dict[str, Any]]:
        """{chapter: {parameter: value}} that differ from the profile, in this run and in those it needs."""
        found = {self.name: self.changes} if self.changes else {}
        for run in self.needs.values():
            found |= run.differs
        return found

    @cached_property
    def where(self) -> str:
        """The parent of its folder, relative to the root: reports/<profile>/[varied/<what differs>/]seed-<n>."""
        varied = f"varied/{address(self.differs)}/" if self.differs else ""
        return f"reports/{self.profile}/{varied}seed-{self.seed}"

    @property
    def folder(self) -> str:
        """Its folder, relative to the root."""
        return f"{self.where}/{self.name}"

    def file(self, name: str) -> str:
        """The path of one of its files, relative to the root."""
        return f"{self.folder}/{name}"

    @property
    def given(self) -> dict[str, str]:
        """The files of other runs that it reads, by parameter."""
        return {key: f"{run.where}/{self.chapter.needs[key]}" for key, run in self.needs.items()}

    def __str__(self) -> str:
        settings = [f"{key}={value}" for changes in self.differs.values() for key, value in changes.items()]
        return " ".join([self.name, f"seed {self.seed}", *dict.fromkeys(settings)])


def address(differs: Mapping[str, Mapping[str, Any]]) -> str:
    """A folder's name for parameters that differ from the profile: readable, cut to LONGEST, and a hash of them all."""
    words = [f"{key}-{value}" for changes in differs.values() for key, value in changes.items()]
    readable = re.sub(r"[^\w.+-]+", "_", "_".join(dict.fromkeys(words))).strip("_")[:LONGEST]
    return f"{readable}-{hashlib.sha256(json.dumps(differs, sort_keys=True).encode()).hexdigest()[:8]}"


def make_run(
    found: dict[str, Chapter], profile: str, name: str, seed: int, changes: Mapping[str, Mapping[str, Any]] = {}
) -> PlannedRun:
    """The run of the chapter ``name`` and, with the same seed, the runs it needs. ``changes`` are by chapter.

    A change to the value that the profile has anyway is left out.
    """
    chapter = found[name]
    wanted = changes.get(name, {})
    # In the notebook's order, not that of the changes: equal runs must have one folder.
    own = {key: wanted[key] for key, usual in chapter.parameters.items() if wanted.get(key, usual) != usual}
    others = {key: file.partition("/")[0] for key, file in chapter.needs.items()}
    needs = {key: make_run(found, profile, other, seed, changes) for key, other in others.items()}
    return PlannedRun(chapter, profile, seed, own, needs)


def with_dependencies(runs: Iterable[PlannedRun]) -> dict[tuple[str, str], PlannedRun]:
    """``runs`` and, before them, all runs that they need, as {(name, where): run}."""

    def walk(run: PlannedRun) -> Iterator[PlannedRun]:
        for needed in run.needs.values():
            yield from walk(needed)
        yield run

    return {(run.name, run.where): run for asked in runs for run in walk(asked)}


def report_name(found: Collection[str], selected: Iterable[str], assignment: str = "") -> str:
    """The name of the report's files without their endings: that of a part lies beside that of all chapters ``found``.

    report-a has an ``assignment``, report-05 or report-01-02 the ``selected`` chapters.
    """
    numbers = [name.partition("_")[0] for name in selected]
    part = [assignment] if assignment else numbers if len(numbers) < len(found) else []
    return "-".join(["report", *part])


def compared(reported: Sequence[Chapter], runs: Path) -> list[str]:
    """The chapters whose results a comparing chapter reads, in a report of ``reported``: the report's other chapters.

    In a report without others: all that have results in ``runs`` (reports/<profile>/seed-<n>).
    """
    names = [chapter.name for chapter in reported if not chapter.compares]
    own = {chapter.name for chapter in reported}
    return names or sorted(path.parent.name for path in runs.glob("*/results.json") if path.parent.name not in own)
