"""What the tests share: the project's folder, and a copy of it with notebooks of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from workflow import environment

# The tests, and what they start, run as reports do: without the user's settings. pytest's own variables stay.
kept = {name: value for name, value in os.environ.items() if name.startswith("PYTEST_")}
environment.enter()
# One thread: small networks are faster so, and results the same everywhere. Read by torch, which the tests' own modules
# import after this one.
os.environ |= kept | {"OMP_NUM_THREADS": "1"}

# Odd inputs are the same in every run, and leave no folder behind; a busy machine may take its time.
os.environ["HYPOTHESIS_STORAGE_DIRECTORY"] = str(Path(tempfile.gettempdir()) / "hypothesis")
slow_is_fine = [HealthCheck.too_slow, HealthCheck.data_too_large]
settings.register_profile("project", derandomize=True, database=None, deadline=None, suppress_health_check=slow_is_fine)
settings.load_profile("project")

ROOT = Path(__file__).resolve().parent.parent


LONGEST = ("test_workflow.py", "test_chapters.py", "test_interruptions.py", "test_sweep.py", "test_many.py")


def pytest_collection_modifyitems(items):
    """What drives a browser is slow. The longest files begin first: no worker ends with one while the other waits."""
    rank = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: rank.get(item.path.name, len(rank)))
    for item in items:
        if "chromium" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.slow)


def notebook(*cells):
    """A notebook from (kind, source) pairs, kind one of markdown, code, parameters."""
    made = []
    for number, (kind, source) in enumerate(cells):
        cell = {"id": f"cell-{number}", "metadata": {}, "source": source.splitlines(keepends=True)}
        if kind == "markdown":
            made.append(cell | {"cell_type": "markdown"})
        else:
            cell["metadata"] = {"tags": ["parameters"]} if kind == "parameters" else {}
            made.append(cell | {"cell_type": "code", "execution_count": None, "outputs": []})
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    return {"cells": made, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}


class Project:
    """A copy of the project outside git, with notebooks of its own and no data."""

    def __init__(self, root):
        self.root = root
        for folder in ("helpers", "workflow"):
            shutil.copytree(ROOT / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__"))
        (root / "notebooks" / "profiles").mkdir(parents=True)
        (root / "reports").mkdir()
        shutil.copy(ROOT / "reports" / "report.toml", root / "reports")
        self.write("workflow/chapters.yaml", "{}\n")
        self.write("notebooks/profiles/quick.yaml", "{}\n")
        self.write("notebooks/references.bib", "")

    def write(self, path, text):
        (self.root / path).write_text(text, encoding="utf-8")

    def write_notebook(self, name, *cells):
        self.write(f"notebooks/{name}.ipynb", json.dumps(notebook(*cells)))

    def run(self, *command, **environment):
        return subprocess.run(
            [sys.executable, *command], cwd=self.root, env=self.environment(environment), capture_output=True, text=True
        )

    def start(self, *command, **environment):
        """Start a command in a session of its own, as a terminal does, without waiting; its output is piped."""
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "start_new_session": True}
        return subprocess.Popen([sys.executable, *command], cwd=self.root, env=self.environment(environment), **pipes)

    def environment(self, changes):
        """This process's environment with ``changes``, without variables about data and reports."""
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("DATA", "REPORT_", "PYTHONPATH"))}
        return clean | {"DATA_FETCHED": "1"} | changes

    def report(self, *arguments, **environment):
        return self.run("-m", "workflow.report", "--profile", "quick", *arguments, **environment)


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return Project(tmp_path_factory.mktemp("project"))
