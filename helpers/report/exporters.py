"""The same report through nbconvert, for one notebook: `--to helpers.report.HTMLReport`."""

from pathlib import Path

from nbconvert.exporters import Exporter
from nbformat import NotebookNode
from traitlets import Unicode, default

from helpers.report import html, pdf
from helpers.report.book import Book, make_book
from helpers.report.config import Config, read_config
from helpers.report.notebook import read_cells


class Report(Exporter):
    """An exporter of one executed notebook; raises ReportError as `build` does."""

    config_file = Unicode("reports/report.toml", help="The TOML file of the cover.").tag(config=True)

    def read(self, notebook: NotebookNode, resources: dict) -> tuple[Book, Config]:
        """The numbered book of one notebook and the words of its cover."""
        about = resources.get("metadata", {})
        folder = Path(about.get("path") or ".")
        chapter = read_cells(notebook, f"{about.get('name', 'notebook')}.ipynb", folder)
        return make_book([chapter]), read_config(Path(self.config_file))


class HTMLReport(Report):
    """One notebook as one HTML file."""

    output_mimetype = "text/html"

    @default("file_extension")
    def _extension(self) -> str:
        return ".html"

    def from_notebook_node(self, nb: NotebookNode, resources: dict | None = None, **kw: object) -> tuple[str, dict]:
        """Convert a notebook; nbconvert's base class fills in the resources."""
        nb, resources = super().from_notebook_node(nb, resources, **kw)
        return html.render(*self.read(nb, resources)), resources


class PDFReport(Report):
    """One notebook as a PDF."""

    output_mimetype = "application/pdf"

    @default("file_extension")
    def _extension(self) -> str:
        return ".pdf"

    def from_notebook_node(self, nb: NotebookNode, resources: dict | None = None, **kw: object) -> tuple[bytes, dict]:
        """Convert a notebook; nbconvert's base class fills in the resources."""
        nb, resources = super().from_notebook_node(nb, resources, **kw)
        return pdf.render(*self.read(nb, resources)), resources
