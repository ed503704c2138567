"""What the chapters left, set against what the two reports state: reading results, claims, and which are beaten.

Nothing is trained here. The rule of "beaten" stands in reported.toml and is :func:`beaten`.
"""

from __future__ import annotations

import hashlib
import json
import os
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from helpers import metrics, stats
from helpers.results import REPORTED, ROOT

HERE = "08_comparison"


@dataclass(frozen=True)
class Record:
    """One finished run of a chapter: its results.json as it stands, its predictions when they are asked for."""

    folder: Path
    content: dict[str, Any]

    @property
    def chapter(self) -> str:
        return self.content["notebook"]

    @property
    def seed(self) -> int:
        return self.content["seed"]

    @property
    def metrics(self) -> dict[str, float]:
        return self.content["metrics"]

    @property
    def tables(self) -> dict[str, Any]:
        return self.content["tables"]

    @property
    def provenance(self) -> dict[str, Any]:
        return self.content["provenance"]

    @cached_property
    def predictions(self) -> dict[str, Tensor]:
        """Class probabilities [N, C] by model, and ``labels`` [N]; {} where none were kept."""
        path = self.folder / "predictions.npz"
        if not path.exists():
            return {}
        with np.load(path) as kept:
            return {name: torch.from_numpy(kept[name]) for name in kept.files}

    @property
    def kind(self) -> str:
        """What must be the same for two seeds to be runs of one thing: settings, code and data."""
        parameters = {name: value for name, value in self.content["parameters"].items() if name != "seed"}
        files = json.dumps(parameters, sort_keys=True).replace(f"seed-{self.seed}/", "")  # where needed files lie
        return json.dumps([files, *(self.provenance.get(key) for key in ("notebook_sha256", "helpers_sha256", "data"))])


@dataclass(frozen=True)
class Found:
    """The runs that are compared, by chapter; of each the one whose predictions are looked at comes first.

    Has what :func:`helpers.results.start` asks of a data set: results are what this chapter reads.
    """

    runs: dict[str, list[Record]]
    original: dict[str, list[Record]]  # with the reports' own settings
    left_out: list[str]  # runs that are no other seed of the same thing, in words

    name = "results"

    @property
    def sample(self) -> bool:
        return any(run.provenance["sample_data"] for run in self._all())

    @property
    def fingerprint(self) -> str:
        content = json.dumps([run.content for run in self._all()], sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()[:12]

    @property
    def md5s(self) -> dict[str, str]:
        """None: results are no files of a data set."""
        return {}

    @property
    def seeds(self) -> list[int]:
        return sorted({run.seed for records in self.runs.values() for run in records})

    def _all(self) -> list[Record]:
        return [run for runs in (self.runs, self.original) for records in runs.values() for run in records]


def results_folder(profile: str) -> Path:
    """Where the runs to compare lie: beside this one in a report, under ``profile`` when JupyterLab runs it."""
    folder = os.environ.get("REPORT_FOLDER")
    return Path(folder).parents[1] if folder else ROOT / "reports" / profile


def read(folder: Path, *, seed: int, chapters: Iterable[str] = ()) -> Found:
    """The runs below ``folder`` (reports/<profile>), and those below its sibling ``original``.

    Only of ``chapters``, or of all there are. A chapter's other seeds are kept when they are runs of the same thing as
    ``seed`` (or as the lowest seed there is), those of `original` when they are of the same data.
    """
    left_out: list[str] = []
    runs = _read(folder, seed, set(chapters), left_out)
    original = runs
    if folder.name != "original":
        original = _read(folder.parent / "original", seed, set(runs), []) if runs else {}
    data = {chapter: records[0].provenance.get("data") for chapter, records in runs.items()}
    same = {name: records for name, records in original.items() if records[0].provenance.get("data") == data.get(name)}
    left_out += [f"{name} of the profile original" for name in original if name not in same]
    return Found(runs, same, left_out)


def _read(folder: Path, seed: int, chapters: set[str], left_out: list[str]) -> dict[str, list[Record]]:
    found: dict[str, list[Record]] = {}
    for path in folder.glob("seed-*/*/results.json"):
        if path.parent.name != HERE and (not chapters or path.parent.name in chapters):
            record = Record(path.parent, json.loads(path.read_text(encoding="utf-8")))
            found.setdefault(record.chapter, []).append(record)
    kept = {}
    for chapter in sorted(found):
        first, *others = sorted(found[chapter], key=lambda record: (record.seed != seed, record.seed))
        kept[chapter] = [first, *(other for other in others if other.kind == first.kind)]
        left_out += [f"{chapter} of seed {other.seed}" for other in others if other.kind != first.kind]
    return kept


@dataclass(frozen=True)
class Figure:
    """An entry of reported.toml that says how it is compared; a list is one figure for each class."""

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
        """The figure, or the mean over the classes."""
        return float(sum(self.values) / len(self.values))

    @property
    def printed(self) -> str:
        """The figure with the digits it was printed with, at most four; of a list the mean over the classes."""
        places = min(4, *(-int(value.as_tuple().exponent) for value in self.values))
        return f"{self.mean:.{4 if len(self.values) > 1 else places}f}"


def figures() -> dict[str, Figure]:
    """Everything in reported.toml that can be compared, in its order."""
    entries = tomllib.loads(REPORTED.read_text(encoding="utf-8"), parse_float=Decimal)
    return {key: Figure(key, **entry) for key, entry in entries.items() if "split" in entry}


@dataclass(frozen=True)
class Measured:
    """A metric of ours: by seed, for lists also by class (means over seeds), with an interval where there is one."""

    seeds: list[float]
    classes: list[float] | None = None
    low: float | None = None
    high: float | None = None
    std: float | None = None

    @property
    def value(self) -> float:
        return sum(self.seeds) / len(self.seeds)

    def text(self, spec: str = ".4f") -> str:
        """``0.9391 (0.9343 to 0.9436)`` for one run, ``0.9391 ± 0.0011`` for several seeds."""
        if self.std is not None:
            return f"{self.value:{spec}} ± {self.std:{spec}}"
        return f"{self.value:{spec}}" + ("" if self.low is None else f" ({self.low:{spec}} to {self.high:{spec}})")


def measure(path: str | None, field: str | None, runs: Mapping[str, Sequence[Record]]) -> Measured | None:
    """The metric, or with ``field`` the table, at ``path`` (chapter/name) in ``runs``; None where nobody left it."""
    chapter, _, name = (path or "").partition("/")
    records = [run for run in runs.get(chapter, ()) if name in (run.tables if field else run.metrics)]
    if not records:
        return None
    lists = [run.tables[name][field] if field else [run.metrics[name]] for run in records]
    seeds = [sum(values) / len(values) for values in lists]
    classes = [sum(values) / len(values) for values in zip(*lists, strict=True)] if field else None
    if len(seeds) > 1:
        spread = stats.mean(seeds)
        return Measured(seeds, classes, spread.low, spread.high, spread.std)
    return Measured(seeds, classes, *((None, None) if field else interval(records[0], name)))


def interval(record: Record, metric: str) -> tuple[float, float] | tuple[None, None]:
    """The 95 % interval of one run's test accuracy (Wilson) or test loss (Student), from its predictions."""
    value, labels = record.metrics[metric], record.predictions.get("labels")
    if labels is None or metric.endswith(("train_accuracy", "val_accuracy")):
        return None, None
    if metric.endswith("accuracy"):
        hits = value * len(labels)
        if abs(hits - round(hits)) < 1e-3:  # else it was taken on other images than these
            measured = stats.wilson(round(hits), len(labels))
            return measured.low, measured.high
    model = record.predictions.get(metric.rpartition(".")[0])
    if metric.endswith("test_loss") and model is not None:
        measured = stats.mean(metrics.cross_entropies(model, labels.long()).tolist())
        if abs(measured.value - value) < 0.01 * value:  # else it is no cross entropy of these probabilities
            return measured.low, measured.high
    return None, None


def best_meant(printed: Decimal, better: str) -> Decimal:
    """The best figure that rounds to the ``printed`` one: 0.955 for 0.95 where higher is better."""
    half = Decimal(1).scaleb(int(printed.as_tuple().exponent)) / 2
    return printed + half if better == "higher" else printed - half


def beaten(figure: Figure, measured: Measured) -> bool:
    """Whether ours is strictly better than the best figure that rounds to the printed one; lists by their means."""
    limit = sum(best_meant(value, figure.better) for value in figure.values) / len(figure.values)
    ours = Decimal(measured.value)
    return ours > limit if figure.better == "higher" else ours < limit


def classes_ahead(figure: Figure, measured: Measured) -> int:
    """In how many classes ours is better than what was printed, beyond rounding."""
    pairs = zip(figure.values, measured.classes or (), strict=True)
    return sum(Decimal(ours) > best_meant(theirs, figure.better) for theirs, ours in pairs)


def told(found: Found, sentence: str, *paths: str) -> str:
    """``sentence`` with metrics of ours (chapter/name) in its places ``{}``; nothing when one of them was not run."""
    measured = [measure(path, None, found.runs) for path in paths]
    return sentence.format(*(f"{item.value:.4f}" for item in measured)) if all(measured) else ""


@dataclass(frozen=True)
class Answer:
    """A reported figure, the same reproduced and ours, as far as there are runs."""

    figure: Figure
    ours: Measured | None
    reproduced: Measured | None

    @property
    def verdict(self) -> str:
        """In one word or two, for a table."""
        if self.ours is None:
            return "not run" if self.figure.metric else "not covered"
        if self.figure.split != "test":
            return "not counted"
        return "yes" if beaten(self.figure, self.ours) else "no"


def answers(found: Found) -> dict[str, Answer]:
    """Every reported figure with what answers it."""
    return {
        key: Answer(
            figure,
            measure(figure.metric, figure.field, found.runs),
            measure(figure.reproduced, figure.field, _with_their_settings(figure, found)),
        )
        for key, figure in figures().items()
    }


def _with_their_settings(figure: Figure, found: Found) -> dict[str, list[Record]]:
    """Where the figure is reproduced: by the profile `original`, or, untuned, by any, as no settings enter it."""
    return found.runs if (figure.reproduced or "").endswith(".untuned_accuracy") else found.original


def counts(answered: Mapping[str, Answer]) -> dict[str, int]:
    """How many claims there are, are covered by the runs that were found, and are beaten."""
    claims = [answer for answer in answered.values() if answer.figure.is_claim]
    covered = [answer for answer in claims if answer.ours]
    return {
        "claims.total": len(claims),
        "claims.covered": len(covered),
        "claims.beaten": sum(beaten(answer.figure, answer.ours) for answer in covered),
    }
