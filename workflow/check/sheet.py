"""What a grader gets of one submission: a sheet with its questions, points and answers, and Gradescope's results.json.

https://gradescope-autograders.readthedocs.io/en/latest/specs/ describes the latter.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from workflow.check import page
from workflow.check.findings import Finding
from workflow.check.reading import Report

KEYS = ("name", "question", "answer", "section")  # of a row of answers


@dataclass
class Question:
    """A question of the assignment: its points, and a line for each of its parts."""

    name: str
    points: float
    parts: list[dict[str, str]] = field(default_factory=list)  # rows of the comparing chapter's answers


def questions(report: Report | None, points: Mapping[str, float]) -> list[Question]:
    """The questions in the order of ``points``, with what the comparing chapter of a report answers to each."""
    tables = (record["tables"] for record in report.records.values()) if report else ()
    rows: list[Any] = next((table["answers"] for table in tables if isinstance(table.get("answers"), list)), [])
    rows = [row for row in rows if isinstance(row, dict) and all(isinstance(row.get(key), str) for key in KEYS)]
    found = {name: Question(name, value) for name, value in points.items()}
    for row in rows:
        found.setdefault(row["name"], Question(row["name"], 0)).parts.append({key: str(row[key]) for key in row})
    shown = {row["name"] for row in rows}
    # Of a report of one assignment only its own questions.
    return [question for name, question in found.items() if not shown or name in shown]


def sheet(who: str, report: Report | None, points: Mapping[str, float], found: Sequence[Finding], link: str) -> str:
    """The sheet as a page; ``link`` leads from it to the report, "" when there is none."""
    listed = questions(report, points)
    rows: list[list[str]] = []
    for question in listed:
        parts = question.parts or [{}]
        for at, part in enumerate(parts):
            where = report.sections.get(part.get("section", ""), "") if report else ""
            rows.append(
                [
                    page.cell(question.name if at == 0 else ""),
                    page.cell(f"{question.points:g}" if at == 0 else "", "number"),
                    page.cell(part.get("question", "")),
                    page.cell(where.lstrip("#"), link=place_of(link, where)) if where else page.cell("–"),
                    page.cell(part.get("answer", "no answer in the report")),
                    page.cell(part.get("reported", "")),
                    page.cell(part.get("ours", "")),
                    page.cell("", "mark" if at == 0 else ""),
                ]
            )
    whole = sum(question.points for question in listed)
    rows.append([page.cell("Sum"), page.cell(f"{whole:g}", "number"), *[page.cell("")] * 5, page.cell("", "mark")])
    heads = ["Question", "Points", "What it asks", "Answered on", "Answer", "Reported", "Ours", "Marks"]
    off = [finding for finding in found if not finding.holds]
    said = f"{len(off)} findings are off:" if off else "All that was checked holds."
    wrong = [[page.cell(item.subject), page.cell(item.said)] for item in off]
    return page.page(
        f"Grader's sheet: {who}",
        page.paragraph(f"Report: {os.path.basename(link)}" if link else "No report", "quiet"),
        page.paragraph(said, "off" if off else "holds"),
        page.table(["Of", "Finding"], wrong, "what is off") if off else "",
        page.table(heads, rows, "questions and marks"),
    )


def place_of(link: str, where: str) -> str:
    """The address of a place in a report: of a section in the HTML, of a page in the PDF."""
    return (
        quote(os.fsencode(link)) + (where if where.startswith("#") else f"#page={where.removeprefix('page ')}")
        if link
        else ""
    )


def gradescope(report: Report | None, points: Mapping[str, float], found: Sequence[Finding]) -> dict[str, Any]:
    """The content of results.json: a test for each thing that was checked, and one for each question, to be marked."""
    tests: list[dict[str, Any]] = [
        {
            "name": f"{finding.subject}: {finding.what}",
            "status": "passed" if finding.holds else "failed",
            "output": finding.said,
            "visibility": "hidden",
        }
        for finding in found
    ]
    for question in questions(report, points):
        said = "\n".join(f"{part['question']}: {part['answer']}" for part in question.parts)
        tests.append(
            {
                "name": question.name,
                "max_score": question.points,
                "output": said or "no answer in the report",
                "visibility": "hidden",
            }
        )
    off = sum(not finding.holds for finding in found)
    said = f"{off} of {len(found)} findings are off" if off else "All that was checked holds"
    # Marks are a grader's: nothing here is scored by itself.
    return {"score": 0, "output": f"{said}. Marks are given by hand.", "visibility": "hidden", "tests": tests}
