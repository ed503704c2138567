"""Training, in three loops: :func:`train_autoencoders`, :func:`train_contrastive` and :func:`train_classifier`.

Data are tensors in the memory of the device, and batches are taken there by index: for images this small a
``DataLoader`` costs more than the step itself. Losses stay there until an epoch ends, so that no step waits for
another. How far they are is shown by :mod:`helpers.progress`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from statistics import median
from typing import Any, Protocol, TypeVar

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from helpers import progress
from helpers.augmentation import Transform, mirror_half, move, pruned, unchanged
from helpers.checkpoints import resume
from helpers.data import Corrupt, Split
from helpers.device import PLAIN, Device
from helpers.inference import PART, forward, outputs, pixels, probabilities
from helpers.metrics import log_loss
from helpers.models import Autoencoder, AutoencoderModule, add_channel_dim
from helpers.optimisers import TrainConfig, optimisers, schedule
from helpers.scratch import Adam, ScratchAutoencoder

Network = TypeVar("Network", bound=nn.Module)


@dataclass
class History:
    """The course of a training: mean losses and seconds of every epoch, and the loss of every batch."""

    loss: list[float] = field(default_factory=list)
    accuracy: list[float] = field(default_factory=list)  # of classifiers, on the batches as they were trained on
    validation_loss: list[float] = field(default_factory=list)  # empty without validation images
    validation_accuracy: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    batch_losses: list[float] = field(default_factory=list)
    passes: list[int] = field(default_factory=list)  # the batches of every pass of a classifier over its images

    def add_epoch(self, batch_losses: Tensor, sizes: Sequence[int], started: float) -> None:
        """Record an epoch over batches of so many images each.

        Its losses have come to the CPU, so it is over, also on a device that works while Python goes on; it began when
        ``time.perf_counter()`` was ``started``.
        """
        seconds = time.perf_counter() - started
        weights = torch.tensor(sizes, dtype=batch_losses.dtype)
        self.loss.append(((batch_losses * weights).sum() / sum(sizes)).item())
        self.batch_losses += batch_losses.tolist()
        self.seconds.append(seconds)

    def state_dict(self) -> dict[str, list[float]]:
        """Its lists, by name."""
        return dict(vars(self))

    def load_state_dict(self, state: Mapping[str, list[float]]) -> None:
        """Become the history that gave this state."""
        vars(self).update(state)

    @property
    def seconds_per_epoch(self) -> float:
        """The median over the epochs, which one slow epoch of a busy machine does not move."""
        return median(self.seconds)

    def last_epoch(self, epochs: int) -> str:
        """The last of so many epochs as the end of a progress line."""
        text = f"epoch {len(self.loss):>2}/{epochs}  loss {self.loss[-1]:.4f}"
        if self.validation_loss:
            text += f"  validation {self.validation_loss[-1]:.4f}"
        if self.validation_accuracy:
            text += f", {self.validation_accuracy[-1]:.2%}"
        return f"{text}  {self.seconds[-1]:.1f} s"


# Autoencoders


class Learner(Protocol):
    """An autoencoder with its optimiser."""

    def step(self, inputs: Tensor, targets: Tensor) -> Tensor:
        """One step on inputs and targets [B, D]; the loss before it, scalar and without a graph."""

    def loss(self, inputs: Tensor, targets: Tensor) -> float:
        """The mean loss per pixel on inputs and targets [N, D]."""


class ScratchLearner:
    """The network by hand with Adam by hand."""

    def __init__(self, network: ScratchAutoencoder, config: TrainConfig, images: int):
        self.network, self.adam = network, Adam(network.parameters, network.gradients)
        self.rates = iter(config.learning_rates(config.steps(images)))

    def step(self, inputs: Tensor, targets: Tensor) -> Tensor:
        loss = self.network.loss_and_gradients(inputs, targets)
        self.adam.step(next(self.rates))
        return loss

    def loss(self, inputs: Tensor, targets: Tensor) -> float:
        return F.binary_cross_entropy(self.network.reconstruct(inputs), targets).item()


class TorchLearner:
    """A ``torch.nn`` autoencoder with autograd and the optimisers of ``config``, until ``stack`` closes."""

    def __init__(self, network: AutoencoderModule, config: TrainConfig, images: int, device: Device, stack: ExitStack):
        self.network, self.device = device.place(network).train(), device
        self.optimisers = stack.enter_context(optimisers(network, config, device))
        self.schedules = [schedule(optimiser, config, images) for optimiser in self.optimisers]

    def step(self, inputs: Tensor, targets: Tensor) -> Tensor:
        loss = self._loss(inputs, targets)
        self.network.zero_grad()
        loss.backward()
        for each in (*self.optimisers, *self.schedules):
            each.step()
        return loss.detach()

    @torch.no_grad()
    def loss(self, inputs: Tensor, targets: Tensor) -> float:
        self.network.eval()
        parts = zip(inputs.split(PART), targets.split(PART), strict=True)
        total = sum((self._loss(x, y) * len(y) for x, y in parts), torch.zeros((), device=self.device.name))
        self.network.train()
        return total.item() / len(targets)

    def _loss(self, inputs: Tensor, targets: Tensor) -> Tensor:
        return self.network.loss(outputs(self.network, inputs, self.device), targets.to(self.device.name))


def train_autoencoders(
    networks: Mapping[str, ScratchAutoencoder | AutoencoderModule],
    images: Tensor,
    config: TrainConfig,
    *,
    seed: int,
    corrupt: Corrupt | None = None,
    validation: tuple[Tensor, Tensor] | None = None,
    device: Device = PLAIN,
) -> dict[str, History]:
    """Train every network to reproduce ``images`` on the very same batches; a :class:`History` for each.

    Images are pixels [N, D] in [0, 1] or bytes [N, ...], which take a quarter of the memory.

    With ``corrupt`` the inputs are corrupted, anew in every epoch, and the targets stay clean: a denoising autoencoder
    (Vincent et al. 2008). ``validation`` are fixed inputs and targets [M, D] on which the loss is taken every epoch.
    Networks take turns epoch by epoch, so that their times are taken under the same load of the machine.
    """
    histories = {name: History() for name in networks}

    def train() -> None:
        with ExitStack() as stack:
            learners = {name: learner_of(each, config, len(images), device, stack) for name, each in networks.items()}
            _train_autoencoders(learners, histories, images.to(device.name), config, seed, corrupt, validation)

    parts = {**networks, **{f"{name} history": history for name, history in histories.items()}}
    spared = resume(parts, train, recipe=(config, seed, device), data=[images])
    if spared:
        progress.tell(f"{', '.join(networks)}: kept from the run before")
    return histories


def _train_autoencoders(
    learners: Mapping[str, Learner],
    histories: Mapping[str, History],
    images: Tensor,
    config: TrainConfig,
    seed: int,
    corrupt: Corrupt | None,
    validation: tuple[Tensor, Tensor] | None,
) -> None:
    generator = Generator(images.device).manual_seed(seed)
    # Several networks share the noise of an epoch, drawn at once. For a single one it is drawn batch by batch, which
    # saves the memory of a second copy of the images.
    at_once = corrupt is not None and len(learners) > 1
    inputs, sizes = images, config.batches(len(images))
    watched = progress.watch([*learners], config.epochs, len(sizes))
    for _ in range(config.epochs):
        if corrupt and at_once:
            inputs = images[:0]  # frees the last epoch's noise before this one's is drawn
            inputs = corrupt(pixels(images), generator)
        order = _order(len(images), generator).split(sizes)
        for name, learner in learners.items():
            history, started, losses = histories[name], time.perf_counter(), []
            for rows in order:
                clean = pixels(images[rows])
                seen = inputs[rows] if at_once else corrupt(clean, generator) if corrupt else clean
                losses.append(learner.step(seen, clean))
                watched.step(name, losses[-1])
            history.add_epoch(torch.stack(losses).cpu(), sizes, started)
            if validation:
                history.validation_loss.append(learner.loss(*validation))
            watched.epoch(name, history)


def learner_of(
    network: ScratchAutoencoder | AutoencoderModule, config: TrainConfig, images: int, device: Device, stack: ExitStack
) -> Learner:
    """The learner that ``network`` asks for, with a schedule for so many images; ``stack`` closes what it opens."""
    if isinstance(network, ScratchAutoencoder):
        return ScratchLearner(network, config, images)
    return TorchLearner(network, config, images, device, stack)


def _order(count: int, generator: Generator) -> Tensor:
    """A random order of so many rows, on the generator's device."""
    return torch.randperm(count, generator=generator, device=generator.device)


def state_of(network: nn.Module | ScratchAutoencoder) -> dict[str, Tensor]:
    """Weights by name; a network by hand has the names of the ``torch.nn`` network of the same layers."""
    if isinstance(network, nn.Module):
        return network.state_dict()
    return Autoencoder(network.layers, encoder_layers=network.encoder_layers).state_dict()


# Encoders, without labels


def train_contrastive(
    network: nn.Module,
    images: Tensor,
    config: TrainConfig,
    *,
    view: Transform,
    loss: Callable[[Tensor, Tensor], Tensor],
    seed: int,
    name: str,
    device: Device = PLAIN,
) -> History:
    """Train an encoder in place on pairs of random views of images [N, C, H, W] (SimCLR; Chen et al. 2020).

    ``view`` changes each image of a batch at random; ``loss`` takes the codes [B, d] of two views of the same images.
    """
    history = History()

    def train() -> None:
        generator, sizes = Generator(device.name).manual_seed(seed), config.batches(len(images))
        placed = images.to(device.name)
        with optimisers(device.place(network).train(), config, device) as optimised:
            schedules = [schedule(optimiser, config, len(images)) for optimiser in optimised]
            watched = progress.watch([name], config.epochs, len(sizes))
            for _ in range(config.epochs):
                started, losses = time.perf_counter(), []
                for rows in _order(len(images), generator).split(sizes):
                    views = [view(placed[rows], generator) for _ in range(2)]
                    pair_loss = loss(*forward(network, torch.cat(views), device).float().chunk(2))
                    network.zero_grad()
                    pair_loss.backward()
                    for each in (*optimised, *schedules):
                        each.step()
                    losses.append(pair_loss.detach())
                    watched.step(name, losses[-1])
                history.add_epoch(torch.stack(losses).cpu(), sizes, started)
                watched.epoch(name, history)

    parts = {"network": network, "history": history}
    spared = resume(parts, train, recipe=(config, seed, device), data=[images])
    if spared:
        progress.tell(f"{name:<16} kept from the run before")
    return history


# Classifiers


class Objective(Protocol):
    """What a classifier minimises."""

    def __call__(self, outputs: Any, labels: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
        """A network's outputs on a batch, labels [B] and how much each image counts [B] -> loss and logits.

        The loss, scalar, is the mean over the batch of the images' losses times their weights; logits are [B, classes].
        """

    def after_step(self) -> None:
        """Update what the optimiser does not, after every step."""

    def after_epoch(self) -> None:
        """Record what the epoch gave."""

    def state_dict(self) -> dict[str, Any]:
        """What training changes in it, see :class:`helpers.checkpoints.Stateful`."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Become what gave this state."""


@dataclass
class SoftmaxLoss:
    """The cross entropy of the softmax of the logits, with label smoothing (Szegedy et al. 2016)."""

    smoothing: float = 0.0

    def __call__(self, outputs: Tensor, labels: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
        logits = outputs.float()
        losses = F.cross_entropy(logits, labels, label_smoothing=self.smoothing, reduction="none")
        return (weights * losses).mean(), logits

    def after_step(self) -> None:
        """Nothing: the optimiser updates all there is."""

    def after_epoch(self) -> None:
        """Nothing: the loop records the cross entropy."""

    def state_dict(self) -> dict[str, Any]:
        """Nothing: training changes nothing in it."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Nothing: see ``state_dict``."""


def train_classifier(
    network: nn.Module,
    split: Split,
    config: TrainConfig,
    *,
    seed: int,
    device: Device = PLAIN,
    name: str | None = None,
    validation: Split | None = None,
    objective: Objective | None = None,
    transform: Transform | None = None,
) -> History:
    """Train a classifier in place on the images (or features [N, D]) and labels of ``split``.

    The default objective is the softmax loss. Every batch passes through ``transform`` first; by default images are
    moved as ``config`` says, and features are left as they are. With ``config.flip`` a random half of the images is
    mirrored in the first pass over them, the other half in the second, and so on in turn: two passes show each image
    both ways (Jordan 2024). With ``config.prune`` most passes leave out easy images, see
    :func:`helpers.augmentation.pruned`. ``name`` stands in the progress lines; without it there are none.

    The history holds the plain cross entropy, without smoothing, and the accuracy: of the training batches as the
    network met them, augmented and under dropout, and of ``validation`` after every epoch.

    Raises ValueError for batches of a single image when a batch normalisation of features could not learn from them.
    """
    if min(config.batches(len(split))) == 1 and any(isinstance(part, nn.BatchNorm1d) for part in network.modules()):
        raise ValueError("batch normalisation cannot learn from one image: use two images or more, and larger batches")
    device.place(network)
    history, objective = History(), objective or SoftmaxLoss(config.smoothing)
    if transform is None:
        pictures = add_channel_dim(split.images).ndim == 4
        transform = partial(move, by=config.shift) if pictures else unchanged

    def train() -> None:
        _train_classifier(network, split, config, seed, device, name, validation, objective, transform, history)

    parts = {"network": network, "history": history, "objective": objective}
    spared = resume(parts, train, recipe=(config, seed, device), data=[split.images, split.labels])
    if spared and name:
        progress.tell(f"{name:<16} kept from the run before")
    return history


def _train_classifier(
    network: nn.Module,
    split: Split,
    config: TrainConfig,
    seed: int,
    device: Device,
    name: str | None,
    validation: Split | None,
    objective: Objective,
    transform: Transform,
    history: History,
) -> None:
    images, labels = add_channel_dim(split.images).to(device.name), split.labels.to(device.name)
    generator, steps = Generator(device.name).manual_seed(seed), len(config.batches(len(labels)))
    last = torch.zeros(len(labels), device=device.name)  # the loss of each image when it was last shown
    with torch.random.fork_rng(), optimisers(network, config, device) as optimised:
        torch.manual_seed(seed)  # for dropout
        schedules = [schedule(optimiser, config, len(labels)) for optimiser in optimised]
        watched = progress.watch([name] if name else [], config.epochs, steps)
        batches = _batches(images, config, last, generator, history.passes)
        for _ in range(config.epochs):
            network.train()
            started, losses, sizes, hits, counted = time.perf_counter(), [], [], 0.0, 0.0
            for shown, rows, weights in islice(batches, steps):
                batch, targets = transform(shown, generator), labels[rows]
                loss, logits = objective(forward(network, batch, device), targets, weights)
                network.zero_grad()
                loss.backward()
                for each in (*optimised, *schedules):
                    each.step()
                objective.after_step()
                last[rows] = F.cross_entropy(logits.detach(), targets, reduction="none")
                losses.append((weights * last[rows]).sum() / weights.sum())
                sizes.append(len(rows))
                if name:
                    watched.step(name, losses[-1])
                hits += (weights * (logits.detach().argmax(1) == targets)).sum()
                counted += weights.sum()
            history.add_epoch(torch.stack(losses).cpu(), sizes, started)
            history.accuracy.append(float(hits / counted))
            objective.after_epoch()
            if validation:
                likely = probabilities(network, validation.images, device)
                history.validation_loss.append(log_loss(likely, validation.labels))
                history.validation_accuracy.append((likely.argmax(1) == validation.labels).double().mean().item())
            if name:
                watched.epoch(name, history)


def _batches(
    images: Tensor, config: TrainConfig, losses: Tensor, generator: Generator, passes: list[int]
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """The batches of a training: images, their rows [B] and weights [B].

    ``losses`` [N] are those of the last pass; how many batches a pass has is added to ``passes``.
    """
    mirrored = config.flip and images.ndim == 4  # features have no left and right
    if mirrored:
        images = mirror_half(images, generator)
    left = total = config.steps(len(images))
    while left > 0:
        rows, weights = _order(len(images), generator), torch.ones_like(losses)
        if config.prune and total / 8 < left < total:  # the first pass and the last steps show all images
            weights = pruned(losses, config.prune, generator)
            rows = rows[weights[rows] > 0]
        parts = rows.split(config.batches(len(rows)))[:left]
        passes.append(len(parts))
        for part in parts:
            yield images[part], part, weights[part]
        left -= len(parts)
        images = images.flip(3) if mirrored else images


def build(make: Callable[..., Network], images: Tensor, *, classes: int, seed: int) -> Network:
    """The network ``make(images, classes=classes)``, its weights drawn from ``seed``."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return make(images, classes=classes)


def fit(
    make: Callable[..., Network], split: Split, config: TrainConfig, *, classes: int, seed: int, **how: Any
) -> tuple[Network, History]:
    """A network from :func:`build`, trained on ``split``; ``how`` is handed to :func:`train_classifier`."""
    network = build(make, split.images, classes=classes, seed=seed)
    return network, train_classifier(network, split, config, seed=seed, **how)


def tune(
    make: Callable[..., nn.Module],
    configs: Sequence[TrainConfig],
    split: Split,
    validation: Split,
    *,
    epochs: int,
    classes: int,
    device: Device,
    seed: int,
    name: str,
) -> list[dict[str, Any]]:
    """Train with each of ``configs`` for ``epochs`` on ``split``; rows of ``config`` and validation ``accuracy``.

    The configs come back as given, with their own epochs; best first, and among equals the first in the list.
    Raises ValueError when there is nothing to try.
    """
    if not configs:
        raise ValueError(f"{name}: there are no learning rates to choose from")
    rows = []
    for config in configs:
        short, how = replace(config, epochs=epochs), {"device": device, "name": f"{name} trial"}
        network, _ = fit(make, split, short, classes=classes, seed=seed, **how)
        hits = probabilities(network, validation.images, device, flip=config.flip).argmax(1) == validation.labels
        rows.append({"config": config, "accuracy": hits.float().mean().item()})
        accuracy = rows[-1]["accuracy"]
        progress.tell(f"{name:<16} learning rate {config.learning_rate:g}  validation accuracy {accuracy:.4f}")
    return sorted(rows, key=lambda row: row["accuracy"], reverse=True)
