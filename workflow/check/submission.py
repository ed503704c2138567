"""Check one submission of many, in a process of its own, and write down what was found, whatever it is.

`python -m workflow.check.submission --who=NAME --report=FILE --bundle=FOLDER --rerun=CHAPTERS --folder=OUT`
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from helpers.results import ROOT, write_json, write_text
from workflow import environment
from workflow.check import rerun, sheet
from workflow.check.__main__ import as_json, save
from workflow.check.findings import REPORT, Finding, of_report
from workflow.check.reading import Report, UnreadableError, read
from workflow.parameters import ParameterError
from workflow.report.config import read_points
from workflow.watch import stop_on, too_long, too_much

MINUTES, MEMORY_MB = 10, 4000  # for a report without a rerun
NONE = "there is no report in it: a PDF or an HTML that `make report` built"


def main(arguments: Sequence[str] | None = None) -> int:
    """Check the submission that the command line names; 0 once its files are written, also when nothing holds."""
    parser = argparse.ArgumentParser(prog="python -m workflow.check.submission", description=__doc__)
    parser.add_argument("--who", required=True)
    parser.add_argument("--report", default="", help="the PDF or the HTML; empty when there is none")
    parser.add_argument("--bundle", default="", help="a copy of this project, whose code is then run again")
    parser.add_argument("--rerun", default="", help="chapters to run again, by the starts of their names, or all")
    parser.add_argument("--folder", type=Path, required=True, help="where its files go")
    options = parser.parse_args(arguments)
    if not options.rerun:
        stop_on(too_long(MINUTES), too_much(MEMORY_MB))
    report, found = look(options.report, options.bundle, options.rerun)
    try:
        keep(options.who, options.report, report, found, options.folder)
    except Exception as error:  # whatever a table may hold instead of answers
        keep(options.who, options.report, None, [*found, broken(error)], options.folder)
    return 0


def broken(error: Exception) -> Finding:
    """A fault that nobody has foreseen: one broken submission stops no other."""
    return Finding(REPORT, "file", False, f"could not be checked ({type(error).__name__}: {error})")


def look(name: str, bundle: str, again: str) -> tuple[Report | None, list[Finding]]:
    """The report, if it can be read, and what was found. A fault of any kind is a finding."""
    if not name:
        return None, [Finding(REPORT, "file", False, NONE)]
    report, found = None, []
    try:
        report = read(Path(name))
        found = of_report(report)
        if again:
            here = {"bundle": Path(bundle)} if bundle else {}
            found += rerun.findings(report, rerun.asked(report, again), **here)
    except (UnreadableError, ParameterError) as error:
        found.append(Finding(REPORT, "file" if report is None else "rerun", False, str(error)))
    except Exception as error:
        found.append(broken(error))
    return report, found


def keep(who: str, name: str, report: Report | None, found: Sequence[Finding], folder: Path) -> None:
    """Write check.html, sheet.html, Gradescope's results.json and, last, check.json."""
    points = read_points(ROOT / "reports" / "report.toml")
    link = os.path.relpath(name, folder) if name else ""
    write_text(folder / "sheet.html", sheet.sheet(who, report, points, found, link))
    write_json(folder / "results.json", sheet.gradescope(report, points, found))
    if report:
        save(report, found, folder)
    else:
        write_json(folder / "check.json", as_json(None, found))


if __name__ == "__main__":
    environment.enter()
    sys.exit(main())
