"""`python -m workflow.report NOTEBOOK... --config FILE --html OUT --pdf OUT`."""

import argparse
import sys
from pathlib import Path

from workflow.report import ReportError, build


def main(arguments: list[str] | None = None) -> int:
    """Build a report; 0 when it is made, 1 with one line on stderr when it must not be."""
    parser = argparse.ArgumentParser(prog="python -m workflow.report", description="One report from executed notebooks.")
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
    sys.exit(main())
