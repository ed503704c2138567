"""The report as nbconvert's exporters: registered by name, a pipeline in reading order, and the tags Jupyter knows."""

import os
import subprocess
import sys

import pypdf
import pytest
from conftest import ROOT
from nbconvert.exporters import get_exporter
from nbconvert.preprocessors import ExtractOutputPreprocessor, TagRemovePreprocessor
from nbformat import v4
from test_report import CELLS, code, drawing, notebook, options, save, shown

from workflow.report.build import build
from workflow.report.exporters import HTMLReport, PDFReport
from workflow.report.preprocessors import CheckRuns, Close, Number, ReadCells, ReadText, Refer

PRINTED = v4.new_output("stream", name="stdout", text="what was printed")


def made(tmp_path, *cells):
    """The HTML as text and the words of the PDF, of a notebook of these cells."""
    path, html, pdf = save(tmp_path, notebook("# T", *cells)), tmp_path / "report.html", tmp_path / "report.pdf"
    build([path], tmp_path / "report.toml", html=html, pdf=pdf)
    words = " ".join(" ".join(page.extract_text().split()) for page in pypdf.PdfReader(pdf).pages)
    return html.read_text(), words


def tagged(tag, source, *outputs):
    cell = code(source, *outputs)
    cell.metadata["tags"] = [tag]
    return cell


def test_both_are_known_to_nbconvert_by_name():
    assert get_exporter("report-html") is HTMLReport
    assert get_exporter("report-pdf") is PDFReport


def test_the_pipeline_checks_first_removes_and_extracts_before_it_reads_and_numbers_before_it_refers():
    kinds = [type(step) for step in HTMLReport()._preprocessors]
    removal = [CheckRuns, TagRemovePreprocessor, ExtractOutputPreprocessor]
    assert kinds == [*removal, ReadCells, ReadText, Number, Refer, Close]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "start"), [("report-html", b"<!doctype html>"), ("report-pdf", b"%PDF")])
def test_one_executed_notebook_from_the_command_line(name, start, tmp_path):
    path = save(tmp_path, notebook("# Alone", "Words."))
    command = [sys.executable, "-m", "nbconvert", "--to", name, "--output-dir", str(tmp_path / "out"), str(path)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (file,) = (tmp_path / "out").iterdir()
    assert file.read_bytes().startswith(start)


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
    table = tagged("remove-output", options(label="tbl-a", tbl_cap="C.") + "\nkept = 1", shown("text/html", CELLS))
    html, pdf = made(tmp_path, table, tagged("remove-output", "also = 1", PRINTED))
    for text in (html, pdf):
        assert "kept = 1" in text
        assert "also = 1" in text
        assert "what was printed" not in text
    assert "<table" not in html


def test_a_hidden_input_is_folded_on_a_screen_and_left_out_on_paper(tmp_path):
    html, pdf = made(tmp_path, tagged("hide-input", "folded = 1", PRINTED), code("open = 1"))
    assert html.count('<details class="code">') == 2
    assert "folded" in html
    assert "folded" not in pdf
    assert "open = 1" in pdf
    assert "what was printed" in pdf
