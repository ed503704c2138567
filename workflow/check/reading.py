"""Read a report back: the evidence that it carries, and what each of its places shows. Nothing of it is executed."""

from __future__ import annotations

import io
import json
import logging
import math
import re
import resource
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from html import unescape
from pathlib import Path
from typing import Any

import pikepdf
import psutil
import pypdf

from helpers.integrity import OWN, own
from workflow.report import places as built

LARGEST = 100 * 2**20  # bytes of a report; ours have a tenth of that
Evidence = dict[str, Any]
# What a PDF can have and ours do not: see `laid_over`.
ACTIVE = {
    "/OpenAction": "an action on opening",
    "/AA": "actions",
    "/AcroForm": "a form",
    "/OCProperties": "layers",
    "/PageLabels": "other page numbers",
}
SMALL = 40  # points: the side of a note's sign, beside which all text can be read
DAMAGE = (ValueError, TypeError, LookupError, AttributeError, RecursionError, ArithmeticError)
MEMORY = 3 * 2**30  # bytes that reading one file may take; what unpacks to more is refused


class UnreadableError(ValueError):
    """Why a file cannot be checked, in one line that names it."""

    def __init__(self, words: str):
        super().__init__(plain(words))


def plain(text: str) -> str:
    """A text of a stranger's as one line of letters: what a terminal would obey is a question mark."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


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
    added: list[str]  # what no build has: notes over the text, scripts, forms
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
        with limited_memory():
            return read_any(path)
    except MemoryError:
        raise UnreadableError(f"{path} unpacks to more than {MEMORY / 2**30:g} GB: it is no report") from None


@contextmanager
def limited_memory() -> Iterator[None]:
    """Let this process take no more than MEMORY besides what it has, where the system knows such a limit."""
    former = resource.getrlimit(resource.RLIMIT_AS)
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_AS, (psutil.Process().memory_info().vms + MEMORY, former[1]))
    try:
        yield
    finally:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_AS, former)


def read_any(path: Path) -> Report:
    """The same without a limit of memory."""
    try:
        if path.is_dir():
            raise UnreadableError(f"{path} is a folder: name a report in it, report.pdf or report.html")
        if path.exists() and not path.is_file():
            raise UnreadableError(f"{path} is no file, but a device or the like")
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
        page = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UnreadableError(f"{path} is not UTF-8, as the report was: give the file as it was built") from None
    page, data = built.out_of_html(page.replace("\r\n", "\n"))
    if not data:
        raise UnreadableError(f"{path} carries no evidence: {FOREIGN}")
    found = checked(path, lambda: only_data(data))
    digests, seen, places = found["places"], set[str](), []
    for name, markup, digest in built.html_places(page):
        text = unescape(re.sub(r"<[^<>]*>", " ", without_scripts(markup)))
        places.append(Place(name, text, digests.get(name) == digest.hexdigest() and name not in seen))
        seen.add(name)
    sections = {name: f"#{name}" for name in seen}
    return Report(path, found, places, [name for name in digests if name not in seen], [], sections)


def without_scripts(markup: str) -> str:
    """Markup without what a page has besides words: scripts, data and styles."""
    for kind in ("script", "style"):
        kept, rest = [], markup
        while rest:
            before, start, rest = rest.partition(f"<{kind}")
            kept.append(before)
            rest = rest.partition(f"</{kind}>")[2] if start else ""
        markup = " ".join(kept)
    return markup


FOREIGN = "it was not built by this project, or by a version before there was any, or another program saved it anew"


def read_pdf(path: Path, content: bytes) -> Report:
    """The report in a PDF. Raises UnreadableError."""
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # a damaged file is said in one line
    try:
        with pikepdf.open(io.BytesIO(content)) as document:
            found = checked(path, lambda: attached(path, document))
            pages = [built.page_digest(page) for page in document.pages]
            texts = [page.extract_text() for page in pypdf.PdfReader(path).pages]
            sections = {label: f"page {number}" for label, number in destinations(document)}
            added = list(laid_over(document))
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
    return Report(path, found, places, lost, added, sections)


def laid_over(document: pikepdf.Pdf) -> Iterator[str]:
    """What stands in a PDF besides its pages' contents, and may hide or change what a reader sees."""
    for key, words in ACTIVE.items():
        if key in document.Root:
            yield f"it has {words}"
    if "/JavaScript" in document.Root.get("/Names", {}):
        yield "it has scripts"
    for number, page in enumerate(document.pages, start=1):
        for note in page.obj.get("/Annots", []):
            kind = str(note.get("/Subtype"))
            left, bottom, right, top = (float(edge) for edge in note["/Rect"])
            small = abs(right - left) <= SMALL and abs(top - bottom) <= SMALL
            if not (kind in ("/Link", "/Popup") and "/AP" not in note) and not (kind == "/Text" and small):
                yield f"page {number} has something laid over it ({kind.lstrip('/')})"


def attached(path: Path, document: pikepdf.Pdf) -> Evidence:
    """The evidence in a PDF's attachments. Raises UnreadableError where there is none."""
    if built.NAME not in document.attachments:
        raise UnreadableError(f"{path} carries no evidence: {FOREIGN}")
    found: Evidence = json.loads(unpacked(document, built.NAME), object_pairs_hook=once)
    for name, chapter in found["chapters"].items():
        chapter["results"] = json.loads(unpacked(document, f"{name}.json"), object_pairs_hook=once)
    return found


def only_data(text: str) -> Any:
    """The JSON of an HTML's evidence. Raises ValueError for markup in it, which a browser would take for the page's."""
    if "<" in text:
        raise ValueError("it has markup in it")
    return json.loads(text, object_pairs_hook=once)


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A mapping from its pairs. Raises ValueError for a name that is given twice, of which only one would be read."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name is given twice")
    return found


def unpacked(document: pikepdf.Pdf, name: str) -> bytes:
    """The content of an attached file, of a size that a report may have. Raises ValueError and what zlib does."""
    stream = document.attachments[name].get_file().obj
    raw = stream.read_raw_bytes()
    packing = stream.get("/Filter")
    names = [str(name) for name in packing] if isinstance(packing, pikepdf.Array) else [str(packing)] * bool(packing)
    if names not in ([], ["/FlateDecode"]):
        raise ValueError(f"{name} is packed by {', '.join(names)[:40]}")
    if not names:
        return bytes(raw)
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
        json.dumps(found, ensure_ascii=False).encode()  # halves of letters, which JSON can have, cannot be written
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
        for key in ("code", "answers", "accuracies"):
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
