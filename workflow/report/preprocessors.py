"""Our steps between an executed notebook and a report, in the order in which exporters.py runs them.

Each is a preprocessor of nbconvert: it takes the joined notebook and nbconvert's resources, and returns both. The steps
before nbconvert's own change the notebook's cells; those after fill in the document, `resources["book"]`. Each raises
ReportError, in one line that names notebook and cell, for what must not become a report.
"""

from __future__ import annotations

from typing import Any

from nbconvert.preprocessors import Preprocessor
from nbformat import NotebookNode

from workflow.report import cells, citations, cleaning, evidence, fresh, maps, pandoc, parsing, prose, summary
from workflow.report.book import Book
from workflow.report.chapters import cells_of
from workflow.report.errors import ReportError
from workflow.report.executed import read_chapter, repeats_defaults
from workflow.report.references import References

Resources = dict[str, Any]
Result = tuple[NotebookNode, Resources]


class CheckExecuted(Preprocessor):
    """Refuse a notebook whose run failed or never happened; read the records of the others."""

    def preprocess(self, nb: NotebookNode, resources: Resources) -> Result:
        """Begin the book, with the facts of every chapter."""
        facts = enumerate(nb.metadata.report.chapters)
        resources["book"] = Book([read_chapter(cells_of(nb, at), chapter) for at, chapter in facts])
        return nb, resources


class CheckFreshness(Preprocessor):
    """Refuse a chapter that was run with other code than is here."""

    def preprocess(self, nb: NotebookNode, resources: Resources) -> Result:
        """Compare hashes."""
        for chapter in resources["book"].chapters:
            fresh.check(chapter)
        return nb, resources


class CollectEvidence(Preprocessor):
    """Collect what a report carries to be checked by, once for both formats."""

    def preprocess(self, nb: NotebookNode, resources: Resources) -> Result:
        """Give every chapter with a record its evidence."""
        for chapter in resources["book"].chapters:
            chapter.evidence = evidence.of_chapter(chapter) if chapter.run else {}
        return nb, resources


class RemoveRepeatedParameters(Preprocessor):
    """Remove papermill's cell of parameters where it only repeats the values that the notebook declares."""

    def preprocess(self, nb: NotebookNode, resources: Resources) -> Result:
        """Remove cells."""
        chapters = [cells_of(nb, at) for at in range(len(nb.metadata.report.chapters))]
        nb.cells = [cell for cell in nb.cells if not repeats_defaults(cell, chapters[cell.metadata.report.chapter])]
        return nb, resources


class RemoveProgress(Preprocessor):
    """Remove warnings, progress bars (stderr) and widgets."""

    def preprocess_cell(self, cell: NotebookNode, resources: Resources, index: int) -> Result:
        """Remove outputs."""
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if cells.is_shown(output)]
        return cell, resources


class RemoveControlCharacters(Preprocessor):
    """Remove control characters, and the codes of terminals, from all texts."""

    def preprocess_cell(self, cell: NotebookNode, resources: Resources, index: int) -> Result:
        """Change source and outputs."""
        cell.source = cleaning.printable(cell.source)
        if cell.cell_type == "code":
            cell.outputs = cleaning.printable(cell.outputs)
        return cell, resources


class ReadCells(Preprocessor):
    """Read options and outputs of every cell, and refuse those that do not agree."""

    def preprocess(self, nb: NotebookNode, resources: Resources) -> Result:
        """Give every chapter its parts; nbconvert has put the bytes of pictures into `resources["outputs"]`."""
        for at, chapter in enumerate(resources["book"].chapters):
            parts = [part for cell in cells_of(nb, at) for part in cells.read_cell(cell, resources["outputs"])]
            chapter.parts = cells.title_first(parts)
        return nb, resources


class ParseText(Preprocessor):
    """Read markdown, tables and captions with pandoc."""

    def preprocess(self, nb: NotebookNode, resources: Resources) -> Result:
        """Give every part its blocks."""
        parsing.parse(resources["book"].chapters, resources["book"].pictures)
        return nb, resources


class Disarm(Preprocessor):
    """Make text of what could run: scripts, TeX and links that are code."""

    def preprocess(self, nb: NotebookNode, resources: Resources) -> Result:
        """Change blocks that an author wrote; those of code and pictures are made here."""
        for part in resources["book"].parts:
            if part.kind not in ("code", "listing", "text", "picture"):
                part.blocks = pandoc.walk(cleaning.printable(part.blocks), cleaning.disarm)  # &#1; is a character now
            part.caption_blocks = pandoc.walk(cleaning.printable(part.caption_blocks), cleaning.disarm)
        return nb, resources


class CheckTypedNumbers(Preprocessor):
    """Refuse results that are typed into the text by hand."""

    def preprocess(self, nb: NotebookNode, resources: Resources) -> Result:
        """Search text, captions and alt texts."""
        for part in resources["book"].parts:
            prose.check(part)
        return nb, resources


class AddCaptions(Preprocessor):
    """Give figures and tables the labels and captions that their cells' options name."""

    def preprocess(self, nb: NotebookNode, resources: Resources) -> Result:
        """Change blocks."""
        for part in resources["book"].parts:
            parsing.give_caption(part)
        return nb, resources


class Number(Preprocessor):
    """Number headings, figures, tables and equations, and refuse labels that are used twice."""

    def preprocess(self, nb: NotebookNode, resources: Resources) -> Result:
        """Put numbers into blocks, and keep the labels."""
        numbering = resources["book"].numbering
        for chapter in resources["book"].chapters:
            numbering.start_chapter(chapter)
            for part in chapter.parts:
                numbering.where = part.where
                part.blocks = pandoc.walk(part.blocks, numbering)
            if not numbering.titled:
                raise ReportError(f"{chapter.name}: the first cell is not `# Chapter title`")
        return nb, resources


class LinkReferences(Preprocessor):
    """Link references to their figures, tables, equations and sections; refuse those that lead nowhere."""

    def preprocess(self, nb: NotebookNode, resources: Resources) -> Result:
        """Put links into blocks; whatever has a label must be referred to."""
        numbering, used = resources["book"].numbering, set[str]()
        for part in resources["book"].parts:
            part.blocks = pandoc.walk(part.blocks, References(numbering.labels, used, part.where))
        for label, where in numbering.shown.items():
            if label not in used:
                raise ReportError(f"{where}: nothing refers to @{label}: speak of it in the text, or leave it out")
        return nb, resources


class AddSummary(Preprocessor):
    """Put what came out before the first chapter: answers to the assignments' questions, and the main findings."""

    def preprocess(self, nb: NotebookNode, resources: Resources) -> Result:
        """Add blocks; nothing where no chapter has compared the others."""
        book, assignment = resources["book"], nb.metadata.report.get("assignment", "")
        book.opening = summary.blocks(book.chapters, book.numbering.labels, assignment)
        return nb, resources


class LinkCitations(Preprocessor):
    """Link citations to the works cited, which a chapter at the end lists; refuse those without an entry."""

    def preprocess(self, nb: NotebookNode, resources: Resources) -> Result:
        """Put links into blocks, and add the chapter."""
        cited = set[str]()
        for part in resources["book"].parts:
            part.blocks = citations.link(part.blocks, part.where, cited)
        resources["book"].closing += citations.chapter(cited)
        return nb, resources


class ReadMaps(Preprocessor):
    """Read the points of the figures that the HTML shows as maps to explore, and the networks of those to work."""

    def preprocess(self, nb: NotebookNode, resources: Resources) -> Result:
        """Read the arrays that the runs have saved, and what cells have shown."""
        for chapter in resources["book"].chapters:
            resources["book"].maps |= maps.of_chapter(chapter)
        resources["book"].live |= {part.label: part.live for part in resources["book"].parts if part.live}
        return nb, resources
