"""The chapters, and the runs of them: parameters, data, files of other chapters, output files. Light to import."""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from reprlib import repr as short
from typing import Any

from helpers.results import ROOT
from workflow.parameters import Parameter, ParameterError, read_profile, resolve
from workflow.yaml_file import Document

NOTEBOOKS = ROOT / "notebooks"
ENTRIES = ROOT / "workflow" / "chapters.yaml"
BUILT = ".built"  # the folder that Snakemake builds reports in; `engine.publish` copies them to where readers look
KNOWN = {  # what an entry may say of its chapter, and the kind of each value; of needs, that of the files
    **dict.fromkeys(("assignments", "data", "produces", "shares"), "list[str]"),
    **dict.fromkeys(("needs", "reads", "headline"), "str"),
    **{"gpu": "bool", "memory_mb": "int", "minutes": "int", "seconds": "int"},
}
LONGEST = 60  # characters of a folder's name that say how its runs differ from the profile


@dataclass(frozen=True)
class Chapter:
    """One notebook and its entry in chapters.yaml. ``needs`` maps its parameters to files of other chapters.

    ``shares`` are those of its parameters that must be the same in the chapters it needs; ``compares`` is true for a
    chapter that reads the results of all others.
    """

    name: str
    parameters: dict[str, Any]
    data: tuple[str, ...]
    needs: dict[str, str]
    produces: tuple[str, ...]
    compares: bool
    assignments: tuple[str, ...]
    memory_mb: int
    minutes: int
    seconds: int
    gpu: bool
    shares: tuple[str, ...]
    headline: str | None

    @property
    def notebook(self) -> Path:
        """Its notebook's source."""
        return NOTEBOOKS / f"{self.name}.ipynb"

    @property
    def outputs(self) -> list[str]:
        """The names of the files that a run of it has left when it has finished."""
        return ["results.json", "predictions.npz", *self.produces]

    @property
    def needed(self) -> list[str]:
        """The names of the chapters whose files it needs."""
        return [file.partition("/")[0] for file in self.needs.values()]


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


def chapters(profile: str) -> dict[str, Chapter]:
    """Every chapter in reading order, its parameters as ``profile`` sets them: the entries of workflow/chapters.yaml.

    Raises ParameterError for an unknown profile, notebook or parameter, a wrong type, or an entry without a notebook.
    """
    path = NOTEBOOKS / "profiles" / f"{profile}.yaml"
    settings = read_profile(path)
    entries = _entries()
    names = sorted(entries, key=str)
    notebooks = {path.stem for path in NOTEBOOKS.glob("*.ipynb")}
    for name in settings:
        if name not in names:
            raise ParameterError(f"{path} names {short(name)}, but there are only: {', '.join(map(str, names))}")
    found = {}
    for name in names:
        if name not in notebooks:
            raise _at(name, f"there is no notebook {short(name)}: write it, or delete its entry here")
        entry = _checked(name, entries[name])
        found[name] = Chapter(
            name=name,
            parameters=resolve(NOTEBOOKS / f"{name}.ipynb", settings.get(name, {}), f"profile {profile}"),
            data=tuple(entry.get("data", ())),
            needs=dict(entry.get("needs", {})),
            produces=tuple(entry.get("produces", ())),
            compares="reads" in entry,
            assignments=tuple(entry.get("assignments", ())),
            memory_mb=entry["memory_mb"],
            minutes=entry.get("minutes", 60),
            seconds=entry.get("seconds", 60),
            gpu=entry.get("gpu", False),
            shares=tuple(entry.get("shares", ())),
            headline=entry.get("headline"),
        )
    _check_needs(found)
    return found


def print_strays(found: Collection[str]) -> None:
    """Say on standard error which notebooks begin with a number, as chapters do, and are none of ``found``."""
    for notebook in sorted(NOTEBOOKS.glob("[0-9]*.ipynb")):
        if notebook.stem not in found:
            why = "it has no entry in workflow/chapters.yaml, as chapters have"
            print(f"notebooks/{notebook.name} is left out: {why}", file=sys.stderr)


def _entries() -> dict[str, Any]:
    """What workflow/chapters.yaml says. Raises ParameterError, with the line, when it is no YAML of names."""
    try:
        document = Document.read(ENTRIES)
    except OSError as error:
        raise ParameterError(f"cannot read {ENTRIES} ({error.strerror})") from None
    entries = document.value(document.root) or {}
    if not isinstance(entries, dict):
        raise document.at(document.root)("map the names of notebooks to what the workflow must know of them")
    return entries


def _checked(name: str, entry: Any) -> dict[str, Any]:
    """The entry of a chapter. Raises ParameterError for an unknown key, a wrong value, or without a limit of memory."""
    if not isinstance(entry, dict) or "memory_mb" not in entry:
        raise _at(name, f"{name} must say at least how much it may hold, such as `memory_mb: 2000`")
    for key, value in entry.items():
        if key not in KNOWN:
            raise _at(name, f"{name} has no {short(key)}, only: {', '.join(KNOWN)}")
        if key == "needs" and not (isinstance(value, dict) and all(isinstance(part, str) for part in value)):
            raise _at(name, f"{name}: needs must be lines of `parameter: chapter/file`, not {short(value)}")
        for part in value.values() if key == "needs" else [value]:
            try:
                Parameter(key, KNOWN[key], None, "").check(part, name)
            except ParameterError as error:
                raise _at(name, str(error)) from None
    if entry.get("reads", "results") != "results":
        raise _at(name, f"{name} can read `results` alone, not {short(entry['reads'])}")
    return entry


def _check_needs(found: dict[str, Chapter]) -> None:
    """Raise ParameterError, with its line, for a chapter that needs one that does not exist, or needs itself."""
    settled: set[str] = set()

    def visit(name: str, above: tuple[str, ...]) -> None:
        if name in above:
            raise _at(above[-1], f"a loop in needs: {' needs '.join([*above[above.index(name) :], name])}")
        if name not in settled:
            for other in found[name].needed:
                if other not in found:
                    raise _at(name, f"{name} needs {other}, but notebooks/ has only: {', '.join(found)}")
                visit(other, (*above, name))
            settled.add(name)

    for name in found:
        visit(name, ())


def _at(name: str, what: str) -> ParameterError:
    """An error in the entry of ``name`` in workflow/chapters.yaml, with its line."""
    lines = ENTRIES.read_text(encoding="utf-8").splitlines()
    line = next((number for number, text in enumerate(lines, 1) if text.startswith(f"{name}:")), 1)
    return ParameterError(f"workflow/chapters.yaml:{line}: {what}")


def select(found: dict[str, Chapter], names: Iterable[str], assignment: str = "") -> list[Chapter]:
    """The chapters that ``names`` name, each by the start of its name ("01", or 1), those of an ``assignment``, or all.

    Raises ParameterError for a name that fits no chapter, an assignment that has none, or both together.
    """
    wanted = {start: start.zfill(2) if start.isdecimal() else start for start in names}  # 5 means 05
    if wanted and assignment:
        raise ParameterError("NOTEBOOKS and ASSIGNMENT both say which chapters: give one of them")
    if assignment:
        known = sorted({name for chapter in found.values() for name in chapter.assignments})
        if assignment not in known:
            raise ParameterError(f"ASSIGNMENT: there is no '{assignment}', only: {', '.join(known)}")
        return [chapter for chapter in found.values() if assignment in chapter.assignments]
    for given, start in wanted.items():
        if not any(name.startswith(start) for name in found):
            raise ParameterError(f"NOTEBOOKS: no chapter starts with '{given}'; there are: {', '.join(found)}")
    return [chapter for name, chapter in found.items() if not wanted or name.startswith(tuple(wanted.values()))]


def report_name(found: Collection[str], selected: Iterable[str], assignment: str = "") -> str:
    """The name of the report's files without their endings: that of a part lies beside that of all chapters ``found``.

    report-a has an ``assignment``, report-05 or report-01-02 the ``selected`` chapters.
    """
    numbers = [name.partition("_")[0] for name in selected]
    part = [assignment] if assignment else numbers if len(numbers) < len(found) else []
    return "-".join(["report", *part])


def chapters_with_dependencies(found: dict[str, Chapter], selected: Iterable[Chapter]) -> list[Chapter]:
    """``selected`` and, before them, every chapter that one of them needs a file of."""
    ordered: dict[str, Chapter] = {}

    def add(chapter: Chapter) -> None:
        for name in chapter.needed:
            add(found[name])
        ordered[chapter.name] = chapter

    for chapter in selected:
        add(chapter)
    return list(ordered.values())


def compared(reported: Sequence[Chapter], runs: Path) -> list[str]:
    """The chapters whose results a comparing chapter reads, in a report of ``reported``: the report's other chapters.

    In a report without others: all that have results in ``runs`` (reports/<profile>/seed-<n>).
    """
    names = [chapter.name for chapter in reported if not chapter.compares]
    own = {chapter.name for chapter in reported}
    return names or sorted(path.parent.name for path in runs.glob("*/results.json") if path.parent.name not in own)


def earlier_results(names: Iterable[str], runs: Path, made: Iterable[str]) -> dict[str, str]:
    """{path: sha256} of the results of the chapters ``names`` that exist and are not ``made`` by this report.

    These are of other seeds and of the profile `original`: a comparison is out of date when they change.
    """
    folders = dict.fromkeys((runs.parent, runs.parent.parent / "original"))
    paths = {str(path) for folder in folders for name in names for path in folder.glob(f"seed-*/{name}/results.json")}
    return {path: hashlib.sha256(Path(path).read_bytes()).hexdigest() for path in sorted(paths - set(made))}
