"""The reference file of reported figures: complete, consistent with itself, and each value answered or excused."""

from decimal import Decimal

import pytest

from helpers import results
from helpers.comparison import claims

VALUES = claims.reported_values()
CLAIMS = {key: value for key, value in VALUES.items() if value.is_claim}


def test_there_are_at_least_25_claims_of_both_reports():
    assert len(CLAIMS) >= 25
    assert {key[0] for key in CLAIMS} == {"A", "B"}


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_a_figure_says_what_answers_it_or_why_nothing_does(value):
    assert bool(value.metric) != bool(value.uncovered)
    assert value.split in ("test", "validation", "training") and value.better in ("higher", "lower")
    assert ("loss" in value.key) == (value.better == "lower")
    for path in filter(None, (value.metric, value.reproduced)):
        chapter, _, name = path.partition("/")
        assert chapter[:2].isdecimal() and name
    assert (value.field is not None) == isinstance(value.value, list)
    assert value.repeats is None or value.repeats in CLAIMS


@pytest.mark.parametrize("key", [key for key, value in VALUES.items() if value.average])
def test_an_average_is_that_of_its_list_to_the_printed_digits(key):
    value = VALUES[key]
    mean = sum(value.value) / len(value.value)
    # Averages of figures that were rounded before may be off by half a digit of the last place of either.
    off = Decimal(1).scaleb(value.average.as_tuple().exponent)
    assert len(value.value) == 10 and abs(mean - value.average) <= off


def test_figures_that_say_the_same_agree():
    for task in ("T2", "T3"):
        # A thousand test images a class: the mean recall is the accuracy.
        assert float(VALUES[f"B.{task}.recall"].average) == pytest.approx(VALUES[f"B.{task}.accuracy"].mean, abs=1e-6)
    rounded = [round(value, 2) for value in VALUES["A.Q1.class_accuracy"].value]
    assert all(abs(a - b) <= Decimal("0.01") for a, b in zip(rounded, VALUES["A.Q1.recall"].value, strict=True))
    for name in ("svm_linear", "svm_poly", "logistic", "gaussian_nb"):
        counts = (179, 171, 172, 159, 156, 163)  # of test images a class, which these figures give away
        hits = sum(round(n * a) for n, a in zip(counts, VALUES[f"A.Q3.{name}.class_accuracy"].value, strict=True))
        assert hits / 1000 == VALUES[f"A.Q3.{name}.accuracy"].mean


def test_f_scores_are_harmonic_means():
    for key in ("A.Q1", "B.T2", "B.T3"):
        lists = [VALUES[f"{key}.{name}"].value for name in ("precision", "recall", "f1")]
        for p, r, f in zip(*lists, strict=True):
            assert abs(2 * p * r / (p + r) - f) <= Decimal("0.011" if key[0] == "A" else "0.0002")


def test_the_logs_are_there_twice():
    logs = [results.reported(f"A.{question}.train_log") for question in ("Q1", "Q2")]
    assert logs[0] == logs[1] and len(logs[0]) == 15
    assert logs[0][-1] == results.reported("A.Q1.train_loss")


def test_printed_digits_are_kept():
    assert VALUES["A.Q1.accuracy"].printed == "0.95" and VALUES["B.T2.train_accuracy"].printed == "0.9400"
    assert VALUES["B.T2.accuracy"].printed == "0.9160" and VALUES["A.Q3.logistic.accuracy"].printed == "0.453"
