"""The chapters: what workflow/chapters.yaml and the notebooks say of each, checked. Light to import."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from reprlib import repr as short
from typing import Any

from helpers.results import ROOT
from workflow.parameters import Parameter, ParameterError, read_profile, resolve
from workflow.yaml_file import Document

NOTEBOOKS = ROOT / "notebooks"
ENTRIES = ROOT / "workflow" / "chapters.yaml"
KNOWN = {  # what an entry may say of its chapter, and the kind of each value; of needs, that of the files
    **dict.fromkeys(("assignments", "data", "produces", "shares"), "list[str]"),
    **dict.fromkeys(("needs", "reads", "headline"), "str"),
    **{"gpu": "bool", "memory_mb": "int", "minutes": "int", "seconds": "int"},
}


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
