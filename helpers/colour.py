"""The autoencoder for colour images: it starts as principal component analysis and learns what that leaves over."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from helpers.models import convolution


class Components(NamedTuple):
    """Principal components: mean [D], directions [D, n], largest variance first, and deviations along them [n]."""

    mean: Tensor
    directions: Tensor
    deviations: Tensor


class ColourAutoencoder(nn.Module):
    """Images [N, 3, 32, 32] in [0, 1] -> a code [N, n] -> images.

    code = A x + a + h(x) and image = B code + m + g(B code + m, code), with convolutional h and g. All else starts as
    PCA (scaled to codes of unit variance) for all numbers of the code but the last ``free``; these start as features
    of h alone, with nothing in A and B. For the others h starts at zero, and so does g, so that training begins at
    their best linear code. White codes leave no number too faint for h to add to.

    Convolutions see four pixels of a colour as four channels: in full size they would take most of the time.
    """

    shape = (3, 32, 32)

    def __init__(self, start: Components, *, free: int = 0, width: int = 16):
        """``start`` has a component for each number of the code, of which the last ``free`` are not used.

        Raises ValueError when too many are free.
        """
        pixels, code_size = start.directions.shape
        if not 0 <= free < code_size:
            raise ValueError(f"of {code_size} numbers 0 to {code_size - 1} may be free of PCA, not {free}")
        super().__init__()
        w = width
        self.analyse = nn.Linear(pixels, code_size)
        self.features = nn.Sequential(
            nn.PixelUnshuffle(2),  # 3 x 32 x 32 -> 12 x 16 x 16
            *convolution(12, 2 * w, nn.MaxPool2d(2)),  # 16 -> 8
            *convolution(2 * w, 4 * w, nn.MaxPool2d(2)),  # 8 -> 4
            *convolution(4 * w, 4 * w),
            nn.Flatten(),
            nn.Linear(4 * w * 16, code_size),
        )
        self.synthesise = nn.Linear(code_size, pixels)
        self.details = nn.Sequential(
            nn.Linear(code_size, 2 * w * 64),
            nn.Unflatten(1, (2 * w, 8, 8)),
            nn.ReLU(),
            nn.Upsample(scale_factor=2),  # 8 -> 16
        )
        self.refine = nn.Sequential(
            *convolution(2 * w + 12, 3 * w),
            *convolution(3 * w, 3 * w),
            nn.Conv2d(3 * w, 12, 3, padding=1),
            nn.PixelShuffle(2),  # 12 x 16 x 16 -> 3 x 32 x 32
        )
        self._start_as_pca(start, code_size - free)

    @torch.no_grad()
    def _start_as_pca(self, start: Components, count: int) -> None:
        directions, scales = start.directions[:, :count], start.deviations[:count]
        encoding, drawing = self.features[-1], self.refine[-2]
        for layer in (self.analyse, self.synthesise, encoding, drawing):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)
        self.analyse.weight[:count] = (directions / scales).t()
        self.analyse.bias[:count] = -(start.mean @ directions) / scales
        self.synthesise.weight[:, :count] = directions * scales
        self.synthesise.bias.copy_(start.mean)
        if count < len(encoding.weight):
            nn.init.kaiming_normal_(encoding.weight[count:], nonlinearity="linear")

    def encode(self, images: Tensor) -> Tensor:
        return self.analyse(images.flatten(1)) + self.features(images)

    def decode(self, codes: Tensor) -> Tensor:
        linear = self.synthesise(codes).view(-1, *self.shape)
        known = torch.cat([F.pixel_unshuffle(linear, 2), self.details(codes)], 1)
        return linear + self.refine(known)

    def forward(self, images: Tensor) -> Tensor:
        return self.decode(self.encode(images))

    def parameter_groups(self, learning_rate: float) -> list[dict]:
        """For the optimiser: the two linear maps are good already and move at a tenth of the rate."""
        linear = [*self.analyse.parameters(), *self.synthesise.parameters()]
        known = set(map(id, linear))
        rest = [p for p in self.parameters() if id(p) not in known]
        return [{"params": rest, "lr": learning_rate}, {"params": linear, "lr": learning_rate / 10}]

    @staticmethod
    def loss(outputs: Tensor, clean: Tensor) -> Tensor:
        """Mean squared error; with 256 levels a channel a pixel is no probability."""
        return F.mse_loss(outputs, clean)

    @staticmethod
    def images(outputs: Tensor) -> Tensor:
        return outputs.clamp(0, 1)


def principal_components(images: Tensor, count: int) -> Components:
    """The first ``count`` principal components of ``images`` [N, D].

    Raises ValueError when there are fewer images than components, or none of these.
    """
    if not 0 < count < min(images.shape):
        raise ValueError(f"{count} components cannot be had of these images: ask for 1 to {min(images.shape) - 1}")
    mean = images.mean(0)
    if len(images) < images.shape[1]:
        _, singular, rows = torch.linalg.svd(images - mean, full_matrices=False)
        return Components(mean, rows[:count].t(), (singular[:count] / len(images) ** 0.5).clamp(min=1e-4))
    # In parts: a centred copy of fifty thousand images would take as much memory as they do.
    covariance = sum((part - mean).t() @ (part - mean) for part in images.split(5000)) / len(images)
    variances, directions = torch.linalg.eigh(covariance)
    return Components(mean, directions[:, -count:].flip(1), variances[-count:].flip(0).clamp(min=1e-8).sqrt())
