"""Tables made plain: one header, numbers to the right."""

from __future__ import annotations

import re

from workflow.report import pandoc
from workflow.report.pandoc import Node

NUMBER = re.compile(r"[-+−±≈<>]?[\d.,]+(e[-+]?\d+)?( ?[%×]| ?[kMG]B?| ?m?s)?( ?± ?[\d.,]+)?|[-—–]|nan|NaN|", re.ASCII)
NONE = ["", [], []]  # no identifier, no classes, no attributes
DEFAULT = {"t": "AlignDefault"}


def tidy(table: Node) -> Node:
    """A table from HTML without its styles, and with one header row where two only complete each other.

    Of a caption the first block, which is all that a report shows.
    """
    _, (_, caption), columns, (_, head), bodies, (_, foot) = table["c"]
    head, bodies = strip(head), [[NONE, body[1], strip(body[2]), strip(body[3])] for body in bodies]
    if len(head) == 2 and len(head[0][1]) == len(head[1][1]):
        # pandas puts the name of the index into a second row of its own
        pairs = list(zip(head[0][1], head[1][1], strict=True))
        if not any(pandoc.plain(upper) and pandoc.plain(lower) for upper, lower in pairs):
            head = [[NONE, [upper if pandoc.plain(upper) else lower for upper, lower in pairs]]]
    return {"t": "Table", "c": [NONE.copy(), [None, caption[:1]], columns, [NONE, head], bodies, [NONE, strip(foot)]]}


def strip(rows: list) -> list:
    """Rows without the identifiers and classes that pandas gives their cells."""
    return [[NONE, [[NONE, *cell[1:]] for cell in cells]] for _, cells in rows]


def align_numbers(table: Node) -> None:
    """Set columns of numbers to the right and others to the left, where their author has not aligned them."""
    columns, bodies = table["c"][2], table["c"][4]
    lines = [cells for body in bodies for _, cells in body[3] if len(cells) == len(columns)]
    for at, column in enumerate(columns):
        if column[0] == DEFAULT:
            numeric = lines and all(NUMBER.fullmatch(pandoc.plain(line[at])) for line in lines)
            column[0] = {"t": "AlignRight" if numeric else "AlignLeft"}


def plain_table(columns: list[str], rows: list[list[str]]) -> Node:
    """A table of literal texts under a row of headings."""
    head, *body = [row(texts) for texts in (columns, *rows)]
    shapes = [[DEFAULT, {"t": "ColWidthDefault"}] for _ in columns]
    table = {"t": "Table", "c": [NONE, [None, []], shapes, [NONE, [head]], [[NONE, 0, [], body]], [NONE, []]]}
    align_numbers(table)
    return table


def row(texts: list[str]) -> list:
    """A table row of literal texts."""
    return [NONE, [[NONE, DEFAULT, 1, 1, [pandoc.paragraph([pandoc.string(text)])]] for text in texts]]
