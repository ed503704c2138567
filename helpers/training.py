"""Training loops: one for autoencoders, scratch and inbuilt side by side, and one for small classifiers.

Data are tensors in memory and batches are gathered by index: for images this small a ``DataLoader`` costs more than
the step itself. Progress goes to standard error, one line an epoch, so that it is seen but not part of a report.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import median
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from helpers.training import Device
from helpers.models import Autoencoder, Classifier
from helpers.data import Corrupt
from helpers.scratch import Adam, ScratchAutoencoder

LEAST_STEPS = 5  # for a one-cycle rate: with four, a quarter of them to rise in, torch divides by zero


def progress(text: str) -> None:
    """Tell whoever waits, in one line."""
    print(text, file=sys.stderr, flush=True)


def learning_rates(peak: float, steps: int, *, warmup: float, decay: bool) -> list[float]:
    """The learning rate of every step: a linear rise over the first ``warmup`` (a fraction of ``steps``) to ``peak``,
    then a linear fall towards zero over all of them if ``decay``, else constant.

    Raises ValueError for a rate that is not positive or a warm-up outside [0, 1].
    """
    if peak <= 0 or not 0 <= warmup <= 1:
        raise ValueError(f"learning rate must be positive and warm-up within 0 to 1, not {peak} and {warmup}")
    rise = max(1, round(warmup * steps))
    return [peak * min(1.0, (i + 1) / rise) * ((1 - i / steps) if decay else 1.0) for i in range(steps)]


class Learner(Protocol):
    """An autoencoder that can take one optimisation step on a batch."""

    network: ScratchAutoencoder | Autoencoder

    def step(self, inputs: Tensor, targets: Tensor, learning_rate: float) -> Tensor:
        """Inputs and targets [B, D] -> the loss of the batch before the step, scalar, without a graph."""


class ScratchLearner:
    """The hand-written network with the hand-written Adam."""

    def __init__(self, network: ScratchAutoencoder):
        self.network, self.adam = network, Adam(network.parameters, network.gradients)

    def step(self, inputs: Tensor, targets: Tensor, learning_rate: float) -> Tensor:
        loss = self.network.loss_and_gradients(inputs, targets)
        self.adam.step(learning_rate)
        return loss


class InbuiltLearner:
    """The torch.nn network with autograd and torch.optim.Adam, fused as well: each side at its best."""

    def __init__(self, network: Autoencoder):
        self.network, self.adam = network, torch.optim.Adam(network.parameters(), fused=True)

    def step(self, inputs: Tensor, targets: Tensor, learning_rate: float) -> Tensor:
        self.adam.param_groups[0]["lr"] = learning_rate
        self.adam.zero_grad()
        loss = F.binary_cross_entropy_with_logits(self.network(inputs), targets)
        loss.backward()
        self.adam.step()
        return loss.detach()


@dataclass
class History:
    """What a training run leaves: mean losses and seconds of every epoch, and the loss of every batch."""

    loss: list[float] = field(default_factory=list)
    accuracy: list[float] = field(default_factory=list)  # of classifiers, on the batches as they were trained on
    validation_loss: list[float] = field(default_factory=list)  # empty without validation images
    validation_accuracy: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    batch_losses: list[float] = field(default_factory=list)

    def add_epoch(self, batch_losses: Tensor, images: int, seconds: float) -> None:
        """Record an epoch of equal batches, of which only the last may be smaller, over ``images`` images."""
        size = -(-images // len(batch_losses))
        sizes = torch.full_like(batch_losses, size)
        sizes[-1] = images - size * (len(batch_losses) - 1)
        self.loss.append(((batch_losses * sizes).sum() / images).item())
        self.batch_losses += batch_losses.tolist()
        self.seconds.append(seconds)

    @property
    def seconds_per_epoch(self) -> float:
        """The median: one epoch that the machine was busy in does not count."""
        return median(self.seconds)


def train_autoencoders(
    learners: Mapping[str, Learner],
    images: Tensor,
    *,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    warmup_epochs: float,
    decay: bool,
    seed: int,
    corrupt: Corrupt | None = None,
    validation: tuple[Tensor, Tensor] | None = None,
) -> dict[str, History]:
    """Train every learner to reproduce ``images`` [N, D] on the very same batches; a :class:`History` for each.

    With ``corrupt`` the inputs are corrupted, anew every epoch, and the targets stay clean: a denoising autoencoder
    (Vincent et al. 2008). ``validation`` are fixed inputs and targets [M, D] on which the loss is taken every epoch.
    Learners take turns epoch by epoch, so that their times are taken under the same load of the machine.
    Raises ValueError for settings below one.
    """
    if epochs < 1 or batch_size < 1:
        raise ValueError(f"epochs and batch size must be at least 1, not {epochs} and {batch_size}")
    generator = torch.Generator().manual_seed(seed)
    batches = -(-len(images) // batch_size)
    warmup = min(1.0, warmup_epochs / epochs)
    rates = learning_rates(learning_rate, epochs * batches, warmup=warmup, decay=decay)
    histories = {name: History() for name in learners}
    inputs = images
    for epoch in range(epochs):
        if corrupt:
            inputs = None  # let go of the last epoch's before drawing this one's
            inputs = corrupt(images, generator)
        order = torch.randperm(len(images), generator=generator).split(batch_size)
        for name, learner in learners.items():
            history, started = histories[name], time.perf_counter()
            losses = []
            for rate, rows in zip(rates[epoch * batches :], order, strict=False):
                targets = images[rows]
                losses.append(learner.step(inputs[rows] if corrupt else targets, targets, rate))
            history.add_epoch(torch.stack(losses), len(images), time.perf_counter() - started)
            text = f"{name:<16} epoch {epoch + 1:>2}/{epochs}  loss {history.loss[-1]:.4f}"
            if validation:
                restored = learner.network.reconstruct(validation[0])
                history.validation_loss.append(F.binary_cross_entropy(restored, validation[1]).item())
                text += f"  validation {history.validation_loss[-1]:.4f}"
            progress(f"{text}  {history.seconds[-1]:.1f} s")
    return histories


def train_classifier(
    features: Tensor,
    labels: Tensor,
    *,
    hidden: int,
    learning_rate: float,
    epochs: int,
    seed: int,
    classes: int = 10,
    batch_size: int = 256,
) -> Classifier:
    """Fit a small classifier (one hidden layer of ``hidden`` units) on ``features`` [N, D] and ``labels`` [N].

    Features are standardised with their own mean and deviation. AdamW with a one-cycle learning rate.
    """
    torch.manual_seed(seed)
    model = Classifier(features, hidden=hidden, classes=classes)
    generator = torch.Generator().manual_seed(seed)
    optimiser = torch.optim.AdamW(model.parameters(), lr=learning_rate, fused=True)
    steps = max(LEAST_STEPS, epochs * -(-len(features) // batch_size))
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, learning_rate, total_steps=steps)
    for _ in range(epochs):
        for batch in torch.randperm(len(features), generator=generator).split(batch_size):
            optimiser.zero_grad()
            F.cross_entropy(model(features[batch]), labels[batch]).backward()
            optimiser.step()
            schedule.step()
    return model


def choose_classifier(
    fitting: Mapping[str, Tensor],
    fitting_labels: Tensor,
    validation: Mapping[str, Tensor],
    validation_labels: Tensor,
    candidates: list[dict[str, float]],
    *,
    epochs: int,
    seed: int,
) -> tuple[list[dict[str, float]], dict[str, Classifier]]:
    """Try every candidate (hidden, learning_rate) on every kind of feature.

    Rows, sorted best first, and the best candidate's classifiers by kind. Each row holds the candidate, the validation
    accuracy on each kind and their ``mean``, by which one and the same candidate is chosen for all kinds: none of them
    gets settings of its own.
    """
    rows, fitted = [], {}
    for candidate in candidates:
        models, accuracy = {}, {}
        for name, features in fitting.items():
            models[name] = train_classifier(features, fitting_labels, **candidate, epochs=epochs, seed=seed)
            hits = models[name].probabilities(validation[name]).argmax(1) == validation_labels
            accuracy[name] = hits.float().mean().item()
        row = {**candidate, **accuracy, "mean": sum(accuracy.values()) / len(accuracy)}
        if all(row["mean"] > other["mean"] for other in rows):
            fitted = models
        rows.append(row)
        progress(f"classifier {candidate}  validation accuracy {row['mean']:.4f}")
    return sorted(rows, key=lambda row: row["mean"], reverse=True), fitted


def state_of(network: nn.Module | ScratchAutoencoder) -> dict[str, Tensor]:
    """Weights by name, the same names for a scratch network as for its inbuilt twin."""
    if isinstance(network, nn.Module):
        return network.state_dict()
    return Autoencoder(network.layers, encoder_layers=network.encoder_layers).state_dict()


class Denoiser(Protocol):
    """A convolutional autoencoder that says what its images look like and how it is trained."""

    shape: tuple[int, int, int]

    def parameter_groups(self, learning_rate: float) -> list[dict]: ...
    def loss(self, outputs: Tensor, clean: Tensor) -> Tensor: ...
    def images(self, outputs: Tensor) -> Tensor: ...


def train_denoiser(
    network: nn.Module,
    images: Tensor,
    *,
    corrupt: Corrupt | None,
    validation: tuple[Tensor, Tensor],
    device: Device,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    seed: int,
    name: str = "convolutional",
) -> History:
    """Train a :class:`Denoiser` on clean ``images`` [N, D] in [0, 1], corrupted anew at every step (None: not at all).

    ``validation`` are fixed inputs and clean images [M, D]. AdamW with a one-cycle rate.
    Raises ValueError for settings below one.
    """
    if epochs < 1 or batch_size < 1:
        raise ValueError(f"epochs and batch size must be at least 1, not {epochs} and {batch_size}")
    device.place(network)
    generator = torch.Generator().manual_seed(seed)
    groups = network.parameter_groups(learning_rate)
    optimiser = torch.optim.AdamW(groups, fused=True)
    steps = max(LEAST_STEPS, epochs * -(-len(images) // batch_size))
    peaks = [group["lr"] for group in groups]
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, peaks, total_steps=steps, pct_start=0.25)
    history = History()
    for epoch in range(epochs):
        network.train()
        started, losses = time.perf_counter(), []
        for rows in torch.randperm(len(images), generator=generator).split(batch_size):
            clean = images[rows]
            inputs = corrupt(clean, generator) if corrupt else clean
            loss = network.loss(_outputs(network, inputs, device), clean.to(device.name))
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            losses.append(loss.detach().cpu())
        history.add_epoch(torch.stack(losses), len(images), time.perf_counter() - started)
        network.eval()
        with torch.no_grad():
            pairs = zip(validation[0].split(500), validation[1].split(500), strict=True)
            total = sum(network.loss(_outputs(network, x, device), y.to(device.name)) * len(y) for x, y in pairs)
        history.validation_loss.append(total.item() / len(validation[1]))
        progress(
            f"{name:<16} epoch {epoch + 1:>2}/{epochs}  loss {history.loss[-1]:.4f}"
            f"  validation {history.validation_loss[-1]:.4f}  {history.seconds[-1]:.1f} s"
        )
    return history


@torch.no_grad()
def denoise(network: nn.Module, noisy: Tensor, device: Device) -> Tensor:
    """Noisy images [N, D] -> what a :class:`Denoiser` makes of them [N, D] in [0, 1], on the CPU."""
    device.place(network).eval()
    return torch.cat([network.images(_outputs(network, part, device)).cpu() for part in noisy.split(500)])


@torch.no_grad()
def encode(network: nn.Module, images: Tensor, device: Device) -> Tensor:
    """Images [N, D] -> the codes of a convolutional autoencoder [N, ...], on the CPU."""
    device.place(network).eval()
    parts = (device.place(part.view(-1, *network.shape)) for part in images.split(500))
    return torch.cat([network.encode(part).cpu() for part in parts])


@torch.no_grad()
def decode(network: nn.Module, codes: Tensor, device: Device) -> Tensor:
    """Codes [N, n] -> images [N, D] in [0, 1], on the CPU."""
    device.place(network).eval()
    return network.images(network.decode(codes.to(device.name)).flatten(1)).cpu()


def _outputs(network: nn.Module, inputs: Tensor, device: Device) -> Tensor:
    with device.autocast():
        outputs = network(device.place(inputs.view(-1, *network.shape)))
    return outputs.float().flatten(1)
