"""What the cells of an executed notebook show, part by part."""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from nbformat import NotebookNode

from helpers import live_page
from helpers.progress import MARK
from workflow.report.errors import ReportError
from workflow.report.figure_letters import with_shapes
from workflow.report.markup import KNOWN, Reader
from workflow.report.options import check_options, split_options
from workflow.report.printed import shorten
from workflow.report.tags import HIDE_CELL, HIDE_INPUT, HIDE_OUTPUT, REMOVE_INPUT, REMOVE_OUTPUT

PAGE = 55  # lines of code on a printed page
FENCED = re.compile(r"\s*```python\n(.*)\n```\s*", re.DOTALL)  # source code as helpers.listings shows it
PIPES = re.compile(r"^\s*\|[\s:|-]+\|\s*$", re.MULTILINE)  # the rule of a table written in markdown
DRAWN = re.compile(r"<(?:img|svg)\b", re.IGNORECASE)  # a picture inside HTML
TABLE = {"text/html", "text/plain", "text/latex", "application/vnd.dataresource+json"}  # of pandas
TEX_DELIMITER = re.compile(r"(?<!\\)\\([()\[\]])")  # in an output; markdown has two backslashes
INSTEAD = "display Markdown or a figure of matplotlib, or print it"
WIDGET = "application/vnd.jupyter.widget-view+json"
PROGRESS = re.compile(r"\d%\||\d\d:\d\d[<,]|Progress\(")  # a widget's text when it is a progress bar


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
    """One thing that a cell shows: markdown, code, listing, text (printed), html (a table) or picture."""

    kind: str
    where: str  # "notebook.ipynb, cell 3", for messages
    cell: int  # counted from 1
    text: str = ""
    picture: Picture | None = None
    live: str = ""  # the content of a figure to work, which stands above the picture in the HTML
    label: str = ""
    caption: str = ""
    written: bool = False  # by hand, in a markdown cell; what code computes is not
    hidden: bool = False  # code tagged hide-input: folded in the HTML, left out of the PDF
    folded: bool = False  # tagged hide-output or hide-cell: folded in the HTML
    blocks: list[dict[str, Any]] = field(default_factory=list)  # the part as pandoc's blocks
    caption_blocks: list[dict[str, Any]] = field(default_factory=list)


def is_shown(output: NotebookNode) -> bool:
    """Whether an output belongs in a report: warnings and progress bars (stderr, ours, or widgets) do not."""
    data = output.get("data", {})
    if data.get("text/html", "").startswith(MARK):
        return False
    return output.get("name") != "stderr" and not (WIDGET in data and PROGRESS.search(data.get("text/plain", "")))


def read_cell(cell: NotebookNode, files: Mapping[str, bytes]) -> list[Part]:
    """The parts of one cell in reading order; `files` are the pictures that nbconvert has extracted from outputs.

    Raises ReportError when its options and outputs do not agree, and for a raw cell.
    """
    number, where, tags = cell.metadata.report.cell, cell.metadata.report.where, set(cell.metadata.get("tags", []))
    if not cell.source.strip() and not cell.get("outputs"):
        return []
    if cell.cell_type == "markdown":
        return [Part("markdown", where, number, cell.source, written=True, folded=bool(tags & HIDE_CELL))]
    refuse_raw(cell, where)
    options, code = split_options(cell.source, where)
    shown = read_outputs(cell.outputs, options, where, number, files)
    for part in shown:
        part.folded = bool(tags & (HIDE_OUTPUT | HIDE_CELL))
    if not tags & REMOVE_OUTPUT:
        pictures = sum(part.kind == "picture" for part in shown)
        check_options(options, where, pictures=pictures, captioned=any(part.caption for part in shown))
    if code and not tags & REMOVE_INPUT:
        shown = [Part("code", where, number, code, hidden=bool(tags & (HIDE_INPUT | HIDE_CELL))), *shown]
    if "lst-cap" in options:
        make_listing(shown, options, where)
    return shown


def refuse_raw(cell: NotebookNode, where: str) -> None:
    """Raise ReportError for a raw cell with words."""
    if cell.cell_type == "raw" and cell.source.strip():
        raise ReportError(f"{where}: a raw cell is for one format alone: make it markdown, or tag it remove-cell")


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
    label, captioned, alive = options.get("label", ""), False, ""
    for output in outputs:
        if (html := output.get("data", {}).get("text/html", "")).startswith(live_page.MARK):
            alive = live_page.content_of(html)
            continue
        kind, text = chosen(output, where)
        if kind == "picture":
            picture = read_picture(output.data, output.metadata, files, options.get("fig-alt", ""), where)
            caption = options.get("fig-cap", "")
            shown.append(Part(kind, where, number, picture=picture, label=label, caption=caption))
        elif text.strip():
            part = Part(kind, where, number, text)
            if not captioned and (kind == "html" or (kind == "markdown" and PIPES.search(text))):
                # Label and caption are the first table's.
                part.label, part.caption, captioned = label, options.get("tbl-cap", ""), True
            shown.append(part)
    if alive:
        still = [part for part in shown if part.kind == "picture"]
        if len(still) != 1:
            raise ReportError(f"{where}: a live figure needs one picture beside it, which stands in the PDF: draw it")
        still[0].live = alive
    return shown


def chosen(output: NotebookNode, where: str) -> tuple[str, str]:
    """The kind of part that shows an output as Jupyter would, and its text.

    Raises ReportError for an output that has none which both formats can show.
    """
    if output.output_type == "stream":
        return "text", shorten(output.text)
    data = output.data
    html = data.get("text/html", "")
    if "text/latex" in data and not html:
        return "markdown", TEX_DELIMITER.sub(r"\\\\\1", data["text/latex"])
    if any(mime.startswith("image/") for mime in data) or DRAWN.search(html):
        return "picture", ""
    if "text/markdown" in data:
        return "markdown", data["text/markdown"]
    elements = Reader(html).elements
    if lacking := [name for name in elements if name not in KNOWN]:
        raise ReportError(f"{where}: its HTML has <{lacking[0]}>, which one format lacks: {INSTEAD}")
    if "table" in elements and set(data) <= TABLE:
        return "html", html
    if set(data) <= {"text/plain"} and not data.get("text/plain", "").startswith("<IPython."):
        return "text", shorten(data.get("text/plain", ""))
    raise ReportError(f"{where}: shows {', '.join(sorted(data))}, which one format lacks: {INSTEAD}")


def read_picture(
    data: Mapping[str, Any], metadata: Mapping[str, Any], files: Mapping[str, bytes], alt: str, where: str
) -> Picture:
    """The images of one output; raises ReportError when there is none for a screen, or a damaged one."""
    if "image/png" not in data:
        raise ReportError(f"{where}: the figure has no PNG; draw it with matplotlib")
    extracted = {mime: files[name] for mime, name in metadata["filenames"].items()}
    png, svg = extracted["image/png"], with_shapes(extracted.get("image/svg+xml", b""), where)
    if not png.startswith(b"\x89PNG") or len(png) < 24:
        raise ReportError(f"{where}: the PNG of the figure is damaged: run the notebook again")
    # Without a width of its own a PNG was drawn for screens with two dots to a pixel.
    own = metadata.get("image/png")
    width = own.get("width") if isinstance(own, Mapping) else None
    drawn_pixels = struct.unpack(">I", png[16:20])[0] // 2
    pixels = width if isinstance(width, int | float) and 0 < width < math.inf else drawn_pixels
    drawn = re.search(rb'<svg[^>]*\swidth="(\d+\.?\d*)pt"', svg)
    return Picture(png, svg, pixels, float(drawn[1]) if drawn else pixels * 0.75, " ".join(alt.split()))


def title_first(parts: Sequence[Part]) -> list[Part]:
    """The parts of a chapter with its title in front, also when papermill has put its parameters above it."""
    first = next((at for at, part in enumerate(parts) if part.kind == "markdown"), None)
    return [*parts] if first is None else [parts[first], *parts[:first], *parts[first + 1 :]]
