"""What makes a chapter run again: its own sources and the helpers it imports, and nothing else."""

import json

import pytest
from conftest import ROOT, notebook

from workflow import provenance


def test_the_digest_of_a_notebook_ignores_its_outputs_and_sees_its_source(tmp_path):
    path = tmp_path / "n.ipynb"
    cell = {"cell_type": "code", "metadata": {}, "source": ["a = 1"], "outputs": []}

    def digest(**changes):
        path.write_text(json.dumps({"cells": [cell | changes]}))
        return provenance.notebook_digest(path)

    assert digest() == digest(outputs=["x"], execution_count=3) == digest(source="a = 1")
    assert digest() != digest(source=["a = 2"])


def test_the_digest_of_a_notebook_ignores_what_papermill_puts_in(tmp_path):
    path = tmp_path / "n.ipynb"
    own, put_in = (
        {"cell_type": "code", "metadata": {"tags": [tag]}, "source": ["a = 1"]}
        for tag in ("parameters", "injected-parameters")
    )
    path.write_text(json.dumps({"cells": [own]}))
    assert (
        provenance.notebook_digest(path)
        == provenance.cells_digest([own, put_in])
        != provenance.cells_digest([own, own])
    )


def written(folder, *cells):
    path = folder / "n.ipynb"
    path.write_text(json.dumps(notebook(*cells)))
    return path


def names(path):
    """The dotted names, below helpers, of the modules that a notebook depends on."""
    found = [file.relative_to(provenance.HELPERS).with_suffix("") for file in provenance.helpers_of(path)]
    return {".".join(file.parts) for file in found}


PACKAGE = {
    "__init__.py": "",
    "a.py": "from helpers import b\n",
    "b.py": "",
    "c.py": "",
    "folder/__init__.py": "from helpers import c\n",
    "folder/d.py": "from helpers.folder.e import something\n",
    "folder/e.py": "",
    "other/__init__.py": "",
    "other/f.py": "",
    "reported.toml": "",
}


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A small package in the place of helpers/: modules that import others, and folders of modules."""
    root = tmp_path / "helpers"
    for name, text in PACKAGE.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    monkeypatch.setattr(provenance, "HELPERS", root)
    return root


@pytest.mark.parametrize(
    "code",
    ["from helpers import b", "from helpers.b import x", "import helpers.b", "def late():\n    from helpers import b"],
)
def test_a_helper_counts_however_it_is_imported(tmp_path, package, code):
    assert names(written(tmp_path, ("code", code))) == {"__init__", "b"}


@pytest.mark.parametrize(
    "code",
    ["from helpers.folder import d", "from helpers.folder.d import x", "import helpers.folder.d as d"],
)
def test_modules_in_folders_count_too_with_what_their_packages_import(tmp_path, package, code):
    found = names(written(tmp_path, ("code", code)))
    assert found == {"__init__", "c", "folder.__init__", "folder.d", "folder.e"}


def test_what_helpers_import_counts_too(tmp_path, package):
    assert names(written(tmp_path, ("code", "from helpers import a"))) == {"__init__", "a", "b"}


def test_training_counts_the_data_and_no_figures(tmp_path):
    found = names(written(tmp_path, ("code", "from helpers import training")))
    assert {"training", "data", "files"} <= found
    assert not {name for name in found if name.startswith(("comparison", "figures"))} | found & {"baselines", "plots"}


def test_prose_imports_nothing_and_a_magic_everything(tmp_path, package):
    assert names(written(tmp_path, ("markdown", "from helpers import b"))) <= {"__init__"}
    everything = {name.removesuffix(".py").replace("/", ".") for name in PACKAGE if name.endswith(".py")}
    assert names(written(tmp_path, ("code", "%matplotlib inline"))) == everything


def test_the_digest_changes_with_the_helpers_it_has_and_with_no_other(tmp_path, package):
    path = written(tmp_path, ("code", "from helpers import a\nfrom helpers.folder import d"))
    first = provenance.helpers_digest(path)
    (package / "other" / "f.py").write_text("changed = True")
    assert provenance.helpers_digest(path) == first
    (package / "b.py").write_text("changed = True")
    second = provenance.helpers_digest(path)
    (package / "folder" / "e.py").write_text("changed = True")
    assert len({first, second, provenance.helpers_digest(path)}) == 3


def test_every_chapter_of_the_report_can_be_read():
    for path in sorted((ROOT / "notebooks").glob("[0-9]*.ipynb")):
        found = names(path)
        assert {"results", "plots", "data"} <= found or path.stem.startswith("08")
        assert not {name for name in found if name.startswith("comparison")} or path.stem.startswith("08")


def test_the_comparison_depends_on_no_training_code():
    found = names(ROOT / "notebooks" / "08_comparison.ipynb")
    assert not found & {"models", "training", "scratch", "baselines", "transfer", "center_loss"}
    assert {"results", "comparison.claims"} <= found
