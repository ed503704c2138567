"""Works cited in plain text, as "Guo et al., 2017" or "Guo et al. (2017)": each links to its entry in references.bib.

So a notebook also reads well by itself. A citation without an entry is refused.
"""

from __future__ import annotations

import json
import re
from functools import cache
from itertools import groupby
from typing import Any

from helpers.results import ROOT
from workflow.report import pandoc
from workflow.report.errors import ReportError
from workflow.report.pandoc import Blocks, Inlines, Node

BIBLIOGRAPHY = ROOT / "notebooks" / "references.bib"
TEXT = {"Str", "Space", "SoftBreak"}
APART = {"Link", "Header"}  # a link leads somewhere already, and a heading is one in the contents
# A name has a small letter: CIFAR (2009) is none. Particles belong to it; the "'s" of "Wilson's (1927)" does not.
NAME = r"(?:(?i:van|von|de|der|den|di|la|le)\s+)*[A-ZÀ-Þ](?=[\w'’-]*[a-zß-ÿ])[\w-]*(?:['’](?!s\b)\w+)*"
CITED = re.compile(
    rf"(?<![\w-])(?P<names>{NAME}(?:\s+(?:and|&)\s+{NAME}|\s+et\s+al\.)?)(?:['’]s)?"
    r"(?:(?P<open>\s+\()|,\s+|(?<=\bal\.)\s+)(?P<year>(?:18|19|20)\d\d[a-z]?)\b(?(open)\)?)"
)


def link(node: Any, where: str, cited: set[str]) -> Any:
    """A tree whose citations are links; `cited` gets their keys. Raises ReportError for one without an entry."""
    if isinstance(node, list):
        linked: list[Any] = []
        for is_text, items in groupby(node, lambda item: isinstance(item, dict) and item.get("t") in TEXT):
            run = [*items]
            linked += link_text(run, where, cited) if is_text else [link(item, where, cited) for item in run]
        return linked
    if isinstance(node, dict) and node.get("t") not in APART:
        return {key: link(value, where, cited) for key, value in node.items()}
    return node


def link_text(words: Inlines, where: str, cited: set[str]) -> Inlines:
    """Plain text with a link for each citation."""
    text, last = "".join(node.get("c", " ") for node in words), 0
    linked: Inlines = []
    for found in CITED.finditer(text):
        key = entries().get(cited_as(found["names"], found["year"]))
        if not key:
            mend = "add it, or, if it cites nothing, write it otherwise"
            raise ReportError(f"{where}: {BIBLIOGRAPHY.name} has no entry for {' '.join(found[0].split())}: {mend}")
        cited.add(key)
        target = [f"#ref-{key}", ""]
        linked += [*spell(text[last : found.start()]), {"t": "Link", "c": [["", [], []], spell(found[0]), target]}]
        last = found.end()
    return [*linked, *spell(text[last:])] if last else words


def spell(text: str) -> Inlines:
    """Text as pandoc has it: words, and single spaces between them."""
    pieces = (piece for piece in re.split("( )", text) if piece)
    return [{"t": "Space"} if piece == " " else pandoc.string(piece) for piece in pieces]


def cited_as(names: str, year: str) -> str:
    """A citation in one spelling, such as "Bonett and Price 2012", for all its spellings."""
    return f"{' '.join(names.replace('&', 'and').split())} {year}"


@cache
def entries() -> dict[str, str]:
    """Every work of the bibliography: what it is cited as, "Guo et al. 2017", and its key."""
    try:
        works = json.loads(pandoc.run(["-f", "bibtex", "-t", "csljson"], BIBLIOGRAPHY.read_text(encoding="utf-8")))
        return {cited_as(authors(work), str(work["issued"]["date-parts"][0][0])): work["id"] for work in works}
    except OSError as error:
        raise ReportError(f"{BIBLIOGRAPHY}: {error.strerror}") from None
    except ReportError as error:
        raise ReportError(f"{BIBLIOGRAPHY}: {error}") from None


def authors(work: dict[str, Any]) -> str:
    """The authors of a work as a citation names them."""
    parts = ("dropping-particle", "non-dropping-particle", "family", "literal")
    if "author" not in work or "issued" not in work:
        raise ReportError(f"{work['id']} has no author or no year, by which it could be cited")
    names = [" ".join(name[part] for part in parts if part in name) for name in work["author"]]
    return " and ".join(names) if len(names) < 3 else f"{names[0]} et al."


def chapter(cited: set[str]) -> Blocks:
    """The closing chapter with the works that are cited, sorted by author; nothing when none is."""
    if not cited:
        return []
    rest = {"citationPrefix": [], "citationSuffix": [], "citationNoteNum": 1, "citationHash": 0}
    rest |= {"citationMode": {"t": "NormalCitation"}}
    cites: list[Node] = [{"citationId": key} | rest for key in sorted(cited)]
    arguments = ["-t", "json", "--citeproc", "--bibliography", str(BIBLIOGRAPHY)]
    written = json.loads(pandoc.write([pandoc.paragraph([{"t": "Cite", "c": [cites, []]}])], {}, arguments))
    works = written["blocks"][-1]["c"][1]
    listed = {"t": "Div", "c": [["", ["works"], [["role", "list"]]], works]}
    return [pandoc.header(1, "report-references", [pandoc.string("References")]), listed]
