"""Networks that learn one task on top of another: an autoencoder's encoder, or all of it, under a classifier."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from helpers.convnets import ReportBCNN, Scale
from helpers.models import ConvolutionalAutoencoder


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


def encoder_classifier(autoencoder: ConvolutionalAutoencoder, *, classes: int, frozen: bool = False) -> nn.Sequential:
    """A copy of the encoder, a dense layer with dropout, and the output: Report B's transfer (its task 3).

    It takes bytes [N, 1, 28, 28]. The weights of the dense layers are drawn from torch's global generator.
    """
    encoder = copy.deepcopy(autoencoder.encoder)
    size = encoder.eval()(torch.zeros(1, *autoencoder.shape)).numel()
    body = Frozen(encoder) if frozen else encoder
    head = (nn.Flatten(), nn.Linear(size, 128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, classes))
    return nn.Sequential(Scale(), body, *head)


def whole_classifier(
    autoencoder: ConvolutionalAutoencoder, images: Tensor, *, classes: int, frozen: bool
) -> nn.Sequential:
    """A copy of the whole autoencoder, and Report B's CNN with new weights on the images that it gives back.

    Report B's "other variations" (its task 4). It takes bytes [N, 1, 28, 28], of which ``images`` are a few.
    """
    restore = Restore(copy.deepcopy(autoencoder))
    classifier = list(ReportBCNN(images, classes=classes))[1:]  # without its scaling: these images are scaled
    return nn.Sequential(Scale(), Frozen(restore) if frozen else restore, *classifier)
