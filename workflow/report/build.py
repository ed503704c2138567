"""One report from many notebooks, in both formats or none."""

from pathlib import Path

from helpers.results import write
from workflow.report import html as html_format
from workflow.report import pdf as pdf_format
from workflow.report.book import make_book
from workflow.report.config import read_config
from workflow.report.notebook import ReportError, read_notebook


def build(
    notebooks: list[Path],
    config: Path,
    *,
    html: Path | None = None,
    pdf: Path | None = None,
    overrides: dict[str, str] | None = None,
    assignment: str = "",
) -> None:
    """Make one report of executed notebooks, a chapter each, in the order given.

    `config` is the TOML file of the cover, with an `assignment` in the words of that one; `overrides` replaces any.
    Nothing is written before everything asked for is made. Raises ReportError, one line naming file and cell, for
    whatever must not become a report.
    """
    words = read_config(config, overrides, assignment=assignment)
    book = make_book([read_notebook(path) for path in notebooks])
    made = [(html, html_format.render(book, words).encode())] if html else []
    made += [(pdf, pdf_format.render(book, words))] if pdf else []
    for path, contents in made:
        write_whole(path, contents)


def write_whole(path: Path, contents: bytes) -> None:
    """Replace a file by new contents, or leave it as it was and raise ReportError."""
    try:
        write(path, lambda part: part.write_bytes(contents))
    except OSError as error:
        raise ReportError(f"cannot write {path}: {error.strerror}") from None
