"""The first page of a report: after the cover, before the contents, from what the comparing chapter has left."""

import json

import pypdf
import pytest
from test_report import notebook, refusal, save

from workflow.report import places
from workflow.report.build import build

ROWS = [
    {"assignment": "a", "name": "A Q1", "question": "By hand?", "answer": "Yes, 50.0%.", "section": "sec-here"},
    {
        "assignment": "b",
        "name": "B Task 1",
        "question": "And noise?",
        "answer": "Chapter 2 was not run.",
        "section": "x",
    },
]


@pytest.fixture
def chapter(tmp_path):
    path = save(tmp_path / "08_comparison", notebook("# Compared", "## Here {#sec-here}\n\nText."), sample_data=False)
    record = json.loads(path.with_name("results.json").read_text())
    answers = [row | {"reported": "0.95", "ours": "0.9738 (0.97 to 0.98)"} for row in ROWS]
    record["tables"] = {"answers": answers, "findings": ["One beats another.", "Two do not differ."]}
    path.with_name("results.json").write_text(json.dumps(record))
    return path


def made(path, assignment=""):
    html, pdf = path.with_name("r.html"), path.with_name("r.pdf")
    build([path], path.with_name("report.toml"), html=html, pdf=pdf, assignment=assignment)
    return html.read_text(), [" ".join(page.extract_text().split()) for page in pypdf.PdfReader(pdf).pages]


def test_answers_and_findings_stand_between_cover_and_contents(chapter):
    html, pages = made(chapter)
    assert "What came out Question Answer Reported Ours A Q1 By hand? Yes, 50.0%. Section" in pages[1]
    assert "0.95 0.9738 (0.97 to 0.98)" in pages[1] and "Chapter 2 was not run." in pages[1]
    assert "1. One beats another. 2. Two do not differ." in pages[1]
    assert "Contents" in pages[2] and "8 Compared" in pages[3]
    assert html.index(">What came out</h1>") < html.index("Compared</h1>")
    assert html.count('href="#sec-here"') == 2  # in the contents and in the row; the other row's section is not here


def test_of_several_seeds_a_line_says_so_and_no_line_ends_within_a_value(chapter):
    path = chapter.with_name("results.json")
    record = json.loads(path.read_text())
    record["tables"] |= {"note": "Mean over 5 seeds.", "findings": ["One beats another: p < 0.001."]}
    record["tables"]["answers"][0] |= {"answer": "Yes, 50.0 ± 0.1%.", "ours": "0.97 ± 0.01"}
    path.write_text(json.dumps(record))
    html, pages = made(chapter)
    assert "What came out Mean over 5 seeds. Question" in pages[1]
    for value in ("50.0 ± 0.1%", "0.97 ± 0.01", "p < 0.001"):
        assert value.replace(" ", "\N{NO-BREAK SPACE}").replace("<", "&lt;") in html and value in pages[1]
    evidence = json.loads(places.out_of_html(html)[1])
    assert "Yes, 50.0 ± 0.1%." in evidence["shown"][places.OPENING]  # what a check looks for


def test_a_report_of_one_assignment_has_its_own_questions(chapter):
    page, pages = made(chapter, "b")
    for text in (places.out_of_html(page)[0], pages[1]):  # in the evidence is the whole record
        assert "And noise?" in text and "By hand?" not in text


def test_without_a_comparing_chapter_there_is_no_such_page(tmp_path):
    html, pages = made(save(tmp_path / "05_x", notebook("# Alone\n\nText."), sample_data=False))
    assert "What came out" not in html + pages[1]
    assert "Contents" in pages[1]


def test_results_that_cannot_be_read_are_named(chapter, capsys):
    chapter.with_name("results.json").write_text("{")
    assert "results.json is damaged: run `make report`" in refusal(chapter, capsys)
