"""What a report carries so that it can be checked: its runs' records, what their models answered, code, text, pages.

The PDF has it as attachments, the HTML as one block of data. `workflow.check` reads it back from either file alone.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterator, Mapping
from os.path import commonprefix
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

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
from workflow.report.places import END, FORMAT, NAME, OPENING, START, html_places, page_digest

Evidence = dict[str, Any]


def collect(book: Book, config: Config) -> Evidence:
    """What proves a book: {"chapters": {name: {results, code, answers}}, "cover", "shown": {place: text}}."""
    chapters = {chapter.run["notebook"]: chapter.evidence for chapter in book.chapters if chapter.run}
    return {"format": FORMAT, "cover": vars(config), "chapters": chapters, "shown": dict(shown(book))}


def of_chapter(chapter: Chapter) -> Evidence:
    """The record of a run, the digest of every file of code that it reaches, and what its models answered."""
    code = digests.files(chapter.source) if chapter.source.exists() else {}
    results = integrity.read(chapter.folder / integrity.RECORD)
    classes = classes_of(chapter.folder / "predictions.npz")
    answers = {name: packed(found) for name, found in classes.items()}
    return {"results": results, "code": code, "answers": answers, "accuracies": accuracies(classes, results)}


def classes_of(predictions: Path) -> dict[str, np.ndarray]:
    """The class that each model gave to every test image [N], by model; ``labels`` are the true classes.

    A model's classes are given as their distance from the true ones, nearly all of them 0, which is little when packed.
    Nothing for a file without classes.
    """
    try:
        with np.load(predictions) as kept:
            labels = kept["labels"].astype(np.uint8)
            found = {name: kept[name].argmax(1).astype(np.uint8) - labels for name in kept.files if name != "labels"}
    except (OSError, EOFError, ValueError, LookupError, BadZipFile):
        return {}
    return {"labels": labels, **found}


def accuracies(classes: Mapping[str, np.ndarray], results: Mapping[str, Any]) -> dict[str, str]:
    """The metric that states a model's accuracy, by model: of those with its value the one most like it in name."""
    stated = {name: value for name, value in results.get("metrics", {}).items() if name.endswith("accuracy")}
    found = {}
    for model in classes.keys() - {"labels"}:
        share = float((classes[model] == 0).mean())
        same = [name for name, value in stated.items() if abs(value - share) < 1e-6]
        same = [name for name in same if model.partition(".")[0].startswith(name.partition(".")[0])]
        if same:
            found[model] = max(same, key=lambda name: len(commonprefix([name, model])))  # noqa: RUF071 (letters)
    return dict(sorted(found.items()))


def packed(classes: np.ndarray) -> str:
    """Classes [N] of one byte each as text."""
    return base64.b64encode(zlib.compress(classes.tobytes(), 9)).decode()


def shown(book: Book) -> Iterator[tuple[str, str]]:
    """The text of every place in reading order: the opening, each cell of each chapter, and the end."""
    yield OPENING, pandoc.plain(spaced(book.opening))
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
