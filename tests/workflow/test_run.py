"""The runner: a run counts as finished only when its record has the runner's part."""

import json
import signal

import pytest
from test_sweep import RECORD

pytestmark = pytest.mark.slow
PARAMETERS = ("parameters", "seed: int = 0  # all randomness\n")
SAVE = ("code", RECORD + "save('01_tiny', {'a': 1})")


def run(project, *cells, **environment):
    project.write_notebook("01_tiny", *cells)
    folder = project.root / "reports" / "tiny"
    command = ["-m", "workflow.run", "notebooks/01_tiny.ipynb", "--profile", "quick", "--folder", str(folder)]
    return folder, project.run(*command, **environment)


def test_the_record_has_what_the_notebook_found_and_what_ran_it(project):
    folder, done = run(project, PARAMETERS, SAVE)
    assert done.returncode == 0, done.stderr
    record = json.loads((folder / "results.json").read_text())
    assert record["metrics"] == {"a": 1}
    assert {"git", "notebook_sha256", "helpers_sha256", "hardware", "seconds"} <= set(record["provenance"])
    assert 10 < record["provenance"]["peak_memory_mb"] < 4000
    assert not (folder / ".results.json").exists()


def test_a_run_that_fails_after_it_has_saved_leaves_no_record(project):
    folder = project.root / "reports" / "tiny"
    (folder / "results.json").unlink(missing_ok=True)
    _, done = run(project, PARAMETERS, SAVE, ("code", "1 / 0"))
    assert done.returncode == 1 and "ZeroDivisionError" in done.stderr
    assert not (folder / "results.json").exists() and not (folder / ".results.json").exists()


@pytest.mark.parametrize("stop", ["SIGINT", "SIGTERM"])
def test_a_run_that_is_stopped_when_its_notebook_has_ended_is_finished_all_the_same(project, stop):
    folder, done = run(project, PARAMETERS, SAVE)
    (folder / "results.json").unlink()
    stopped = f"""
import os, signal, sys
from workflow import provenance, run
complete = provenance.complete
def stopped(*given):
    os.kill(os.getpid(), signal.{stop})
    complete(*given)
    os.kill(os.getpid(), signal.{stop})
provenance.complete = stopped
sys.exit(run.main(sys.argv[1:]))
"""
    done = project.run("-c", stopped, *done.args[3:])
    assert done.returncode == 0, done.stderr
    (folder / "results.json").unlink()  # it is there


def test_a_runner_that_is_killed_before_it_has_added_its_part_leaves_no_results(project):
    kill = ("code", "import signal; os.kill(os.getppid(), signal.SIGKILL)")
    folder, done = run(project, PARAMETERS, SAVE, kill)
    assert done.returncode == -signal.SIGKILL
    assert not (folder / "results.json").exists()
    folder, done = run(project, PARAMETERS, SAVE)  # and the next run is not disturbed by what is left
    assert done.returncode == 0 and (folder / "results.json").exists(), done.stderr


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("import sys; sys.exit()", "failed in cell 3: sys.exit() ended it there, before its last cell"),
        ("raise SystemExit(0)", "failed in cell 3: sys.exit() ended it there, before its last cell"),
        ("import sys; sys.exit('no data')", "failed in cell 3: SystemExit: no data"),
        ("import os; os._exit(7)", "failed in cell 3: its kernel ended with status 7"),
        (
            "import os; os.kill(os.getpid(), 9)",
            "failed in cell 3: its kernel was killed by SIGKILL, perhaps out of memory",
        ),
        ("import os; os.kill(os.getpid(), 11)", "failed in cell 3: its kernel was killed by SIGSEGV"),
    ],
)
def test_a_notebook_that_ends_too_early_is_one_line_with_its_cell(project, code, words):
    folder, done = run(project, PARAMETERS, ("markdown", "Text"), ("code", code), SAVE)
    *printed, last = done.stderr.splitlines()
    assert done.returncode == 1 and last == f"error: 01_tiny {words} (see {folder}/notebook.ipynb)"
    assert all(line.startswith("01_tiny  ") for line in printed)  # IPython says how to leave it
    cells = json.loads((folder / "notebook.ipynb").read_text())["cells"]
    assert any(output["output_type"] == "error" for cell in cells for output in cell.get("outputs", []))


@pytest.mark.parametrize("backend", ["matplotlib.use('Agg')", "", "plt.switch_backend('svg')"])
def test_a_figure_that_was_not_kept_is_no_success(project, backend):
    draws = f"""#| label: fig-a
#| fig-cap: A line.
#| fig-alt: A line.
import matplotlib, matplotlib.pyplot as plt
{backend}
plt.plot([1, 2])
{"" if backend else "plt.close()"}"""
    folder = project.root / "reports" / "tiny"
    (folder / "results.json").unlink(missing_ok=True)
    _, done = run(project, PARAMETERS, ("code", draws), SAVE)
    assert done.returncode == 1 and "failed in cell 2: it draws no figure" in done.stderr
    assert not (folder / "results.json").exists()


def test_a_killed_chapter_goes_on_behind_the_network_it_had_trained(project):
    trains = (
        "code",
        """
import os, pathlib, torch
from helpers import training
from helpers.models import Autoencoder
from helpers.optimisers import TrainConfig
from helpers.scratch import initial_layers
network = Autoencoder(initial_layers([9, 4, 2, 4, 9], seed=seed), encoder_layers=2)
training.train_autoencoders({"net": network}, torch.rand(20, 9), TrainConfig(1, 5, 0.01), seed=seed)
if os.environ.get("REPORT_KILL"): os.kill(os.getpid(), 9)
""",
    )
    images = ("code", "import torch\ntorch.manual_seed(seed)")
    folder, done = run(project, PARAMETERS, images, trains, SAVE, REPORT_KILL="1")
    assert (
        done.returncode == 1
        and "was killed by SIGKILL" in done.stderr
        and len(list((folder / ".checkpoints").iterdir())) == 1
    )
    assert "kept from the run before" not in done.stderr
    folder, done = run(project, PARAMETERS, images, trains, SAVE)
    assert done.returncode == 0 and "net: kept from the run before" in done.stderr
    assert not (folder / ".checkpoints").exists()  # the chapter is done
