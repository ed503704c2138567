"""The report as nbconvert's exporters: known by name, a pipeline in reading order, and the tags that Jupyter knows."""

import re
import subprocess
import sys
import tomllib

import nbformat
import pypdf
import pytest
from conftest import ROOT
from nbformat import v4
from test_report import CELLS, FIGURE, code, drawing, notebook, options, refusal, save, shown
from traitlets import import_item

from workflow.report.build import build
from workflow.report.exporters import HTMLReport, PDFReport

PRINTED = v4.new_output("stream", name="stdout", text="what was printed")


def made(tmp_path, *cells):
    """The main part of the HTML and the words of the PDF, of a notebook of these cells."""
    path, html, pdf = save(tmp_path, notebook("# T", *cells)), tmp_path / "report.html", tmp_path / "report.pdf"
    build([path], tmp_path / "report.toml", html=html, pdf=pdf)
    words = " ".join(" ".join(page.extract_text().split()) for page in pypdf.PdfReader(pdf).pages)
    return html.read_text().split("<main")[1].split("<script>")[0], words


def tagged(tag, source, *outputs):
    cell = code(source, *outputs)
    cell.metadata["tags"] = [tag]
    return cell


def steps(exporter):
    return [type(step).__name__ for step in exporter()._preprocessors]


def test_the_pipeline_is_the_list_that_a_reader_sees():
    checks = ["CheckExecuted", "CheckFreshness", "CollectEvidence"]
    cleaning = ["RemoveRepeatedParameters", "TagRemovePreprocessor", "RemoveProgress", "CoalesceStreamsPreprocessor"]
    cleaning += ["RemoveControlCharacters"]
    reading = ["ExtractOutputPreprocessor", "ReadCells", "ParseText", "Disarm", "CheckTypedNumbers", "AddCaptions"]
    linking = ["Number", "LinkReferences", "AddSummary", "LinkCitations", "ReadMaps"]
    assert steps(HTMLReport) == steps(PDFReport) == [*checks, *cleaning, *reading, *linking]


def test_nbconvert_knows_both_by_name():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    named = project["project"]["entry-points"]["nbconvert.exporters"]
    found = {name: import_item(value.replace(":", ".")) for name, value in named.items()}
    assert found == {"report-html": HTMLReport, "report-pdf": PDFReport}


@pytest.mark.slow
@pytest.mark.parametrize(("exporter", "ending"), [(HTMLReport, "html"), (PDFReport, "pdf")])
def test_one_executed_notebook_from_the_command_line(exporter, ending, tmp_path, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    removed = tagged("remove-cell", "alpha()", PRINTED), tagged("remove_output", "beta()", PRINTED)
    path = save(tmp_path / "run", notebook("# Alone", "See @fig-a.", code(FIGURE, drawing()), *removed))
    cover = f"--{exporter.__name__}.config_file={tmp_path / 'run' / 'report.toml'}"
    command = [sys.executable, "-m", "nbconvert", "--to", f"workflow.report.exporters.{exporter.__name__}", str(path)]
    command += [cover, "--output-dir", str(tmp_path / "out")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert [file.name for file in (tmp_path / "out").iterdir()] == [f"notebook.{ending}"]  # and no files of pictures
    build([path], tmp_path / "run" / "report.toml", **{ending: tmp_path / "report"})
    assert (tmp_path / "out" / f"notebook.{ending}").read_bytes() == (tmp_path / "report").read_bytes()
    if ending == "html":
        assert "beta" in (page := (tmp_path / "report").read_text()) and not re.search("alpha|what was printed", page)


def test_an_exported_notebook_stays_as_it_was(tmp_path):
    path = save(tmp_path, notebook("# T", code("say()", PRINTED)))
    given, before = nbformat.read(path, as_version=4), nbformat.read(path, as_version=4)
    HTMLReport(config_file=str(tmp_path / "report.toml")).from_notebook_node(given)
    assert given == before


def test_a_removed_cell_leaves_nothing(tmp_path):
    hidden = v4.new_markdown_cell("Words of nobody.", metadata={"tags": ["remove-cell"]})
    figure = tagged("remove-cell", options(label="fig-a", fig_cap="C.", fig_alt="A"), drawing())
    html, pdf = made(tmp_path, hidden, figure, "Kept.")
    for text in (html, pdf):
        assert "Kept." in text
        assert "nobody" not in text
        assert "draw()" not in text
    assert "fig-a" not in html


def test_a_removed_input_leaves_what_it_shows(tmp_path):
    for text in made(tmp_path, tagged("remove-input", "secret = 1", PRINTED)):
        assert "secret" not in text
        assert "what was printed" in text


def test_a_removed_output_leaves_its_code_and_needs_no_words(tmp_path):
    table = tagged("remove-output", options(label="tbl-a", tbl_cap="C.") + "\ndef kept(): 1", shown("text/html", CELLS))
    html, pdf = made(tmp_path, table, tagged("remove-output", "def also(): 1", PRINTED))
    for text in (html, pdf):
        assert "kept" in text
        assert "also" in text
        assert "what was printed" not in text
    assert "<table" not in html


def test_a_hidden_input_is_folded_on_a_screen_and_left_out_on_paper(tmp_path):
    html, pdf = made(tmp_path, tagged("hide-input", "def folded(): 1", PRINTED), code("def opened(): 1"))
    assert html.count('<details class="code">') == 2
    assert "folded" in html
    assert "folded" not in pdf
    assert "def opened" in pdf
    assert "what was printed" in pdf


@pytest.mark.parametrize("tag", ["remove-cell", "remove_cell"])
def test_cells_of_all_kinds_that_are_tagged_to_be_removed_are_in_neither_format(tag, tmp_path):
    hidden = [code("alpha()", PRINTED), v4.new_markdown_cell("alpha"), v4.new_raw_cell("alpha")]
    for cell in hidden:
        cell.metadata["tags"] = [tag]
    for text in made(tmp_path, *hidden, "Kept."):
        assert "Kept." in text
        assert not re.search("alpha|what was printed", text)


def test_tags_as_nbconverts_manual_writes_them_are_the_same(tmp_path):
    cells = tagged("remove_input", "def alpha(): 1", PRINTED), tagged("remove_output", "def beta(): 1", PRINTED)
    for text in made(tmp_path, *cells):
        assert "alpha" not in text
        assert "beta" in text
        assert text.count("what was printed") == 1


@pytest.mark.parametrize("tag", ["hide-output", "hide_output", "hide-cell"])
def test_a_hidden_output_is_folded_on_a_screen_and_kept_on_paper(tag, tmp_path):
    figure = tagged(tag, FIGURE, drawing())
    html, pdf = made(tmp_path, "See @fig-a.", figure, tagged(tag, "def alpha(): 1", PRINTED, shown("text/html", CELLS)))
    folded = re.findall('<details class="output"><summary>Output <span>cell (.)</span>(.*?)</details>', html, re.DOTALL)
    assert [cell for cell, _ in folded] == ["3", "4", "4"]
    assert "<svg" in folded[0][1] and "what was printed" in folded[1][1] and "<table>" in folded[2][1]
    assert "Figure 1.1" in pdf and "what was printed" in pdf


def test_declared_parameters_that_are_removed_do_not_come_back_as_papermills(tmp_path):
    declared, injected = code("size = 5"), code("# Parameters\nsize = 5")
    declared.metadata["tags"], injected.metadata["tags"] = ["parameters", "remove-cell"], ["injected-parameters"]
    for text in made(tmp_path, declared, injected, "Kept."):
        assert "Kept." in text
        assert "size" not in text


@pytest.mark.parametrize("tag", ["remove-cell", "remove-output"])
def test_a_run_that_failed_is_refused_also_where_a_tag_hides_it(tag, tmp_path, capsys):
    failed = tagged(tag, "x()", v4.new_output("error", ename="ValueError", evalue="no rows", traceback=[]))
    said = refusal(save(tmp_path, notebook("# T", failed)), capsys)
    assert said.endswith("cell 2: the run failed with ValueError: no rows")


def test_cells_keep_their_numbers_when_others_are_removed(tmp_path, capsys):
    path = save(tmp_path, notebook("# T", tagged("remove-cell", "x()"), "It reaches 12.34 %."))
    assert f"{path}, cell 3: 12.34 % is typed into the text" in refusal(path, capsys)


def test_what_is_printed_bit_by_bit_reads_as_in_a_terminal(tmp_path):
    said = [("stdout", "begin: 10 %\rbegin: "), ("stderr", "a warning"), ("stdout", "\x1b[31mdone\x1b[0m\n")]
    outputs = [v4.new_output("stream", name=name, text=text) for name, text in said]
    for text in made(tmp_path, code("say()", *outputs)):
        assert "begin: done" in text
        assert "10 %" not in text
        assert "a warning" not in text
