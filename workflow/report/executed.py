"""What papermill leaves in a notebook that it has executed: errors, marks, and a cell of parameters."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nbconvert.filters import strip_ansi
from nbformat import NotebookNode

from workflow.digests import cells_digest
from workflow.report.chapters import Chapter, read_run
from workflow.report.errors import ReportError


def read_chapter(cells: Sequence[NotebookNode], facts: Mapping[str, Any]) -> Chapter:
    """The chapter of some cells, by its entry in the metadata of a joined notebook; its parts are not read yet.

    Raises ReportError when the run failed or never happened, or its results.json cannot be read.
    """
    name, papermill = facts["name"], facts["papermill"]
    for cell in cells:
        for output in cell.get("outputs", []):
            if output.output_type == "error":
                trace = strip_ansi(f"{output.ename}: {output.evalue}").strip().splitlines()
                raise ReportError(f"{cell.metadata.report.where}: the run failed with {trace[-1]}")
    if papermill and papermill.get("exception"):
        raise ReportError(f"{name}: the run failed, the notebook does not say in which cell")
    if papermill is None and not any(cell.get("execution_count") for cell in cells):
        raise ReportError(f"{name}: never executed")
    folder = Path(facts["folder"])
    return Chapter(name, read_run(folder / "results.json"), cells_digest(cells), folder)


def repeats_defaults(cell: NotebookNode, cells: Sequence[NotebookNode]) -> bool:
    """Whether this is papermill's cell of parameters, and all of them have the values that ``cells`` declare."""
    if "injected-parameters" not in cell.metadata.get("tags", []):
        return False
    declared = [other for other in cells if "parameters" in other.metadata.get("tags", [])]
    usual, given = (literals(other.source) for other in (declared[0], cell)) if declared else ({}, {})
    return bool(given) and all(name in usual and usual[name] == value for name, value in given.items())


def literals(source: str) -> dict[str, Any]:
    """The literals that code assigns to names, {} when it is more than that."""
    found: dict[str, Any] = {}
    try:
        for statement in ast.parse(source).body:
            if not isinstance(statement, ast.Assign | ast.AnnAssign):
                return {}
            target = statement.target if isinstance(statement, ast.AnnAssign) else statement.targets[0]
            if not (isinstance(target, ast.Name) and statement.value):
                return {}
            found[target.id] = ast.literal_eval(statement.value)
    except (SyntaxError, ValueError):
        return {}
    return found
