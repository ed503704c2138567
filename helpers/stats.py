"""Confidence intervals and significance tests, all that the report has.

Wilson's interval and McNemar's test are short enough to be written out over scipy's distributions; statsmodels, which
has both, would be one more dependency and has no interval of a paired difference.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import binomtest, chi2, norm, t
from torch import Tensor

LEVEL, ALPHA = 0.95, 0.05  # confidence level of every interval; p-values below ALPHA are called significant


@dataclass(frozen=True)
class Accuracy:
    """An accuracy with its 95 % interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        spec = percent_spec([self])
        return f"{self.value:{spec}} ({self.low:{spec}} to {self.high:{spec}})"


def decimals(low: float, high: float) -> int:
    """The decimals of a value with this interval: so many that half its width has two digits, but four at the most."""
    half = (high - low) / 2
    return min(4, max(0, 1 - math.floor(math.log10(half)))) if half > 0 else 4


def percent_spec(accuracies: Iterable[Accuracy]) -> str:
    """The format, such as ``".1%"``, of accuracies that stand in one column: by the widest of their intervals."""
    return f".{max(0, min(decimals(a.low, a.high) for a in accuracies) - 2)}%"


def wilson(hits: int, count: int) -> Accuracy:
    """The proportion ``hits`` / ``count`` with its score interval (Wilson 1927)."""
    interval = binomtest(hits, count).proportion_ci(LEVEL, method="wilson")
    return Accuracy(hits / count, interval.low, interval.high)


def accuracy(probabilities: Tensor, labels: Tensor) -> Accuracy:
    """Accuracy of class probabilities [N, C] against labels [N], with Wilson's interval."""
    return wilson(int((probabilities.argmax(1) == labels).sum()), len(labels))


@dataclass(frozen=True)
class Mean:
    """A mean, the standard deviation of the sample (n - 1 in its denominator), and the 95 % interval of the mean."""

    value: float
    std: float
    low: float
    high: float


def mean(values: Sequence[float]) -> Mean:
    """Mean, standard deviation and Student's t interval (1908) of ``values``, say of seeds or of the losses of images.

    Raises ValueError for fewer than two values.
    """
    if len(values) < 2:
        raise ValueError("a standard deviation needs two values or more")
    centre, std = float(np.mean(values)), float(np.std(values, ddof=1))
    half = float(t.ppf((1 + LEVEL) / 2, len(values) - 1)) * std / len(values) ** 0.5
    return Mean(centre, std, centre - half, centre + half)


def t_test(differences: Sequence[float]) -> float:
    """Student's paired t test (1908): two-sided p-value of ``differences`` whose expectation is zero.

    Where all are the same it is 1.0: differences that do not spread, as two may by accident, say nothing of how they
    would. Raises ValueError for fewer than two values.
    """
    found = mean(differences)
    if max(differences) == min(differences):
        return 1.0
    return float(2 * t.sf(abs(found.value) / found.std * len(differences) ** 0.5, len(differences) - 1))


def discordant_counts(a: Tensor, b: Tensor, labels: Tensor) -> tuple[int, int]:
    """The number of images that only the first of two models gets right, and that only the second does.

    ``a`` and ``b`` are class probabilities [N, C] on the same images with ``labels`` [N].
    """
    right_a, right_b = a.argmax(1) == labels, b.argmax(1) == labels
    return int((right_a & ~right_b).sum()), int((right_b & ~right_a).sum())


def mcnemar_exact(only_a: int, only_b: int) -> float:
    """Exact McNemar test (1947) of two discordant counts: the two-sided binomial p-value, 1.0 when both are zero.

    Every comparison of models on the same images is judged by this one.
    """
    return binomtest(only_a, only_a + only_b).pvalue if only_a + only_b else 1.0


def mcnemar_asymptotic(only_a: int, only_b: int) -> float:
    """Asymptotic McNemar test: (a - b)^2 / (a + b) is chi-square distributed with one degree of freedom."""
    return float(chi2.sf((only_a - only_b) ** 2 / (only_a + only_b), 1)) if only_a + only_b else 1.0


def mcnemar(a: Tensor, b: Tensor, labels: Tensor) -> float:
    """Exact McNemar test of two models' class probabilities [N, C] on the same images with ``labels`` [N]."""
    return mcnemar_exact(*discordant_counts(a, b, labels))


@dataclass(frozen=True)
class Difference:
    """The difference of two accuracies with its 95 % interval, as fractions; printed in percentage points."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        spec = f"+.{max(0, decimals(self.low, self.high) - 2)}f"
        return f"{100 * self.value:{spec}} points ({100 * self.low:{spec}} to {100 * self.high:{spec}})"


def paired_difference(only_a: int, only_b: int, count: int) -> Difference:
    """Difference of the accuracies of two models on the same ``count`` images, from their discordant counts.

    Wald interval with one pseudo-count per discordant cell (Bonett & Price 2012), clipped to [-1, 1]. The pseudo-counts
    pull its centre a little towards zero.
    """
    p, q = (only_a + 1) / (count + 2), (only_b + 1) / (count + 2)
    half = norm.ppf((1 + LEVEL) / 2) * ((p + q - (p - q) ** 2) / (count + 2)) ** 0.5
    return Difference((only_a - only_b) / count, max(-1.0, float(p - q - half)), min(1.0, float(p - q + half)))


def two_proportions(hits_a: int, count_a: int, hits_b: int, count_b: int) -> float:
    """Two-sided p-value of the pooled z-test for two proportions from *different* images.

    It equals the chi-square test of the 2 x 2 table without correction. For models on the same images McNemar's test
    is the right one.
    """
    pooled = (hits_a + hits_b) / (count_a + count_b)
    error = (pooled * (1 - pooled) * (1 / count_a + 1 / count_b)) ** 0.5
    return float(2 * norm.sf(abs(hits_a / count_a - hits_b / count_b) / error)) if error else 1.0


@dataclass(frozen=True)
class Bounds:
    """The range of McNemar's p-value when only the accuracies of two models on the same images are known.

    ``least`` is the p-value if the models share as many mistakes as possible, ``most`` if as few as possible. It is
    significant from ``enough`` shared mistakes on (None: never). Independent models would share ``by_chance``.
    """

    least: float
    most: float
    enough: int | None
    by_chance: float


def mcnemar_bounds(hits_a: int, hits_b: int, count: int) -> Bounds:
    """The bounds for models right on ``hits_a`` and ``hits_b`` of the same ``count`` images."""
    wrong_a, wrong_b = count - hits_a, count - hits_b
    # Fréchet's bounds of the number of images that both get wrong.
    most_shared, least_shared = min(wrong_a, wrong_b), max(0, wrong_a + wrong_b - count)

    def p(shared: int) -> float:
        return mcnemar_exact(wrong_b - shared, wrong_a - shared)

    enough = next((shared for shared in range(least_shared, most_shared + 1) if p(shared) < ALPHA), None)
    return Bounds(p(most_shared), p(least_shared), enough, wrong_a * wrong_b / count)


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's (1979) adjusted p-values of a family of n tests: the k-th smallest times n - k + 1, made non-decreasing.

    Rejecting those below ALPHA keeps the family-wise error rate at ALPHA.
    """
    order = np.argsort(p_values, kind="stable")
    corrected, highest = [0.0] * len(p_values), 0.0
    for k, i in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - k) * p_values[i]))
        corrected[i] = float(highest)
    return corrected


def p_text(p: float) -> str:
    """A p-value as a sentence has it: ``p = 0.012``, ``p < 0.001``."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def capitalised(text: str) -> str:
    """``text`` with a capital first letter, the others as they are."""
    return text[:1].upper() + text[1:]


def compare(name_a: str, a: Tensor, name_b: str, b: Tensor, labels: Tensor) -> str:
    """A sentence on which of two models is better on the same images, with McNemar's exact test.

    ``a`` and ``b`` are class probabilities [N, C], ``labels`` [N]. The better model is named first.
    """
    first, second = accuracy(a, labels), accuracy(b, labels)
    if first.value < second.value:
        first, second, name_a, name_b = second, first, name_b, name_a
    p, spec = mcnemar(a, b, labels), percent_spec([first, second])
    numbers = f"{first.value:{spec}} against {second.value:{spec}} (McNemar's test, {p_text(p)})."
    if p < ALPHA:
        return f"{capitalised(name_a)} beats {name_b}: {numbers}"
    return f"{capitalised(name_a)} and {name_b} do not differ significantly: {numbers}"
