"""The check for numbers typed by hand: a result in prose must be computed by the run that it describes.

A decimal number or a percentage is taken for a result. Free are whole numbers, math, code, links, the names below, and
the values of the two reports in reported.toml, as they are written there or rounded to three digits or more: fewer
digits would fit almost any result.
"""

from __future__ import annotations

import re
import tomllib
from decimal import Decimal
from functools import cache
from typing import Any

from helpers.results import REPORTED
from workflow.report import pandoc
from workflow.report.cells import Part
from workflow.report.errors import ReportError
from workflow.report.pandoc import Blocks, Node

FREE = {"Math", "Code", "CodeBlock", "Link", "RawInline", "RawBlock"}
GAP = "\N{OBJECT REPLACEMENT CHARACTER}"  # stands for what is free, so that no number is made of its neighbours
PERCENT = r"[\s-]*(?:%|per\s?cent)"
# A decimal, perhaps with an exponent; a whole number with an exponent or before a %. Not the parts of 1.2.3.
VALUE = rf"(?:\d[\d,]*)?\.\d+(?:e[+-]?\d{{1,3}})?|\d[\d,]*(?:e[+-]?\d{{1,3}}|(?={PERCENT}))"
NUMBER = re.compile(rf"(?<![\w.])(?P<value>{VALUE})(?!\.?\d)(?P<percent>{PERCENT})?", re.IGNORECASE)
# The numbers of sections and the like, of papers, and the level that an interval is called by: "the 95 % interval".
NAMES = re.compile(
    r"(?:\b(?:section|chapter|figure|table|equation|appendix)s?|§)\s*\(?\d+(?:\.\d+)+"
    rf"|\barXiv:\S+|\b[\d.]+{PERCENT}[\s-]+(?:confidence\s+|Wilson\s+)?(?:interval|level)",
    re.IGNORECASE,
)
MEND = {
    "text": "let a code cell compute and show it, or, if it is no result, write it as math or code",
    "caption": "let a code cell show it in the text, or, if it is no result, write it as math or code",
    "alt text": "let a code cell show it in the text, and describe here what every run shows",
}


def check(part: Part) -> None:
    """Raise ReportError for a number typed into the text of a markdown cell, a caption or an alt text."""
    written = {
        "text": words(part.blocks) if part.written else "",
        "caption": words(part.caption_blocks),
        "alt text": part.picture.alt if part.picture else "",
    }
    for place, text in written.items():
        if number := typed(text):
            raise ReportError(f"{part.where}: {number} is typed into the {place}: {MEND[place]}")


def words(blocks: Blocks) -> str:
    """The prose of a text, a line for each block."""
    found: list[str] = []

    def keep(item: Node) -> Node | None:
        if item["t"] in FREE:
            found.append(GAP)
            return item
        if item["t"] in ("Para", "Plain", "Header"):
            found.append("\n")
        elif item["t"] in ("Str", "Space", "SoftBreak", "LineBreak"):
            found.append(item.get("c", " "))
        return None

    pandoc.walk(blocks, keep)
    return "".join(found)


def typed(text: str) -> str:
    """The first number of ``text`` that should have been computed, as it stands there; "" when there is none."""
    for found in NUMBER.finditer(NAMES.sub(GAP, text)):
        if not is_reported(Decimal(found["value"].replace(",", "")), percent=bool(found["percent"])):
            return " ".join(found[0].split())
    return ""


def is_reported(number: Decimal, *, percent: bool) -> bool:
    """Whether ``number`` is a value of the two reports; ``percent`` when a % follows it."""
    parts = number.as_tuple()
    half = Decimal(5).scaleb(int(parts.exponent) - 1) if len(parts.digits) >= 3 else 0  # of the last digit
    values = [value * scale for value in reported_values() for scale in ((1, 100) if percent else (1,))]
    return any(abs(value - number) <= half for value in values)


@cache
def reported_values() -> tuple[Decimal, ...]:
    """All fractional numbers of reported.toml, with the digits that they are written with."""
    entries = tomllib.loads(REPORTED.read_text(encoding="utf-8"), parse_float=Decimal)
    return tuple(fractions([entry["value"] for entry in entries.values()]))


def fractions(value: Any) -> list[Decimal]:
    """The fractional numbers in lists of lists."""
    if isinstance(value, list):
        return [number for item in value for number in fractions(item)]
    return [value] if isinstance(value, Decimal) else []
