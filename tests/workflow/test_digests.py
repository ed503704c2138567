"""What re-runs a chapter: its own sources and the helpers it imports, and nothing else."""

import json

import pytest
from conftest import ROOT, notebook

from helpers import digests


def test_the_digest_of_a_notebook_ignores_its_outputs_and_sees_its_source(tmp_path):
    path = tmp_path / "n.ipynb"
    cell = {"cell_type": "code", "metadata": {}, "source": ["a = 1"], "outputs": []}

    def digest(**changes):
        path.write_text(json.dumps({"cells": [cell | changes]}))
        return digests.notebook_digest(path)

    assert digest() == digest(outputs=["x"], execution_count=3) == digest(source="a = 1")
    assert digest() != digest(source=["a = 2"])


def test_the_digest_of_a_notebook_ignores_what_papermill_puts_in(tmp_path):
    path = tmp_path / "n.ipynb"
    own, put_in = (
        {"cell_type": "code", "metadata": {"tags": [tag]}, "source": ["a = 1"]}
        for tag in ("parameters", "injected-parameters")
    )
    path.write_text(json.dumps({"cells": [own]}))
    assert digests.notebook_digest(path) == digests.cells_digest([own, put_in]) != digests.cells_digest([own, own])


def written(folder, *cells):
    path = folder / "n.ipynb"
    path.write_text(json.dumps(notebook(*cells)))
    return path


def names(path):
    return {file.stem for file in digests.helpers_of(path)}


@pytest.mark.parametrize(
    "code",
    [
        "from helpers import muon",
        "from helpers.training import as_matrices",
        "import helpers.training",
        "def late():\n    from helpers import muon",
    ],
)
def test_a_helper_counts_however_it_is_imported(tmp_path, code):
    assert names(written(tmp_path, ("code", code))) == {"__init__", "muon"}


def test_what_helpers_import_counts_too(tmp_path):
    found = names(written(tmp_path, ("code", "from helpers import classifiers")))
    assert {"classifiers", "muon", "training", "scratch", "data", "files"} <= found
    assert not found & {"classical", "comparison", "plots"}


def test_prose_imports_nothing_and_a_magic_everything(tmp_path):
    assert names(written(tmp_path, ("markdown", "from helpers import muon"))) <= {"__init__"}
    everything = {path.stem for path in (ROOT / "helpers").glob("*.py")}
    assert names(written(tmp_path, ("code", "%matplotlib inline"))) == everything


def test_the_digest_changes_with_the_helpers_it_has_and_with_no_other(tmp_path, monkeypatch):
    package = tmp_path / "helpers"
    package.mkdir()
    for name, text in {
        "__init__.py": "",
        "a.py": "from helpers import b",
        "b.py": "",
        "c.py": "",
        "reported.toml": "",
    }.items():
        (package / name).write_text(text)
    monkeypatch.setattr(digests, "PACKAGE", package)
    path = written(tmp_path, ("code", "from helpers import a"))
    first = digests.helpers_digest(path)
    (package / "c.py").write_text("changed = True")
    assert digests.helpers_digest(path) == first
    (package / "b.py").write_text("changed = True")
    assert digests.helpers_digest(path) != first


def test_every_chapter_of_the_report_can_be_read():
    for path in sorted((ROOT / "notebooks").glob("[0-9]*.ipynb")):
        found = names(path)
        assert {"results", "plots", "data"} <= found or path.stem.startswith("08")
        assert not found & {"comparison", "pairwise"} or path.stem.startswith("08")
