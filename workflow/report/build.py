"""One report from many notebooks, in both formats, or as HTML alone where the PDF cannot be set.

`python -m workflow.report.build NOTEBOOK... --config FILE --html OUT --pdf OUT`
"""

from __future__ import annotations

import argparse
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from helpers.results import write
from workflow import environment
from workflow.report.chapters import join, read_notebook
from workflow.report.errors import ReportError
from workflow.report.exporters import HTMLReport, PDFReport


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
    Raises ReportError, one line naming file and cell, for whatever must not become a report; then nothing is written,
    unless only the PDF was refused.
    """
    joined = join((read_notebook(path), str(path), path.parent) for path in notebooks)
    cover = {"config_file": str(config), "overrides": overrides or {}, "assignment": assignment}
    as_html, as_pdf = HTMLReport(**cover), PDFReport(**cover)
    words = as_html.cover
    book, _ = as_html.read(joined)
    with ThreadPoolExecutor(1) as pool:  # Typst, which needs most of the time, works beside Python
        setting = pool.submit(as_pdf.render, book, words) if pdf else None
        page = as_html.render(book, words) if html else ""
        if html:
            write_whole(html, page.encode())
        if pdf and setting:
            write_whole(pdf, finished(setting, html, pdf))


def finished(setting: Future[bytes], html: Path | None, pdf: Path) -> bytes:
    """The PDF once it is set; a refusal says also what is there now."""
    try:
        return setting.result()
    except ReportError as error:
        here = [f"{html.name} is made"] if html else []
        here += [f"{pdf.name} is of an earlier build"] if pdf.exists() else []
        raise ReportError(f"{error} ({', '.join(here)})" if here else str(error)) from None


def write_whole(path: Path, contents: bytes) -> None:
    """Replace a file by new contents, or leave it as it was and raise ReportError."""
    try:
        write(path, lambda part: part.write_bytes(contents))
    except OSError as error:
        raise ReportError(f"cannot write {path}: {error.strerror}") from None


def main(arguments: list[str] | None = None) -> int:
    """Build a report; 0 when it is made, 1 with one line on stderr when it must not be."""
    parser = argparse.ArgumentParser(
        "python -m workflow.report.build", description="One report from executed notebooks."
    )
    parser.add_argument("notebooks", nargs="+", type=Path, metavar="NOTEBOOK", help="executed notebook, a chapter each")
    parser.add_argument("--config", type=Path, required=True, help="TOML file of the cover")
    parser.add_argument("--html", type=Path, help="where to write the HTML")
    parser.add_argument("--pdf", type=Path, help="where to write the PDF")
    parser.add_argument("--assignment", default="", help="the table of the config with this assignment's own words")
    parser.add_argument("--author", help="instead of the author in the config")
    parser.add_argument("--roll", help="instead of the roll number in the config")
    asked = parser.parse_args(arguments)
    if not (asked.html or asked.pdf):
        parser.error("ask for --html, --pdf or both")
    overrides = {key: value for key in ("author", "roll") if (value := getattr(asked, key)) is not None}
    try:
        cover = {"overrides": overrides, "assignment": asked.assignment}
        build(asked.notebooks, asked.config, html=asked.html, pdf=asked.pdf, **cover)
    except ReportError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    environment.enter()
    sys.exit(main())
