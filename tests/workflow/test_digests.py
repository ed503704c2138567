"""What makes a chapter run again: its own sources and the helpers it imports, and nothing else."""

import json

import pytest
from conftest import ROOT, notebook

from workflow import digests


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
    """The dotted names, below helpers, of the modules that a notebook depends on."""
    found = [file.relative_to(digests.HELPERS).with_suffix("") for file in digests.reached(path)]
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
    monkeypatch.setattr(digests, "HELPERS", root)
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
    assert names(written(tmp_path, ("markdown", "from helpers import b"))) == set()
    everything = {name.removesuffix(".py").replace("/", ".") for name in PACKAGE if name.endswith(".py")}
    assert names(written(tmp_path, ("code", "%matplotlib inline"))) == everything


USED = """
from helpers import a, b
from helpers.folder import d
import numpy as np

LIMIT = 3
UNUSED = 4


class Network:
    \"\"\"What it is.\"\"\"

    def forward(self, x: Other):  # a comment
        return helper(x, LIMIT)


class Other:
    pass


def helper(x, limit):
    return np.minimum(x, limit) + b.shift()
"""


@pytest.fixture
def chapter(tmp_path, package):
    """A function that gives the digest of a chapter that uses a class of a helper, after a change to a helper."""
    (package / "used.py").write_text(USED)
    (package / "b.py").write_text("def shift():\n    return 1\n\n\ndef other():\n    return 2\n")
    path = written(tmp_path, ("code", "from helpers import used"), ("code", "network = used.Network()"))

    def digest(file="used.py", before="", after=""):
        text = (package / file).read_text()
        assert before in text
        (package / file).write_text(text.replace(before, after))
        found = digests.helpers_digest(path)
        (package / file).write_text(text)
        return found

    return digest


@pytest.mark.parametrize(
    ("file", "before", "after"),
    [
        ("used.py", "helper(x, LIMIT)", "helper(x, 2 * LIMIT)"),  # a class that is used
        ("used.py", "LIMIT = 3", "LIMIT = 5"),  # what a method of it reads,
        ("used.py", "np.minimum", "np.maximum"),  # a function that it calls,
        ("used.py", "import numpy as np", "import math as np"),  # what that imports,
        ("b.py", "return 1", "return 3"),  # and what that calls in another file
        ("used.py", "UNUSED = 4", "print('what an import runs')"),
        ("folder/d.py", "from helpers.folder.e import something\n", "print('what an import of an import runs')\n"),
        ("reported.toml", "", "changed = 1\n"),
    ],
)
def test_what_a_chapter_reaches_makes_it_run_again(chapter, file, before, after):
    assert chapter(file, before, after) != chapter()


@pytest.mark.parametrize(
    ("file", "before", "after"),
    [
        ("used.py", "What it is.", "What it is, in other words."),  # a docstring
        ("used.py", "  # a comment", ""),
        ("used.py", "    pass", "    more = 1"),  # a class that only an annotation names
        ("used.py", "UNUSED = 4", "UNUSED = 5"),
        ("used.py", "UNUSED = 4", "UNUSED = 4\n\n\ndef new():\n    return UNUSED"),
        ("b.py", "return 2", "return 4"),  # a helper of another chapter
        ("other/f.py", "", "changed = True\n"),
    ],
)
def test_what_a_chapter_does_not_reach_makes_it_not_run_again(chapter, file, before, after):
    assert chapter(file, before, after) == chapter()


@pytest.mark.parametrize("code", ["show(used)", "from helpers.used import *", "getattr(used, 'UNUSED')"])
def test_of_a_module_that_is_handed_on_everything_counts(tmp_path, package, code):
    (package / "used.py").write_text(USED)
    path = written(tmp_path, ("code", "from helpers import used\n" + code))
    first = digests.helpers_digest(path)
    (package / "used.py").write_text(USED.replace("UNUSED = 4", "UNUSED = 5"))
    assert digests.helpers_digest(path) != first


def test_a_layer_more_in_the_feed_forward_net_concerns_its_chapter_alone():
    reached = {path.stem[:2]: digests.reached(path) for path in (ROOT / "notebooks").glob("[0-9]*.ipynb")}
    models = digests.HELPERS / "models.py"
    assert [key for key, found in sorted(reached.items()) if "FeedForward" in found.get(models, ())] == ["07"]


def test_every_chapter_of_the_report_can_be_read():
    for path in sorted((ROOT / "notebooks").glob("[0-9]*.ipynb")):
        found = names(path)
        assert {"results", "plots", "data"} <= found or path.stem.startswith("08")
        assert not {name for name in found if name.startswith("comparison")} or path.stem.startswith("08")


def test_the_comparison_depends_on_no_training_code():
    found = names(ROOT / "notebooks" / "08_comparison.ipynb")
    assert not found & {"models", "training", "scratch", "baselines", "transfer", "center_loss"}
    assert {"results", "comparison.claims"} <= found
