"""Transfer: a classifier on an autoencoder's encoder, or behind all of it, fine-tuned or frozen; and few labels."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from helpers import progress
from helpers.data import Split, balanced_subset
from helpers.device import Device
from helpers.inference import PART, probabilities
from helpers.models import ConvolutionalAutoencoder, ReportBCNN, Scale, add_channel_dim
from helpers.optimisers import TrainConfig
from helpers.stats import accuracy
from helpers.training import History, build, train_classifier


class Frozen(nn.Module):
    """A network that is used and not trained: no gradient reaches its weights, its batch statistics stay."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network.requires_grad_(False)
        self.train(False)

    def train(self, mode: bool = True) -> Frozen:
        """Stay in evaluation mode, whatever ``mode`` says."""
        return super().train(False)

    def forward(self, images: Tensor) -> Tensor:
        """What the network gives."""
        return self.network(images)


class Restore(nn.Module):
    """Images [N, 1, 28, 28] in [0, 1] -> their reconstructions by an autoencoder, of the same shape."""

    def __init__(self, autoencoder: ConvolutionalAutoencoder):
        super().__init__()
        self.autoencoder = autoencoder

    def forward(self, images: Tensor) -> Tensor:
        """Images [N, 1, 28, 28] -> reconstructions."""
        return self.autoencoder.images(self.autoencoder(images))


def encoder_classifier(
    autoencoder: ConvolutionalAutoencoder, images: Tensor, *, classes: int, frozen: bool = False
) -> nn.Sequential:
    """A copy of the encoder, a dense layer and the output (Report B's task 3), and dropout between, which is ours.

    It takes bytes [N, 1, 28, 28], of which ``images`` are a few. The weights of the dense layers are drawn from
    torch's global generator.
    """
    encoder = copy.deepcopy(autoencoder.encoder).cpu()
    size = encoder.eval()(add_channel_dim(images[:1]) / 255).numel()
    body = Frozen(encoder) if frozen else encoder
    head = (nn.Flatten(), nn.Linear(size, 128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, classes))
    return nn.Sequential(Scale(), body, *head)


def whole_classifier(
    autoencoder: ConvolutionalAutoencoder, images: Tensor, *, classes: int, frozen: bool, **how: Any
) -> nn.Sequential:
    """A copy of the whole autoencoder, and Report B's CNN with new weights on the images that it reconstructs.

    Report B's "other variations" (its task 4). It takes bytes [N, 1, 28, 28], of which ``images`` are a few; ``how`` is
    handed to :class:`helpers.models.ReportBCNN`.
    """
    restore = Restore(copy.deepcopy(autoencoder).cpu())
    classifier = list(ReportBCNN(images, classes=classes, **how))[1:]  # without its scaling: these images are scaled
    return nn.Sequential(Scale(), Frozen(restore) if frozen else restore, *classifier)


def split_frozen(network: nn.Sequential) -> tuple[nn.Sequential, nn.Sequential]:
    """The layers up to the last frozen one, none if none is frozen, and those behind. Both share the weights."""
    behind = max((i + 1 for i, layer in enumerate(network) if isinstance(layer, Frozen)), default=0)
    layers = list(network)
    return nn.Sequential(*layers[:behind]), nn.Sequential(*layers[behind:])


@torch.no_grad()
def outputs(layers: nn.Sequential, images: Tensor, device: Device) -> Tensor:
    """The outputs of frozen layers on bytes [N, H, W] or [N, C, H, W]; without layers the images themselves."""
    if not len(layers):
        return images
    device.place(layers.eval())
    with device.autocast():
        return torch.cat([layers(device.place(part)).cpu() for part in add_channel_dim(images).split(PART)])


def fit(
    make: Callable[..., nn.Sequential],
    train: Split,
    config: TrainConfig,
    *,
    classes: int,
    device: Device,
    seed: int,
    name: str | None,
    validation: Split | None = None,
) -> tuple[nn.Sequential, History]:
    """As :func:`helpers.training.fit`, but the outputs of frozen layers are computed once, not once an epoch.

    Their time counts as the first epoch's. Raises ValueError for frozen layers and images that change every epoch.
    """
    network = build(make, train.images, classes=classes, seed=seed)
    fixed, learning = split_frozen(network)
    if len(fixed) and (config.flip or config.shift):
        raise ValueError("what frozen layers make of images is computed once: leave out flip and shift")
    started = time.perf_counter()
    seen = Split(outputs(fixed, train.images, device), train.labels)
    seconds = time.perf_counter() - started
    if validation:
        validation = Split(outputs(fixed, validation.images, device), validation.labels)
    history = train_classifier(learning, seen, config, device=device, seed=seed, name=name, validation=validation)
    history.seconds[0] += seconds
    return network, history


def learn_from_few(
    makers: Mapping[str, Callable[..., nn.Sequential]],
    train: Split,
    test: Split,
    per_class: Sequence[int],
    config: TrainConfig,
    *,
    steps: int,
    draws: int,
    classes: int,
    device: Device,
    seed: int,
) -> dict[str, Tensor]:
    """Test accuracy of networks that see only so many labelled images of each class, [counts, draws] by name.

    In each of the ``draws`` all networks see the same random images, and their weights are drawn anew. They learn for
    the epochs of ``config``, or for as many more as make ``steps`` of optimisation.
    """
    found = {name: torch.zeros(len(per_class), draws, dtype=torch.float64) for name in makers}
    tested: dict[str, Tensor] = {}  # the test images as the layers that learn get them
    for i, count in enumerate(per_class):
        enough = replace(config, epochs=max(config.epochs, -(-steps * config.batch_size // (count * classes))))
        for draw in range(draws):
            subset = balanced_subset(train, count, seed=seed + draw)
            for name, make in makers.items():
                how = {"classes": classes, "device": device, "seed": seed + draw, "name": None}
                fixed, learning = split_frozen(fit(make, subset, enough, **how)[0])
                if name not in tested:  # frozen layers are the same in every draw
                    tested[name] = outputs(fixed, test.images, device)
                found[name][i, draw] = accuracy(probabilities(learning, tested[name], device), test.labels).value
        means = "  ".join(f"{name} {values[i].mean():.2%}" for name, values in found.items())
        progress.tell(f"{count * classes:>6} labelled images  {means}")
    return found
