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
    metrics = {"svm_poly.test_accuracy": 0.5, "svm_rbf_hog.test_accuracy": 0.75, "svm_kmeans.test_accuracy": 0.8}
    labels = torch.arange(60) % 3
    leave(tmp_path, SIX, metrics=metrics, predictions={"svm_poly": guesses(labels, 30), "labels": labels})
    found = {row["name"]: row for row in rows(read(tmp_path))}
    assert re.search(r"on pixels is 50\.0%, .* colour 75\.0%, on .* labels 80\.0%\.", found["A Q3"]["answer"])
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
    found = read(tmp_path)
    sentences = summary.main_findings(found, pairs.test_sets(found.runs))
    assert sentences[0].startswith("Our CNN beats the feed-forward net")
    assert sentences[1].startswith("The RBF SVM on HOG + colour beats the feed-forward net")
    assert len(sentences) == 3
    assert summary.main_findings(read(tmp_path / "nothing"), []) == []


def test_of_several_seeds_answers_have_their_spread_and_findings_are_tested_over_them(tmp_path):
    labels = torch.arange(60) % 3
    for seed, hits in enumerate([40, 42, 41, 39, 43]):
        cnn = guesses(labels, 58 if seed == 0 else hits)  # the first seed alone would tell of a winner
        predictions = {"cnn": cnn, "report_a_cnn": guesses(labels, hits), "ffnn": guesses(labels, hits - 20)}
        metrics = dict.fromkeys(("cnn", "svm_kmeans", "ffnn", "svm_linear"), 0.4 + seed / 100)
        metrics = {f"{name}.test_accuracy": value for name, value in metrics.items()}
        leave(tmp_path, SIX, seed=seed, metrics=metrics, predictions=predictions | {"labels": labels})
    found = read(tmp_path)
    before = summary.main_findings(found, pairs.test_sets(found.runs))
    assert "CNN 42.0 ± 1.6%, RBF SVM" in {row["name"]: row for row in rows(found)}["A Q4"]["answer"]
    assert summary.note(found) == "Mean and standard deviation over 5 seeds. The chapters show seed 0."
    assert before[0].startswith("Our CNN beats the feed-forward net: +3") and "ahead with 5 of 5 seeds" in before[0]
    assert "Our CNN and Report A's CNN do not differ significantly: +6.00" in before[1]


def test_what_is_left_for_the_report_is_json(tmp_path):
    found = read(tmp_path)
    left = summary.tables(found, claims.answers(found), [])
    assert json.loads(json.dumps(left)) == left
