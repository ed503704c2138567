"""The same report through nbconvert, for one notebook: `--to workflow.report.HTMLReport`."""

from pathlib import Path
from typing import Any

from nbconvert.exporters import Exporter
from nbformat import NotebookNode
from traitlets import Unicode

from workflow.report import html, pdf
from workflow.report.book import Book, make_book
from workflow.report.config import Config, read_config
from workflow.report.notebook import read_cells


class Report(Exporter):
    """An exporter of one executed notebook; raises ReportError as `build` does."""

    config_file = Unicode("reports/report.toml", help="The TOML file of the cover.").tag(config=True)

    def from_notebook_node(self, nb: NotebookNode, resources: dict | None = None, **kw: Any) -> tuple[Any, dict]:
        """Convert a notebook; nbconvert's base class fills in the resources."""
        nb, resources = super().from_notebook_node(nb, resources, **kw)
        about = resources.get("metadata", {})
        chapter = read_cells(nb, f"{about.get('name', 'notebook')}.ipynb", Path(about.get("path") or "."))
        return self.render(make_book([chapter]), read_config(Path(self.config_file))), resources

    def render(self, book: Book, config: Config) -> str | bytes:
        """The numbered book in the exporter's format."""
        raise NotImplementedError


class HTMLReport(Report):
    """One notebook as one HTML file."""

    file_extension = ".html"
    output_mimetype = "text/html"

    def render(self, book: Book, config: Config) -> str:
        """As workflow.report.html does."""
        return html.render(book, config)


class PDFReport(Report):
    """One notebook as a PDF."""

    file_extension = ".pdf"
    output_mimetype = "application/pdf"

    def render(self, book: Book, config: Config) -> bytes:
        """As workflow.report.pdf does."""
        return pdf.render(book, config)
