"""Classifiers whose codes are also judged by distance: trained on cross entropy plus lambda times the center loss."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from helpers.training import Device
from helpers.center_loss import CenterLoss
from helpers.models import CodeClassifier
from helpers.data import noise
from helpers.stats import accuracy
from helpers.training import learning_rates, progress

PLAIN = Device("cpu", torch.float32, torch.contiguous_format)


@dataclass(frozen=True)
class Settings:
    """How a model is trained. ``weight`` is the paper's lambda, ``alpha`` the rate of the centres, ``sigma`` the noise.

    Raises ValueError, in one line, for a setting that makes no sense: none is left to be found during training.
    """

    epochs: int
    batch_size: int
    learning_rate: float
    warmup_epochs: float
    decay: bool
    alpha: float
    seed: int
    weight: float = 0.0  # zero: softmax alone
    sigma: float = 0.0  # zero: clean images

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.batch_size < 1:
            raise ValueError(f"epochs and batch size must be at least 1, not {self.epochs} and {self.batch_size}")
        if not 0 <= self.weight < math.inf:
            raise ValueError(f"lambda, the weight of the center loss, must be 0 or more, not {self.weight}")
        CenterLoss(1, 1, alpha=self.alpha)
        noise("gaussian", self.sigma)
        self.rates(1)

    def rates(self, batches: int) -> list[float]:
        """The learning rate of every step, ``batches`` steps an epoch."""
        warmup = min(1.0, self.warmup_epochs / self.epochs)
        return learning_rates(self.learning_rate, self.epochs * batches, warmup=warmup, decay=self.decay)


@dataclass(frozen=True)
class Fitted:
    """A trained model, the centres [classes, d] of its codes, and the mean of both losses in every epoch."""

    model: CodeClassifier
    centres: Tensor
    cross_entropy: list[float]
    center_loss: list[float]
    device: Device

    @torch.no_grad()
    def predict(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Images [N, ...] -> codes [N, d] and class probabilities [N, classes], float32 on the processor."""
        self.model.eval()
        parts = []
        for batch in images.split(1000):
            with self.device.autocast():
                parts.append(self.model(self.device.place(batch)))
        codes, logits = (torch.cat(part).cpu() for part in zip(*parts, strict=True))
        return codes, logits.softmax(1)


def on_encoder(encoder: nn.Sequential, images: Tensor, *, classes: int, seed: int) -> CodeClassifier:
    """A classifier that starts from a copy of ``encoder``, a new linear head on its code.

    The code is brought to a mean square of one over ``images`` [N, D]. An autoencoder leaves its code at any scale,
    since the decoder follows; squared distances, and with them lambda, do depend on it.
    """
    torch.manual_seed(seed)
    *body, code = copy.deepcopy(encoder)
    model = CodeClassifier(nn.Sequential(*body), code, classes=classes)
    with torch.no_grad():
        scale = model(images)[0].square().mean().sqrt().clamp(min=1e-6)
        code.weight /= scale
        code.bias /= scale
    return model


def fit(
    model: CodeClassifier,
    images: Tensor,
    labels: Tensor,
    settings: Settings,
    *,
    name: str = "",
    device: Device = PLAIN,
) -> Fitted:
    """Train ``model`` in place on ``images`` [N, ...] in [0, 1] and ``labels`` [N] with Adam.

    The loss is cross entropy + ``weight`` * center loss (Wen et al. 2016, equation 5), both means over the batch. The
    centres follow after every step (their algorithm 1); with a weight of zero they only look on. Noise is drawn anew
    for every image in every epoch. Batches and noise depend on the seed alone: not on the weight, nor on the model.
    """
    generator = torch.Generator().manual_seed(settings.seed)
    corrupt = noise("gaussian", settings.sigma)
    device.place(model).train()
    center = CenterLoss(model.head.out_features, model.head.in_features, alpha=settings.alpha, device=device.name)
    optimiser = torch.optim.Adam(model.parameters(), fused=True)
    rates = iter(settings.rates(-(-len(images) // settings.batch_size)))
    history = []
    for epoch in range(settings.epochs):
        total = torch.zeros(2, device=device.name)
        for rows in torch.randperm(len(images), generator=generator).split(settings.batch_size):
            inputs, targets = images[rows], labels[rows].to(device.name)
            if settings.sigma:
                inputs = corrupt(inputs, generator)
            with device.autocast():
                codes, logits = model(device.place(inputs))
            losses = torch.stack([F.cross_entropy(logits, targets), center.loss(codes, targets)])
            loss = losses[0] + settings.weight * losses[1] if settings.weight else losses[0]
            optimiser.zero_grad()
            loss.backward()
            optimiser.param_groups[0]["lr"] = next(rates)
            optimiser.step()
            center.update(codes, targets)
            total += losses.detach() * (len(rows) / len(images))
        history.append(total.tolist())
        progress(
            f"{name:<16} epoch {epoch + 1:>2}/{settings.epochs}  cross entropy {history[-1][0]:.4f}"
            f"  center loss {history[-1][1]:.3f}"
        )
    cross_entropy, center_loss = (list(part) for part in zip(*history, strict=True))
    return Fitted(model, center.centres.cpu(), cross_entropy, center_loss, device)


def each(settings: Settings, weights: Sequence[float]) -> list[Settings]:
    """``settings`` with every lambda in ``weights``. Raises ValueError when there is none, or a negative one."""
    if not weights:
        raise ValueError("there is no lambda to choose from")
    return [replace(settings, weight=weight) for weight in weights]


def fit_each(
    model: CodeClassifier,
    images: Tensor,
    labels: Tensor,
    settings: Settings,
    weights: Sequence[float],
    *,
    name: str = "",
    device: Device = PLAIN,
) -> dict[float, Fitted]:
    """:func:`fit` once for every lambda in ``weights``, each on a copy of ``model``: they differ in nothing else."""
    return {
        plan.weight: fit(copy.deepcopy(model), images, labels, plan, name=f"{name} λ={plan.weight:g}", device=device)
        for plan in each(settings, weights)
    }


def choose_weight(probabilities: Mapping[float, Tensor], labels: Tensor) -> float:
    """The largest lambda whose accuracy is within one standard error of the best one's.

    ``probabilities`` [N, classes] by lambda, on the validation images. Accuracies so close are the same as far as the
    images can tell, and of equals the one with the tightest classes is wanted. (The one-standard-error rule: Breiman,
    Friedman, Olshen & Stone 1984, section 3.4.3.)
    """
    scores = {weight: accuracy(p, labels).value for weight, p in probabilities.items()}
    best = max(scores.values())
    error = math.sqrt(best * (1 - best) / len(labels))
    return max(weight for weight, score in scores.items() if score >= best - error)
