"""The code at the end of the PDF: definitions that exist and are used, without docstrings; no cell that only shows."""

import ast

import pytest

from helpers.scratch import Adam
from workflow.digests import HELPERS
from workflow.report import listing
from workflow.report.cells import Part
from workflow.report.chapters import Chapter

LISTED = [(file, name) for file, names in listing.METHOD.items() for name in names]


@pytest.mark.parametrize(("file", "name"), LISTED)
def test_what_is_listed_exists_and_is_code_without_docstrings(file, name):
    source = listing.source_of(HELPERS / file, name)
    bare = listing.without_docstrings(source)
    assert '"""' not in bare
    assert [line for line in bare.splitlines() if "  # " in line] == [
        line for line in source.splitlines() if "  # " in line
    ]
    ast.parse(bare)


def test_every_listed_definition_is_used_by_some_chapter():
    names = sorted(path.stem for path in (HELPERS.parent / "notebooks").glob("0*.ipynb"))
    used = listing.definitions_used([Chapter(name, run={"notebook": name}) for name in names])
    assert all(name in used[HELPERS / file] for file, name in LISTED)
    garments = listing.definitions_used([Chapter("5", run={"notebook": "05_fashion_cnn"})])
    assert "Muon" in garments[HELPERS / "optimisers.py"]
    assert Adam.__name__ not in garments.get(HELPERS / "scratch.py", ())


def test_cells_are_listed_that_define_and_show_nothing():
    parts = [
        Part("code", "", 1, "def f():\n    pass"),
        Part("code", "", 2, "def g():\n    pass"),
        Part("markdown", "", 2, "shown"),
        Part("code", "", 3, "x = 1"),
        Part("code", "", 4, "def h():\n    pass", hidden=True),
        Part("listing", "", 5, "def i():\n    pass"),
    ]
    assert listing.cells_that_define(Chapter("n", parts=parts)) == ["def f():\n    pass"]
