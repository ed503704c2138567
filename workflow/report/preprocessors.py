"""What our exporters do to the joined notebook between nbconvert's own preprocessors, in this order.

Each takes the notebook and nbconvert's resources, and fills in `resources["book"]`. Each raises ReportError, in one
line that names notebook and cell, for what must not become a report.
"""

from __future__ import annotations

from typing import Any

from nbconvert.preprocessors import Preprocessor
from nbformat import NotebookNode

from workflow.report import appendix, citations, fresh, maps, pandoc
from workflow.report.book import Book, parse
from workflow.report.notebook import ReportError, read_cell, read_chapter, restates, title_first
from workflow.report.references import References

Resources = dict[str, Any]


class CheckRuns(Preprocessor):
    """Refuse a chapter whose run failed or never happened, or that was run with other code than is here."""

    def preprocess(self, nb: NotebookNode, resources: Resources) -> tuple[NotebookNode, Resources]:
        """Begin the book, with the chapters of the notebook."""
        resources["book"] = book = Book()
        for at, facts in enumerate(nb.metadata.report.chapters):
            chapter = read_chapter([cell for cell in nb.cells if cell.metadata.report.chapter == at], facts)
            fresh.check(chapter)
            book.chapters.append(chapter)
        return nb, resources


class ReadCells(Preprocessor):
    """Sort out what each cell shows, after nbconvert has removed tagged cells and extracted pictures."""

    def preprocess(self, nb: NotebookNode, resources: Resources) -> tuple[NotebookNode, Resources]:
        """Give every chapter its parts."""
        for at, chapter in enumerate(resources["book"].chapters):
            own = [cell for cell in nb.cells if cell.metadata.report.chapter == at]
            shown = [(cell.metadata.report.cell, cell) for cell in own if not restates(cell, own)]
            files = resources["outputs"]
            parts = [read_cell(cell, f"{chapter.name}, cell {number}", number, files) for number, cell in shown]
            chapter.parts = title_first([part for found in parts for part in found])
        return nb, resources


class ReadText(Preprocessor):
    """Read text, tables and captions through pandoc, and refuse results that are typed in by hand."""

    def preprocess(self, nb: NotebookNode, resources: Resources) -> tuple[NotebookNode, Resources]:
        """Turn the parts of every chapter into blocks."""
        book = resources["book"]
        book.parsed = [parse(chapter, book.pictures) for chapter in book.chapters]
        return nb, resources


class Number(Preprocessor):
    """Number headings, figures, tables and equations."""

    def preprocess(self, nb: NotebookNode, resources: Resources) -> tuple[NotebookNode, Resources]:
        """Replace blocks by numbered ones, and learn every label."""
        book = resources["book"]
        for at, chapter in enumerate(book.chapters):
            book.numbering.start_chapter(chapter)
            numbered = []
            for part, blocks in book.parsed[at]:
                book.numbering.where = part.where
                numbered.append((part, pandoc.walk(blocks, book.numbering)))
            book.parsed[at] = numbered
            if not book.numbering.titled:
                raise ReportError(f"{chapter.name}: the first cell is not `# Chapter title`")
        return nb, resources


class Refer(Preprocessor):
    """Link references and citations to what they speak of; refuse what leads nowhere, or is never spoken of."""

    def preprocess(self, nb: NotebookNode, resources: Resources) -> tuple[NotebookNode, Resources]:
        """Join the blocks of all chapters, and the chapter of works cited."""
        book = resources["book"]
        used: set[str] = set()
        cited: set[str] = set()
        for part, blocks in (pair for parsed in book.parsed for pair in parsed):
            settled = pandoc.walk(blocks, References(book.numbering.labels, used, part.where))
            book.blocks += citations.link(settled, part.where, cited)
        for label, where in book.numbering.shown.items():
            if label not in used:
                raise ReportError(f"{where}: nothing refers to @{label}: speak of it in the text, or leave it out")
        book.blocks += citations.chapter(cited)
        return nb, resources


class Close(Preprocessor):
    """Add the maps to explore, and the appendix on how the chapters were run."""

    def preprocess(self, nb: NotebookNode, resources: Resources) -> tuple[NotebookNode, Resources]:
        """Complete the book."""
        book = resources["book"]
        for chapter in book.chapters:
            book.maps |= maps.of_chapter(chapter)
        book.closing = appendix.how_run(book.runs)
        return nb, resources
