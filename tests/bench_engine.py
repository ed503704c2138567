"""What the engine costs: seconds a run over papermill alone, what a second worker is worth, planning 1,000 runs.

    python tests/bench_engine.py [RUNS]

on a machine that has nothing else to do. Not a test: it states no target, and pytest does not collect it. The runs'
notebooks do nothing, so all that is measured is overhead.
"""

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
(folder / "results.json").write_text(json.dumps({"metrics": {"size": size}}))
""",
    ),
]


def timed(*command, folder, **environment):
    """Seconds that a command takes."""
    start = time.perf_counter()
    subprocess.run(command, cwd=folder, env=os.environ | environment, check=True, capture_output=True)
    return time.perf_counter() - start


def sweep(project, name, runs, *arguments, cores="1"):
    """Seconds that a sweep of so many runs takes on so many cores."""
    project.write(f"{name}.yaml", f"seeds: {list(range(runs))}\nnotebooks: {{01_nothing: }}\n")
    project.write("workflow/profiles/local/config.yaml", LOCAL.replace("cores: all", f"cores: {cores}"))
    command = [sys.executable, "workflow/sweep.py", f"{name}.yaml", "--profile", "quick", *arguments]
    return timed(*command, folder=project.root)


def main(runs=12):
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        project = Project(Path(folder))
        project.write_notebook("01_nothing", *NOTHING)
        project.write("workflow/chapters.yaml", "01_nothing: {memory_mb: 300, headline: size}\n")
        global LOCAL
        LOCAL = (project.root / "workflow/profiles/local/config.yaml").read_text()
        out = project.root / "out.ipynb"
        papermill = [sys.executable, "-m", "papermill", "notebooks/01_nothing.ipynb", str(out), "-k", "python3"]
        alone = sum(timed(*papermill, folder=project.root, REPORT_FOLDER=folder) for _ in range(runs)) / runs
        plan = sweep(project, "plan", 1000, "--dry")
        one = sweep(project, "one", runs)
        subprocess.run(["rm", "-rf", "reports/quick"], cwd=project.root, check=True)
        two = sweep(project, "two", runs, cores="2")
    print(f"papermill alone        {alone:6.2f} s a run")
    print(f"one worker             {one / runs:6.2f} s a run, {one / runs - alone:.2f} s more")
    print(f"two workers            {two / runs:6.2f} s a run, {one / two:.2f} times the throughput")
    print(f"planning 1,000 runs    {plan:6.2f} s")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
