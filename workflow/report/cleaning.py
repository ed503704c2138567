"""What an author's texts may bring into a report: no control characters, and nothing that runs."""

from __future__ import annotations

import re
from typing import Any

from nbconvert.filters import strip_ansi

from workflow.report import pandoc
from workflow.report.pandoc import Node

# All but tab and the ends of lines; numbers that are no letter, and marks that turn text around.
CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufeff\ufffe\uffff]")
HALF = re.compile("[\ud800-\udfff]")  # of a letter in UTF-16, as JSON and YAML may write it
SCRIPT = re.compile(r"(?!<!--).*?(<script|\son\w+\s*=|javascript:)", re.IGNORECASE | re.DOTALL)  # in HTML
RUNS = re.compile(r"(javascript|vbscript|data):", re.IGNORECASE)  # at the start of a link's target


def printable(value: Any) -> Any:
    """A text without control characters and the codes of terminals; a list or dict with all its texts so."""
    if isinstance(value, str):
        if HALF.search(value):  # two halves become a letter, one is dropped
            value = value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "ignore")
        return CONTROL.sub("", strip_ansi(value))
    if isinstance(value, list):
        return [printable(item) for item in value]
    if isinstance(value, dict):
        return type(value)({key: printable(item) for key, item in value.items()})
    return value


def disarm(node: Node) -> Node | list[Node] | None:
    """A node of an author's text without what could run, for pandoc.walk.

    TeX commands, HTML that has a script, and links that are scripts or data print as they are typed. Attributes are
    dropped: some are code for a browser, some for Typst.
    """
    kind, contents = node["t"], node.get("c", [])
    if kind in ("RawInline", "RawBlock"):
        form, text = contents
        if SCRIPT.match(text) if form == "html" else not text.startswith(r"\begin"):
            typed = pandoc.string(text.strip())
            return typed if kind == "RawInline" else {"t": "Para", "c": [typed]}
    elif kind == "Link":
        _, words, (target, _) = contents
        words = pandoc.walk(words, disarm)
        if not RUNS.match(re.sub(r"\s", "", target)):
            return {"t": kind, "c": [["", [], []], words, [target, ""]]}
        return words if pandoc.plain(words) == target else [*words, pandoc.string(f" ({target})")]
    elif kind in ("Span", "Div", "Code") and "folded output" not in contents[0][1]:
        return {"t": kind, "c": [["", [], []], pandoc.walk(contents[1], disarm)]}
    elif kind == "CodeBlock":
        classes = [name for name in contents[0][1] if name != "output"]  # which is what a cell has printed
        return {"t": kind, "c": [["", classes, []], contents[1]]}
    elif kind == "Table":
        return {"t": kind, "c": [[contents[0][0], [], []], *pandoc.walk(contents[1:], disarm)]}
    return None
