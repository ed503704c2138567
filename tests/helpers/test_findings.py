"""The sentences of chapter 8: with no results, with some, and the numbers that they must have in them."""

import subprocess
import sys

import pytest
import torch
from test_comparison import leave, read
from test_pairs import SIX, guesses

from helpers import palette
from helpers.comparison import claims, duels, errors, findings, pairs, seeds
from helpers.results import ROOT


@pytest.fixture
def nothing(tmp_path):
    return read(tmp_path)


@pytest.fixture
def two_seeds(tmp_path):
    labels = torch.arange(60) % 3
    predictions = {"cnn": guesses(labels, 55), "ffnn": guesses(labels, 35), "svm_rbf_hog": guesses(labels, 48)}
    for seed, best in ((0, 0.95), (1, 0.5)):
        metrics = {"cnn.test_accuracy": best, "ffnn.test_accuracy": 0.6, "svm_rbf_hog.test_accuracy": 0.8}
        seconds = {"cnn.fit_seconds": 20.0, "ffnn.fit_seconds": 2.0, "svm_rbf_hog.fit_seconds": 3.0}
        leave(tmp_path, SIX, seed=seed, metrics=metrics | seconds, predictions=predictions | {"labels": labels})
    scores = {key: [0.9] * 9 + [0.8] for key in ("precision", "recall", "f1")}
    leave(tmp_path, "05_fashion_cnn", metrics={"cnn.test_accuracy": 0.95}, tables={"cnn.per_class": scores})
    return read(tmp_path)


def test_without_results_every_sentence_says_so(nothing):
    answered = claims.answers(nothing)
    assert "reads the results of 0 chapters: none." in findings.what_was_read(nothing)
    assert findings.missing(nothing) == list(palette.BY_CHAPTER)
    assert "result for 0 of them, and 0 are beaten" in findings.beaten_claims(answered, claims.counts(answered))
    assert "Neither model of Report B" in findings.f_scores(answered)
    assert findings.pareto_fronts([]) == "No training was timed in the results read."
    assert findings.pair_counts([]) == {"pairs.total": 0, "pairs.significant": 0}
    assert findings.duels([], duels.CODE_DUELS, otherwise="none") == "none"
    assert "were not run here" in findings.report_a_order([], nothing)
    assert "not both run" in errors.approximation([]) and "not both run" in errors.missing_activation([])
    for text in (errors.softmax_floor(nothing), errors.code_baselines(nothing), errors.counted_images(nothing)):
        assert text.endswith(".") and "{" not in text


def test_the_order_of_models_turns_with_the_results_and_is_counted_over_seeds(two_seeds):
    sets = pairs.test_sets(two_seeds.runs)
    text = findings.report_a_order(sets, two_seeds)
    assert (
        text.startswith("Here the order is CNN, 91.7%")
        and "classical (the best: RBF SVM on HOG + colour), 80.0%" in text
    )
    assert "Report A's order does not hold." in text and "same in 1 of 2 seeds" in text
    assert "contradicts the reason" in errors.approximation(sets)
    assert findings.pair_counts(sets) == {"pairs.total": 3, "pairs.significant": 3}
    assert "Of the 3 pairs on 1 test sets, 3 differ significantly" in findings.tested_pairs(sets)
    assert "feed-forward net (2.0 s, 58.3%), RBF SVM on HOG + colour (3.0 s, 80.0%)" in findings.pareto_fronts(sets)
    answered = claims.answers(two_seeds)
    assert "Its hardest is Ankle boot (0.800), unlike in the report." in findings.f_scores(answered)
    assert "Seeds: 0, 1." in findings.what_was_read(two_seeds)


def test_winners_are_tested_over_the_seeds(tmp_path, nothing):
    labels = torch.arange(60) % 3
    for seed, (cnn, rbf) in enumerate([(55, 41), (54, 39), (56, 40)]):
        predictions = {"cnn": guesses(labels, cnn), "svm_rbf_hog": guesses(labels, rbf), "labels": labels}
        predictions |= {"ffnn": guesses(labels, 40), "report_a_cnn": guesses(labels, 20)}
        metrics = {"cnn.test_accuracy": cnn / 60, "report_a_cnn.test_accuracy": 0.1}
        leave(tmp_path, SIX, seed=seed, metrics=metrics, predictions=predictions)
    found = read(tmp_path)
    assert "even a large difference may not be significant." in findings.across_seeds(found, claims.answers(found))
    rows = {(row["better on average"], row["than"]): row for row in seeds.rows(found, duels.ALL)}
    assert [rows["our CNN", "Report A's CNN"][key] for key in ("points", "ahead", "p", "")] == [
        *("58.33 ± 1.67", "3 of 3", "< 0.001", "significant")
    ]
    close = rows["RBF SVM on HOG + colour", "feed-forward net"]
    assert [close[key] for key in ("points", "ahead", "p", "")] == ["0.00 ± 1.67", "1 of 3", "1.000", ""]
    assert len(rows) == 3 and rows["our CNN", "feed-forward net"]["points"] == "25.00 ± 1.67"
    first = seeds.compare(found, duels.ALL)[0].sentence
    assert first == "Our CNN beats the feed-forward net: +25.00 ± 1.67 points, ahead with 3 of 3 seeds, p = 0.003."
    assert seeds.rows(nothing, duels.ALL) == [{"better on average": "One seed was run."}]
    assert findings.across_seeds(nothing, {}).startswith("One seed was run")


@pytest.mark.parametrize("least", [0.97, 0.9])
def test_a_claim_is_beaten_by_every_seed_or_by_the_mean_alone(least, tmp_path):
    for seed, value in enumerate([0.99, 0.99, least]):
        leave(tmp_path, "01_autoencoder", seed=seed, metrics={"scratch.code_accuracy": value})
    found = read(tmp_path)
    always = 1 if least > 0.95 else 0
    text = findings.across_seeds(found, claims.answers(found))
    assert f"Claims beaten by the mean over the seeds: 1. Beaten by every seed: {always}." in text


def test_what_report_b_could_say_of_its_two_models():
    metrics = errors.report_b_metrics()
    assert (
        metrics["reported_b.mcnemar_least_p"] < metrics["reported_b.unpaired_p"] < metrics["reported_b.mcnemar_most_p"]
    )
    text = errors.report_b_winner([])
    assert "840 and 915" in text and "p = 0.061" in text and "Our models" not in text
    assert "do not differ significantly (p = 0.231)" in errors.no_intervals()
    assert errors.repeated_log().startswith("15 of the 15") and "20 epochs" in errors.repeated_log()


@pytest.mark.parametrize(("hits", "enough"), [(2880, 0), (3200, 1)])  # of 6,000, where 0.453 of 1,000 is stated
def test_a_beaten_accuracy_may_be_chance_of_the_test_images(hits, enough, tmp_path):
    labels = torch.arange(6000) % 3
    metrics = {"logistic.test_accuracy": hits / 6000}
    leave(tmp_path, SIX, metrics=metrics, predictions={"logistic": guesses(labels, hits), "labels": labels})
    answered = claims.answers(read(tmp_path))
    text = findings.beaten_claims(answered, claims.counts(answered))
    assert f"Of the 1 that are accuracies, {enough} are beaten by more than the choice of test images explains" in text


@pytest.mark.slow
def test_chapter_8_imports_no_training_code():
    modules = "claims, findings, pairs, tables"
    code = f"import sys; from helpers.comparison import {modules}; from helpers.figures import comparison, sweep; "
    code += "print(*(name for name in sys.modules if name.startswith('helpers.')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    found = {name.split(".")[1] for name in done.stdout.split()}
    assert found == {"comparison", "figures", "integrity", "metrics", "palette", "plots", "results", "stats"}
