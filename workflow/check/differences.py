"""What is different between two runs, or two sets of runs, and whether that is more than chance makes."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from helpers import integrity
from helpers.results import ROOT

LEVEL = 0.95  # of all bounds here
ROUNDING = 1e-9  # relative: the last digits of a number that was written and read
NEAR = 0.05  # relative: what is let pass where nothing tells how much chance does
TIME = re.compile(r"seconds|_mb\b")  # of the machine, and no result
OTHER_IMAGES = ("train_accuracy", "val_accuracy", "tsne_knn_accuracy")  # accuracies of others than the test images
Record = Mapping[str, Any]


@dataclass(frozen=True)
class Noise:
    """How much chance alone changes a difference (95 % of the time), and how that is known."""

    bound: float
    source: str


@dataclass(frozen=True)
class Difference:
    """A metric of two sides, as means over their seeds; ``noise`` is None where nothing tells how much chance does."""

    chapter: str
    metric: str
    a: float
    b: float
    noise: Noise | None

    @property
    def is_time(self) -> bool:
        """Whether it is of the machine, and no result."""
        return bool(TIME.search(self.metric))

    @property
    def size(self) -> float:
        """How far apart the two are."""
        return abs(self.b - self.a)

    @property
    def is_equal(self) -> bool:
        """Whether the two are one number."""
        return math.isclose(self.a, self.b, rel_tol=ROUNDING, abs_tol=1e-12)

    @property
    def is_noise(self) -> bool:
        """Whether chance makes differences of this size; a guess where nothing is known."""
        bound = self.noise.bound if self.noise else NEAR * max(abs(self.a), abs(self.b))
        return self.size <= bound

    @property
    def verdict(self) -> str:
        """In a word or two."""
        if self.is_time:
            return "time"
        if self.is_equal:
            return "equal"
        if self.is_noise:
            return "within noise" if self.noise else "near, noise unknown"
        return "beyond noise" if self.noise else "far, noise unknown"


def between(
    chapter: str, a: Sequence[Record], b: Sequence[Record], *, images: int = 0, beside: Iterable[Path] = ()
) -> list[Difference]:
    """Every metric that both sides have, each side one run or several seeds of a chapter.

    ``images`` is how many images the test set has, 0 where that is not known. Further seeds of either side's settings,
    which only tell how much seeds differ, are looked for in this tree and in the folders ``beside``.
    """
    folders = [*beside, ROOT / "reports" / str(a[0]["profile"])]
    groups: dict[str, dict[int, Record]] = {}  # runs of the same code and settings, by seed
    for run in [*a, *b, *other_seeds(a[0], folders), *other_seeds(b[0], folders)]:
        groups.setdefault(kind(run), {})[run["seed"]] = run
    found = []
    for metric in a[0]["metrics"]:
        one, other, *seeds = (
            [run["metrics"][metric] for run in runs if metric in run["metrics"]]
            for runs in (a, b, *(group.values() for group in groups.values()))
        )
        if one and other:
            mean = sum(one) / len(one), sum(other) / len(other)
            weight = math.sqrt(1 / len(one) + 1 / len(other))
            bound = by_seeds(seeds, weight) or by_table(f"{chapter}/{metric}", a[0]["profile"], weight)
            bound = bound or by_images(metric, mean[0], images, weight)
            found.append(Difference(chapter, metric, *mean, bound))
    return found


def by_seeds(groups: Sequence[Sequence[float]], weight: float) -> Noise | None:
    """By the spread within groups of seeds, pooled; ``weight`` is sqrt(1/n + 1/m) for means over n and m seeds."""
    several = [values for values in groups if len(values) > 1]
    freedom = sum(len(values) - 1 for values in several)
    if not freedom:
        return None
    squares = sum((value - sum(values) / len(values)) ** 2 for values in several for value in values)
    return student(math.sqrt(squares / freedom), freedom, weight, f"{sum(map(len, several))} seeds")


def by_table(path: str, profile: str, weight: float) -> Noise | None:
    """By the seeds of the project's table, where it has the metric at ``path`` (chapter/name)."""
    if (kept := kept_spread(profile).get(path)) is None:
        return None
    std, count = kept
    return student(std, count - 1, weight, f"{count} seeds of the project's table")


def by_images(metric: str, value: float, images: int, weight: float) -> Noise | None:
    """Of an accuracy by Wilson's interval, as far as the test images make it."""
    if not images or not metric.endswith("accuracy") or metric.endswith(OTHER_IMAGES):
        return None
    from scipy.stats import binomtest  # not `helpers.stats`, which imports torch

    hits = round(min(1.0, max(0.0, value)) * images)
    interval = binomtest(hits, images).proportion_ci(LEVEL, method="wilson")
    return Noise(float(interval.high - interval.low) / 2 * weight, f"the interval of {images:,} images")


def test_images(record: Record) -> int:
    """How many images the test set of a run had, 0 where its record does not say."""
    images = record["provenance"].get("images")
    count = images.get("test") if isinstance(images, dict) else 0
    return count if type(count) is int and count > 0 else 0


def student(std: float, freedom: int, weight: float, source: str) -> Noise:
    """The bound of a difference of two means by Student's t."""
    from scipy.stats import t  # a second, and only where there are seeds

    return Noise(float(t.ppf((1 + LEVEL) / 2, freedom)) * std * weight, source)


@cache
def kept_spread(profile: str) -> dict[str, tuple[float, int]]:
    """Standard deviation and number of seeds of the headlines in reports/results.json, by chapter/metric."""
    try:
        kept = json.loads((ROOT / "reports" / "results.json").read_text(encoding="utf-8"))
        metrics = kept["metrics"] if kept["profile"] == profile else {}
        return {name: (value["std"], value["n"]) for name, value in metrics.items() if value["n"] > 1}
    except (OSError, ValueError, LookupError, TypeError):
        return {}


def other_seeds(record: Record, folders: Iterable[Path]) -> list[Record]:
    """The runs in folders with seed-<n> in them that differ from a record in the seed alone."""
    paths = [path for folder in folders for path in folder.glob(f"seed-*/{record['notebook']}/results.json")]
    found = [read for path in paths if (read := _read(path)) and kind(read) == kind(record)]
    return [read for read in found if read["seed"] != record["seed"]]


def _read(path: Path) -> Record | None:
    try:
        return integrity.read(path)
    except (OSError, ValueError):
        return None


def kind(record: Record) -> str:
    """Code and settings as one string, without the seed, which also stands in the paths of other chapters' files."""
    settings = {key: value for key, value in record["parameters"].items() if key != "seed"}
    code = [record["provenance"].get(key) for key in ("notebook_sha256", "helpers_sha256")]
    return json.dumps([settings, code], sort_keys=True).replace(f"seed-{record['seed']}/", "")


def ordered(differences: Iterable[Difference]) -> list[Difference]:
    """Those beyond noise first, the largest by its noise on top; then those whose noise is unknown, then the rest."""
    ranks = ["beyond noise", "far, noise unknown", "near, noise unknown", "within noise", "equal", "time"]

    def rank(found: Difference) -> tuple[int, float]:
        scale = found.noise.bound if found.noise else max(abs(found.a), abs(found.b))
        return ranks.index(found.verdict), -found.size / scale if scale else -math.inf * found.size if found.size else 0

    return sorted(differences, key=rank)


def number(value: float) -> str:
    """A number with as many digits as tell two runs apart."""
    return f"{value:,.0f}" if value == round(value) and abs(value) < 1e9 else f"{value:.5g}"
