"""Is it more than chance? Intervals and tests of accuracies: all of the report's come from here."""

from __future__ import annotations

from dataclasses import dataclass

from scipy.stats import binomtest
from torch import Tensor


@dataclass(frozen=True)
class Accuracy:
    """An accuracy with its 95 % interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.2%} ({self.low:.2%} to {self.high:.2%})"


def accuracy(probabilities: Tensor, labels: Tensor) -> Accuracy:
    """Accuracy of class probabilities [N, C] against labels [N], with Wilson's interval (Wilson 1927)."""
    hits = int((probabilities.argmax(1) == labels).sum())
    interval = binomtest(hits, len(labels)).proportion_ci(0.95, method="wilson")
    return Accuracy(hits / len(labels), interval.low, interval.high)


def mcnemar(a: Tensor, b: Tensor, labels: Tensor) -> float:
    """Exact McNemar test: the chance of so uneven a split of the images that just one of two models gets right.

    ``a`` and ``b`` are class probabilities [N, C] on the same images. McNemar 1947; two-sided binomial p-value,
    1.0 when the models never disagree.
    """
    right_a, right_b = a.argmax(1) == labels, b.argmax(1) == labels
    only_a, only_b = int((right_a & ~right_b).sum()), int((right_b & ~right_a).sum())
    return binomtest(only_a, only_a + only_b).pvalue if only_a + only_b else 1.0


def compare(name_a: str, a: Tensor, name_b: str, b: Tensor, labels: Tensor) -> str:
    """One sentence on which of two models is ahead on the same images, and whether chance would explain it."""
    first, second = accuracy(a, labels).value, accuracy(b, labels).value
    if first < second:
        first, second, name_a, name_b = second, first, name_b, name_a
    p = mcnemar(a, b, labels)
    chance = f"McNemar's test, p {'< 0.001' if p < 0.001 else f'= {p:.3f}'}"
    if p < 0.05:
        return f"{name_a[0].upper()}{name_a[1:]} beats {name_b}: {first:.2%} against {second:.2%} ({chance})."
    return (
        f"Between {name_a} and {name_b} there is no difference that chance would not explain: "
        f"{first:.2%} against {second:.2%} ({chance})."
    )
