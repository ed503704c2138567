"""Executed notebooks, joined to one, and what each of their cells shows."""

from __future__ import annotations

import ast
import json
import re
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
import yaml
from nbconvert.filters import strip_ansi
from nbformat import NotebookNode

from workflow.provenance import cells_digest

MOST_LINES = 40  # of printed output: a report is read, not scrolled
PIPES = re.compile(r"^\s*\|[\s:|-]+\|\s*$", re.MULTILINE)  # the rule of a table written in markdown
DRAWN = re.compile(r"<(?:img|svg|canvas|video)\b", re.IGNORECASE)  # a picture inside HTML
LABEL = re.compile(r"[\w-]*", re.ASCII)
OPTIONS = {"label", "fig-cap", "fig-alt", "tbl-cap"}


class ReportError(ValueError):
    """Why no report was made, in one line for the person who can mend it."""


@dataclass(frozen=True)
class Picture:
    """One drawn figure: a PNG for screens, an SVG (or b"") for paper, and the width of each as it was drawn."""

    png: bytes
    svg: bytes
    pixels: int  # CSS pixels, of the PNG
    points: float  # of the SVG, else of the PNG
    alt: str


@dataclass(frozen=True)
class Part:
    """One thing a cell shows. `kind` is markdown, code, text, table (HTML) or picture."""

    kind: str
    where: str  # "notebook.ipynb, cell 3", for messages
    cell: int  # counted from 1
    text: str = ""
    picture: Picture | None = None
    label: str = ""
    caption: str = ""
    written: bool = False  # by hand, in a markdown cell; what code computes is not
    hidden: bool = False  # code that its author hides: folded in HTML, left out on paper


@dataclass
class Chapter:
    """One executed notebook; `run` is what its results.json says about the run, {} without one."""

    name: str
    run: dict[str, Any] = field(default_factory=dict)
    digest: str = ""  # of its sources, as workflow.provenance takes it
    folder: Path = Path()  # where its run has left what it saved
    parts: list[Part] = field(default_factory=list)

    @property
    def number(self) -> int | None:
        """The number that its notebook's name begins with, if that is known and has one."""
        leading = re.match(r"\d+", self.run.get("notebook", ""))
        return int(leading[0]) if leading else None


def read_notebook(path: Path) -> NotebookNode:
    """One executed notebook. Raises ReportError when the file cannot be read."""
    try:
        return nbformat.read(path, as_version=4)
    except Exception as error:  # nbformat meets a broken file with many kinds
        raise ReportError(f"{path}: not a readable notebook ({first_line(error)})") from None


def join(notebooks: Iterable[tuple[NotebookNode, str, Path]]) -> NotebookNode:
    """One notebook of many, given as (notebook, name, folder of its run).

    `metadata.report` of a cell says which chapter it is of, and its place there; that of the whole lists the chapters.
    """
    cells, chapters = [], []
    for at, (notebook, name, folder) in enumerate(notebooks):
        chapters.append({"name": name, "folder": str(folder), "papermill": notebook.metadata.get("papermill")})
        for number, cell in enumerate(notebook.cells, start=1):
            cell.metadata["report"] = {"chapter": at, "cell": number}
            cells.append(cell)
    for number, cell in enumerate(cells):  # identifiers are unique within a notebook only
        cell["id"] = f"cell-{number}"
    return nbformat.v4.new_notebook(cells=cells, metadata={"report": {"chapters": chapters}})


def read_chapter(cells: Sequence[NotebookNode], facts: Mapping[str, Any]) -> Chapter:
    """The chapter of some cells, by its entry in the metadata of a joined notebook; its parts are not read yet.

    Raises ReportError when the run failed or never happened, or its results.json cannot be read.
    """
    name, papermill = facts["name"], facts["papermill"]
    for number, cell in enumerate(cells, start=1):
        for output in cell.get("outputs", []):
            if output.output_type == "error":
                trace = strip_ansi(f"{output.ename}: {output.evalue}").strip().splitlines()
                raise ReportError(f"{name}, cell {number}: the run failed with {trace[-1]}")
    if papermill and papermill.get("exception"):
        raise ReportError(f"{name}: the run failed, the notebook does not say in which cell")
    if papermill is None and not any(cell.get("execution_count") for cell in cells):
        raise ReportError(f"{name}: never executed")
    folder = Path(facts["folder"])
    return Chapter(name, read_run(folder / "results.json"), cells_digest(cells), folder)


def title_first(parts: Sequence[Part]) -> list[Part]:
    """The parts of a chapter with its title in front, also when papermill has put its parameters above it."""
    first = next((at for at, part in enumerate(parts) if part.kind == "markdown"), None)
    return [*parts] if first is None else [parts[first], *parts[:first], *parts[first + 1 :]]


def restates(cell: NotebookNode, cells: Sequence[NotebookNode]) -> bool:
    """Whether this is the cell of parameters that papermill put in, and says what the cell that declares them does."""
    if "injected-parameters" not in cell.metadata.get("tags", []):
        return False
    declared = [other for other in cells if "parameters" in other.metadata.get("tags", [])]
    usual, given = (assigned(other.source) for other in (declared[0], cell)) if declared else ({}, {})
    return bool(given) and all(name in usual and usual[name] == value for name, value in given.items())


def assigned(source: str) -> dict[str, Any]:
    """The literals that code assigns to names, {} when it is more than that."""
    found = {}
    try:
        for statement in ast.parse(source).body:
            target = statement.target if isinstance(statement, ast.AnnAssign) else statement.targets[0]
            found[target.id] = ast.literal_eval(statement.value)
    except (SyntaxError, ValueError, AttributeError):
        return {}
    return found


def first_line(error: Exception) -> str:
    """The first line of a message, which may have many or none."""
    return str(error).partition("\n")[0]


def read_run(path: Path) -> dict[str, Any]:
    """What results.json says of the run: seed, profile and provenance; {} when there is no such file."""
    try:
        results = json.loads(path.read_text(encoding="utf-8"))
        run = {key: results[key] for key in ("notebook", "seed", "profile")}
        return run | results["provenance"]
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ReportError(f"{path}: not the results of a run ({type(error).__name__}: {error})") from None


def read_cell(cell: NotebookNode, where: str, number: int, files: Mapping[str, bytes]) -> list[Part]:
    """The parts of one cell in reading order; `files` are the pictures that nbconvert has extracted from outputs.

    Raises ReportError when its options and outputs do not agree.
    """
    if cell.cell_type == "markdown":
        return [Part("markdown", where, number, cell.source, written=True)] if cell.source.strip() else []
    if cell.cell_type != "code":
        return []
    options, code = split_options(cell.source, where)
    shown = read_outputs(cell.outputs, options, where, number, files)
    tags = cell.metadata.get("tags", [])
    if "remove-output" not in tags:
        check_options(options, shown, where)
    if not code or cell.get("transient", {}).get("remove_source"):
        return shown
    return [Part("code", where, number, code, hidden="hide-input" in tags), *shown]


def check_options(options: dict[str, str], shown: list[Part], where: str) -> None:
    """Raise ReportError when the words of a figure or table are missing, or stand where there is none."""
    label, pictures = options.get("label", ""), sum(part.kind == "picture" for part in shown)
    if pictures > 1:
        raise ReportError(f"{where}: draws {pictures} figures, where one cell draws one")
    if pictures:
        missing = [key for key in ("label", "fig-cap", "fig-alt") if not options.get(key)]
        if missing or not label.startswith("fig-"):
            raise ReportError(f"{where}: the figure has no {', '.join(missing) or 'label that begins with fig-'}")
    elif label.startswith("fig-") or "fig-cap" in options or "fig-alt" in options:
        raise ReportError(f"{where}: has the options of a figure, but draws none")
    if label.startswith("tbl-") and not options.get("tbl-cap"):
        raise ReportError(f"{where}: the table has no tbl-cap")
    if options.get("tbl-cap") and label and not label.startswith("tbl-"):
        raise ReportError(f"{where}: the table has no label that begins with tbl-")
    if "tbl-cap" in options and not any(part.caption for part in shown):
        raise ReportError(f"{where}: has the options of a table, but shows none")


def split_options(source: str, where: str) -> tuple[dict[str, str], str]:
    """Split a code cell into its `#|` options and its code; raises ReportError when the options are not YAML."""
    lines = source.strip("\n").splitlines()
    count = next((at for at, line in enumerate(lines) if not line.startswith("#|")), len(lines))
    try:
        options = yaml.safe_load("\n".join(line[2:].removeprefix(" ") for line in lines[:count])) or {}
    except yaml.YAMLError as error:
        problem = getattr(error, "problem", None) or "not YAML"
        raise ReportError(f"{where}: cannot read the #| options ({problem}); quote text that has a colon") from None
    if not isinstance(options, dict) or not all(isinstance(text, str) for text in options.values()):
        raise ReportError(f"{where}: the #| options are not lines of `name: text`")
    if unknown := sorted(set(options) - OPTIONS):
        raise ReportError(f"{where}: unknown #| option {unknown[0]}")
    if not LABEL.fullmatch(options.get("label", "")):
        raise ReportError(f"{where}: a label is letters, digits, - and _, not {options['label']}")
    return {key: text.strip() for key, text in options.items()}, "\n".join(lines[count:]).strip("\n")


def read_outputs(
    outputs: list, options: dict[str, str], where: str, number: int, files: Mapping[str, bytes]
) -> list[Part]:
    """What the outputs of a cell show; progress bars and warnings (stderr) are not part of a report."""
    shown: list[Part] = []
    printed = ""
    table = {"label": options.get("label", ""), "caption": options.get("tbl-cap", "")}
    for output in outputs:
        data = output.get("data", {})
        if output.output_type == "stream":
            printed += output.text if output.name == "stdout" else ""
            continue
        if "application/vnd.jupyter.widget-view+json" in data:
            continue
        if printed.strip():
            shown.append(Part("text", where, number, shorten(printed)))
        printed = ""
        if any(mime.startswith("image/") for mime in data) or DRAWN.search(data.get("text/html", "")):
            picture = read_picture(data, output.get("metadata", {}), files, options.get("fig-alt", ""), where)
            words = {"label": options.get("label", ""), "caption": options.get("fig-cap", "")}
            shown.append(Part("picture", where, number, picture=picture, **words))
        elif "text/markdown" in data or "<table" in data.get("text/html", ""):
            kind, mime = ("markdown", "text/markdown") if "text/markdown" in data else ("table", "text/html")
            if kind == "table" or PIPES.search(data[mime]):
                shown.append(Part(kind, where, number, data[mime], **table))
                table = {}  # the caption is the first table's
            else:
                shown.append(Part(kind, where, number, data[mime]))
        elif data.get("text/plain", "").startswith("<IPython.core.display."):
            raise ReportError(f"{where}: shows {', '.join(sorted(data))}, which one format lacks: display Markdown")
        elif data.get("text/plain"):
            shown.append(Part("text", where, number, shorten(data["text/plain"])))
    return [*shown, Part("text", where, number, shorten(printed))] if printed.strip() else shown


def read_picture(
    data: Mapping[str, Any], metadata: Mapping[str, Any], files: Mapping[str, bytes], alt: str, where: str
) -> Picture:
    """The images of one output; raises ReportError when there is none for a screen."""
    if "image/png" not in data:
        raise ReportError(f"{where}: the figure has no PNG; draw it with matplotlib")
    extracted = {mime: files[name] for mime, name in metadata["filenames"].items()}
    png, svg = extracted["image/png"], extracted.get("image/svg+xml", b"")
    # Without a width of its own a PNG was drawn for screens with two dots to a pixel.
    pixels = metadata.get("image/png", {}).get("width") or struct.unpack(">I", png[16:20])[0] // 2
    drawn = re.search(rb'<svg[^>]*\swidth="([\d.]+)pt"', svg)
    return Picture(png, svg, pixels, float(drawn[1]) if drawn else pixels * 0.75, " ".join(alt.split()))


def shorten(text: str) -> str:
    """Printed text as a terminal would leave it, capped at MOST_LINES lines."""
    lines = [line.rstrip("\r").rsplit("\r", 1)[-1] for line in strip_ansi(text).rstrip().split("\n")]
    more = len(lines) - MOST_LINES
    return "\n".join(lines[:MOST_LINES] + ([f"... {more} more lines"] if more > 0 else []))
