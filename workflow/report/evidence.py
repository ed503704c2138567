"""What a report carries so that it can be checked: its runs' records, what their models answered, code, text, pages.

The PDF has it as attachments, the HTML as one block of data. `workflow.check` reads it back from either file alone.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pikepdf

from helpers import integrity
from workflow import digests
from workflow.report import pandoc
from workflow.report.book import Book
from workflow.report.cells import Part
from workflow.report.chapters import Chapter
from workflow.report.config import Config, build_time
from workflow.report.figure_letters import words_of

FORMAT = 1
NAME = "evidence.json"
START, END = f'<script type="application/json" id="{NAME}">', "</script>\n"
# What a reader can be sent to: a heading or a figure, and what follows it.
PLACE = re.compile(r'(?=<(?:h[1-6]|figure)\b[^>]*\bid="([^"]+)")')

Evidence = dict[str, Any]


def collect(book: Book, config: Config) -> Evidence:
    """What proves a book: {"chapters": {name: {results, code, answers}}, "cover", "shown": {place: text}}."""
    chapters = {chapter.run["notebook"]: of_chapter(chapter) for chapter in book.chapters if chapter.run}
    return {"format": FORMAT, "cover": vars(config), "chapters": chapters, "shown": dict(shown(book))}


def of_chapter(chapter: Chapter) -> Evidence:
    """The record of a run, the digest of every file of code that it reaches, and what its models answered."""
    code = digests.files(chapter.source) if chapter.source.exists() else {}
    predictions = chapter.folder / "predictions.npz"
    answers = pack_answers(predictions) if predictions.exists() else {}
    return {"results": integrity.read(chapter.folder / integrity.RECORD), "code": code, "answers": answers}


def pack_answers(predictions: Path) -> dict[str, str]:
    """The class that each model gave to every test image, by model; ``labels`` are the true classes.

    A model's classes are kept as their distance from the true ones, nearly all of them 0, which is little when packed.
    """
    with np.load(predictions) as kept:
        if "labels" not in kept.files:
            return {}
        labels = kept["labels"].astype(np.uint8)
        found = {name: kept[name].argmax(1).astype(np.uint8) - labels for name in kept.files if name != "labels"}
    return {name: packed(classes) for name, classes in {"labels": labels, **found}.items()}


def packed(classes: np.ndarray) -> str:
    """Classes [N] of one byte each as text."""
    return base64.b64encode(zlib.compress(classes.tobytes(), 9)).decode()


def shown(book: Book) -> Iterator[tuple[str, str]]:
    """The text of every place in reading order: the opening, each cell of each chapter, and the end."""
    yield "the first page", pandoc.plain(spaced(book.opening))
    for chapter in book.chapters:
        name = chapter.run.get("notebook") or Path(chapter.name).stem
        cells: dict[int, list[str]] = {}
        for part in chapter.parts:
            cells.setdefault(part.cell, []).append(text_of(part))
        yield from ((f"{name}, cell {cell}", " ".join(texts)) for cell, texts in cells.items())
    yield "the end", pandoc.plain(spaced(book.closing))


def text_of(part: Part) -> str:
    """The words of a part, with those in its figure."""
    drawn = f" {words_of(part.picture.svg)} {part.picture.alt}" if part.picture else ""
    return pandoc.plain(spaced(part.blocks)) + drawn


def spaced(blocks: pandoc.Blocks) -> pandoc.Blocks:
    """Blocks with a space between cells and paragraphs, whose words would run into one another."""
    space = {"t": "Space"}

    def change(node: pandoc.Node) -> pandoc.Node | None:
        if node["t"] in ("Para", "Plain"):
            return {"t": node["t"], "c": [*node["c"], space]}
        if node["t"] == "Header":
            return {"t": "Header", "c": [*node["c"][:2], [*node["c"][2], space]]}
        return None

    made: pandoc.Blocks = pandoc.walk(blocks, change)
    return made


def sealed(evidence: Evidence, places: dict[str, str]) -> Evidence:
    """The evidence of one file, whose places have these digests, with a digest of its own."""
    whole = {**evidence, "places": places}
    return {**whole, integrity.OWN: integrity.own(whole)}


# ---- in the HTML ----


def into_html(page: str, evidence: Evidence) -> str:
    """A page with its evidence before the end of its body."""
    whole = sealed(evidence, {name: digest.hexdigest() for name, _, digest in html_places(page)})
    data = json.dumps(whole, ensure_ascii=False).replace("<", "\\u003c")  # so that no word in it ends the block
    before, body, after = page.rpartition("</body>")
    return f"{before}{START}{data}{END}{body}{after}"


def out_of_html(page: str) -> tuple[str, str]:
    """A page without its evidence, and that as text; "" for a page without any."""
    before, start, rest = page.partition(START)
    data, _, after = rest.partition(END)
    return (before + after, data) if start else (page, "")


def html_places(page: str) -> Iterator[tuple[str, str, Any]]:
    """Name, markup and digest of every place of a page without evidence, in reading order; the cover first."""
    pieces = PLACE.split(page)
    for name, markup in zip(["cover", *pieces[1::2]], pieces[::2], strict=True):
        yield name, markup, hashlib.sha256(markup.encode())


# ---- in the PDF ----


def into_pdf(document: pikepdf.Pdf, evidence: Evidence) -> None:
    """Attach the evidence to a document: the record of each run, and the rest, as PDF/A-3 wants it."""
    places = {str(number): page_digest(page) for number, page in enumerate(document.pages, start=1)}
    whole = sealed(evidence, places)
    chapters = whole["chapters"]
    files = {f"{name}.json": (chapter["results"], f"results of {name}") for name, chapter in chapters.items()}
    # The records stand in their own files alone, so that a reader can open one.
    others = {name: {key: chapter[key] for key in chapter if key != "results"} for name, chapter in chapters.items()}
    files[NAME] = ({**whole, "chapters": others}, "what the report can be checked by")
    listed = pikepdf.Array()
    stamp = build_time().strftime("D:%Y%m%d%H%M%S%z")
    stamp = f"{stamp[:-2]}'{stamp[-2:]}'"
    for name, (content, description) in files.items():
        data = json.dumps(content, indent=1, ensure_ascii=False).encode()
        about = {"filename": name, "description": description, "mime_type": "application/json"}
        spec = pikepdf.AttachedFileSpec(
            document, data, **about, creation_date=stamp, mod_date=stamp, relationship=pikepdf.Name.Data
        )
        document.attachments[name] = spec
        listed.append(document.attachments[name].obj)
    document.Root.AF = listed


def page_digest(page: pikepdf.Page) -> str:
    """What is drawn on a page, with all that it takes from elsewhere but fonts, as a digest."""
    digest = hashlib.sha256()
    contents = page.obj.get("/Contents", [])
    for stream in [contents] if isinstance(contents, pikepdf.Stream) else contents:
        digest.update(stream.read_bytes())
    _draw(page.obj.get("/Resources", {}), digest, set())
    return digest.hexdigest()


def _draw(resources: Any, digest: Any, seen: set[tuple[int, int]]) -> None:
    """Add pictures and forms, and what these are made of, to a digest."""
    for name, thing in sorted(resources.get("/XObject", {}).items()):
        if thing.objgen in seen:
            continue
        seen.add(thing.objgen)
        digest.update(name.encode())
        masks = [thing["/SMask"]] if "/SMask" in thing else []
        for part in (thing, *masks):
            # Pixels as they are stored; a program that saves a file anew may pack other streams anew.
            is_picture = part.get("/Subtype") == "/Image"
            digest.update(part.read_raw_bytes() if is_picture else part.read_bytes())
        _draw(thing.get("/Resources", {}), digest, seen)


def open_pdf(content: bytes) -> pikepdf.Pdf:
    """A document from its bytes. Raises pikepdf.PdfError, and pikepdf.PasswordError for one that is locked."""
    return pikepdf.open(io.BytesIO(content))
