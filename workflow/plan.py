"""Which chapters there are and what each run of them is: parameters, data, needs, products. Light to import."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from helpers.parameters import ParameterError, read_profile, resolve
from helpers.results import ROOT

NOTEBOOKS = ROOT / "notebooks"


@dataclass(frozen=True)
class Chapter:
    """One notebook as the workflow sees it. ``needs`` maps its parameters to files of other chapters.

    ``compares`` is true for one that reads the results of all others.
    """

    name: str
    parameters: dict[str, Any]
    data: tuple[str, ...]
    needs: dict[str, str]
    produces: tuple[str, ...]
    compares: bool
    assignments: tuple[str, ...]
    memory_mb: int

    @property
    def notebook(self) -> Path:
        return NOTEBOOKS / f"{self.name}.ipynb"


def chapters(profile: str) -> dict[str, Chapter]:
    """Every chapter in reading order, its parameters as ``profile`` sets them.

    Raises ParameterError for an unknown profile, notebook or parameter, a wrong type, or a chapter without an entry
    in workflow/chapters.yaml.
    """
    path = NOTEBOOKS / "profiles" / f"{profile}.yaml"
    settings = read_profile(path)
    entries = yaml.safe_load((ROOT / "workflow" / "chapters.yaml").read_text(encoding="utf-8"))
    names = sorted(notebook.stem for notebook in NOTEBOOKS.glob("[0-9]*.ipynb"))
    for name in settings:
        if name not in names:
            raise ParameterError(f"{path} names '{name}', but notebooks/ has only: {', '.join(names)}")
    found = {}
    for name in names:
        if name not in entries:
            raise ParameterError(f"notebooks/{name}.ipynb has no entry in workflow/chapters.yaml: add one")
        entry = entries[name]
        found[name] = Chapter(
            name=name,
            parameters=resolve(NOTEBOOKS / f"{name}.ipynb", settings.get(name, {}), f"profile {profile}"),
            data=tuple(entry.get("data", ())),
            needs=dict(entry.get("needs", {})),
            produces=tuple(entry.get("produces", ())),
            compares=entry.get("reads") == "results",
            assignments=tuple(entry.get("assignments", ())),
            memory_mb=entry["memory_mb"],
        )
    return found


def select(found: dict[str, Chapter], wanted: Iterable[str], assignment: str = "") -> list[Chapter]:
    """The chapters that ``wanted`` names, each by the start of its name ("01"), those of an ``assignment``, or all.

    Raises ParameterError for a name that fits no chapter, an assignment that has none, or both together.
    """
    wanted = list(wanted)
    if wanted and assignment:
        raise ParameterError("NOTEBOOKS and ASSIGNMENT both say which chapters: give one of them")
    if assignment:
        known = sorted({name for chapter in found.values() for name in chapter.assignments})
        if assignment not in known:
            raise ParameterError(f"ASSIGNMENT: there is no '{assignment}', only: {', '.join(known)}")
        return [chapter for chapter in found.values() if assignment in chapter.assignments]
    for start in wanted:
        if not any(name.startswith(start) for name in found):
            raise ParameterError(f"NOTEBOOKS: no chapter starts with '{start}'; there are: {', '.join(found)}")
    return [chapter for name, chapter in found.items() if not wanted or name.startswith(tuple(wanted))]


def report_name(assignment: str) -> str:
    """The name of the report's files without their endings; an assignment's lies beside that of everything."""
    return f"report-{assignment}" if assignment else "report"


def with_needs(found: dict[str, Chapter], selected: Iterable[Chapter]) -> list[Chapter]:
    """``selected`` and, first, every chapter that one of them needs a file of."""
    ordered: dict[str, Chapter] = {}

    def add(chapter: Chapter) -> None:
        for file in chapter.needs.values():
            add(found[file.partition("/")[0]])
        ordered[chapter.name] = chapter

    for chapter in selected:
        add(chapter)
    return list(ordered.values())


def compared(reported: Sequence[Chapter], runs: Path) -> list[str]:
    """The chapters whose results a comparison in a report of ``reported`` reads: the others in it.

    In a report of comparisons alone they are those that have left results in ``runs`` (reports/<profile>/seed-<n>).
    """
    names = [chapter.name for chapter in reported if not chapter.compares]
    own = {chapter.name for chapter in reported}
    return names or sorted(path.parent.name for path in runs.glob("*/results.json") if path.parent.name not in own)


def earlier_results(names: Iterable[str], runs: Path, made: Iterable[str]) -> dict[str, str]:
    """Results of the chapters ``names`` that exist and are not ``made`` by this report, with their hashes.

    They are those of other seeds and of the profile `original`: a comparison is out of date when they change.
    """
    folders = dict.fromkeys((runs.parent, runs.parent.parent / "original"))
    paths = {str(path) for folder in folders for name in names for path in folder.glob(f"seed-*/{name}/results.json")}
    return {path: hashlib.sha256(Path(path).read_bytes()).hexdigest() for path in sorted(paths - set(made))}
