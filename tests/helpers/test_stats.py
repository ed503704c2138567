"""Intervals and tests against published worked examples, scipy and each other."""

import numpy as np
import pytest
import torch
from scipy.stats import chi2_contingency, ttest_1samp, ttest_rel

from helpers import stats


def certain(predictions, classes=3):
    """Class probabilities that predict just this."""
    return torch.nn.functional.one_hot(torch.tensor(predictions), classes).float()


@pytest.mark.parametrize(
    ("hits", "count", "low", "high"),
    # Newcombe 1998, Statistics in Medicine 17, table I, method 3
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0000, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_interval_of_published_examples(hits, count, low, high):
    measured = stats.accuracy(certain([0] * hits + [1] * (count - hits)), torch.zeros(count, dtype=torch.long))
    assert measured == stats.wilson(hits, count)
    assert measured.value == hits / count
    assert (measured.low, measured.high) == pytest.approx((low, high), abs=5e-5)


def test_mean_and_interval_of_students_own_data():
    # Hours of sleep gained, Student 1908, as R's t.test gives them: 1.58, interval 0.7001142 to 2.4598858
    gained = [1.2, 2.4, 1.3, 1.3, 0.0, 1.0, 1.8, 0.8, 4.6, 1.4]
    measured = stats.mean(gained)
    assert (measured.value, measured.low, measured.high) == pytest.approx((1.58, 0.7001142, 2.4598858), abs=1e-7)
    assert measured.std == pytest.approx(np.std(gained, ddof=1))
    scipy = ttest_1samp(gained, 0).confidence_interval(0.95)
    assert (measured.low, measured.high) == pytest.approx((scipy.low, scipy.high))
    with pytest.raises(ValueError, match="two values"):
        stats.mean([0.9])


def test_mcnemar_of_published_examples():
    # Airway hyper-responsiveness, 1 against 7: Fagerland, Lydersen and Laake 2013, BMC Med Res Methodol 13:91
    assert stats.mcnemar_asymptotic(1, 7) == pytest.approx(0.034, abs=5e-4)
    assert stats.mcnemar_exact(1, 7) == pytest.approx(0.070, abs=5e-4)
    # Two culture media, 12 against 2: Armitage and Berry 1994, p. 127
    assert stats.mcnemar_exact(12, 2) == pytest.approx(0.0129, abs=5e-5)
    # Approval ratings, 150 against 86, statistic 17.36: Agresti 2002, section 10.1
    assert stats.mcnemar_asymptotic(150, 86) == pytest.approx(3.1e-5, abs=5e-7)


def test_mcnemar_of_models_that_never_disagree_or_as_often_either_way():
    for test in (stats.mcnemar_exact, stats.mcnemar_asymptotic):
        assert test(0, 0) == test(6, 6) == 1.0


def test_mcnemar_counts_the_images_that_one_model_gets_right():
    # 1 image only the first model gets right, 5 only the second: 2 * (1 + 6) / 2^6
    labels = torch.zeros(10, dtype=torch.long)
    a, b = certain([0] + [1] * 5 + [0] * 4), certain([1] + [0] * 5 + [0] * 4)
    assert stats.discordant_counts(a, b, labels) == (1, 5)
    assert stats.mcnemar(a, b, labels) == pytest.approx(14 / 64)
    assert stats.mcnemar(a, a, labels) == 1.0


def test_paired_difference_of_a_published_example():
    # The same ratings, of 1,600 people: 0.04, interval 0.021 to 0.059 (Agresti 2002, section 10.1)
    measured = stats.paired_difference(150, 86, 1600)
    assert (measured.value, measured.low, measured.high) == pytest.approx((0.04, 0.021, 0.059), abs=5e-4)
    turned = stats.paired_difference(86, 150, 1600)
    assert (turned.low, turned.high) == pytest.approx((-measured.high, -measured.low))
    assert str(measured).startswith("+4.0 points (+2.1 to ")
    assert stats.paired_difference(20, 0, 20).high == 1.0 and stats.paired_difference(0, 20, 20).low == -1.0


def test_unpaired_test_is_the_chi_square_of_the_table():
    table = [[9160, 840], [9085, 915]]
    expected = chi2_contingency(table, correction=False).pvalue
    assert stats.two_proportions(9160, 10000, 9085, 10000) == pytest.approx(expected)
    assert stats.two_proportions(10, 10, 5, 5) == 1.0


def test_bounds_hold_every_way_that_two_models_can_share_their_mistakes():
    count, hits_a, hits_b = 40, 34, 27
    bounds = stats.mcnemar_bounds(hits_a, hits_b, count)
    p = {shared: stats.mcnemar_exact(count - hits_b - shared, count - hits_a - shared) for shared in range(7)}
    assert (bounds.least, bounds.most) == (min(p.values()), max(p.values())) == (p[6], p[0])
    assert bounds.enough == min(shared for shared in p if p[shared] < 0.05)
    assert bounds.by_chance == pytest.approx(6 * 13 / 40)
    assert stats.mcnemar_bounds(20, 19, 40).enough is None
    # 30 and 30 wrong of 40: at least 20 of them are the same
    assert stats.mcnemar_bounds(10, 10, 40).most == 1.0


def test_holm_of_worked_examples():
    # The help page of R's p.adjust, and four p-values of which 0.005 and 0.01 stay below 0.05
    assert stats.holm([0.01, 0.02, 0.03, 0.04, 0.05]) == pytest.approx([0.05, 0.08, 0.09, 0.09, 0.09])
    assert stats.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert stats.holm([0.9, 0.8]) == [1.0, 1.0] and stats.holm([]) == []


@pytest.mark.parametrize(
    ("hits", "count", "text"),
    [(9738, 10000, "97.38% (97.05% to 97.68%)"), (3600, 6000, "60.0% (58.8% to 61.2%)"), (30, 60, "50% (38% to 62%)")],
)
def test_an_accuracy_has_the_digits_that_its_interval_allows(hits, count, text):
    assert str(stats.wilson(hits, count)) == text


def test_a_column_has_the_digits_of_its_widest_interval():
    assert stats.percent_spec([stats.wilson(9738, 10000), stats.wilson(3600, 6000)]) == ".1%"
    assert [stats.decimals(0, width) for width in (0.024, 0.0024, 1e-9, 0, 30)] == [3, 4, 4, 4, 0]


def test_the_sentence_turns_with_the_result():
    labels = torch.zeros(40, dtype=torch.long)
    good, bad = certain([0] * 40), certain([1] * 20 + [0] * 20)
    assert stats.compare("the one", good, "the other", bad, labels).startswith(
        "The one beats the other: 100% against 50%"
    )
    assert stats.compare("the one", bad, "the other", good, labels).startswith("The other beats the one")
    assert "do not differ significantly" in stats.compare("the one", good, "the other", good, labels)
    assert stats.p_text(0.0004) == "p < 0.001" and stats.p_text(0.0129) == "p = 0.013"


def test_the_paired_t_test_is_scipys():
    a, b = [0.94, 0.95, 0.93, 0.96], [0.92, 0.95, 0.92, 0.93]
    assert stats.t_test([x - y for x, y in zip(a, b, strict=True)]) == pytest.approx(ttest_rel(a, b).pvalue)
    assert stats.t_test([0.0, 0.0]) == 1.0 and stats.t_test([0.1, 0.1]) == 1.0
    with pytest.raises(ValueError, match="two values"):
        stats.t_test([0.1])
