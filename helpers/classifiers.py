"""Networks that name what is in a picture, grey or colour, and the one loop that trains them.

Images are uint8 [N, H, W] or [N, 3, H, W], as :mod:`helpers.data` gives them; every network scales its input itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from helpers.calibration import log_loss
from helpers.data import Split
from helpers.device import Device
from helpers.models import convolution
from helpers.training import History, progress


def planes(images: Tensor) -> Tensor:
    """Grey images [N, H, W] with their channel, [N, 1, H, W]; images that have channels as they are."""
    return images.unsqueeze(1) if images.ndim == 3 else images


class Standardise(nn.Module):
    """Bytes [N, C, H, W] -> floats with mean 0 and deviation 1 in every channel of the ``images`` it was made from."""

    def __init__(self, images: Tensor):
        super().__init__()
        counts = torch.stack([plane.flatten().bincount(minlength=256) for plane in planes(images).transpose(0, 1)])
        shares, values = counts.double() / counts.sum(1, keepdim=True), torch.arange(256.0, dtype=torch.float64)
        mean = (shares * values).sum(1)
        deviation = ((shares * values.square()).sum(1) - mean.square()).sqrt().clamp(min=1)  # a blank channel: no 0 / 0
        self.register_buffer("mean", mean.float().view(-1, 1, 1))
        self.register_buffer("deviation", deviation.float().view(-1, 1, 1))

    def forward(self, images: Tensor) -> Tensor:
        return (images - self.mean) / self.deviation


class Scale(nn.Module):
    """Bytes to floats from 0 to 1, of any shape."""

    def forward(self, images: Tensor) -> Tensor:
        return images / 255


class ReportACNN(nn.Sequential):
    """Report A's CNN: three convolutions 3 -> 32 -> 64 -> 128 with replicated edges, batch normalisation, max-pooling.

    Between the convolutions there is no activation function, as printed; max-pooling is all that is not linear there.
    Its LogSoftmax is left to the loss. ``images`` give the number of channels, the side and the scale of the input.
    """

    def __init__(self, images: Tensor, *, classes: int):
        channels, side = planes(images).shape[1:3]
        stages: list[nn.Module] = []
        for width in (32, 64, 128):
            convolution = nn.Conv2d(channels, width, 3, padding=1, padding_mode="replicate")
            stages += [convolution, nn.BatchNorm2d(width), nn.MaxPool2d(2)]  # side -> side // 2
            channels = width
        super().__init__(
            Standardise(images),
            *stages,
            nn.Flatten(),
            nn.Dropout(0.2),
            nn.Linear(128 * (side // 8) ** 2, 512),  # 2048 numbers from 32 x 32 images
            nn.ReLU(),
            nn.Dropout(0.2),
            nn.Linear(512, 64),
            nn.ReLU(),
            nn.Linear(64, classes),
        )


class ReportBCNN(nn.Sequential):
    """Report B's CNN: two convolutions with max-pooling, a dense layer, dropout; pixels scaled to [0, 1].

    The report gives no sizes: these are those of the example in the Keras documentation that it follows (32 and 64
    filters of 3 x 3 without padding, ReLU). Its one-hot targets are what the cross entropy makes of labels anyway.
    """

    def __init__(self, images: Tensor, *, classes: int):
        channels, side = planes(images).shape[1:3]
        super().__init__(
            Scale(),
            nn.Conv2d(channels, 32, 3),
            nn.ReLU(),
            nn.MaxPool2d(2),  # 28 -> 26 -> 13
            nn.Conv2d(32, 64, 3),
            nn.ReLU(),
            nn.MaxPool2d(2),  # 13 -> 11 -> 5
            nn.Dropout(0.25),
            nn.Flatten(),
            nn.Linear(64 * (((side - 2) // 2 - 2) // 2) ** 2, 128),
            nn.ReLU(),
            nn.Dropout(0.5),
            nn.Linear(128, classes),
        )


class ConvNet(nn.Sequential):
    """Ours: stages of two 3 x 3 convolutions, each with batch normalisation and ReLU, max-pooling between the stages.

    After the last stage the largest value of every filter is taken over the whole picture: where something is does not
    matter, and a linear layer has only ``widths[-1]`` inputs.
    """

    def __init__(self, images: Tensor, *, classes: int, widths: Sequence[int] = (32, 64, 128, 256)):
        channels = planes(images).shape[1]
        stages: list[nn.Module] = []
        for width in widths:
            if stages:
                stages.append(nn.MaxPool2d(2))
            stages += [*convolution(channels, width), *convolution(width, width)]
            channels = width
        pool = (nn.AdaptiveMaxPool2d(1), nn.Flatten())
        super().__init__(Standardise(images), *stages, *pool, nn.Linear(channels, classes))


class FeedForward(nn.Sequential):
    """Fully connected: all pixels at once, no idea of which are neighbours; hidden layers with ReLU and dropout."""

    def __init__(self, images: Tensor, *, classes: int, hidden: Sequence[int] = (1024, 256), dropout: float = 0.2):
        inputs = planes(images)[0].numel()
        layers: list[nn.Module] = []
        for width in hidden:
            layers += [nn.Linear(inputs, width), nn.ReLU(), nn.Dropout(dropout)]
            inputs = width
        super().__init__(Standardise(images), nn.Flatten(), *layers, nn.Linear(inputs, classes))


@dataclass(frozen=True)
class Recipe:
    """How a classifier is trained. Raises ValueError for settings that cannot work.

    Adam with decoupled weight decay (Loshchilov & Hutter 2019) on the cross entropy. The learning rate is constant, or
    with ``one_cycle`` rises to its peak and falls to zero (Smith & Topin 2019). ``smoothing`` moves that share of every
    label to all classes alike (Szegedy et al. 2016). ``flip`` mirrors half of the images, ``shift`` moves each by up to
    so many pixels, anew in every epoch.
    """

    epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float = 0.0
    smoothing: float = 0.0
    one_cycle: bool = False
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
    settings = {"lr": recipe.learning_rate, "weight_decay": recipe.weight_decay, "fused": True}
    optimiser = torch.optim.AdamW([p for p in network.parameters() if p.requires_grad], **settings)
    schedule = None
    if recipe.one_cycle:
        steps = recipe.epochs * -(-len(images) // recipe.batch_size)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimiser, recipe.learning_rate, total_steps=steps, pct_start=0.25
        )
    history = History()
    with torch.random.fork_rng():
        torch.manual_seed(seed)  # for dropout
        for _ in range(recipe.epochs):
            network.train()
            started, losses, hits = time.perf_counter(), [], 0
            for rows in torch.randperm(len(labels), generator=generator).split(recipe.batch_size):
                batch = augment(pictures[rows], generator, flip=recipe.flip, shift=recipe.shift)
                logits, targets = _logits(network, batch, device), labels[rows].to(device.name)
                optimiser.zero_grad()
                F.cross_entropy(logits, targets, label_smoothing=recipe.smoothing).backward()
                optimiser.step()
                if schedule:
                    schedule.step()
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


def _last_epoch(history: History, epochs: int) -> str:
    text = f"epoch {len(history.loss):>2}/{epochs}  loss {history.loss[-1]:.4f}"
    if history.validation_loss:
        text += f"  validation {history.validation_loss[-1]:.4f}, {history.validation_accuracy[-1]:.2%}"
    return f"{text}  {history.seconds[-1]:.1f} s"


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
    """A new network ``build(images, classes=classes)``, its weights drawn from ``seed``, trained on ``part``."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = build(part.images, classes=classes)
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
def probabilities(network: nn.Module, images: Tensor, device: Device, *, flip: bool = False) -> Tensor:
    """Class probabilities [N, classes] of ``images``, on the CPU; with ``flip`` the mean of an image and its mirror."""
    network.eval()
    parts = []
    for part in planes(images).split(500):
        views = (part, part.flip(3)) if flip else (part,)
        parts.append(torch.stack([_logits(network, view, device).softmax(1) for view in views]).mean(0).cpu())
    return torch.cat(parts)


def _logits(network: nn.Module, images: Tensor, device: Device) -> Tensor:
    with device.autocast():
        return network(device.place(images)).float()


def convolution_matrix(kernel: Tensor, side: int) -> Tensor:
    """The matrix [outputs, side * side] that does to a flattened square picture what ``kernel`` [k, k] does to it.

    Stride one, no padding. Every row is the same kernel on another place: that is parameter sharing.
    """
    size = len(kernel)
    rows = []
    for i in range(side - size + 1):
        for j in range(side - size + 1):
            row = kernel.new_zeros(side, side)
            row[i : i + size, j : j + size] = kernel
            rows.append(row.flatten())
    return torch.stack(rows)
