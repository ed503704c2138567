"""`make sweep`: run the chapters with the seeds and settings of a sweep file; print what finished, failed and is left.

Every run has its own folder (see plan.PlannedRun): no finished run is lost, or done twice.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from helpers.results import ROOT, write_text
from workflow import environment
from workflow.chapters import chapters, print_strays
from workflow.engine import Stop, guarded, only_one, publish, refresh_data, snakemake
from workflow.forecast import CORES, estimate
from workflow.plan import PlannedRun
from workflow.progress import Progress
from workflow.results_csv import read_result, save_csv
from workflow.standing import standing
from workflow.sweep_file import Sweep, read_sweep


def plan(sweep: Sweep, todo: Sequence[PlannedRun]) -> str:
    """What a sweep would do, as a table: runs, how many are done, and the expected time of the others."""
    estimates = {run.folder: estimate(run) for run in todo}
    rows = [("", "runs", "done", "left", "core-hours")]
    whole = Counter(run.name for run in sweep.runs.values())
    for name in whole:
        left = [run for run in todo if run.name == name]
        times = [time for run in left if (time := estimates[run.folder]) is not None]
        hours = f"{sum(times) / 3600:.2f}" if len(times) == len(left) else "?"
        rows.append((name, str(whole[name]), str(whole[name] - len(left)), str(len(left)), hours))
    known = sum(time for time in estimates.values() if time is not None) / 3600
    rows.append(("all", str(len(sweep.runs)), str(len(sweep.runs) - len(todo)), str(len(todo)), f"{known:.2f}"))
    wide = max(len(row[0]) for row in rows)
    lines = [f"  {row[0]:{wide}} " + "".join(f"{cell:>11}" for cell in row[1:]) for row in rows]
    if unknown := sorted({run.name for run in todo if estimates[run.folder] is None}):
        lines.append(f"not counted, because not run in this profile before: {', '.join(unknown)}")
    start = "at least" if unknown else "about"
    lines.append(f"{start} {known:.2f} core-hours, {known / CORES:.2f} hours on the {CORES} cores of this machine")
    return "\n".join([f"{sweep.name}, profile {sweep.profile}", *lines])


def describe(sweep: Sweep) -> dict[str, Any]:
    """runs.json, which the sweep's chapter in the report reads: every run with its folder and settings."""
    runs = [
        {"notebook": run.name, "seed": run.seed, "folder": run.folder, "settings": settings(run, sweep.axes)}
        for run in sweep.asked
    ]
    return {"sweep": sweep.name, "curves": sweep.curves, "runs": runs}


def settings(run: PlannedRun, axes: Sequence[str]) -> dict[str, Any]:
    """A run's values of the parameters ``axes``: its own, else those of a run it needs."""
    found: dict[str, Any] = {}
    for needed in run.needs.values():
        found |= settings(needed, axes)
    return found | {key: run.parameters[key] for key in axes if key in run.parameters}


def write_results(sweep: Sweep) -> None:
    """Write runs.json, if it has changed, and results.csv: a row for each metric of each finished run."""
    folder = ROOT / sweep.folder
    text = json.dumps(describe(sweep), indent=1) + "\n"
    if not (folder / "runs.json").exists() or (folder / "runs.json").read_text(encoding="utf-8") != text:
        write_text(folder / "runs.json", text)
    rows = []
    for run in sweep.runs.values():
        path = ROOT / run.file("results.json")
        if path.exists() and (result := read_result(path)):
            own = settings(run, sweep.axes)
            start = [run.name, run.seed, *(own.get(key, "") for key in sweep.axes)]
            rows += [[*start, name, value, run.folder] for name, value in result["metrics"].items()]
    save_csv(folder / "results.csv", ["notebook", "seed", *sweep.axes, "metric", "value", "folder"], rows)


def reason(run: PlannedRun) -> str:
    """Why a run failed, from its executed notebook."""
    try:
        cells = json.loads((ROOT / run.file("notebook.ipynb")).read_text(encoding="utf-8"))["cells"]
    except (OSError, ValueError):
        return "it left no notebook: look for what killed it"
    outputs = [output for cell in cells for output in cell.get("outputs", []) if output["output_type"] == "error"]
    error = f"{outputs[-1]['ename']}: {outputs[-1]['evalue']}".strip().splitlines()[0] if outputs else "killed"
    return f"{error} (see {run.file('notebook.ipynb')})"


def missing(sweep: Sweep, failed: Sequence[str]) -> list[str]:
    """A line for each run that failed, and one with the number of runs that did not start."""
    lost = [run for run in sweep.runs.values() if not (ROOT / run.file("results.json")).exists()]
    lines = [f"failed: {run}: {reason(run)}" for run in lost if run.folder in failed]
    others = len(lost) - len(lines)
    return [*lines, f"not run: {others}, for want of these or of time"] if others else lines


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the sweep that the command line names; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m workflow.sweep", description=__doc__.splitlines()[0])
    parser.add_argument("sweep", type=Path, help="a file such as workflow/sweeps/seeds.yaml")
    parser.add_argument("--profile", default="standard")
    parser.add_argument("--dry", action="store_true", help="say what would be run, and how long that should take")
    parser.add_argument("--on", default="", help="where to run: a folder in workflow/profiles; else here")
    options = parser.parse_args(arguments)
    return guarded("make sweep", lambda: make(options.sweep, options.profile, dry=options.dry, on=options.on))


def make(file: Path, profile: str, endings: Sequence[str] = (), *, dry: bool = False, on: str = "") -> int:
    """Run the sweep of a file, or with ``dry`` print its plan; write its results; returns the exit status.

    ``endings`` (html, pdf) are those of the report to build, none for no report; ``on`` names a profile in
    workflow/profiles, "" this machine.
    """
    found = chapters(profile)
    print_strays(found)
    sweep = read_sweep(file, profile, found)
    with only_one() as lock:
        refresh_data(sweep.runs.values())
        # In quotes: Snakemake reads values as YAML, which would read a folder's name such as `2024` as a number.
        config = [f"profile={sweep.profile}", f"sweep={json.dumps(str(file.absolute()))}"]
        progress = Progress(sweep.runs.values(), unit="run", retried=True, cores=None if on else CORES)
        finished = standing(sweep.runs.values())
        if dry:
            if not snakemake(config, "--dry-run", lock=lock, finished=finished, on_event=progress):
                raise Stop("the plan could not be made")
            print(plan(sweep, progress.planned))
            return 0
        config += [f"formats={' '.join(endings)}"] if endings else []
        write_results(sweep)
        try:
            done = snakemake(config, "--retries=1", lock=lock, finished=finished, on=on, on_event=progress)
        finally:
            write_results(sweep)
        if not done:
            stopped = "stopped; the same command goes on from what had finished"
            print(f"{sweep.folder}: results.csv")
            raise Stop("\n       ".join(missing(sweep, list(progress.failed)) or [stopped]))
        publish(sweep.folder, "report", endings)
        print(", ".join([f"{sweep.folder}: results.csv", *(f"report.{ending}" for ending in endings)]))
        return 0


if __name__ == "__main__":
    environment.enter()
    sys.exit(main())
