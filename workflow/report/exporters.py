"""The report as nbconvert's exporters: `jupyter nbconvert --to report-html` or `report-pdf`.

By hand, since Quarto and others lack the freshness check, the check for typed numbers, the maps and one-line errors.
pandoc reads the text and writes HTML and Typst; Typst sets the PDF.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nbconvert.exporters import Exporter
from nbconvert.preprocessors import CoalesceStreamsPreprocessor, ExtractOutputPreprocessor, TagRemovePreprocessor
from nbformat import NotebookNode
from traitlets import Dict, List, Unicode
from traitlets.config import Config as Settings

from helpers.results import ROOT
from workflow.report import evidence, html, pdf
from workflow.report import preprocessors as ours
from workflow.report.appendix import how_run
from workflow.report.book import Book
from workflow.report.chapters import join
from workflow.report.config import Config, read_config
from workflow.report.listing import code_appendix
from workflow.report.tags import REMOVE_CELL, REMOVE_INPUT, REMOVE_OUTPUT

STEPS = [
    ours.CheckExecuted,
    ours.CheckFreshness,
    ours.CollectEvidence,
    ours.RemoveRepeatedParameters,
    TagRemovePreprocessor,
    ours.RemoveProgress,
    CoalesceStreamsPreprocessor,
    ours.RemoveControlCharacters,
    ExtractOutputPreprocessor,
    ours.ReadCells,
    ours.ParseText,
    ours.Disarm,
    ours.CheckTypedNumbers,
    ours.AddCaptions,
    ours.Number,
    ours.LinkReferences,
    ours.AddSummary,
    ours.LinkCitations,
    ours.ReadMaps,
]


class Report(Exporter):
    """An exporter of one executed notebook, or of many that `join` made one; raises ReportError as `build` does."""

    config_file = Unicode(str(ROOT / "reports" / "report.toml"), help="The TOML file of the cover.").tag(config=True)
    assignment = Unicode(help="The table of that file with this assignment's own words.").tag(config=True)
    overrides = Dict(help="Words instead of those of that file, by key.").tag(config=True)
    preprocessors = List(STEPS)
    default_preprocessors: List[Any] = List([])  # none but those named above
    optimistic_validation = True  # once, at the end: it takes as long as all steps

    @property
    def default_config(self) -> Settings:
        """The tags that Jupyter users know, and the pictures that are taken out of the notebook."""
        tags = {
            "remove_cell_tags": REMOVE_CELL,
            "remove_input_tags": REMOVE_INPUT,
            "remove_all_outputs_tags": REMOVE_OUTPUT,
        }
        kinds = {"extract_output_types": {"image/png", "image/svg+xml"}}
        return Settings({"TagRemovePreprocessor": tags, "ExtractOutputPreprocessor": kinds})

    @property
    def cover(self) -> Config:
        """What stands on the cover. Raises ReportError for a file that does not say it."""
        return read_config(Path(self.config_file), self.overrides, assignment=self.assignment)

    def read(self, nb: NotebookNode, resources: dict[str, Any] | None = None, **kw: Any) -> tuple[Book, dict[str, Any]]:
        """The notebook as a book, the same for both formats, and nbconvert's resources."""
        if "report" not in nb.metadata:
            about = (resources or {}).get("metadata", {})
            nb = join([(nb, f"{about.get('name', 'notebook')}.ipynb", Path(about.get("path") or "."))])
        nb.metadata.report["assignment"] = self.assignment
        _, resources = super().from_notebook_node(nb, resources, **kw)
        del resources["outputs"]  # pictures, which nbconvert would write into files beside the report
        return resources.pop("book"), resources

    def from_notebook_node(
        self, nb: NotebookNode, resources: dict[str, Any] | None = None, **kw: Any
    ) -> tuple[Any, dict[str, Any]]:
        """The report, text or bytes, and nbconvert's resources."""
        cover = self.cover
        book, resources = self.read(nb, resources, **kw)
        return self.render(book, cover), resources

    def render(self, book: Book, cover: Config) -> str | bytes:
        """The finished book in the exporter's format; the book stays as it is."""
        raise NotImplementedError


class HTMLReport(Report):
    """Notebooks as one HTML file."""

    file_extension = ".html"
    output_mimetype = "text/html"

    def render(self, book: Book, cover: Config) -> str:
        """See workflow.report.html."""
        whole = book.closed_by(how_run(book.runs))
        return evidence.into_html(html.render(whole, cover), evidence.collect(whole, cover))


class PDFReport(Report):
    """Notebooks as a PDF, the method's code at its end."""

    file_extension = ".pdf"
    output_mimetype = "application/pdf"

    def render(self, book: Book, cover: Config) -> bytes:
        """See workflow.report.pdf."""
        whole = book.closed_by([*code_appendix(book), *how_run(book.runs)])
        return pdf.pack(pdf.render(whole, cover), evidence.collect(whole, cover))
