"""The first page's answers and findings: what they say with results, without, and with some of them."""

import json
import re

import torch
from conftest import ROOT
from test_comparison import leave, read
from test_pairs import SIX, guesses

from helpers.comparison import claims, pairs, summary


def rows(found):
    return summary.answer_rows(found, claims.answers(found))


def test_without_results_every_row_says_which_chapter_was_not_run(tmp_path):
    for row, question in zip(rows(read(tmp_path)), summary.QUESTIONS, strict=True):
        assert row["answer"] == f"Chapter {int(question.metrics[0][:2])} was not run."
        assert row["ours"] == "" and bool(row["reported"]) == bool(question.claim)


def test_a_row_has_the_values_that_were_measured_beside_the_reported_one(tmp_path):
    metrics = {"svm_poly.test_accuracy": 0.5, "svm_rbf_hog.test_accuracy": 0.75}
    labels = torch.arange(60) % 3
    leave(tmp_path, SIX, metrics=metrics, predictions={"svm_poly": guesses(labels, 30), "labels": labels})
    found = {row["name"]: row for row in rows(read(tmp_path))}
    assert re.search(r"on pixels is 50\.0%, .* colour 75\.0%\.", found["A Q3"]["answer"])
    assert found["A Q3"]["reported"] == "0.497"
    assert re.fullmatch(r"0\.50 \(0\.\d+ to 0\.\d+\)", found["A Q3"]["ours"])
    assert found["A Q4"]["answer"] == "Chapter 7 was not run."  # not all of its values are there


def test_every_question_leads_to_a_section_and_to_values_that_exist():
    notebooks = {path.stem: path.read_text(encoding="utf-8") for path in (ROOT / "notebooks").glob("0*.ipynb")}
    sections = re.findall(r'<a id=\\"(sec-[\w-]+)\\"></a>', " ".join(notebooks.values()))
    for question in summary.QUESTIONS:
        assert question.section in sections
        assert not question.claim or question.claim in claims.reported_values()
        assert question.sentence.count("{") == len(question.metrics)
        assert {path.partition("/")[0] for path in question.metrics} <= notebooks.keys()
    assert [question.assignment for question in summary.QUESTIONS] == ["a"] * 7 + ["b"] * 4


def test_the_largest_real_difference_comes_first(tmp_path):
    labels = torch.arange(60) % 3
    right = {"cnn": 58, "ffnn": 20, "svm_rbf_hog": 56, "report_a_cnn": 50}
    leave(tmp_path, SIX, predictions={key: guesses(labels, n) for key, n in right.items()} | {"labels": labels})
    sentences = summary.main_findings(pairs.test_sets(read(tmp_path).runs))
    assert sentences[0].startswith("Our CNN beats the feed-forward net")
    assert sentences[1].startswith("The RBF SVM on HOG + colour beats the feed-forward net")
    assert len(sentences) == 3
    assert summary.main_findings([]) == []


def test_what_is_left_for_the_report_is_json(tmp_path):
    found = read(tmp_path)
    left = summary.tables(found, claims.answers(found), [])
    assert json.loads(json.dumps(left)) == left
