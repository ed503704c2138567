"""What is wrong with the sources of chapters, found before they run for an hour: all at once, each with its cell."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from nbformat import NotebookNode

from helpers.results import ROOT
from workflow.digests import HELPERS
from workflow.report import pandoc, prose
from workflow.report.cells import refuse_raw
from workflow.report.chapters import read_notebook
from workflow.report.cleaning import printable
from workflow.report.errors import ReportError
from workflow.report.numbering import Numbering
from workflow.report.options import check_options, split_options
from workflow.report.tags import REMOVE_CELL

CELL = re.compile(r", cell (\d+): ")
EQUATION = re.compile(r'(?:\{#|<a id=")(eq-[\w-]+)(?:\}|"></a>)')
REFERENCE = re.compile(r"@([\w-]+)|\]\(#([\w-]+)\)")  # @fig-a, or a link to it


def faults(notebooks: Iterable[Path]) -> list[str]:
    """A line for every missing caption or alt text, typed result, text that one format lacks, and label that nothing
    refers to, in reading order.
    """
    found: list[str] = []
    labels: dict[str, str] = {}  # to its cell
    referred: set[str] = set()
    with ThreadPoolExecutor() as pool:
        for lines, own, used in pool.map(read, notebooks):
            found += lines
            labels |= own
            referred |= used
    if labels.keys() - referred:  # some sentences are computed in helpers/
        referred |= references("\n".join(path.read_text(encoding="utf-8") for path in HELPERS.rglob("*.py")))
    mend = "speak of it in the text, or leave it out"
    unused = [f"{where}: nothing refers to @{name}: {mend}" for name, where in labels.items() if name not in referred]
    return [*found, *unused]


def references(text: str) -> set[str]:
    """The labels that a text refers to."""
    return {name for pair in REFERENCE.findall(text) for name in pair if name}


def read(notebook: Path) -> tuple[list[str], dict[str, str], set[str]]:
    """The faults of one notebook, its labels with their cells, and the labels that it refers to."""
    found: list[str] = []
    labels: dict[str, str] = {}
    texts: list[tuple[str, str, str]] = []  # cell, kind of text, text
    referred: set[str] = set()
    for number, cell in enumerate(read_notebook(notebook).cells, start=1):
        where = f"{notebook.relative_to(ROOT) if notebook.is_relative_to(ROOT) else notebook.name}, cell {number}"
        cell.source = printable(cell.source)
        referred |= references(cell.source)
        try:
            for kind, text in written(cell, where):
                if kind == "label":
                    labels[text] = where
                else:
                    texts.append((where, kind, text))
        except ReportError as error:
            found.append(str(error))
    in_order = sorted([*found, *text_faults(texts)], key=lambda line: int(CELL.findall(line)[0]))
    return in_order, labels, referred


def written(cell: NotebookNode, where: str) -> Iterator[tuple[str, str]]:
    """What an author wrote into a cell: labels, text, captions and alt texts, each with its kind.

    What a cell will draw or show is not known yet, so it is taken to be what its options say. Raises ReportError when
    one of these is missing.
    """
    if REMOVE_CELL & set(cell.metadata.get("tags", [])):
        return
    refuse_raw(cell, where)
    if cell.cell_type == "markdown":
        yield from (("label", label) for label in EQUATION.findall(cell.source))
        yield "text", cell.source
    elif cell.cell_type == "code":
        options, _ = split_options(cell.source, where)
        draws = options.get("label", "").startswith("fig-") or "fig-cap" in options or "fig-alt" in options
        check_options(options, where, pictures=int(draws), captioned="tbl-cap" in options)
        if options.get("label"):
            yield "label", options["label"]
        yield from (("caption", text) for key, text in options.items() if key.endswith("-cap"))
        yield from (("alt text", text) for key, text in options.items() if key == "fig-alt")


def text_faults(texts: list[tuple[str, str, str]]) -> list[str]:
    """A line for every text with what must not be typed or cannot be shown, and one if the text cannot be read."""
    try:
        read_texts = pandoc.read_pieces([text for *_, text in texts], [where for where, *_ in texts]) if texts else []
    except ReportError as error:
        return [str(error)]
    found, numbering = [], Numbering(titled=False)
    for (where, kind, _), blocks in zip(texts, read_texts, strict=True):
        numbering.where = where
        try:
            pandoc.walk(blocks if kind == "text" else [], numbering)
        except ReportError as error:
            found.append(str(error))
        if number := prose.typed(prose.words(blocks)):
            found.append(f"{where}: {number} is typed into the {kind}: {prose.MEND[kind]}")
    return found
