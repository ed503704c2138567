"""`make recheck SUBMISSIONS=folder`: check every submission in a folder, and say in a table what came of each.

A submission is a report (a PDF or an HTML), or a folder with one in it, which may be a copy of this bundle.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from helpers.results import ROOT, write_text
from workflow import environment
from workflow.check import page, sandbox
from workflow.check.reading import plain
from workflow.engine import Stop, guarded, only_one, snakemake
from workflow.report.config import read_points
from workflow.report.errors import ReportError
from workflow.results_csv import save_csv

SNAKEFILE = "workflow/check/Snakefile"
ENDINGS = (".pdf", ".html", ".htm")
PACKED = (".zip", ".gz", ".tar", ".tgz", ".7z", ".rar")
POINTS = ROOT / "reports" / "report.toml"
DEEP = 4  # folders below a submission in which its report is looked for
HIDDEN = {"node_modules", "__pycache__", "site-packages"}
HEADS = ["who", "author", "roll", "verdict", "what differs"]
MOST = 3  # findings in the table


@dataclass(frozen=True)
class Submission:
    """One entry of the folder: whose it is, the report in it, and the bundle in it; "" where there is none."""

    who: str
    folder: str  # of what is written on it, relative to the root
    report: str
    bundle: str
    state: list[int | str]  # time and size of the report, and the digest of the bundle: by these a change is seen


def main(arguments: Sequence[str] | None = None) -> int:
    """Check the submissions that the command line names; returns the exit status, 0 when each could be checked."""
    parser = argparse.ArgumentParser(prog="python -m workflow.check.recheck", description=__doc__)
    parser.add_argument("submissions", help="the folder that has them")
    parser.add_argument(
        "--rerun", default="", help="chapters of each to run again, by the starts of their names, or all"
    )
    parser.add_argument("--dry", action="store_true", help="only say what would be checked")
    parser.add_argument("--on", default="", help="where to run it: a folder in workflow/profiles; else here")
    options = parser.parse_args(arguments)
    return guarded("make recheck", lambda: recheck(options.submissions, options.rerun, dry=options.dry, on=options.on))


def recheck(name: str, again: str, *, dry: bool = False, on: str = "") -> int:
    """Check what is new or changed in a folder; print and write the table of all; returns the exit status."""
    if not name:
        raise Stop("SUBMISSIONS says where they are: make recheck SUBMISSIONS=folder")
    place = Path(name).expanduser().absolute()
    if not place.is_dir():
        raise Stop(f"SUBMISSIONS: {place} is no folder")
    out = ROOT / "reports" / "recheck" / safe(place.name)
    try:
        read_points(POINTS)  # each sheet has them
    except ReportError as error:
        raise Stop(str(error)) from None
    left_out: list[str] = []
    found = list(submissions(place, out, left_out))
    for name in left_out:
        print(f"left out: {name}")
    if not found:
        raise Stop(f"SUBMISSIONS: {place} has no submission in it: reports, or a folder for each")
    with only_one() as lock:
        write_text(out / "submissions.json", json.dumps([asdict(one) for one in found]))
        config = [f"submissions={json.dumps(str(out / 'submissions.json'))}", f"rerun={json.dumps(again)}"]
        if dry:
            progress = Progress(found)
            if not snakemake(config, "--dry-run", lock=lock, on_event=progress, file=SNAKEFILE):
                raise Stop("the plan could not be made")
            left = len(progress.planned)
            print(f"{len(found)} submissions: {left} would be checked, {len(found) - left} are up to date")
            return 0
        print(f"{len(found)} submissions; {isolation(again)}", flush=True)
        try:
            snakemake(config, lock=lock, on=on, on_event=Progress(found), file=SNAKEFILE)
        finally:
            rows = [row(one) for one in found]
            save_csv(out / "recheck.csv", HEADS, [[harmless(text) for text in row] for row in rows])
            write_text(out / "recheck.html", whole(place.name, found, rows))
    print(aligned(rows))
    print((out / "recheck.html").as_uri())
    return 1 if any(row[3] == UNCHECKED for row in rows) else 0


UNCHECKED = "not checked"


def isolation(again: str) -> str:
    """What the checks are shut off from, in words."""
    network = "without a network" if sandbox.tool() else "with the network open, which this system cannot shut off"
    reading = f"each is read in a process of its own, {network}, and nothing in it is executed"
    return f"{reading}; what RERUN runs: {sandbox.SAYS[sandbox.tool()]}" if again else reading


# ---- what there is ----


def submissions(place: Path, out: Path, left_out: list[str]) -> Iterator[Submission]:
    """The entries of a folder, in order of their names; ``left_out`` gets those that are none, and why."""
    for entry in sorted(place.iterdir()):
        name = plain(entry.name)
        try:
            if entry.name.startswith("."):
                continue
            if entry.is_symlink() or not (entry.is_dir() or entry.is_file()):
                left_out.append(f"{name} (a link or a device)")
            elif entry.is_dir():
                yield submission(name, report_in(entry), bundle_in(entry), out)
            elif entry.suffix.lower() in ENDINGS:
                yield submission(plain(entry.stem), entry, None, out)
            else:
                left_out.append(f"{name} ({'unpack it' if entry.suffix in PACKED else 'no PDF, HTML or folder'})")
        except OSError as error:
            left_out.append(f"{name} ({error.strerror})")


def submission(who: str, report: Path | None, bundle: Path | None, out: Path) -> Submission:
    """What there is of one submission. Raises OSError."""
    folder = out / f"{safe(who)}-{hashlib.sha256(who.encode()).hexdigest()[:6]}"  # names may differ in other letters
    state: list[int | str] = [report.stat().st_mtime_ns, report.stat().st_size] if report else []
    state += [sandbox.digest_of(bundle, sandbox.files_of(bundle))] if bundle else []
    return Submission(who, folder.relative_to(ROOT).as_posix(), str(report or ""), str(bundle or ""), state)


def safe(name: str) -> str:
    """A name for a folder: letters, digits, - and _."""
    return re.sub(r"[^\w-]+", "_", name, flags=re.ASCII)[:60] or "_"


def report_in(folder: Path) -> Path | None:
    """The report in a folder: rather one called report..., of the standard profile, a PDF, and not deep."""
    found = [path for path in walk(folder) if path.suffix.lower() in ENDINGS]

    def rank(path: Path) -> tuple[bool, bool, bool, int, str]:
        named, standard = path.name.startswith("report"), "standard" in path.parts
        return not named, not standard, path.suffix != ".pdf", len(path.parts), str(path)

    return min(found, key=rank, default=None)


def walk(folder: Path, deep: int = DEEP) -> Iterator[Path]:
    """The files below a folder; hidden ones, links and environments of Python are left out."""
    for path in sorted(folder.iterdir()):
        if path.is_symlink() or path.name.startswith(".") or path.name in HIDDEN:
            continue
        if path.is_file():
            yield path
        elif deep and path.is_dir():
            yield from walk(path, deep - 1)


def bundle_in(folder: Path) -> Path | None:
    """The copy of this project in a folder, or one below."""
    below = [path for path in sorted(folder.iterdir()) if path.is_dir() and not path.is_symlink()]
    return next((path for path in (folder, *below) if all(map(is_own_folder, map(path.joinpath, sandbox.PARTS)))), None)


def is_own_folder(path: Path) -> bool:
    """Whether a folder is there, and no link to one elsewhere."""
    return path.is_dir() and not path.is_symlink()


# ---- what came of it ----


class Progress:
    """Receives Snakemake's events, and prints a line for each submission that was checked."""

    def __init__(self, found: Sequence[Submission]):
        self.by_folder = {one.folder: one for one in found}
        self.planned: list[str] = []
        self.done = 0
        self.whole = 0

    def __call__(self, event: dict[str, Any]) -> None:
        """Handle one event."""
        if event["event"] == "todo":
            self.whole = event["jobs"].get("check", 0)
            return
        one = self.by_folder.get(os.path.dirname(next(iter(event["outputs"]), "")))
        if one is None:
            return
        if event["event"] == "planned":
            self.planned.append(one.who)
        elif event["event"] in ("finished", "failed"):
            self.done += 1
            print(f"{one.who}  {row(one)[3]}  ({self.done} of {self.whole})", flush=True)


def row(one: Submission) -> list[str]:
    """A line of the table: who, the names on the cover, the verdict, and what differs."""
    try:
        kept = json.loads((ROOT / one.folder / "check.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return [one.who, "", "", UNCHECKED, "its check was stopped, or took too long or too much memory"]
    off = [f"{item['subject']}: {item['said']}" for item in kept["findings"] if not item["holds"]]
    more = [f"and {len(off) - MOST} more"] if len(off) > MOST else []
    verdict = "holds" if kept["holds"] else "off"
    return [one.who, str(kept["author"]), str(kept["roll"]), verdict, "; ".join([*off[:MOST], *more])]


def harmless(text: str) -> str:
    """A cell of a table that no program takes for a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@") else text


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """The table for the terminal."""
    wide = [max(len(row[column]) for row in [HEADS, *rows]) for column in range(len(HEADS) - 1)]
    return "\n".join(
        "  ".join([*(f"{text:{width}}" for text, width in zip(row, wide, strict=False)), row[-1]]).rstrip()
        for row in [HEADS, *rows]
    )


def whole(name: str, found: Sequence[Submission], rows: Sequence[Sequence[str]]) -> str:
    """recheck.html: the table, with links to each submission's sheet and check."""
    cells = []
    for one, (who, author, roll, verdict, differs) in zip(found, rows, strict=True):
        there = os.path.basename(one.folder)
        checked = verdict != UNCHECKED
        cells.append(
            [
                page.cell(who, link=f"{there}/sheet.html" if checked else ""),
                page.cell(author),
                page.cell(roll),
                page.cell(verdict, "holds" if verdict == "holds" else "off"),
                page.cell(differs),
            ]
        )
    count = sum(row[3] == "holds" for row in rows)
    said = page.paragraph(f"All holds for {count} of {len(rows)}. A name leads to the grader's sheet.")
    return page.page(f"Submissions in {name}", said, page.table([*map(str.capitalize, HEADS)], cells, "submissions"))


if __name__ == "__main__":
    environment.enter()
    sys.exit(main())
