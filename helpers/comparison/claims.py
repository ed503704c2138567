"""What the two reports state, ours beside it, and which claims are beaten.

The rule of "beaten" stands in reported.toml; :func:`beaten` is that rule.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from helpers import stats
from helpers.comparison.runs import Found, Measured, RunRecord, measure
from helpers.results import REPORTED

ADDED = {  # models and baselines that no report has, so that there is nothing of theirs to reproduce
    *("pca", "pixels", "contrastive", "unet", "noisy", "median", "tv", "planar", "cnn"),
    *("svm_hog", "svm_rbf_hog", "svm_kmeans", "majority", "random_init", "same_domain"),
}


@dataclass(frozen=True)
class ReportedValue:
    """A value that a report states, an entry of reported.toml; a list has one for each class."""

    key: str
    value: Decimal | list[Decimal]  # with the digits that were printed
    what: str
    place: str
    split: str
    better: str
    metric: str | None = None
    field: str | None = None
    reproduced: str | None = None
    uncovered: str | None = None
    repeats: str | None = None
    minutes: str | None = None
    average: Decimal | None = None
    test_images: int | None = None

    @property
    def is_claim(self) -> bool:
        """Stated of a test set, and not said before with more digits."""
        return self.split == "test" and self.repeats is None

    @property
    def values(self) -> list[Decimal]:
        return self.value if isinstance(self.value, list) else [self.value]

    @property
    def mean(self) -> float:
        """The value, of a list the mean over the classes."""
        return float(sum(self.values) / len(self.values))

    @property
    def best(self) -> Decimal:
        """The best value that rounds to the printed one, of a list their mean."""
        return sum(best_meant(value, self.better) for value in self.values) / Decimal(len(self.values))

    @property
    def printed(self) -> str:
        """The value with the digits it was printed with, at most four; of a list the mean over the classes."""
        places = min(4, *(-int(value.as_tuple().exponent) for value in self.values))
        return f"{self.mean:.{4 if len(self.values) > 1 else places}f}"


def reported_values() -> dict[str, ReportedValue]:
    """The entries of reported.toml that can be compared, by key, in the file's order."""
    entries = tomllib.loads(REPORTED.read_text(encoding="utf-8"), parse_float=Decimal)
    return {key: ReportedValue(key, **entry) for key, entry in entries.items() if "split" in entry}


def best_meant(printed: Decimal, better: str) -> Decimal:
    """The best value that rounds to the ``printed`` one: 0.955 for 0.95 where higher is better."""
    half = Decimal(1).scaleb(int(printed.as_tuple().exponent)) / 2
    return printed + half if better == "higher" else printed - half


def beaten(reported: ReportedValue, measured: Measured) -> bool:
    """Whether ours is strictly better than the best value that rounds to the printed one; lists by their means."""
    ours = Decimal(measured.value)
    return ours > reported.best if reported.better == "higher" else ours < reported.best


def beaten_by_every_seed(reported: ReportedValue, measured: Measured) -> bool:
    """Whether each run alone beats it too."""
    return all(beaten(reported, Measured([value])) for value in measured.seeds)


def classes_ahead(reported: ReportedValue, measured: Measured) -> int:
    """The number of classes in which ours is better than the best value that rounds to the printed one."""
    pairs = zip(reported.values, measured.classes or (), strict=True)
    return sum(Decimal(ours) > best_meant(theirs, reported.better) for theirs, ours in pairs)


@dataclass(frozen=True)
class Answer:
    """A reported value, the same reproduced and ours; None where there is no run for it."""

    reported: ReportedValue
    ours: Measured | None
    reproduced: Measured | None

    @property
    def verdict(self) -> str:
        """Whether ours is better, as a table has it."""
        if self.ours is None:
            return "not run" if self.reported.metric else "not covered"
        if self.reported.split != "test":
            return "not counted"
        return "yes" if beaten(self.reported, self.ours) else "no"

    @property
    def chance_of_images(self) -> float | None:
        """The p-value of two accuracies on different test images, the reported one and ours; None of anything else.

        Of several seeds ours is the mean, as if it were that of one network: their test images are the same.
        """
        theirs, ours = self.reported.test_images, self.ours.images if self.ours else None
        if not (self.ours and ours and theirs) or isinstance(self.reported.value, list):
            return None
        return stats.two_proportions(
            round(float(self.reported.best) * theirs), theirs, round(self.ours.value * ours), ours
        )


def answers(found: Found) -> dict[str, Answer]:
    """Every reported value with its reproduction and our result, by key."""
    return {
        key: Answer(
            reported,
            measure(reported.metric, reported.field, found.runs),
            measure(reported.reproduced, reported.field, with_their_settings(reported, found)),
        )
        for key, reported in reported_values().items()
    }


def reproduced_of(path: str, found: Found) -> Measured | None:
    """Our result at ``path`` (chapter/metric) with the reports' own settings; None for models that no report has."""
    return None if is_added(path) else measure(path, None, found.original)


def is_added(path: str) -> bool:
    """Whether the metric at ``path`` is of a model that no report has."""
    return path.partition("/")[2].partition(".")[0] in ADDED


def with_their_settings(reported: ReportedValue, found: Found) -> dict[str, list[RunRecord]]:
    """The runs that reproduce a value: those of the profile `original`, but any for an untuned model (no settings)."""
    return found.runs if (reported.reproduced or "").endswith(".untuned_accuracy") else found.original


def counts(answered: Mapping[str, Answer]) -> dict[str, int]:
    """The number of claims, of those covered by the runs that were found, and of those beaten."""
    claims = [answer for answer in answered.values() if answer.reported.is_claim]
    covered = [(answer.reported, answer.ours) for answer in claims if answer.ours]
    return {
        "claims.total": len(claims),
        "claims.covered": len(covered),
        "claims.beaten": sum(beaten(value, ours) for value, ours in covered),
    }
