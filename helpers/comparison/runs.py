"""The results of all chapters, read from what their runs left, and what they measured, with its interval."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from helpers import integrity, metrics, stats
from helpers.results import ROOT

HERE = "08_comparison"


@dataclass(frozen=True)
class RunRecord:
    """One finished run of a chapter: the content of its results.json, and its predictions, read when first needed."""

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

    @property
    def digest(self) -> str:
        return integrity.own(self.content)

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
        """Settings, code and data as one string: two runs that differ in the seed alone have the same."""
        parameters = {name: value for name, value in self.content["parameters"].items() if name != "seed"}
        # Parameters may be paths of other chapters' files, and those have the seed in them.
        settings = json.dumps(parameters, sort_keys=True).replace(f"seed-{self.seed}/", "")
        code_and_data = [self.provenance.get(key) for key in ("notebook_sha256", "helpers_sha256", "data")]
        return json.dumps([settings, *code_and_data])


@dataclass(frozen=True)
class Found:
    """The runs to compare, by chapter; the first of each chapter is the one whose predictions are compared.

    Stands where :func:`helpers.results.start` expects a data set, since results are what chapter 8 reads.
    """

    runs: dict[str, list[RunRecord]]
    original: dict[str, list[RunRecord]]  # with the reports' own settings
    left_out: list[str]  # other seeds that were run with other settings, code or data, in words

    name = "results"

    @property
    def sample(self) -> bool:
        return any(run.provenance["sample_data"] for run in self.all)

    @property
    def fingerprint(self) -> str:
        content = json.dumps([run.content for run in self.all], sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()[:12]

    @property
    def md5s(self) -> dict[str, str]:
        """Empty: no files of a data set are read."""
        return {}

    @property
    def seeds(self) -> list[int]:
        return sorted({run.seed for records in self.runs.values() for run in records})

    @property
    def first(self) -> int:
        """The seed whose predictions are compared. Raises StopIteration when nothing was run."""
        return next(iter(self.runs.values()))[0].seed

    @property
    def all(self) -> list[RunRecord]:
        return [run for runs in (self.runs, self.original) for records in runs.values() for run in records]


def results_folder(profile: str) -> Path:
    """The folder of the runs to compare: that of this report, or ``profile``'s when JupyterLab runs the chapter."""
    folder = os.environ.get("REPORT_FOLDER")
    return Path(folder).parents[1] if folder else ROOT / "reports" / profile


def read(folder: Path, *, seed: int, chapters: Iterable[str] = ()) -> Found:
    """The runs of ``chapters`` (all when empty) below ``folder`` (reports/<profile>) and below its sibling `original`.

    ``seed`` (or the lowest there is) comes first. A chapter's other seeds are kept when settings, code and data are the
    same, runs of the profile `original` when the data are.
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


def _read(folder: Path, seed: int, chapters: set[str], left_out: list[str]) -> dict[str, list[RunRecord]]:
    found: dict[str, list[RunRecord]] = {}
    for path in sorted(folder.glob("seed-*/*/results.json")):
        if path.parent.name != HERE and (not chapters or path.parent.name in chapters):
            try:
                left = integrity.check_run(path.parent)
            except integrity.ChangedError as error:
                where = path.parent.parent.name.replace("-", " ")
                left_out.append(f"{path.parent.name} of {where} ({Path(str(error)).name})")
                continue
            record = RunRecord(path.parent, left)
            found.setdefault(record.chapter, []).append(record)
    kept = {}
    for chapter in sorted(found):
        first, *others = sorted(found[chapter], key=lambda record: (record.seed != seed, record.seed))
        kept[chapter] = [first, *(other for other in others if other.kind == first.kind)]
        left_out += [f"{chapter} of seed {other.seed}" for other in others if other.kind != first.kind]
    return kept


@dataclass(frozen=True)
class Measured:
    """A metric of our runs: by seed, for lists also by class (means over seeds), with its 95 % interval if known.

    An accuracy has the number of its test images.
    """

    seeds: list[float]
    classes: list[float] | None = None
    low: float | None = None
    high: float | None = None
    std: float | None = None
    images: int | None = None

    @property
    def value(self) -> float:
        return sum(self.seeds) / len(self.seeds)

    def spec(self, otherwise: str = ".4f") -> str:
        """The format of its numbers: as many decimals as the interval allows, ``otherwise`` where none is known."""
        if self.low is None or self.high is None:
            return otherwise
        return f".{stats.decimals(self.low, self.high)}f"

    def text(self, otherwise: str = ".4f") -> str:
        """``0.9391 (0.9343 to 0.9436)`` for one run, ``0.9391 ± 0.0011`` for several seeds; see :meth:`spec`."""
        spec = self.spec(otherwise)
        if self.std is not None:
            return f"{self.value:{spec}} ± {self.std:{spec}}"
        return f"{self.value:{spec}}" + ("" if self.low is None else f" ({self.low:{spec}} to {self.high:{spec}})")


def measure(path: str | None, field: str | None, runs: Mapping[str, Sequence[RunRecord]]) -> Measured | None:
    """The metric at ``path`` (chapter/name) in ``runs``, or with ``field`` a column of a table; None if not there."""
    chapter, _, name = (path or "").partition("/")
    records = [run for run in runs.get(chapter, ()) if name in (run.tables if field else run.metrics)]
    if not records:
        return None
    lists = [run.tables[name][field] if field else [run.metrics[name]] for run in records]
    seeds = [sum(values) / len(values) for values in lists]
    classes = [sum(values) / len(values) for values in zip(*lists, strict=True)] if field else None
    labels = records[0].predictions.get("labels") if name.endswith("accuracy") else None
    images = None if labels is None else len(labels)
    if len(seeds) > 1:
        spread = stats.mean(seeds)
        return Measured(seeds, classes, spread.low, spread.high, spread.std, images)
    low, high = (None, None) if field else interval(records[0], name)
    return Measured(seeds, classes, low, high, images=images)


def interval(record: RunRecord, metric: str) -> tuple[float, float] | tuple[None, None]:
    """The 95 % interval of one run's test accuracy (Wilson) or test loss (Student), (None, None) if unknown."""
    value, labels = record.metrics[metric], record.predictions.get("labels")
    if labels is None or metric.endswith(("train_accuracy", "val_accuracy")):
        return None, None
    if metric.endswith("accuracy"):
        hits = value * len(labels)
        if abs(hits - round(hits)) < 1e-3:  # else the accuracy is of other images than these
            proportion = stats.wilson(round(hits), len(labels))
            return proportion.low, proportion.high
    model = record.predictions.get(metric.rpartition(".")[0])
    if metric.endswith("test_loss") and model is not None:
        measured = stats.mean(metrics.cross_entropies(model, labels.long()).tolist())
        if abs(measured.value - value) < 0.01 * value:  # else the loss is no cross entropy of these probabilities
            return measured.low, measured.high
    return None, None


def accuracy_by_seed(found: Found, chapter: str, model: str) -> dict[int, float]:
    """The test accuracy of a model by seed; {} where it was not run."""
    kept = {run.seed: run.predictions for run in found.runs.get(chapter, ())}
    return {seed: stats.accuracy(p[model], p["labels"]).value for seed, p in kept.items() if {model, "labels"} <= {*p}}


def fill_metrics(found: Found, sentence: str, *paths: str) -> str:
    """``sentence`` with our metrics at ``paths`` (chapter/name) for its ``{}``; empty when one of them was not run."""
    measured = [measure(path, None, found.runs) for path in paths]
    values = [f"{item.value:{item.spec()}}" for item in measured if item]
    return sentence.format(*values) if len(values) == len(paths) else ""
