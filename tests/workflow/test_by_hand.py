"""A chapter that no report runs: papermill's own command, as Run All in JupyterLab and VS Code, from either folder."""

import os
import shutil

import nbformat
import pytest
from conftest import ROOT, Project

pytestmark = pytest.mark.slow
SMALL = {"train_images": 300, "validation_images": 60, "test_images": 100, "report_b_epochs": 1, "epochs": 1}


@pytest.fixture(scope="module")
def chapter(tmp_path_factory):
    """The project with chapter 5 alone."""
    project = Project(tmp_path_factory.mktemp("project"))
    for name in ("workflow/chapters.yaml", "notebooks/profiles/quick.yaml", "notebooks/05_fashion_cnn.ipynb"):
        shutil.copy(ROOT / name, project.root / name)
    return project


@pytest.mark.parametrize("folder", [".", "notebooks"])
def test_it_runs_from_either_folder_and_says_where_its_results_are(folder, chapter):
    notebook = os.path.relpath(chapter.root / "notebooks" / "05_fashion_cnn.ipynb", chapter.root / folder)
    given = [word for name, value in SMALL.items() for word in ("-p", name, str(value))]
    # The environment of the tests has this project's helpers, not the copy's.
    command = f"import os, sys; os.chdir({folder!r}); from papermill.__main__ import papermill; papermill(sys.argv[1:])"
    where = {"PYTHONPATH": str(chapter.root), "DATA": "sample"}
    done = chapter.run("-c", command, notebook, "out.ipynb", "--no-progress-bar", "-k", "python3", *given, **where)
    assert done.returncode == 0, done.stderr
    outputs = [
        output
        for cell in nbformat.read(chapter.root / folder / "out.ipynb", 4).cells
        for output in cell.get("outputs", [])
    ]
    assert not [output.text for output in outputs if output.get("name") == "stderr"]
    words = "\n".join(str(output.get("data", {}).get("text/plain", "")) for output in outputs)
    assert "The results are in reports/interactive/seed-0/05_fashion_cnn/" in words
    assert "temperature_images=4000 is more than there are: all 60 are taken" in words
    assert (chapter.root / "reports/interactive/seed-0/05_fashion_cnn/results.json").exists()
    texts = "\n".join(str(output.get("data", {}).get("text/markdown", "")) for output in outputs)
    assert ("This is the first run here" in texts) == (folder == ".")
    assert ("No parameter has changed" in texts) == (folder == "notebooks")
