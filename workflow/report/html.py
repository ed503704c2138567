"""The report as one HTML file that needs nothing else: no network, no other file."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path

from helpers import live_page
from workflow.report import drawing, fonts, maps, pandoc
from workflow.report.book import Book
from workflow.report.config import Config
from workflow.report.pandoc import Blocks, Node

TEMPLATE = Path(__file__).parent / "templates" / "report.html"


def render(book: Book, config: Config) -> str:
    """The whole page as text."""

    def change(node: Node) -> Node | list[Node] | None:
        return html_node(node, book)

    meta = vars(config) | {"facts": book.facts, "sample": book.sample, "lang": "en"}
    arguments = ["-t", "html5", "--mathml", "--wrap=none", "--syntax-highlighting=pygments", "--email-obfuscation=none"]
    arguments += ["--template", str(TEMPLATE), "--toc", "--toc-depth=3"]
    points = [pandoc.raw_block("html", maps.data(label, chart)) for label, chart in book.maps.items()]
    points += [pandoc.raw_block("html", text) for text in live_data(book.live)]
    opening, text = book.blocks[: len(book.opening)], book.blocks[len(book.opening) :]
    ordered = [*opening, *lists(text), *text]
    page = book.write(pandoc.walk(ordered, change) + points, meta, arguments)
    page = re.sub(r"<th([^>]*)></th>", r"<td\1></td>", page)  # what is empty heads nothing
    if book.live:
        page = page.replace("/* live.css */", live_page.STYLE.read_text("utf-8"), 1)
        page = page.replace("/* live.js */", live_page.SCRIPT.read_text("utf-8"), 1)
    head, body = page.split("</style>", 1)
    head = head.replace("DIGEST", digest(body.split("<script>")[1].split("</script>")[0]), 1)
    return f"{head}{''.join(fonts.faces(body))}\n:root{{{''.join(drawing.palette(body))}}}\n</style>{body}"


def digest(script: str) -> str:
    """How the page's policy names the one script that may run."""
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def lists(text: Blocks) -> Blocks:
    """The figures, tables and listings of the text as folded lists, whose entries lead to their places."""
    entries: dict[str, list[Blocks]] = {"Figure": [], "Table": [], "Listing": []}

    def keep(node: Node) -> Node | None:
        if node["t"] not in ("Figure", "Table"):
            return None
        (label, _, _), (_, caption), *_ = node["c"]
        if caption:
            words = pandoc.walk(caption[0]["c"], lambda inner: inner["c"][1] if inner["t"] == "Link" else None)
            entries[pandoc.plain(words).split()[0]].append([pandoc.paragraph([pandoc.link(words, label)])])
        return node

    pandoc.walk(text, keep)
    folded: Blocks = []
    for kind, items in entries.items():
        if items:
            folded.append(pandoc.raw_block("html", f'<details class="list"><summary>{kind}s</summary>'))
            folded += [{"t": "BulletList", "c": items}, pandoc.raw_block("html", "</details>")]
    return folded


def html_node(node: Node, book: Book) -> Node | list[Node] | None:
    """A node with what pandoc's HTML writer leaves out: pictures inside the file, folded code, boxes that scroll."""
    kind, contents = node["t"], node.get("c", [])
    if kind == "Figure":
        return figure(contents, book)
    if kind == "Table":
        (label, _, _), caption, *rest = contents
        bare = {"t": "Table", "c": [["", [], []], [None, []], *rest]}
        box = scroll([bare], pandoc.plain(caption[1][0]["c"][0]) if caption[1] else "Table")
        return {"t": "Figure", "c": [[label, ["table"], []], caption, [box]]} if caption[1] else box
    if kind == "Div" and "folded output" in contents[0][1]:
        fold = f'<details class="output"><summary>Output <span>cell {dict(contents[0][2])["cell"]}</span></summary>'
        inside = pandoc.walk(contents[1], lambda inner: html_node(inner, book))
        return [pandoc.raw_block("html", fold), *inside, pandoc.raw_block("html", "</details>")]
    if kind == "CodeBlock" and "cell source" in contents[0][1]:
        fold = f'<details class="code"><summary>Code <span>cell {dict(contents[0][2])["cell"]}</span></summary>'
        code = {"t": "CodeBlock", "c": [["", ["python"], []], contents[1]]}
        return [pandoc.raw_block("html", fold), code, pandoc.raw_block("html", "</details>")]
    if kind == "Span" and "equation" in contents[0][1]:
        (label, classes, keys), inlines = contents
        number = [pandoc.span("number", [pandoc.string(value)]) for _, value in keys]
        return {"t": "Span", "c": [[label, classes, []], [pandoc.span("formula", inlines), *number]]}
    return None


def figure(contents: list, book: Book) -> Node:
    """A listing, or a picture; above it stands the map or the figure to work that it is a picture of.

    Readers whose browser runs no script see the picture.
    """
    (label, classes, _), caption, body = contents
    if "listing" in classes:
        return {"t": "Figure", "c": contents}
    key = body[0]["c"][0]["c"][2][0]
    picture = pandoc.raw_block("html", drawing.drawn(book.pictures[key], key))
    shown = [scroll([picture], pandoc.plain(caption[1][0]["c"][0]))]
    if chart := book.maps.get(label):
        shown = [pandoc.raw_block("html", maps.toolbox(label, chart)), *shown]
    if label in book.live:
        shown = [pandoc.raw_block("html", f'<div class="live" data-content="{label}-content" hidden></div>'), *shown]
    return {"t": "Figure", "c": [[label, ["picture"], []], caption, shown]}


def live_data(figures: Mapping[str, str]) -> Iterator[str]:
    """What figures to work need, as data that a browser does nothing with until a script asks for it.

    Networks and images that several figures share stand there once, by their digest.
    """
    shared: dict[str, str] = {}
    for label, content in figures.items():
        read = json.loads(content)
        for part in (*chain(*read["networks"].values()), read["images"]):
            data = part["data"]
            part["data"] = digest(data)[:16]
            shared[part["data"]] = data
        yield f'<script type="application/json" id="{label}-content">{json.dumps(read)}</script>'
    if shared:
        yield f'<script type="application/json" id="live-data">{json.dumps(shared)}</script>'


def scroll(blocks: Blocks, name: str) -> Node:
    """A box that scrolls sideways when its contents are wider; it is reached by keyboard too, and so has a name."""
    return {"t": "Div", "c": [["", ["scroll"], [["role", "group"], ["tabindex", "0"], ["aria-label", name]]], blocks]}
