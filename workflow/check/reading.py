"""Read a report back: the evidence that it carries, and what each of its places shows. Nothing of it is executed."""

from __future__ import annotations

import json
import logging
import math
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from html import unescape
from pathlib import Path
from typing import Any

import pikepdf
import pypdf

from helpers.integrity import OWN, own
from workflow.report import places as built

LARGEST = 100 * 2**20  # bytes of a report; ours have a tenth of that
UNSHOWN = re.compile(r"<(script|style)\b.*?</\1>", re.DOTALL)  # and what is in a page besides words
Evidence = dict[str, Any]
DAMAGE = (ValueError, TypeError, LookupError, AttributeError, RecursionError)


class UnreadableError(ValueError):
    """Why a file cannot be checked, in one line that names it."""


@dataclass(frozen=True)
class Place:
    """A page of the PDF, or a heading or figure of the HTML with what follows it."""

    name: str
    text: str
    as_built: bool


@dataclass(frozen=True)
class Report:
    """One report: its evidence, whose shape is checked, and its places in reading order."""

    path: Path
    evidence: Evidence
    places: list[Place]
    lost: list[str]  # places that it was built with, and lacks now
    sections: dict[str, str]  # where each labelled section is: "page 12" or "#label"

    @property
    def records(self) -> dict[str, dict[str, Any]]:
        """The content of each chapter's results.json, by chapter."""
        return {name: chapter["results"] for name, chapter in self.evidence["chapters"].items()}

    @property
    def is_sealed(self) -> bool:
        """Whether the evidence is as the build left it."""
        return bool(self.evidence.get(OWN) == own(self.evidence))

    @cached_property
    def words(self) -> str:
        """All text that the evidence has, without its spaces: lines break elsewhere in each format."""
        cover = [value for value in self.evidence["cover"].values() if isinstance(value, str)]
        return "".join("".join([*cover, *self.evidence["shown"].values()]).split())


def read(path: Path) -> Report:
    """The report in a file, PDF or HTML by its content. Raises UnreadableError."""
    try:
        if path.is_dir():
            raise UnreadableError(f"{path} is a folder: name a report in it, report.pdf or report.html")
        if path.stat().st_size > LARGEST:
            raise UnreadableError(f"{path} has more than {LARGEST // 2**20} MB: no report of this project is so large")
        content = path.read_bytes()
    except OSError as error:
        raise UnreadableError(f"cannot read {path} ({error.strerror})") from None
    if not content.strip():
        raise UnreadableError(f"{path} is empty")
    if content.lstrip()[:5] == b"%PDF-":
        return read_pdf(path, content)
    if re.match(rb"(?:\xef\xbb\xbf)?\s*<(?:!doctype html|html)\b", content, re.IGNORECASE):
        return read_html(path, content)
    raise UnreadableError(f"{path} is neither a PDF nor an HTML file: give the report as `make report` built it")


def read_html(path: Path, content: bytes) -> Report:
    """The report in an HTML file. Raises UnreadableError."""
    try:
        page = content.decode("utf-8")
    except UnicodeDecodeError:
        raise UnreadableError(f"{path} is not UTF-8, as the report was: give the file as it was built") from None
    page, data = built.out_of_html(page.replace("\r\n", "\n"))
    if not data:
        raise UnreadableError(f"{path} carries no evidence: {FOREIGN}")
    found = checked(path, lambda: json.loads(data))
    digests, seen, places = found["places"], set[str](), []
    for name, markup, digest in built.html_places(page):
        text = unescape(re.sub(r"<[^>]*>", " ", UNSHOWN.sub(" ", markup)))
        places.append(Place(name, text, digests.get(name) == digest.hexdigest() and name not in seen))
        seen.add(name)
    sections = {name: f"#{name}" for name in seen}
    return Report(path, found, places, [name for name in digests if name not in seen], sections)


FOREIGN = "it was not built by this project, or by a version before there was any, or another program saved it anew"


def read_pdf(path: Path, content: bytes) -> Report:
    """The report in a PDF. Raises UnreadableError."""
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # a damaged file is said in one line
    try:
        with built.open_pdf(content) as document:
            found = checked(path, lambda: attached(path, document))
            pages = [built.page_digest(page) for page in document.pages]
            texts = [page.extract_text() for page in pypdf.PdfReader(path).pages]
            sections = {label: f"page {number}" for label, number in destinations(document)}
    except pikepdf.PasswordError:
        raise UnreadableError(f"{path} is locked by a password: give it without") from None
    except (pikepdf.PdfError, pypdf.errors.PyPdfError, OSError, *DAMAGE) as error:
        if isinstance(error, UnreadableError):
            raise
        raise UnreadableError(f"{path} is a damaged PDF ({' '.join(str(error).split())[:80]})") from None
    digests = found["places"]
    places = [
        Place(f"page {number}", text, digests.get(str(number)) == digest)
        for number, (text, digest) in enumerate(zip(texts, pages, strict=True), start=1)
    ]
    lost = [f"page {number}" for number in digests if not (number.isdecimal() and 1 <= int(number) <= len(places))]
    return Report(path, found, places, lost, sections)


def attached(path: Path, document: pikepdf.Pdf) -> Evidence:
    """The evidence in a PDF's attachments. Raises UnreadableError where there is none."""
    if built.NAME not in document.attachments:
        raise UnreadableError(f"{path} carries no evidence: {FOREIGN}")
    found: Evidence = json.loads(unpacked(document, built.NAME))
    for name, chapter in found["chapters"].items():
        chapter["results"] = json.loads(unpacked(document, f"{name}.json"))
    return found


def unpacked(document: pikepdf.Pdf, name: str) -> bytes:
    """The content of an attached file, of a size that a report may have. Raises ValueError and what zlib does."""
    stream = document.attachments[name].get_file().obj
    raw = stream.read_raw_bytes()
    if stream.get("/Filter") != "/FlateDecode":
        return bytes(stream.read_bytes())
    content = zlib.decompressobj().decompress(raw, LARGEST)
    if len(content) == LARGEST:
        raise ValueError(f"{name} is too large")
    return content


def destinations(document: pikepdf.Pdf) -> Iterator[tuple[str, int]]:
    """Every label of the document that links lead to, and the page that it is on."""
    pages = {page.obj.objgen: number for number, page in enumerate(document.pages, start=1)}
    names: Any = document.Root.get("/Names", {})
    if "/Dests" in names:
        for label, where in pikepdf.NameTree(names["/Dests"]).items():
            place = where.get("/D", where) if isinstance(where, pikepdf.Dictionary) else where
            if number := pages.get(place[0].objgen):  # a page may be gone
                yield str(label), number


# ---- the shape of evidence ----


def checked(path: Path, load: Any) -> Evidence:
    """What ``load`` gives, if it has the shape of evidence. Raises UnreadableError."""
    try:
        found: Evidence = load()
        if (number := found.get("format")) != built.FORMAT:
            raise UnreadableError(f"{path} carries evidence of format {number!r}; this version reads {built.FORMAT}")
        check_shape(found)
    except UnreadableError:
        raise
    except (*DAMAGE, zlib.error, pikepdf.PdfError) as error:
        why = " ".join(str(error).split())[:80]
        raise UnreadableError(f"{path}: its evidence is damaged ({type(error).__name__}: {why})") from None
    return found


def check_shape(found: Evidence) -> None:
    """Raise ValueError, TypeError or LookupError for evidence that lacks a part, or has one of another kind."""
    for key in ("cover", "chapters", "shown", "places"):
        expect(found[key], dict, key)
    for key in ("shown", "places"):
        for text in found[key].values():
            expect(text, str, key)
    for name, chapter in found["chapters"].items():
        if not re.fullmatch(r"\w{1,80}", name):
            raise ValueError(f"a chapter is named {name[:40]!r}")
        for key in ("code", "answers"):
            for text in chapter[key].values():
                expect(text, str, key)
        check_record(chapter["results"])


def check_record(record: dict[str, Any]) -> None:
    """The same for the content of a results.json."""
    for key, kind in (("notebook", str), ("profile", str), ("seed", int)):
        expect(record[key], kind, key)
    for key in ("parameters", "metrics", "series", "tables", "provenance"):
        expect(record[key], dict, key)
    for value in [*record["metrics"].values(), *(value for line in record["series"].values() for value in line)]:
        if not isinstance(value, int | float) or not math.isfinite(value):
            raise ValueError("a metric is no finite number")


def expect(value: Any, kind: type, what: str) -> None:
    """Raise TypeError for a value of another kind."""
    if not isinstance(value, kind) or isinstance(value, bool):
        raise TypeError(f"{what} is no {kind.__name__}")
