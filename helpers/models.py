"""The networks, as ``torch.nn`` modules: what the reports call "inbuilt"."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from helpers.scratch import Layer


class Autoencoder(nn.Module):
    """The inbuilt twin of :class:`helpers.scratch.ScratchAutoencoder`: the same layers, left to autograd.

    ReLU between the layers, a linear code. ``forward`` gives logits [N, D]; a sigmoid makes the reconstruction.
    """

    def __init__(self, layers: Sequence[Layer], *, encoder_layers: int):
        super().__init__()
        self.encoder = dense(layers[:encoder_layers])
        self.decoder = dense(layers[encoder_layers:])

    def forward(self, images: Tensor) -> Tensor:
        """Images [N, D] in [0, 1] -> logits [N, D]."""
        return self.decoder(self.encoder(images))

    @torch.no_grad()
    def encode(self, images: Tensor) -> Tensor:
        """Images [N, D] -> codes [N, n_code]."""
        return self.encoder(images)

    @torch.no_grad()
    def decode(self, codes: Tensor) -> Tensor:
        """Codes [N, n_code] -> reconstructions [N, D] in [0, 1]."""
        return self.decoder(codes).sigmoid()

    @torch.no_grad()
    def reconstruct(self, images: Tensor) -> Tensor:
        """Images [N, D] -> reconstructions [N, D]."""
        return self.decode(self.encoder(images))


def dense(layers: Sequence[Layer]) -> nn.Sequential:
    """Linear layers that start from ``layers`` (copied), with ReLU between them and none at the end."""
    modules: list[nn.Module] = []
    for weight, bias in layers:
        linear = nn.Linear(weight.shape[1], weight.shape[0], dtype=weight.dtype)
        with torch.no_grad():
            linear.weight.copy_(weight)
            linear.bias.copy_(bias)
        modules += [linear, nn.ReLU()]
    return nn.Sequential(*modules[:-1])


class Classifier(nn.Module):
    """A small classifier on features [N, D]: standardise, one hidden layer with ReLU, logits [N, classes].

    Mean and deviation come from the ``features`` it is to be fitted on. A feature that never varies is left at zero.
    """

    def __init__(self, features: Tensor, *, hidden: int, classes: int):
        super().__init__()
        deviation = features.std(0)
        self.register_buffer("mean", features.mean(0))
        self.register_buffer("scale", torch.where(deviation > 1e-6, 1 / deviation.clamp(min=1e-6), 0.0))
        self.layers = nn.Sequential(nn.Linear(features.shape[1], hidden), nn.ReLU(), nn.Linear(hidden, classes))

    def forward(self, features: Tensor) -> Tensor:
        return self.layers((features - self.mean) * self.scale)

    @torch.no_grad()
    def probabilities(self, features: Tensor) -> Tensor:
        """Features [N, D] -> class probabilities [N, classes]."""
        return self(features).softmax(1)
