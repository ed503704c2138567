"""Where a finished report has its evidence, and what each of its places shows, as digests. Light to import."""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Iterator
from typing import Any

import pikepdf

FORMAT = 1
NAME = "evidence.json"
START, END = f'<script type="application/json" id="{NAME}">', "</script>\n"
# What a reader can be sent to: a heading or a figure, and what follows it.
PLACE = re.compile(r'(?=<(?:h[1-6]|figure)\b[^>]*\bid="([^"]+)")')


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
