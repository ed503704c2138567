"""`make check REPORT=...`: is a report what its evidence says, and is that this tree's code on the real data?"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from helpers.results import ROOT, write_json, write_text
from workflow import environment
from workflow.check import page, rerun
from workflow.check.findings import REPORT, Finding, commits, of_report
from workflow.check.reading import Report, UnreadableError, plain, read
from workflow.engine import Stop, guarded

FOLDER = ROOT / "reports" / "check"


def main(arguments: Sequence[str] | None = None) -> int:
    """Check the report that the command line names; the exit status is 0 only when all holds."""
    parser = argparse.ArgumentParser(prog="python -m workflow.check", description=__doc__)
    parser.add_argument("report", help="the PDF or the HTML")
    parser.add_argument("--rerun", default="", help="chapters to run again, by the starts of their names, or all")
    options = parser.parse_args(arguments)
    return guarded("make check", lambda: check(options.report, options.rerun))


def check(name: str, again: str) -> int:
    """Check a report, print a verdict for each chapter, write check.html; returns the exit status."""
    if not name:
        raise Stop("REPORT says which: make check REPORT=reports/standard/report.pdf")
    path = Path(name).expanduser()
    try:
        report = read(path)
    except UnreadableError as error:
        raise Stop(str(error)) from None
    chosen = rerun.asked(report, again)
    print(about(report), flush=True)
    found = of_report(report)
    if chosen:
        found += rerun.findings(report, chosen)
    print(verdicts(report, found))
    folder = FOLDER / re.sub(r"[^\w.-]+", "_", f"{path.absolute().parent.name}-{path.name}")
    save(report, found, folder)
    off = [finding for finding in found if not finding.holds]
    print(
        f"{f'{len(off)} of {len(found)} findings are off' if off else 'all holds'}: {(folder / 'check.html').as_uri()}"
    )
    return 1 if off else 0


def about(report: Report) -> str:
    """Whose report it is, of which runs, in a line."""
    cover = report.evidence["cover"]
    known = commits(report.records)
    commit = f"commit {', '.join(known)}" if known else ""
    words = [cover.get("author"), cover.get("roll"), f"{len(report.records)} chapters", commit]
    return plain(f"{report.path.name}: {', '.join(str(word) for word in words if word)}")


def verdicts(report: Report, found: Sequence[Finding]) -> str:
    """A line for the report and for each chapter: it holds, or what is off."""
    subjects = [REPORT, *report.records]
    wide = max(map(len, subjects))
    lines = []
    for subject in subjects:
        off = [finding.said for finding in found if finding.subject == subject and not finding.holds]
        what = ", ".join(finding.what for finding in found if finding.subject == subject)
        lines.append(plain(f"{subject:{wide}}  {'off' if off else 'holds':5}  {('; '.join(off)) if off else what}"))
    return "\n".join(lines)


def save(report: Report, found: Sequence[Finding], folder: Path) -> None:
    """Write check.html, check.json for programs, and the records that the report carries, a file for each chapter."""
    off = sum(not finding.holds for finding in found)
    verdict = page.paragraph(f"{off} of {len(found)} findings are off." if off else "All holds.", kind_of(not off))
    note = (
        "What this cannot find: numbers that were made up together with their evidence. Running the chapters again "
        "(RERUN=all) finds those of the records; each chapter that was has a line called rerun."
    )
    rows = [
        [
            page.cell(finding.subject),
            page.cell(finding.what),
            page.cell("holds" if finding.holds else "off", kind_of(finding.holds)),
            page.cell(finding.said),
        ]
        for finding in sorted(found, key=lambda finding: finding.holds)
    ]
    heads = ["Of", "What", "Verdict", "Finding"]
    whole = page.page(
        f"Check of {report.path.name}",
        page.paragraph(about(report), "quiet"),
        verdict,
        page.table(heads, rows, "findings"),
        page.paragraph(note, "quiet"),
    )
    write_text(folder / "check.html", whole)
    shutil.rmtree(folder / "records", ignore_errors=True)
    for name, record in report.records.items():
        write_json(folder / "records" / name / "results.json", record)
    write_json(folder / "check.json", as_json(report, found))


def kind_of(holds: bool) -> str:
    """The class of a verdict in the page."""
    return "holds" if holds else "off"


def as_json(report: Report | None, found: Sequence[Finding]) -> dict[str, Any]:
    """The verdict for programs; without a report that could be read there are no names."""
    cover = report.evidence["cover"] if report else {}
    return {
        "report": plain(report.path.name) if report else "",
        **{key: plain(str(cover.get(key, ""))) for key in ("author", "roll")},
        "holds": all(finding.holds for finding in found),
        "findings": [{**vars(finding), "said": plain(finding.said)} for finding in found],
    }


if __name__ == "__main__":
    environment.enter()
    sys.exit(main())
