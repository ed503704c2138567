"""What other code has run: noticed by the hashes of its record, wherever there is something to compare."""

import json

import pytest
from nbformat import v4

from workflow.digests import notebook_digest
from workflow.report import chapters, fresh
from workflow.report.chapters import join
from workflow.report.errors import ReportError
from workflow.report.executed import read_chapter

AGAIN = "run `make report`, which runs it again"
OTHER = "01_a was run with other code than is here ({} changed): " + AGAIN


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """A tree with one chapter and helpers of the hash "h"."""
    monkeypatch.setattr(chapters, "ROOT", tmp_path)
    monkeypatch.setattr(fresh, "helpers_digest", lambda source: "h")
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / "01_a.ipynb").write_text(json.dumps({"cells": cells("# A", "seed = 0")}))
    return tmp_path / "notebooks" / "01_a.ipynb"


def read_alone(notebook, name, folder):
    joined = join([(notebook, name, folder)])
    return read_chapter(joined.cells, joined.metadata.report.chapters[0])


def cells(title, parameters):
    return [
        {"cell_type": "markdown", "metadata": {}, "source": [title]},
        {"cell_type": "code", "metadata": {"tags": ["parameters"]}, "source": [parameters]},
    ]


def chapter(source, folder, title="# A", **record):
    """The chapter as papermill leaves it, read with a record of this tree's hashes, changed by ``record``."""
    hashes = {"notebook_sha256": notebook_digest(source), "helpers_sha256": "h"} | record
    provenance = {name: value for name, value in hashes.items() if value}
    told = {"notebook": source.stem, "seed": 0, "profile": "quick", "provenance": provenance}
    (folder / "results.json").write_text(json.dumps(told))
    executed = v4.new_notebook(
        metadata={"papermill": {"exception": None}},
        cells=[
            v4.new_markdown_cell(title, metadata={"tags": []}),
            v4.new_code_cell("seed = 0", metadata={"tags": ["parameters"]}),
            v4.new_code_cell("seed = 1", metadata={"tags": ["injected-parameters"]}),
        ],
    )
    return read_alone(executed, "out/notebook.ipynb", folder)


@pytest.mark.parametrize(
    ("record", "text", "line"),
    [
        ({}, "# B", OTHER.format("notebook")),
        ({"helpers_sha256": "g"}, "# A", OTHER.format("helpers")),
        ({"helpers_sha256": "g"}, "# B", OTHER.format("notebook and helpers")),
    ],
)
def test_other_code_is_named(record, text, line, tree, tmp_path):
    ran = chapter(tree, tmp_path, **record)
    tree.write_text(json.dumps({"cells": cells(text, "seed = 0")}))
    with pytest.raises(ReportError) as caught:
        fresh.check(ran)
    assert str(caught.value) == line


def test_a_chapter_that_can_no_longer_be_read_counts_as_changed(tree, tmp_path):
    ran = chapter(tree, tmp_path)
    tree.write_text("{")
    with pytest.raises(ReportError, match="notebook changed"):
        fresh.check(ran)


def test_an_executed_notebook_that_was_edited_is_refused(tree, tmp_path):
    with pytest.raises(ReportError) as caught:
        fresh.check(chapter(tree, tmp_path, title="# Better"))
    assert str(caught.value) == f"out/notebook.ipynb: its cells are not those that were run: {AGAIN}"


def test_the_code_of_this_tree_is_fine_also_after_it_was_opened(tree, tmp_path):
    ran = chapter(tree, tmp_path)
    fresh.check(ran)
    tree.write_text(json.dumps({"cells": [cell | {"outputs": ["x"]} for cell in cells("# A", "seed = 0")]}, indent=3))
    fresh.check(ran)


def test_where_there_is_nothing_to_compare_nothing_is_refused(tree, tmp_path):
    elsewhere = chapter(tree, tmp_path, helpers_sha256="g")
    old = chapter(tree, tmp_path, title="# Old", notebook_sha256=None, helpers_sha256=None)
    (tmp_path / "results.json").unlink()
    alone = read_alone(v4.new_notebook(metadata={"papermill": {}}), "n.ipynb", tmp_path)
    fresh.check(old)
    fresh.check(alone)
    tree.unlink()
    fresh.check(elsewhere)
