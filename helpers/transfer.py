"""Learning one task on top of another: an autoencoder's encoder, or all of it, under a classifier; and few labels."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from helpers import classifiers
from helpers.training import Recipe, probabilities
from helpers.models import ReportBCNN, Scale, planes
from helpers.training import Device
from helpers.models import ConvolutionalAutoencoder
from helpers.data import Split, balanced
from helpers.stats import accuracy
from helpers.training import History, progress


class Frozen(nn.Module):
    """A network that is only used: no gradient reaches its weights, and its batch statistics stay as they were."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network.requires_grad_(False)
        self.train(False)

    def train(self, mode: bool = True) -> Frozen:
        """Like every module's, but what is inside never leaves evaluation mode."""
        return super().train(False)

    def forward(self, images: Tensor) -> Tensor:
        return self.network(images)


class Restore(nn.Module):
    """Images [N, 1, 28, 28] in [0, 1] -> what an autoencoder makes of them, likewise."""

    def __init__(self, autoencoder: ConvolutionalAutoencoder):
        super().__init__()
        self.autoencoder = autoencoder

    def forward(self, images: Tensor) -> Tensor:
        return self.autoencoder.images(self.autoencoder(images))


def encoder_classifier(
    autoencoder: ConvolutionalAutoencoder, images: Tensor, *, classes: int, frozen: bool = False
) -> nn.Sequential:
    """A copy of the encoder, a dense layer and the output (Report B's task 3), and dropout between, which is ours.

    It takes bytes [N, 1, 28, 28], of which ``images`` are a few. The weights of the dense layers are drawn from
    torch's global generator.
    """
    encoder = copy.deepcopy(autoencoder.encoder).cpu()
    size = encoder.eval()(planes(images[:1]) / 255).numel()
    body = Frozen(encoder) if frozen else encoder
    head = (nn.Flatten(), nn.Linear(size, 128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, classes))
    return nn.Sequential(Scale(), body, *head)


def whole_classifier(
    autoencoder: ConvolutionalAutoencoder, images: Tensor, *, classes: int, frozen: bool
) -> nn.Sequential:
    """A copy of the whole autoencoder, and Report B's CNN with new weights on the images that it gives back.

    Report B's "other variations" (its task 4). It takes bytes [N, 1, 28, 28], of which ``images`` are a few.
    """
    restore = Restore(copy.deepcopy(autoencoder).cpu())
    classifier = list(ReportBCNN(images, classes=classes))[1:]  # without its scaling: these images are scaled
    return nn.Sequential(Scale(), Frozen(restore) if frozen else restore, *classifier)


def frozen_part(network: nn.Sequential) -> tuple[nn.Sequential, nn.Sequential]:
    """The layers up to a frozen one, none if there is none, and those behind it. Both share the network's weights."""
    behind = max((i + 1 for i, layer in enumerate(network) if isinstance(layer, Frozen)), default=0)
    layers = list(network)
    return nn.Sequential(*layers[:behind]), nn.Sequential(*layers[behind:])


@torch.no_grad()
def outputs(layers: nn.Sequential, images: Tensor, device: Device) -> Tensor:
    """What layers that only look make of bytes [N, H, W] or [N, C, H, W]; the images themselves if there are none."""
    if not len(layers):
        return images
    device.place(layers.eval())
    with device.autocast():
        return torch.cat([layers(device.place(part)).cpu() for part in planes(images).split(500)])


def fit(
    build: Callable[..., nn.Sequential],
    train: Split,
    recipe: Recipe,
    *,
    classes: int,
    device: Device,
    seed: int,
    name: str | None,
    validation: Split | None = None,
) -> tuple[nn.Sequential, History]:
    """As :func:`helpers.training.fit`, but frozen layers see every image once instead of once an epoch.

    Their time counts as the first epoch's. Raises ValueError for frozen layers and images that change every epoch.
    """
    network = classifiers.new(build, train.images, classes=classes, seed=seed)
    fixed, learning = frozen_part(network)
    if len(fixed) and (recipe.flip or recipe.shift):
        raise ValueError("what frozen layers make of images is computed once: leave out flip and shift")
    started = time.perf_counter()
    images = outputs(fixed, train.images, device)
    seconds = time.perf_counter() - started
    if validation:
        validation = Split(outputs(fixed, validation.images, device), validation.labels)
    history = classifiers.train(
        learning, images, train.labels, recipe, device=device, seed=seed, name=name, validation=validation
    )
    history.seconds[0] += seconds
    return network, history


def learn_from_few(
    builders: Mapping[str, Callable[..., nn.Module]],
    train: Split,
    test: Split,
    per_class: Sequence[int],
    recipe: Recipe,
    *,
    steps: int,
    draws: int,
    classes: int,
    device: Device,
    seed: int,
) -> dict[str, Tensor]:
    """Test accuracy of networks that see only so many labelled images of each class, [counts, draws] by name.

    In each of the ``draws`` all networks see the same random images, and their weights are drawn anew. They learn for
    the epochs of ``recipe``, or for so many more that there are ``steps`` of optimisation.
    """
    found = {name: torch.zeros(len(per_class), draws, dtype=torch.float64) for name in builders}
    seen: dict[str, Tensor] = {}  # the test images, as the layers that learn get them
    for i, count in enumerate(per_class):
        enough = replace(recipe, epochs=max(recipe.epochs, -(-steps * recipe.batch_size // (count * classes))))
        for draw in range(draws):
            part = balanced(train, count, seed=seed + draw)
            for name, build in builders.items():
                how = {"classes": classes, "device": device, "seed": seed + draw, "name": None}
                fixed, learning = frozen_part(fit(build, part, enough, **how)[0])
                if name not in seen:  # what is frozen is the same in every draw
                    seen[name] = outputs(fixed, test.images, device)
                found[name][i, draw] = accuracy(probabilities(learning, seen[name], device), test.labels).value
        means = "  ".join(f"{name} {values[i].mean():.2%}" for name, values in found.items())
        progress(f"{count * classes:>6} labelled images  {means}")
    return found
