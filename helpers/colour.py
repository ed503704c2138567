"""The autoencoder for colour images: it starts as principal component analysis and learns what that leaves over."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from helpers.models import convolution


class ColourAutoencoder(nn.Module):
    """Images [N, 3, 32, 32] in [0, 1] -> a code [N, n] -> images.

    code = A x + h(x) and image = B code + m + g(B code + m, code), with convolutional h and g. A, B and m start as PCA
    (scaled to codes of unit variance), h and g at zero: training begins at the best linear code and can only learn
    more. White codes leave no number too faint for h to add to.
    """

    shape = (3, 32, 32)

    def __init__(self, images: Tensor, *, code_size: int, width: int = 16):
        """``images`` [N, 3072] are those whose principal components to start from.

        Raises ValueError when there are fewer images than numbers in the code, or none of these.
        """
        if not 0 < code_size < min(images.shape):
            raise ValueError(f"a code of {code_size} numbers needs 1 to {min(images.shape) - 1}: fewer, or more images")
        super().__init__()
        pixels, w = images.shape[1], width
        self.analyse = nn.Linear(pixels, code_size)
        self.features = nn.Sequential(
            *convolution(3, w),
            nn.MaxPool2d(2),  # 32 -> 16
            *convolution(w, 2 * w),
            nn.MaxPool2d(2),  # 16 -> 8
            *convolution(2 * w, 4 * w),
            nn.MaxPool2d(2),  # 8 -> 4
            nn.Flatten(),
            nn.Linear(4 * w * 16, code_size),
        )
        self.synthesise = nn.Linear(code_size, pixels)
        self.details = nn.Sequential(
            nn.Linear(code_size, 2 * w * 64),
            nn.Unflatten(1, (2 * w, 8, 8)),
            nn.ReLU(),
            nn.Upsample(scale_factor=2),  # 8 -> 16
            *convolution(2 * w, w),
            nn.Upsample(scale_factor=2),  # 16 -> 32
        )
        self.refine = nn.Sequential(*convolution(w + 3, w), *convolution(w, w), nn.Conv2d(w, 3, 3, padding=1))
        self._start_as_pca(images, code_size)

    @torch.no_grad()
    def _start_as_pca(self, images: Tensor, code_size: int) -> None:
        mean, directions, scales = principal_components(images, code_size)
        self.analyse.weight.copy_((directions / scales).t())
        self.analyse.bias.copy_(-(mean @ directions) / scales)
        self.synthesise.weight.copy_(directions * scales)
        self.synthesise.bias.copy_(mean)
        for last in (self.features[-1], self.refine[-1]):
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)

    def encode(self, images: Tensor) -> Tensor:
        return self.analyse(images.flatten(1)) + self.features(images)

    def decode(self, codes: Tensor) -> Tensor:
        linear = self.synthesise(codes).view(-1, *self.shape)
        return linear + self.refine(torch.cat([linear, self.details(codes)], 1))

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


def principal_components(images: Tensor, count: int) -> tuple[Tensor, Tensor, Tensor]:
    """Mean [D], first directions [D, count] and standard deviations along them [count], of ``images`` [N, D]."""
    mean = images.mean(0)
    if len(images) < images.shape[1]:
        _, singular, rows = torch.linalg.svd(images - mean, full_matrices=False)
        return mean, rows[:count].t(), singular[:count].clamp(min=1e-4) / len(images) ** 0.5
    # In parts: a centred copy of fifty thousand images would take as much memory as they do.
    covariance = sum((part - mean).t() @ (part - mean) for part in images.split(5000)) / len(images)
    variances, directions = torch.linalg.eigh(covariance)
    return mean, directions[:, -count:].flip(1), variances[-count:].flip(0).clamp(min=1e-8).sqrt()
