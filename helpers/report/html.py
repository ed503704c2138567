"""The report as one HTML file that needs nothing else: no network, no other file."""

import base64
from html import escape
from pathlib import Path

from helpers.report import pandoc
from helpers.report.book import Book
from helpers.report.config import Config
from helpers.report.pandoc import Node

TEMPLATE = Path(__file__).parent / "templates" / "report.html"


def render(book: Book, config: Config) -> str:
    """The whole page as text."""

    def change(node: Node) -> Node | list[Node] | None:
        return html_node(node, book)

    meta = vars(config) | {"facts": book.facts, "sample": book.sample, "lang": "en"}
    arguments = ["-t", "html5", "--mathml", "--wrap=none", "--syntax-highlighting=pygments", "--email-obfuscation=none"]
    arguments += ["--template", str(TEMPLATE), "--toc", "--toc-depth=3"]
    return book.write(pandoc.walk(book.blocks + book.closing, change), meta, arguments)


def html_node(node: Node, book: Book) -> Node | list[Node] | None:
    """What pandoc's HTML writer needs to be told: images inside the file, folded code, boxes that scroll."""
    kind, contents = node["t"], node.get("c")
    if kind == "Image":
        picture = book.pictures[contents[2][0]]
        source = base64.b64encode(picture.png).decode()
        alt = escape(picture.alt)
        return pandoc.raw("html", f'<img src="data:image/png;base64,{source}" alt="{alt}" width="{picture.pixels}">')
    if kind == "Table":
        (label, _, _), caption, *rest = contents
        bare = {"t": "Table", "c": [["", [], []], [None, []], *rest]}
        name = pandoc.plain(caption[1][0]["c"][0]) if caption[1] else "Table"
        # A box that scrolls sideways is reached by keyboard too, and so has a name.
        keys = [["role", "region"], ["tabindex", "0"], ["aria-label", name]]
        box = {"t": "Div", "c": [["", ["scroll"], keys], [bare]]}
        return {"t": "Figure", "c": [[label, ["table"], []], caption, [box]]} if caption[1] else box
    if kind == "CodeBlock" and "source" in contents[0][1]:
        fold = f'<details class="code"><summary>Code <span>cell {dict(contents[0][2])["cell"]}</span></summary>'
        code = {"t": "CodeBlock", "c": [["", ["python"], []], contents[1]]}
        return [pandoc.raw_block("html", fold), code, pandoc.raw_block("html", "</details>")]
    if kind == "Span" and "equation" in contents[0][1]:
        (label, classes, keys), inlines = contents
        number = [pandoc.span("number", [pandoc.string(value)]) for _, value in keys]
        return {"t": "Span", "c": [[label, classes, []], [pandoc.span("formula", inlines), *number]]}
    return None
