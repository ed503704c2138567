"""The networks that name what is in a picture, grey or colour; helpers.classifiers trains and asks them.

Images are bytes [N, H, W] or [N, 3, H, W], as :mod:`helpers.data` gives them; every network scales its input itself.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from helpers.models import convolution


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

    The report gives no sizes: these are those of Keras's example for digits, mnist_cnn.py (32 and 64 filters of 3 x 3
    without padding, 128 units, ReLU), with a pooling after each convolution as the report says; ReLU comes after it,
    which is the same and a quarter of the work. Its one-hot targets are what the cross entropy makes of labels anyway.
    """

    def __init__(self, images: Tensor, *, classes: int):
        channels, side = planes(images).shape[1:3]
        super().__init__(
            Scale(),
            nn.Conv2d(channels, 32, 3),
            nn.MaxPool2d(2),  # 28 -> 26 -> 13
            nn.ReLU(),
            nn.Conv2d(32, 64, 3),
            nn.MaxPool2d(2),  # 13 -> 11 -> 5
            nn.ReLU(),
            nn.Dropout(0.25),
            nn.Flatten(),
            nn.Linear(64 * (((side - 2) // 2 - 2) // 2) ** 2, 128),
            nn.ReLU(),
            nn.Dropout(0.5),
            nn.Linear(128, classes),
        )


class ConvNet(nn.Sequential):
    """Ours: 3 x 3 convolutions of ``widths`` filters, each normalised, with ReLU; every other one with max-pooling.

    The first is among these, so that little is done in full size. In the end the largest value of every filter is taken
    over the whole picture: where something is does not matter, and a linear layer has only ``widths[-1]`` inputs.
    """

    def __init__(self, images: Tensor, *, classes: int, widths: Sequence[int] = (32, 64, 64, 128, 128, 256)):
        channels = planes(images).shape[1]
        layers: list[nn.Module] = []
        for k, width in enumerate(widths):  # 28 -> 14 -> 14 -> 7 -> 7 -> 3 -> 3
            pool = [] if k % 2 else [nn.MaxPool2d(2)]
            layers += convolution(channels, width, *pool)
            channels = width
        super().__init__(
            Standardise(images), *layers, nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(channels, classes)
        )


class FeedForward(nn.Sequential):
    """Fully connected: all pixels at once, no idea of which are neighbours; hidden layers with ReLU and dropout."""

    def __init__(self, images: Tensor, *, classes: int, hidden: Sequence[int] = (1024, 256), dropout: float = 0.2):
        inputs = planes(images)[0].numel()
        layers: list[nn.Module] = []
        for width in hidden:
            layers += [nn.Linear(inputs, width), nn.ReLU(), nn.Dropout(dropout)]
            inputs = width
        super().__init__(Standardise(images), nn.Flatten(), *layers, nn.Linear(inputs, classes))


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
