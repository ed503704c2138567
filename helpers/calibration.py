"""Can the probabilities be believed? Log loss, temperature scaling and calibration error (Guo et al. 2017)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from scipy.optimize import minimize_scalar
from torch import Tensor

LEAST = torch.finfo(torch.float32).tiny  # what a probability of zero counts as: no logarithm is infinite


def losses(probabilities: Tensor, labels: Tensor) -> Tensor:
    """Cross entropy of each image's class probabilities [N, C] with its label [N], in nats: float64 [N]."""
    return -probabilities.gather(1, labels[:, None])[:, 0].clamp(min=LEAST).double().log()


def log_loss(probabilities: Tensor, labels: Tensor) -> float:
    """The mean of :func:`losses`."""
    return losses(probabilities, labels).mean().item()


def scale(probabilities: Tensor, temperature: float) -> Tensor:
    """Probabilities [N, C] made softer (temperature above one) or surer (below): softmax(log p / T). The order stays.

    Raises ValueError for a temperature that is not positive.
    """
    if temperature <= 0:
        raise ValueError(f"a temperature must be positive, not {temperature}")
    return (probabilities.clamp(min=LEAST).log() / temperature).softmax(1)


def fit_temperature(probabilities: Tensor, labels: Tensor) -> float:
    """The temperature between 1/20 and 20 at which probabilities [N, C] of held-out images have the least log loss."""
    found = minimize_scalar(
        lambda power: log_loss(scale(probabilities, 2.0**power), labels), bounds=(-4.33, 4.33), method="bounded"
    )
    return float(2.0**found.x)


@dataclass(frozen=True)
class Reliability:
    """Answers sorted into bins by how sure they were: mean confidence, share that is right, and how many, [bins].

    Empty bins are left out.
    """

    confidence: Tensor
    accuracy: Tensor
    count: Tensor

    @property
    def error(self) -> float:
        """Expected calibration error: the mean gap between confidence and accuracy, each bin by its images."""
        gaps = (self.confidence - self.accuracy).abs() * self.count
        return (gaps.sum() / self.count.sum()).item()


def reliability(probabilities: Tensor, labels: Tensor, *, bins: int = 15) -> Reliability:
    """Bins of equal width over the confidence, the largest of the probabilities [N, C] of an image; labels [N].

    Raises ValueError for fewer than one bin.
    """
    if bins < 1:
        raise ValueError(f"a reliability diagram needs at least one bin, not {bins}")
    confidence, answers = probabilities.double().max(1)
    bin_of = (confidence * bins).ceil().long().clamp(1, bins) - 1  # a bin holds its upper edge, as in the paper
    count = bin_of.bincount(minlength=bins)
    sums = torch.zeros(2, bins, dtype=torch.float64)
    sums[0].index_add_(0, bin_of, confidence)
    sums[1].index_add_(0, bin_of, (answers == labels).double())
    used = count > 0
    means = sums[:, used] / count[used]
    return Reliability(means[0], means[1], count[used])
