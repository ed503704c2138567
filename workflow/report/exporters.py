"""The report as nbconvert's exporters: `jupyter nbconvert --to report-html` or `report-pdf`.

By hand, since Quarto and others lack the check of what code was run, the check for typed numbers, the maps, and
refusals in one line. pandoc reads the text and writes HTML and Typst; Typst sets the PDF.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nbconvert.exporters import Exporter
from nbconvert.preprocessors import ExtractOutputPreprocessor, TagRemovePreprocessor
from nbformat import NotebookNode
from traitlets import List, Unicode
from traitlets.config import Config as Settings

from workflow.report import html, pdf
from workflow.report import preprocessors as ours
from workflow.report.book import Book
from workflow.report.config import Config, read_config
from workflow.report.notebook import join


class Report(Exporter):
    """An exporter of one executed notebook, or of many joined to one; raises ReportError as `build` does."""

    config_file = Unicode("reports/report.toml", help="The TOML file of the cover.").tag(config=True)
    default_preprocessors = List([])  # none of nbconvert's but those named here
    preprocessors = List(
        [
            ours.CheckRuns,
            TagRemovePreprocessor,
            ExtractOutputPreprocessor,
            ours.ReadCells,
            ours.ReadText,
            ours.Number,
            ours.Refer,
            ours.Close,
        ]
    )

    @property
    def default_config(self) -> Settings:
        """The tags that Jupyter users know, and the kinds of pictures that a page can show."""
        tags = {
            "remove_cell_tags": {"remove-cell"},
            "remove_input_tags": {"remove-input"},
            "remove_all_outputs_tags": {"remove-output"},
        }
        kinds = {"extract_output_types": {"image/png", "image/svg+xml"}}
        return Settings({"TagRemovePreprocessor": tags, "ExtractOutputPreprocessor": kinds})

    def from_notebook_node(
        self, nb: NotebookNode, resources: dict[str, Any] | None = None, **kw: Any
    ) -> tuple[Any, dict[str, Any]]:
        """Convert a notebook, for nbconvert."""
        resources = self.read(nb, resources)
        return self.render(resources["book"], read_config(Path(self.config_file))), resources

    def read(self, nb: NotebookNode, resources: dict[str, Any] | None = None) -> dict[str, Any]:
        """nbconvert's resources after all preprocessors; the finished book is `resources["book"]`."""
        if "report" not in nb.metadata:
            about = (resources or {}).get("metadata", {})
            nb = join([(nb, f"{about.get('name', 'notebook')}.ipynb", Path(about.get("path") or "."))])
        return super().from_notebook_node(nb, resources)[1]

    def render(self, book: Book, config: Config) -> str | bytes:
        """The finished book in the exporter's format."""
        raise NotImplementedError


class HTMLReport(Report):
    """Notebooks as one HTML file."""

    file_extension = ".html"
    output_mimetype = "text/html"

    def render(self, book: Book, config: Config) -> str:
        """As workflow.report.html does."""
        return html.render(book, config)


class PDFReport(Report):
    """Notebooks as a PDF."""

    file_extension = ".pdf"
    output_mimetype = "application/pdf"

    def render(self, book: Book, config: Config) -> bytes:
        """As workflow.report.pdf does."""
        return pdf.render(book, config)
