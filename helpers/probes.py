"""Probes: small classifiers on frozen codes, which tell what a code knows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from torch import Tensor

from helpers import progress
from helpers.data import Split
from helpers.models import Probe
from helpers.optimisers import TrainConfig
from helpers.training import fit


def train_probe(
    features: Tensor, labels: Tensor, *, hidden: int, learning_rate: float, epochs: int, seed: int, classes: int = 10
) -> Probe:
    """A :class:`helpers.models.Probe` with ``hidden`` units, fitted on ``features`` [N, D] and ``labels`` [N]."""
    config = TrainConfig(epochs, 256, learning_rate, schedule="one_cycle", warmup=0.3, weight_decay=0.01)
    return fit(partial(Probe, hidden=hidden), Split(features, labels), config, classes=classes, seed=seed)[0]


def tune_probe(
    features: Mapping[str, Tensor],
    labels: Tensor,
    validation: Mapping[str, Tensor],
    validation_labels: Tensor,
    candidates: Sequence[Mapping[str, Any]],
    *,
    epochs: int,
    seed: int,
) -> tuple[list[dict[str, Any]], dict[str, Probe]]:
    """Fit a probe with every candidate (hidden, learning_rate) on every kind of ``features`` [N, D].

    Rows, best first, and the probes of the best candidate by kind. A row holds the candidate, the validation accuracy
    on each kind and their ``mean``, by which one candidate is chosen for all kinds: none gets settings of its own.
    """
    rows: list[dict[str, Any]] = []
    best: dict[str, Probe] = {}
    for candidate in candidates:
        probes, accuracy = {}, {}
        for name, kind in features.items():
            probes[name] = train_probe(kind, labels, **candidate, epochs=epochs, seed=seed)
            hits = probes[name].probabilities(validation[name]).argmax(1) == validation_labels
            accuracy[name] = hits.float().mean().item()
        row = {**candidate, **accuracy, "mean": sum(accuracy.values()) / len(accuracy)}
        if all(row["mean"] > other["mean"] for other in rows):
            best = probes
        rows.append(row)
        progress.tell(f"classifier {dict(candidate)}  validation accuracy {row['mean']:.4f}")
    return sorted(rows, key=lambda row: row["mean"], reverse=True), best
