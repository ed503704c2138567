"""What the engine costs: seconds per run beyond papermill alone, the gain of a second worker, planning 1,000 runs.

    python tests/bench_engine.py [RUNS]

on an idle machine. Not a test: it states no target, and pytest does not collect it. The notebooks do nothing, so only
overhead is measured.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from conftest import Project

NOTHING = [
    ("markdown", "# Nothing"),
    ("parameters", "seed: int = 0  # whose\nsize: int = 0  # of nothing\n"),
    (
        "code",
        """
import json, os, pathlib
folder = pathlib.Path(os.environ["REPORT_FOLDER"])
(folder / "predictions.npz").write_bytes(b"")
(folder / os.environ["REPORT_RECORD"]).write_text(json.dumps({"metrics": {"size": size}, "provenance": {}}))
""",
    ),
]


def timed(*command, folder, cores=None, **environment):
    """Seconds that a command takes on ``cores`` of this machine's cores (None: all)."""
    allowed = sorted(os.sched_getaffinity(0))[:cores]
    start = time.perf_counter()
    subprocess.run(
        command,
        cwd=folder,
        env=os.environ | environment,
        check=True,
        capture_output=True,
        preexec_fn=lambda: os.sched_setaffinity(0, allowed),
    )
    return time.perf_counter() - start


def sweep(project, seeds, *arguments, cores):
    """Seconds that a sweep with one run for each seed takes."""
    project.write("bench.yaml", f"seeds: {list(seeds)}\nnotebooks: {{01_nothing: }}\n")
    command = [sys.executable, "-m", "workflow.sweep", "bench.yaml", "--profile", "quick", *arguments]
    return timed(*command, folder=project.root, cores=cores)


def main(runs=12):
    """Measure with so many runs, and print."""
    with tempfile.TemporaryDirectory() as folder:
        project = Project(Path(folder))
        project.write_notebook("01_nothing", *NOTHING)
        project.write("workflow/chapters.yaml", "01_nothing: {memory_mb: 300, headline: size}\n")
        papermill = [sys.executable, "-m", "papermill", "notebooks/01_nothing.ipynb", "out.ipynb", "-k", "python3"]
        alone = sum(timed(*papermill, folder=project.root, cores=1, REPORT_FOLDER=folder) for _ in range(runs)) / runs
        plan = sweep(project, range(1000), "--dry", cores=1)
        one = sweep(project, range(runs), cores=1)
        two = sweep(project, range(runs, 2 * runs), cores=2)
    print(f"papermill alone        {alone:6.2f} s a run")
    print(f"one worker             {one / runs:6.2f} s a run, {one / runs - alone:.2f} s more")
    print(f"two workers            {two / runs:6.2f} s a run, {one / two:.2f} times the throughput")
    print(f"planning 1,000 runs    {plan:6.2f} s")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
