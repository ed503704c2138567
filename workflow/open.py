"""`make open`: show a report in the browser. It runs in the user's own environment, which names the browser."""

from __future__ import annotations

import argparse
import os
import sys
import webbrowser
from collections.abc import Sequence
from pathlib import Path

from helpers.results import ROOT
from workflow.chapters import chapters, select
from workflow.engine import Stop, guarded
from workflow.plan import report_name

SCREENS = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")  # on Linux, one of these is set where a browser can be seen


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the address of the report that the command line asks for, and open it; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m workflow.open", description="Show a report in the browser.")
    parser.add_argument("--profile", default="", help="any when empty")
    parser.add_argument("--notebooks", default="", help="as for the report")
    parser.add_argument("--assignment", default="", help="as for the report")
    options = parser.parse_args(arguments)
    return guarded("make open", lambda: show(find(options.profile, options.notebooks, options.assignment)))


def find(profile: str, notebooks: str, assignment: str) -> Path:
    """The newest report that fits, its HTML if there is one. Without any setting, that is the newest of all.

    Raises ParameterError for settings that `make report` refuses, Stop when there is no such report.
    """
    given = {"PROFILE": profile, "NOTEBOOKS": notebooks, "ASSIGNMENT": assignment}
    settings = [f'{key}="{value}"' if " " in value else f"{key}={value}" for key, value in given.items() if value]
    patterns = ["*/report*", "*/sweeps/*/report"]
    if settings:
        known = chapters(profile or "standard")
        chosen = [chapter.name for chapter in select(known, notebooks.split(), assignment)]
        patterns = [f"{profile or '*'}/{report_name(known, chosen, assignment)}"]
    built = [path for name in patterns for end in ("html", "pdf") for path in (ROOT / "reports").glob(f"{name}.{end}")]
    if not built:
        raise Stop(f"no such report is built yet: `{' '.join(['make report', *settings])}` builds it")
    newest = max(built, key=lambda path: path.stat().st_mtime)
    page = newest.with_suffix(".html")
    return page if page.exists() else newest


def show(report: Path) -> int:
    """Print the report's address, and open it where there is a screen; returns the exit status."""
    print(report.as_uri(), flush=True)
    if sys.platform == "darwin" or any(map(os.environ.get, SCREENS)):
        webbrowser.open(report.as_uri())
    return 0


if __name__ == "__main__":
    sys.exit(main())
