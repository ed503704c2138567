"""The `#|` options of code cells: labels, captions and descriptions of what a cell shows."""

from __future__ import annotations

import re
from reprlib import repr as short

import yaml

from workflow.report.cleaning import printable
from workflow.report.errors import ReportError
from workflow.yaml_file import NO_VALUE, Loader

LABEL = re.compile(r"[\w-]*", re.ASCII)
OPTIONS = {"label", "fig-cap", "fig-alt", "tbl-cap", "lst-cap"}


def split_options(source: str, where: str) -> tuple[dict[str, str], str]:
    """Split a code cell into its `#|` options and its code; raises ReportError when the options are not YAML."""
    lines = source.strip("\n").splitlines()
    count = next((at for at, line in enumerate(lines) if not line.startswith("#|")), len(lines))
    try:
        options = yaml.load("\n".join(line[2:].removeprefix(" ") for line in lines[:count]), Loader) or {}
    except (yaml.YAMLError, RecursionError, *NO_VALUE) as error:
        problem = getattr(error, "problem", None) or "not YAML"
        raise ReportError(f"{where}: cannot read the #| options ({problem}); quote text that has a colon") from None
    if not isinstance(options, dict) or not all(isinstance(text, str) for text in options.values()):
        raise ReportError(f"{where}: the #| options are not lines of `name: text`")
    if unknown := [key for key in options if key not in OPTIONS]:
        raise ReportError(f"{where}: unknown #| option {short(unknown[0])}")
    if not LABEL.fullmatch(options.get("label", "")):
        raise ReportError(f"{where}: a label is letters, digits, - and _, not {short(options['label'])}")
    return {key: printable(text).strip() for key, text in options.items()}, "\n".join(lines[count:]).strip("\n")


def check_options(options: dict[str, str], where: str, *, pictures: int, captioned: bool) -> None:
    """Raise ReportError when the words of a figure, table or listing are missing, or stand where there is none.

    `pictures` is how many figures the cell draws, `captioned` whether what it shows took the caption.
    """
    label = options.get("label", "")
    if pictures > 1:
        raise ReportError(f"{where}: draws {pictures} figures, where one cell draws one")
    if pictures:
        missing = [key for key in ("label", "fig-cap", "fig-alt") if not options.get(key)]
        if missing or not label.startswith("fig-"):
            raise ReportError(f"{where}: the figure has no {', '.join(missing) or 'label that begins with fig-'}")
    elif label.startswith("fig-") or "fig-cap" in options or "fig-alt" in options:
        raise ReportError(f"{where}: has the options of a figure, but draws none")
    if label.startswith("lst-") != bool(options.get("lst-cap")):
        raise ReportError(f"{where}: a listing has both a label that begins with lst- and lst-cap")
    if label.startswith("tbl-") and not options.get("tbl-cap"):
        raise ReportError(f"{where}: the table has no tbl-cap")
    if options.get("tbl-cap") and label and not label.startswith("tbl-"):
        raise ReportError(f"{where}: the table has no label that begins with tbl-")
    if "tbl-cap" in options and not captioned:
        raise ReportError(f"{where}: has the options of a table, but shows none")
