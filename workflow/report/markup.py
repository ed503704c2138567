"""Tables that code shows as HTML, with the words around them, as pandoc's blocks; nothing is lost on the way."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from html.parser import HTMLParser

from workflow.report import pandoc, tables
from workflow.report.errors import ReportError
from workflow.report.pandoc import Blocks, Node

# The elements whose contents both formats can show, and those that show nothing. pandoc drops others without a word.
LAYOUT = "html body div p br hr h1 h2 h3 h4 h5 h6 blockquote pre center section article header footer details summary"
LISTS = "ul ol li dl dt dd table caption colgroup col thead tbody tfoot tr th td"
WORDS = "a b strong i em u s del ins strike sub sup code kbd samp tt var mark small big span font abbr cite q dfn wbr"
UNSEEN = "head title meta link style"
KNOWN = {*LAYOUT.split(), *LISTS.split(), *WORDS.split(), *UNSEEN.split()}


class Reader(HTMLParser):
    """The names of all elements, and the letters and digits that a browser would show."""

    def __init__(self, html: str) -> None:
        """Read all of it."""
        super().__init__()
        self.elements: list[str] = []
        self.letters = Counter[str]()
        self.opened = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        self.opened = tag
        self.elements.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Note that the words which follow are no style or title."""
        self.opened = ""

    def handle_data(self, data: str) -> None:
        """Count the letters of words."""
        if self.opened not in ("style", "title"):
            self.letters += letters(data)


def letters(text: str) -> Counter[str]:
    """How often each letter and digit stands in a text."""
    return Counter(filter(str.isalnum, text))


def read_html(texts: Sequence[str], wheres: Sequence[str]) -> list[Blocks]:
    """Read HTML outputs in one go; one list of blocks an output, without what only styles them.

    Raises ReportError naming the output (`wheres`) of which a word would be lost.
    """
    if not texts:
        return []
    marked = "".join(f"<div>{text}</div>" for text in texts)
    document = json.loads(pandoc.run(["-f", "html+tex_math_dollars-auto_identifiers", "-t", "json"], marked))
    outputs = [block["c"][1] for block in document["blocks"] if block["t"] == "Div"]
    read: list[Blocks] = []
    for at, (text, where) in enumerate(zip(texts, wheres, strict=True)):
        blocks = apart(pandoc.walk(outputs[at], plainly)) if at < len(outputs) else []
        if Reader(text).letters != letters(pandoc.plain(blocks)):
            raise ReportError(f"{where}: its table cannot be read: the HTML is not well formed")
        read.append(blocks)
    return read


def plainly(node: Node) -> Node | list[Node] | None:
    """A node without styles, classes and names of its own, which might be those of the page."""
    kind, contents = node["t"], node.get("c", [])
    if kind in ("Div", "Span"):
        return pandoc.walk(contents[1], plainly)
    if kind.startswith("Raw") and contents[1].lower().startswith("<style"):
        return []
    if kind == "Table":
        return tables.tidy({"t": kind, "c": pandoc.walk(contents, plainly)})
    if kind == "Header":
        return pandoc.header(contents[0], "", pandoc.walk(contents[2], plainly))
    if kind in ("Code", "CodeBlock"):
        return {"t": kind, "c": [["", [], []], contents[1]]}
    if kind == "Link":
        return {"t": kind, "c": [["", [], []], pandoc.walk(contents[1], plainly), contents[2]]}
    return None


def apart(blocks: Blocks) -> Blocks:
    """Blocks with space around each: what stands in a <div> begins on a line of its own; none without words."""
    paragraphs = [{"t": "Para", "c": block["c"]} if block["t"] == "Plain" else block for block in blocks]
    return [block for block in paragraphs if block["t"] != "Para" or pandoc.plain(block)]
