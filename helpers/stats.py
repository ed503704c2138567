"""Is it more than chance? Intervals and tests of accuracies, losses and differences: all of the report's are here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import binomtest, chi2, norm, t
from torch import Tensor

LEVEL, ALPHA = 0.95, 0.05  # of every interval; below which a p-value is called significant


@dataclass(frozen=True)
class Accuracy:
    """An accuracy with its 95 % interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.2%} ({self.low:.2%} to {self.high:.2%})"


def wilson(hits: int, count: int) -> Accuracy:
    """The share ``hits`` of ``count`` images, with the interval of Wilson (1927)."""
    interval = binomtest(hits, count).proportion_ci(LEVEL, method="wilson")
    return Accuracy(hits / count, interval.low, interval.high)


def accuracy(probabilities: Tensor, labels: Tensor) -> Accuracy:
    """Accuracy of class probabilities [N, C] against labels [N], with Wilson's interval."""
    return wilson(int((probabilities.argmax(1) == labels).sum()), len(labels))


@dataclass(frozen=True)
class Mean:
    """A mean with the standard deviation (over n - 1) of what it was taken of, and its 95 % interval."""

    value: float
    std: float
    low: float
    high: float


def mean(values: Sequence[float]) -> Mean:
    """Mean, spread and Student's (1908) interval of two or more ``values``: of seeds, or of the losses of images.

    Raises ValueError for fewer than two: one value has no spread.
    """
    if len(values) < 2:
        raise ValueError("a spread needs two values or more")
    centre, std = float(np.mean(values)), float(np.std(values, ddof=1))
    half = float(t.ppf((1 + LEVEL) / 2, len(values) - 1)) * std / len(values) ** 0.5
    return Mean(centre, std, centre - half, centre + half)


def only_one_right(a: Tensor, b: Tensor, labels: Tensor) -> tuple[int, int]:
    """How many images only the first, and only the second of two models gets right.

    ``a`` and ``b`` are class probabilities [N, C] on the same images, ``labels`` [N].
    """
    right_a, right_b = a.argmax(1) == labels, b.argmax(1) == labels
    return int((right_a & ~right_b).sum()), int((right_b & ~right_a).sum())


def mcnemar_exact(only_a: int, only_b: int) -> float:
    """McNemar's test: the chance of so uneven a split of the images that only one of two models gets right.

    Two-sided binomial p-value (McNemar 1947, without his approximation); 1.0 when the models never disagree.
    Every verdict on models that met the same images is by this one.
    """
    return binomtest(only_a, only_a + only_b).pvalue if only_a + only_b else 1.0


def mcnemar_asymptotic(only_a: int, only_b: int) -> float:
    """The textbook's McNemar test: (a - b)^2 / (a + b) is chi-square with one degree of freedom."""
    return float(chi2.sf((only_a - only_b) ** 2 / (only_a + only_b), 1)) if only_a + only_b else 1.0


def mcnemar(a: Tensor, b: Tensor, labels: Tensor) -> float:
    """Exact McNemar test of two models' class probabilities [N, C] on the same images with ``labels`` [N]."""
    return mcnemar_exact(*only_one_right(a, b, labels))


@dataclass(frozen=True)
class Difference:
    """How far one accuracy is ahead of another, with its 95 % interval; in shares, written in points."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{100 * self.value:+.2f} points ({100 * self.low:+.2f} to {100 * self.high:+.2f})"


def paired_difference(only_a: int, only_b: int, count: int) -> Difference:
    """How far the first of two models is ahead on the same ``count`` images, with a 95 % interval.

    Of Bonett & Price (2012): Wald's after one image more on either side, so it is not quite centred on the difference;
    cut at what a difference can be.
    """
    p, q = (only_a + 1) / (count + 2), (only_b + 1) / (count + 2)
    half = norm.ppf((1 + LEVEL) / 2) * ((p + q - (p - q) ** 2) / (count + 2)) ** 0.5
    return Difference((only_a - only_b) / count, max(-1.0, float(p - q - half)), min(1.0, float(p - q + half)))


def two_proportions(hits_a: int, count_a: int, hits_b: int, count_b: int) -> float:
    """p-value of two accuracies on *different* images, two-sided: z-test with the pooled share (chi-square of a 2 x 2
    table, without correction). For models on the same images McNemar's test is the right one.
    """
    pooled = (hits_a + hits_b) / (count_a + count_b)
    error = (pooled * (1 - pooled) * (1 / count_a + 1 / count_b)) ** 0.5
    return float(2 * norm.sf(abs(hits_a / count_a - hits_b / count_b) / error)) if error else 1.0


@dataclass(frozen=True)
class Bounds:
    """What McNemar's test could say of two accuracies on the same images when only the two are known.

    ``least`` and ``most`` are its p-values when the models share all the mistakes they can, and as few; it is
    significant when they share ``enough`` mistakes or more (None: never). By chance they would share ``by_chance``.
    """

    least: float
    most: float
    enough: int | None
    by_chance: float


def mcnemar_bounds(hits_a: int, hits_b: int, count: int) -> Bounds:
    """The bounds for models right on ``hits_a`` and ``hits_b`` of the same ``count`` images."""
    wrong_a, wrong_b = count - hits_a, count - hits_b
    # Both cannot be wrong more often than either, nor so seldom that there would be more images than there are.
    most_shared, least_shared = min(wrong_a, wrong_b), max(0, wrong_a + wrong_b - count)

    def p(shared: int) -> float:
        return mcnemar_exact(wrong_b - shared, wrong_a - shared)

    enough = next((shared for shared in range(least_shared, most_shared + 1) if p(shared) < ALPHA), None)
    return Bounds(p(most_shared), p(least_shared), enough, wrong_a * wrong_b / count)


def holm(p_values: Sequence[float]) -> list[float]:
    """p-values of a family of tests, corrected by Holm (1979): the k-th smallest of n times n - k + 1, never falling.

    Calling those below 0.05 significant goes wrong once or more in at most 5 % of families.
    """
    order = np.argsort(p_values, kind="stable")
    corrected, highest = [0.0] * len(p_values), 0.0
    for k, i in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - k) * p_values[i]))
        corrected[i] = float(highest)
    return corrected


def chance(p: float) -> str:
    """A p-value in words' company: ``p = 0.012``, ``p < 0.001``."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def compare(name_a: str, a: Tensor, name_b: str, b: Tensor, labels: Tensor) -> str:
    """One sentence on which of two models is ahead on the same images, and whether chance would explain it."""
    first, second = accuracy(a, labels).value, accuracy(b, labels).value
    if first < second:
        first, second, name_a, name_b = second, first, name_b, name_a
    p = mcnemar(a, b, labels)
    test = f"McNemar's test, {chance(p)}"
    if p < ALPHA:
        return f"{name_a[0].upper()}{name_a[1:]} beats {name_b}: {first:.2%} against {second:.2%} ({test})."
    return (
        f"Between {name_a} and {name_b} there is no difference that chance would not explain: "
        f"{first:.2%} against {second:.2%} ({test})."
    )
