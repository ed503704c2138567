"""Executed notebooks joined to one, and the facts of each chapter."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from helpers import integrity
from helpers.results import ROOT
from workflow.report.cells import Part
from workflow.report.errors import ReportError, first_line

RunFacts = dict[str, Any]  # notebook, seed, profile, tables and provenance; older records lack some of it


@dataclass
class Chapter:
    """One executed notebook."""

    name: str  # its path, for messages
    run: RunFacts = field(default_factory=dict)  # what its results.json says about the run, {} without one
    digest: str = ""  # sha256 of its sources, see workflow.digests.cells_digest
    folder: Path = Path()  # the folder of its run
    parts: list[Part] = field(default_factory=list)  # what its cells show, in reading order
    evidence: dict[str, Any] = field(default_factory=dict)  # see workflow.report.evidence; {} without a record

    @property
    def source(self) -> Path:
        """The notebook of this tree that it has run, if there is one."""
        return ROOT / "notebooks" / f"{self.run.get('notebook')}.ipynb"

    @property
    def number(self) -> int | None:
        """The number that its notebook's name begins with, if that is known and has one."""
        leading = re.match(r"\d+", self.run.get("notebook", ""))
        return int(leading[0]) if leading else None


def read_notebook(path: Path) -> NotebookNode:
    """One executed notebook. Raises ReportError when the file cannot be read."""
    try:
        return nbformat.read(path, as_version=4)
    except Exception as error:  # nbformat raises errors of many types for a broken file
        raise ReportError(f"{path}: not a readable notebook ({first_line(error)})") from None


def join(notebooks: Iterable[tuple[NotebookNode, str, Path]]) -> NotebookNode:
    """One notebook of many, given as (notebook, name, folder of its run).

    `metadata.report` of each cell has the index of its chapter, its number there (from 1) and `where`, the two in words
    for messages; `metadata.report.chapters` of the whole has name, folder and papermill's metadata of every chapter.
    """
    cells, chapters = [], []
    for at, (notebook, name, folder) in enumerate(notebooks):
        chapters.append({"name": name, "folder": str(folder), "papermill": notebook.metadata.get("papermill")})
        for number, cell in enumerate(map(nbformat.from_dict, notebook.cells), start=1):
            cell["id"] = f"chapter-{at}-cell-{number}"  # in their own notebooks two cells may have the same
            cell.metadata["report"] = {"chapter": at, "cell": number, "where": f"{name}, cell {number}"}
            cells.append(cell)
    return nbformat.v4.new_notebook(cells=cells, metadata={"report": {"chapters": chapters}})


def cells_of(notebook: NotebookNode, chapter: int) -> list[NotebookNode]:
    """The cells of one chapter of a joined notebook."""
    return [cell for cell in notebook.cells if cell.metadata.report.chapter == chapter]


def read_run(path: Path) -> RunFacts:
    """What results.json says of the run: seed, profile, tables and provenance; {} when there is no such file."""
    try:
        results = integrity.read(path)
        run = {key: results[key] for key in ("notebook", "seed", "profile")}
        return run | {"tables": results.get("tables", {})} | results["provenance"]
    except FileNotFoundError:
        return {}
    except integrity.ChangedError as error:
        raise ReportError(f"{error}: run `make report`, which runs its chapter again") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ReportError(f"{path}: not the results of a run ({type(error).__name__}: {error})") from None
