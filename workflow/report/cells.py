"""What the cells of an executed notebook show, part by part."""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from nbconvert.filters import strip_ansi
from nbformat import NotebookNode

from workflow.report.errors import ReportError
from workflow.report.options import check_options, split_options

MOST_LINES = 40  # of printed output: a report is read, not scrolled
PAGE = 55  # lines of code on a printed page
FENCED = re.compile(r"\s*```python\n(.*)\n```\s*", re.DOTALL)  # source code as helpers.listings shows it
PIPES = re.compile(r"^\s*\|[\s:|-]+\|\s*$", re.MULTILINE)  # the rule of a table written in markdown
DRAWN = re.compile(r"<(?:img|svg|canvas|video)\b", re.IGNORECASE)  # a picture inside HTML
WIDGET = "application/vnd.jupyter.widget-view+json"


@dataclass(frozen=True)
class Picture:
    """One drawn figure: a PNG for screens, an SVG (or b"") for paper, and the width of each as it was drawn."""

    png: bytes
    svg: bytes
    pixels: int  # CSS pixels, of the PNG
    points: float  # of the SVG, else of the PNG
    alt: str


@dataclass
class Part:
    """One thing that a cell shows: markdown, code, listing, text (printed), table (HTML) or picture."""

    kind: str
    where: str  # "notebook.ipynb, cell 3", for messages
    cell: int  # counted from 1
    text: str = ""
    picture: Picture | None = None
    label: str = ""
    caption: str = ""
    written: bool = False  # by hand, in a markdown cell; what code computes is not
    hidden: bool = False  # code tagged hide-input: folded in the HTML, left out of the PDF
    blocks: list[dict[str, Any]] = field(default_factory=list)  # the part as pandoc's blocks
    caption_blocks: list[dict[str, Any]] = field(default_factory=list)


def is_shown(output: NotebookNode) -> bool:
    """Whether an output belongs in a report: warnings, progress bars (stderr) and widgets do not."""
    return WIDGET not in output.get("data", {}) and output.get("name") != "stderr"


def read_cell(cell: NotebookNode, files: Mapping[str, bytes]) -> list[Part]:
    """The parts of one cell in reading order; `files` are the pictures that nbconvert has extracted from outputs.

    Raises ReportError when its options and outputs do not agree.
    """
    number, where, tags = cell.metadata.report.cell, cell.metadata.report.where, cell.metadata.get("tags", [])
    if cell.cell_type == "markdown":
        return [Part("markdown", where, number, cell.source, written=True)] if cell.source.strip() else []
    if cell.cell_type != "code":
        return []
    options, code = split_options(cell.source, where)
    shown = read_outputs(cell.outputs, options, where, number, files)
    if "remove-output" not in tags:
        pictures = sum(part.kind == "picture" for part in shown)
        check_options(options, where, pictures=pictures, captioned=any(part.caption for part in shown))
    if code and not cell.metadata.get("transient", {}).get("remove_source"):  # nbconvert's mark of remove-input
        shown = [Part("code", where, number, code, hidden="hide-input" in tags), *shown]
    if "lst-cap" in options:
        make_listing(shown, options, where)
    return shown


def make_listing(shown: Sequence[Part], options: dict[str, str], where: str) -> None:
    """Make a listing of the source code that a cell shows, else of its own. Raises ReportError for more than a page."""
    for part in reversed(shown):
        source = FENCED.fullmatch(part.text) if part.kind == "markdown" else None
        if source or part.kind == "code":
            part.kind, part.text = "listing", source[1] if source else part.text
            part.label, part.caption = options["label"], options["lst-cap"]
            if (lines := part.text.count("\n") + 1) > PAGE:
                raise ReportError(f"{where}: the listing has {lines} lines, and a page {PAGE}: show less of the code")
            return
    raise ReportError(f"{where}: has the options of a listing, but shows no code")


def read_outputs(
    outputs: Sequence[NotebookNode], options: dict[str, str], where: str, number: int, files: Mapping[str, bytes]
) -> list[Part]:
    """What the outputs of a cell show. Raises ReportError for what one of the two formats cannot show."""
    shown: list[Part] = []
    label, captioned = options.get("label", ""), False
    for output in outputs:
        data = output.get("data", {})
        printed = output.text if output.output_type == "stream" else ""
        if any(mime.startswith("image/") for mime in data) or DRAWN.search(data.get("text/html", "")):
            picture = read_picture(data, output.get("metadata", {}), files, options.get("fig-alt", ""), where)
            caption = options.get("fig-cap", "")
            shown.append(Part("picture", where, number, picture=picture, label=label, caption=caption))
        elif "text/markdown" in data or "<table" in data.get("text/html", ""):
            kind, mime = ("markdown", "text/markdown") if "text/markdown" in data else ("table", "text/html")
            part = Part(kind, where, number, data[mime])
            if not captioned and (kind == "table" or PIPES.search(data[mime])):
                # Label and caption are the first table's.
                part.label, part.caption, captioned = label, options.get("tbl-cap", ""), True
            shown.append(part)
        elif data.get("text/plain", "").startswith("<IPython.core.display."):
            raise ReportError(f"{where}: shows {', '.join(sorted(data))}, which one format lacks: display Markdown")
        elif printed.strip() or data.get("text/plain"):
            shown.append(Part("text", where, number, shorten(printed or data["text/plain"])))
    return shown


def read_picture(
    data: Mapping[str, Any], metadata: Mapping[str, Any], files: Mapping[str, bytes], alt: str, where: str
) -> Picture:
    """The images of one output; raises ReportError when there is none for a screen, or a damaged one."""
    if "image/png" not in data:
        raise ReportError(f"{where}: the figure has no PNG; draw it with matplotlib")
    extracted = {mime: files[name] for mime, name in metadata["filenames"].items()}
    png, svg = extracted["image/png"], extracted.get("image/svg+xml", b"")
    if not png.startswith(b"\x89PNG") or len(png) < 24:
        raise ReportError(f"{where}: the PNG of the figure is damaged: run the notebook again")
    # Without a width of its own a PNG was drawn for screens with two dots to a pixel.
    own = metadata.get("image/png")
    width = own.get("width") if isinstance(own, Mapping) else None
    drawn_pixels = struct.unpack(">I", png[16:20])[0] // 2
    pixels = width if isinstance(width, int | float) and 0 < width < math.inf else drawn_pixels
    drawn = re.search(rb'<svg[^>]*\swidth="(\d+\.?\d*)pt"', svg)
    return Picture(png, svg, pixels, float(drawn[1]) if drawn else pixels * 0.75, " ".join(alt.split()))


def shorten(text: str) -> str:
    """Printed text without the codes of terminals, at most MOST_LINES lines of it."""
    lines = [line.rstrip("\r") for line in strip_ansi(text).rstrip().split("\n")]
    more = len(lines) - MOST_LINES
    return "\n".join(lines[:MOST_LINES] + ([f"... {more} more lines"] if more > 0 else []))


def title_first(parts: Sequence[Part]) -> list[Part]:
    """The parts of a chapter with its title in front, also when papermill has put its parameters above it."""
    first = next((at for at, part in enumerate(parts) if part.kind == "markdown"), None)
    return [*parts] if first is None else [parts[first], *parts[:first], *parts[first + 1 :]]
