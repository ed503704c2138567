"""`make report`: check settings and data, run the notebooks that are not up to date, build the report."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from helpers.files import CONNECT
from helpers.results import ROOT
from helpers.sets import SETS, STAND_INS
from workflow import environment, sweep
from workflow.chapters import chapters, print_strays, select
from workflow.engine import MANIFESTS, Stop, guarded, only_one, publish, refresh_data, snakemake
from workflow.forecast import CORES, estimate, makespan, words
from workflow.parameters import read_seed
from workflow.plan import PlannedRun, make_run, report_name, with_dependencies
from workflow.progress import Progress
from workflow.report.config import read_config
from workflow.report.source import faults
from workflow.results_csv import write_csv
from workflow.standing import standing

COVER = ROOT / "reports" / "report.toml"
PLACEHOLDERS = ("Your Name", "Your Roll Number")
FORMATS = {"html": ["html"], "pdf": ["pdf"], "both": ["html", "pdf"]}


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the report that the command line asks for; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m workflow.report", description=__doc__)
    parser.add_argument("--profile", default="standard")
    parser.add_argument("--seed", default="0")
    parser.add_argument("--notebooks", default="", help="starts of chapter names; all when empty")
    parser.add_argument("--assignment", default="", help="only the chapters of this one of the original assignments")
    parser.add_argument("--format", default="both", help="html, pdf or both")
    parser.add_argument("--sweep", default="", help="a sweep file: its runs first, and a chapter on them at the end")
    parser.add_argument("--author", default="")
    parser.add_argument("--roll", default="")
    parser.add_argument("--dry", action="store_true", help="only say what would run, and how long that should take")
    parser.add_argument("--on", default="", help="of a sweep: where to run it, a folder in workflow/profiles")
    options = parser.parse_args(arguments)
    return guarded("make report", lambda: carry_out(options))


def carry_out(options: argparse.Namespace) -> int:
    """Make the report that the settings ask for; returns the exit status."""
    seed = read_seed(options.seed)
    if options.format not in FORMATS:
        raise Stop(f"FORMAT must be html, pdf or both, not '{options.format}'")
    endings = FORMATS[options.format]
    # Not as config: Snakemake would read a roll number such as 007 as a number.
    os.environ |= {"REPORT_AUTHOR": options.author, "REPORT_ROLL": options.roll}
    if options.sweep:
        if options.notebooks or options.assignment or options.seed != "0":
            raise Stop("SWEEP says which notebooks and seeds: leave NOTEBOOKS, ASSIGNMENT and SEED out")
        return sweep.make(Path(options.sweep), options.profile, endings, dry=options.dry, on=options.on)
    if options.on:
        raise Stop("ON is for sweeps: name one, such as SWEEP=workflow/sweeps/seeds.yaml")
    found = chapters(options.profile)
    print_strays(found)
    selected = select(found, options.notebooks.split(), options.assignment)
    if wrong := faults(chapter.notebook for chapter in selected):
        raise Stop("\n".join([f"{len(wrong)} faults in the notebooks:", *wrong] if len(wrong) > 1 else wrong))
    runs = [make_run(found, options.profile, chapter.name, seed) for chapter in selected]
    chosen = [chapter.name for chapter in selected]
    folder, name = f"reports/{options.profile}", report_name(found, chosen, options.assignment)
    with only_one() as lock:
        needed = with_dependencies(runs)
        refresh_data(needed.values())
        config = [f"profile={options.profile}", f"seed={seed}", f"assignment={options.assignment}"]
        config += [f"notebooks={' '.join(chosen)}", f"formats={' '.join(endings)}"]
        progress = Progress(needed.values(), unit="chapter")
        finished = standing(needed.values())
        if options.dry:
            if not snakemake(config, "--dry-run", lock=lock, finished=finished, on_event=progress):
                raise Stop("the plan could not be made")
            print(plan(needed.values(), progress.planned))
            return 0
        try:
            done = snakemake(config, lock=lock, finished=finished, on_event=progress)
        finally:
            write_csv(ROOT / folder)
        if not done:
            raise Stop("stopped; `make report` goes on from what had finished")
        publish(folder, name, endings)
    made = " and ".join(f"{name}.{ending}" for ending in endings)
    print(f"{folder}: {made}, results.csv; each run in seed-{seed}/")
    notes = [*stale(ROOT / folder, name, endings, runs), *stand_ins(needed.values()), *unnamed(options)]
    for line in (*addresses(ROOT / folder, name, endings), *notes):
        print(line)
    return 0


def addresses(folder: Path, name: str, endings: Sequence[str]) -> list[str]:
    """A line with the address of each of the report's files, which terminals make a link, and how to open it."""
    found = [(folder / f"{name}.{ending}").as_uri() for ending in endings]
    return [f"{found[0]}  (or `make open`)", *found[1:]]


def stale(folder: Path, name: str, endings: Sequence[str], runs: Sequence[PlannedRun]) -> list[str]:
    """A line on the report's file of the format that was not asked for, if it is older than the runs."""
    ran = max((ROOT / run.file("results.json")).stat().st_mtime for run in runs)
    others = [folder / f"{name}.{ending}" for ending in FORMATS["both"] if ending not in endings]
    old = [file.name for file in others if file.exists() and file.stat().st_mtime < ran]
    return [f"{file} beside is of earlier runs: FORMAT=both makes it anew" for file in old]


def stand_ins(runs: Iterable[PlannedRun]) -> list[str]:
    """A line on what the sample has instead of the data sets that the runs have read, and how to get these."""
    found: dict[str, list[str]] = {}  # sets by what stood in for them
    for name in sorted({name for run in runs for name in run.chapter.data}):
        if json.loads((MANIFESTS / f"{name}.json").read_text(encoding="utf-8"))["sample"]:
            found.setdefault(STAND_INS[SETS[name].stand_in], []).append(name)
    said = ", ".join(f"{what} stood in for {' and '.join(names)}" for what, names in found.items())
    mend = "leave DATA=sample out" if os.environ.get("DATA") == "sample" else CONNECT
    return [f"sample data, not for submission: {said}; for the real images {mend}"] if found else []


def unnamed(options: argparse.Namespace) -> list[str]:
    """A line on what the cover still says instead of a name and a roll number."""
    words = {"author": options.author, "roll": options.roll}
    cover = read_config(COVER, {key: word for key, word in words.items() if word}, assignment=options.assignment)
    found = [f'"{word}"' for word in (cover.author, cover.roll) if word in PLACEHOLDERS]
    mend = 'give AUTHOR="..." and ROLL="...", or write them into reports/report.toml'
    return [f"the cover says {' and '.join(found)}: {mend}"] if found else []


def plan(runs: Collection[PlannedRun], todo: Collection[PlannedRun]) -> str:
    """What `make report` would do, a line for each chapter, and the expected time of all."""
    times = {run.folder: estimate(run) for run in todo}
    wide = max(len(str(run)) for run in runs)
    lines = []
    for run in runs:
        if run.folder not in times:
            state = "up to date"
        else:
            known = times[run.folder]
            state = "would run" if known is None else f"would run, about {words(known)}"
        lines.append(f"{run!s:{wide}}  {state}")
    if unknown := [run.name for run in todo if times[run.folder] is None]:
        lines.append(f"no time is known of {', '.join(unknown)}: not run in this profile before")
    elif todo:
        whole = makespan(todo, {folder: time for folder, time in times.items() if time is not None})
        lines.append(f"about {words(whole)} on the {CORES} cores of this machine, and the report")
    return "\n".join(lines)


if __name__ == "__main__":
    environment.enter()
    sys.exit(main())
