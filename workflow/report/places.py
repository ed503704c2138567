"""Where a finished report has its evidence, and what each of its places shows, as digests. Light to import."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pikepdf

FORMAT = 1
NAME = "evidence.json"
OPENING = "the first page"  # what came out, as a place of the evidence's text
START, END = f'<script type="application/json" id="{NAME}">', "</script>\n"
# What a reader can be sent to: a heading or a figure, and what follows it.
PLACE = re.compile(r'(?=<(?:h[1-6]|figure)\b[^<>]*\bid="([^"<>]+)")')
# How a thing in a PDF is packed and where it belongs; a program that saves the file anew may change these. Fonts are
# left out, since that would take in the letters of all other pages.
PACKING = {"/Length", "/Filter", "/DecodeParms", "/Parent", "/StructParent", "/StructParents", "/Font"}


# ---- in the HTML ----


def out_of_html(page: str) -> tuple[str, str]:
    """A page without its evidence, and that as text; "" for a page that has none where the build puts it."""
    before, start, rest = page.partition(START)
    data, _, after = rest.partition(END)
    return (before + after, data) if start and after.startswith("</body>") else (page, "")


def html_places(page: str) -> Iterator[tuple[str, str, Any]]:
    """Name, markup and digest of every place of a page without evidence, in reading order; the cover first."""
    pieces = PLACE.split(page)
    for name, markup in zip(["cover", *pieces[1::2]], pieces[::2], strict=True):
        yield name, markup, hashlib.sha256(markup.encode())


# ---- in the PDF ----


def page_digest(page: pikepdf.Page) -> str:
    """What is drawn on a page, with all that it takes from elsewhere but fonts, as a digest."""
    digest = hashlib.sha256()
    boxes = [list(page.mediabox), list(page.cropbox), page.obj.get("/Rotate", 0), page.obj.get("/UserUnit", 1)]
    contents = page.obj.get("/Contents", [])
    streams = [contents] if isinstance(contents, pikepdf.Stream) else list(contents)
    digest.update(b"\n".join(stream.read_bytes() for stream in streams))
    _add([*boxes, page.resources], digest, {})
    return digest.hexdigest()


def _add(thing: Any, digest: Any, seen: dict[tuple[int, int], int]) -> None:
    """Add a thing and all that it is made of to a digest, however the file packs it; ``seen`` has those of before."""
    where = getattr(thing, "objgen", (0, 0))
    if where != (0, 0):
        if where in seen:
            digest.update(f"again {seen[where]};".encode())
            return
        seen[where] = len(seen)
    if isinstance(thing, pikepdf.Stream):
        digest.update(_content(thing))
    if isinstance(thing, pikepdf.Stream | pikepdf.Dictionary):
        for key in sorted(key for key in thing.keys() if key not in PACKING):  # noqa: SIM118 (no mapping)
            digest.update(f"{key}:".encode())
            _add(thing[key], digest, seen)
    elif isinstance(thing, pikepdf.Array | list):
        digest.update(f"{len(thing)} of:".encode())
        for item in thing:
            _add(item, digest, seen)
    elif isinstance(thing, int | float | Decimal):
        digest.update(f"{float(thing):.6g};".encode())
    else:
        digest.update(f"{thing!s};".encode())


def _content(stream: pikepdf.Stream) -> bytes:
    """The bytes of a stream; those of a JPEG, say, as they are stored."""
    try:
        return bytes(stream.read_bytes())
    except pikepdf.PdfError:
        return bytes(stream.read_raw_bytes())
