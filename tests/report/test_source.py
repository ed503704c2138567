"""Faults of a chapter's source are found before it runs, all of them, each with its cell."""

import nbformat
from nbformat import v4
from test_report import options

from helpers.results import ROOT
from workflow.report.source import faults

GOOD = [
    "# T\n\nSee @fig-a, @tbl-a, [the code](#lst-a) and @eq-a.\n\n$$ x $$ {#eq-a}",
    options(label="fig-a", fig_cap="C.", fig_alt="Two lines"),
    options(label="tbl-a", tbl_cap="C."),
    options(label="lst-a", lst_cap="C."),
]


def written(tmp_path, *cells):
    """A notebook that was not run; text that begins with # or is prose stands for markdown, else for code."""
    made = [v4.new_code_cell(cell) if cell.startswith("#|") else v4.new_markdown_cell(cell) for cell in cells]
    path = tmp_path / "09_x.ipynb"
    nbformat.write(v4.new_notebook(cells=made), path)
    return [line.removeprefix("09_x.ipynb, ") for line in faults([path])]


def test_the_chapters_have_none():
    assert faults(sorted((ROOT / "notebooks").glob("0*.ipynb"))) == []


def test_a_good_source_has_none(tmp_path):
    assert written(tmp_path, *GOOD) == []


def test_control_characters_are_no_fault(tmp_path):
    assert written(tmp_path, *GOOD, "a\x01\x0c\x9b", '#| label: tbl-1\x07\n#| tbl-cap: "C\x1b"\nx', "@tbl-1") == []


def test_all_faults_are_found_at_once(tmp_path):
    bad = [
        options(label="fig-b", fig_cap="C."),
        options(label="tbl-b"),
        options(label="fig-c", fig_cap="It is 12.5 % better.", fig_alt="At 0.777"),
        "The accuracy is 0.123, as @fig-b and @tbl-b say.\n\n$$ y $$ {#eq-b}",
        "#| label: [",
        options(label="lst-b"),
    ]
    assert written(tmp_path, *GOOD, *bad) == [
        "cell 5: the figure has no fig-alt",
        "cell 6: the table has no tbl-cap",
        "cell 7: 12.5 % is typed into the caption: "
        "let a code cell show it in the text, or, if it is no result, write it as math or code",
        "cell 7: 0.777 is typed into the alt text: "
        "let a code cell show it in the text, and describe here what every run shows",
        "cell 8: 0.123 is typed into the text: "
        "let a code cell compute and show it, or, if it is no result, write it as math or code",
        "cell 9: cannot read the #| options (expected the node content, but found '<stream end>'); "
        "quote text that has a colon",
        "cell 10: a listing has both a label that begins with lst- and lst-cap",
        "cell 7: nothing refers to @fig-c: speak of it in the text, or leave it out",
        "cell 8: nothing refers to @eq-b: speak of it in the text, or leave it out",
    ]


def test_text_that_cannot_be_read_is_named(tmp_path):
    assert written(tmp_path, "# T", "```python\nopen") == ["cell 2: a code fence is not closed"]


def test_what_no_report_can_show_is_found_before_an_hour_of_training(tmp_path):
    cells = ["# T", "![a](a.png)", "a <b>c</b>", "### S", "```mermaid\na\n```", "as 0.123 says"]
    notebook = v4.new_notebook(cells=[v4.new_markdown_cell(cell) for cell in cells])
    notebook.cells[-1].metadata["tags"] = ["remove-cell"]  # which the report lacks
    notebook.cells.append(v4.new_raw_cell("a"))
    nbformat.write(notebook, tmp_path / "09_x.ipynb")
    assert [line.removeprefix("09_x.ipynb, ") for line in faults([tmp_path / "09_x.ipynb"])] == [
        "cell 2: an image in markdown has no number; draw it in a code cell",
        "cell 3: write markdown instead of <b>, which one format lacks",
        "cell 4: a heading of level 3 below one of level 1: write ##",
        "cell 5: a mermaid diagram is no figure here; draw it in a code cell",
        "cell 7: a raw cell is for one format alone: make it markdown, or tag it remove-cell",
    ]
