"""The first page: an answer to each question of the assignments, and the main findings.

The comparing chapter has computed both and left them in its results.json; here they only become blocks.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from workflow.report import pandoc
from workflow.report.chapters import Chapter
from workflow.report.pandoc import Blocks, Inlines, Node, paragraph
from workflow.report.references import References
from workflow.report.tables import plain_table

HEADS = ["Question", "Answer", "Reported", "Ours"]
WIDTHS = [0.22, 0.45, 0.11, 0.22]  # of the page
NUMBERED = [1, {"t": "Decimal"}, {"t": "Period"}]


def blocks(chapters: Sequence[Chapter], labels: Mapping[str, str], assignment: str) -> Blocks:
    """A heading, what the numbers are, the table of answers and the list of findings; ``labels`` are linked to.

    Of one ``assignment`` its own questions. Nothing in a report without a comparing chapter.
    """
    found = next(filter(None, map(left_by, chapters)), None)
    if found is None:
        return []
    rows = [row for row in found["answers"] if assignment in ("", row["assignment"])]
    table = plain_table(HEADS, [[row["question"], row["answer"], row["reported"], row["ours"]] for row in rows])
    table["c"][2] = [
        [alignment, {"t": "ColWidth", "c": width}] for (alignment, _), width in zip(table["c"][2], WIDTHS, strict=True)
    ]
    for row, (_, cells) in zip(rows, table["c"][4][0][3], strict=True):
        cells[0][4] = [paragraph([strong(row["name"]), {"t": "LineBreak"}, string(row["question"])])]
        cells[1][4] = [paragraph([string(row["answer"]), *link(row["section"], labels)])]
        cells[3][4] = [paragraph([string(row["ours"])])]
    note = [paragraph([string(found["note"])])] if found.get("note") else []
    made = [pandoc.header(1, "report-answers", [string("What came out")]), *note, table]
    if found["findings"]:
        findings = [[paragraph([string(sentence)])] for sentence in found["findings"]]
        made.append(pandoc.header(2, "report-findings", [string("What matters most")]))
        made.append({"t": "OrderedList", "c": [NUMBERED, findings]})
    return made


def string(text: str) -> Node:
    """Literal text with the apostrophes that pandoc gives to what it reads; no line ends beside ±, < or =."""
    text = re.sub(" ([±<=]) ", "\N{NO-BREAK SPACE}\\1\N{NO-BREAK SPACE}", text)
    return pandoc.string(text.replace("'", "\N{RIGHT SINGLE QUOTATION MARK}"))


def left_by(chapter: Chapter) -> dict[str, Any] | None:
    """The answers and findings in a chapter's results.json, None where there are none."""
    tables = chapter.run.get("tables", {})
    return tables if "answers" in tables else None


def strong(words: str) -> Node:
    """Words in bold."""
    return {"t": "Strong", "c": [string(words)]}


def link(label: str, labels: Mapping[str, str]) -> Inlines:
    """A space and a link that reads as the label's name; nothing for a section that this report lacks."""
    return [{"t": "Space"}, References(labels, set(), "the first page").link(label)] if label in labels else []
