"""Classifiers of pictures: the one loop that trains them, choosing how, and asking them for probabilities.

Images are uint8 [N, H, W] or [N, 3, H, W], as :mod:`helpers.data` gives them; the networks are in helpers.models.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from helpers.metrics import log_loss
from helpers.models import planes
from helpers.training import Device
from helpers.training import as_matrices
from helpers.data import Split
from helpers.training import LEAST_STEPS, History, progress

Network = TypeVar("Network", bound=nn.Module)


@dataclass(frozen=True)
class Recipe:
    """How a classifier is trained. Raises ValueError for settings that cannot work.

    Adam with decoupled weight decay (Loshchilov & Hutter 2019) on the cross entropy; with ``muon`` kernels and hidden
    dense layers learn by Muon (Jordan et al. 2024), in steps of Adam's size (Liu et al. 2025). The learning rate is
    constant, or with ``one_cycle`` rises to its peak and falls to zero (Smith & Topin 2019). ``smoothing`` moves that
    share of every label to all classes alike (Szegedy et al. 2016). ``flip`` mirrors half of the images, ``shift``
    moves each by up to so many pixels, anew in every epoch.
    """

    epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float = 0.0
    smoothing: float = 0.0
    one_cycle: bool = False
    muon: bool = False
    flip: bool = False
    shift: int = 0

    def __post_init__(self):
        for name in ("epochs", "batch_size", "learning_rate"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be positive, not {getattr(self, name)}")
        if self.weight_decay < 0 or self.shift < 0 or not 0 <= self.smoothing < 1:
            what = f"{self.weight_decay}, {self.shift} and {self.smoothing}"
            raise ValueError(f"weight decay and shift must not be negative, and smoothing below one, not {what}")


def augment(images: Tensor, generator: torch.Generator, *, flip: bool, shift: int) -> Tensor:
    """Images [N, C, H, W], half of them mirrored and each moved by up to ``shift`` pixels, edges repeated.

    One gather does both: it reads row and column numbers that are mirrored and moved first. The result lies in memory
    with the channels last.
    """
    count, _, height, width = images.shape
    moves = torch.randint(-shift, shift + 1, (2, count, 1), generator=generator)
    rows = (torch.arange(height) + moves[0]).clamp_(0, height - 1)
    columns = (torch.arange(width) + moves[1]).clamp_(0, width - 1)
    if flip:
        mirrored = torch.rand(count, 1, generator=generator) < 0.5
        columns = torch.where(mirrored, columns.flip(1), columns)
    picked = images[torch.arange(count)[:, None, None], :, rows[:, :, None], columns[:, None, :]]  # [N, H, W, C]
    return picked.permute(0, 3, 1, 2)


def train(
    network: nn.Module,
    images: Tensor,
    labels: Tensor,
    recipe: Recipe,
    *,
    device: Device,
    seed: int,
    name: str | None,
    validation: Split | None = None,
) -> History:
    """Train a classifier in place on ``images`` and ``labels`` [N].

    ``name`` is what the progress lines call it; with None there are none.

    The history holds the plain cross entropy, without smoothing, and the accuracy: of the training batches as the
    network met them, augmented and under dropout, and of ``validation`` after every epoch.
    """
    device.place(network)
    pictures = planes(images)
    generator = torch.Generator().manual_seed(seed)
    history = History()
    with torch.random.fork_rng(), _optimisers(network, recipe) as optimisers:
        torch.manual_seed(seed)  # for dropout
        schedules = []
        if recipe.one_cycle:
            steps = max(LEAST_STEPS, recipe.epochs * -(-len(images) // recipe.batch_size))
            cycle = {"total_steps": steps, "pct_start": 0.25}
            schedules = [torch.optim.lr_scheduler.OneCycleLR(o, recipe.learning_rate, **cycle) for o in optimisers]
        for _ in range(recipe.epochs):
            network.train()
            started, losses, hits = time.perf_counter(), [], 0
            for rows in torch.randperm(len(labels), generator=generator).split(recipe.batch_size):
                batch = augment(pictures[rows], generator, flip=recipe.flip, shift=recipe.shift)
                logits, targets = _logits(network, batch, device), labels[rows].to(device.name)
                network.zero_grad()
                F.cross_entropy(logits, targets, label_smoothing=recipe.smoothing).backward()
                for each in (*optimisers, *schedules):
                    each.step()
                losses.append(F.cross_entropy(logits.detach(), targets).cpu())
                hits += (logits.detach().argmax(1) == targets).sum().cpu()
            history.add_epoch(torch.stack(losses), len(labels), time.perf_counter() - started)
            history.accuracy.append(int(hits) / len(labels))
            if validation:
                likely = probabilities(network, validation.images, device)
                history.validation_loss.append(log_loss(likely, validation.labels))
                history.validation_accuracy.append((likely.argmax(1) == validation.labels).double().mean().item())
            if name:
                progress(f"{name:<16} {_last_epoch(history, recipe.epochs)}")
    return history


@contextmanager
def _optimisers(network: nn.Module, recipe: Recipe) -> Iterator[list[torch.optim.Optimizer]]:
    settings = {"lr": recipe.learning_rate, "weight_decay": recipe.weight_decay}
    with as_matrices(network) if recipe.muon else nullcontext([]) as kernels:
        known = set(map(id, kernels))
        rest = [p for p in network.parameters() if p.requires_grad and id(p) not in known]
        optimisers: list[torch.optim.Optimizer] = [torch.optim.AdamW(rest, **settings, fused=True)]
        if kernels:
            optimisers.append(torch.optim.Muon(kernels, **settings, adjust_lr_fn="match_rms_adamw"))
        yield optimisers


def _last_epoch(history: History, epochs: int) -> str:
    text = f"epoch {len(history.loss):>2}/{epochs}  loss {history.loss[-1]:.4f}"
    if history.validation_loss:
        text += f"  validation {history.validation_loss[-1]:.4f}, {history.validation_accuracy[-1]:.2%}"
    return f"{text}  {history.seconds[-1]:.1f} s"


def new(build: Callable[..., Network], images: Tensor, *, classes: int, seed: int) -> Network:
    """A network ``build(images, classes=classes)``, its weights drawn from ``seed``."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return build(images, classes=classes)


def fit(
    build: Callable[..., nn.Module],
    part: Split,
    recipe: Recipe,
    *,
    classes: int,
    device: Device,
    seed: int,
    name: str | None,
    validation: Split | None = None,
) -> tuple[nn.Module, History]:
    """A :func:`new` network, trained on ``part``."""
    network = new(build, part.images, classes=classes, seed=seed)
    settings = {"device": device, "seed": seed, "name": name, "validation": validation}
    return network, train(network, part.images, part.labels, recipe, **settings)


def choose(
    build: Callable[..., nn.Module],
    recipes: Sequence[Recipe],
    part: Split,
    validation: Split,
    *,
    epochs: int,
    classes: int,
    device: Device,
    seed: int,
    name: str,
) -> list[dict[str, Any]]:
    """Try each of ``recipes`` for ``epochs`` on ``part``; rows of ``recipe`` and ``accuracy`` on ``validation``.

    The recipes come back as given, with their own epochs. Best first; among equals the first in the list.
    Raises ValueError when there is nothing to try.
    """
    if not recipes:
        raise ValueError(f"{name}: there are no learning rates to choose from")
    rows = []
    for recipe in recipes:
        short = replace(recipe, epochs=epochs)
        network, _ = fit(build, part, short, classes=classes, device=device, seed=seed, name=f"{name} trial")
        hits = probabilities(network, validation.images, device, flip=recipe.flip).argmax(1) == validation.labels
        rows.append({"recipe": recipe, "accuracy": hits.float().mean().item()})
        progress(f"{name:<16} learning rate {recipe.learning_rate:g}  validation accuracy {rows[-1]['accuracy']:.4f}")
    return sorted(rows, key=lambda row: row["accuracy"], reverse=True)


@torch.no_grad()
def probabilities(network: nn.Module, images: Tensor, device: Device, *, flip: bool = False, shift: int = 0) -> Tensor:
    """Class probabilities [N, classes] of ``images``, on the CPU.

    With ``shift`` the mean over an image as it is and moved by so many pixels to two corners, edges repeated; with
    ``flip`` over each of these and its mirror.
    """
    network.eval()
    moves = (0, shift, -shift) if shift else (0,)
    parts = []
    for part in planes(images).split(500):
        views = [_moved(part, by) for by in moves]
        views += [view.flip(3) for view in views] if flip else []
        parts.append(torch.stack([_logits(network, view, device).softmax(1) for view in views]).mean(0).cpu())
    return torch.cat(parts)


def _moved(images: Tensor, by: int) -> Tensor:
    rows, columns = ((torch.arange(side) + by).clamp_(0, side - 1) for side in images.shape[2:])
    return images[:, :, rows][:, :, :, columns] if by else images


def _logits(network: nn.Module, images: Tensor, device: Device) -> Tensor:
    with device.autocast():
        return network(device.place(images)).float()
