"""Intervals and tests against published worked examples and scipy."""

import pytest
import torch

from helpers import statistics


def certain(predictions, classes=3):
    """Class probabilities that predict just this."""
    return torch.nn.functional.one_hot(torch.tensor(predictions), classes).float()


def test_wilson_interval_of_a_worked_example():
    # 81 of 263: 0.255 to 0.366 (Newcombe 1998, table I, method 3)
    labels = torch.zeros(263, dtype=torch.long)
    measured = statistics.accuracy(certain([0] * 81 + [1] * 182), labels)
    assert measured.value == pytest.approx(81 / 263)
    assert (measured.low, measured.high) == pytest.approx((0.2553, 0.3662), abs=5e-5)


def test_mcnemar_of_a_case_counted_by_hand():
    # 1 image only the first model gets right, 5 only the second: 2 * (1 + 6) / 2^6
    labels = torch.zeros(10, dtype=torch.long)
    a, b = certain([0] + [1] * 5 + [0] * 4), certain([1] + [0] * 5 + [0] * 4)
    assert statistics.mcnemar(a, b, labels) == pytest.approx(14 / 64)
    assert statistics.mcnemar(a, a, labels) == 1.0


def test_the_sentence_turns_with_the_result():
    labels = torch.zeros(40, dtype=torch.long)
    good, bad = certain([0] * 40), certain([1] * 20 + [0] * 20)
    assert statistics.compare("the one", good, "the other", bad, labels).startswith("The one beats the other: 100.00%")
    assert statistics.compare("the one", bad, "the other", good, labels).startswith("The other beats the one")
    assert "no difference" in statistics.compare("the one", good, "the other", good, labels)
