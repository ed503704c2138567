"""The same work as it is usually written: torch.nn, a DataLoader over torchvision, float32, the reports' batch sizes.

Nothing here is slowed down on purpose, and nothing is tuned. An epoch has IMAGES images, which are those of
torchvision's data set, or, without files, as many from the sample.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import torch
from PIL import Image
from sklearn.svm import SVC
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from helpers import baselines, data, models

IMAGES = 2048  # of an epoch


class Pictures(Dataset[tuple[torch.Tensor, int]]):
    """Images as PIL pictures, which is what torchvision's data sets give to their transform."""

    def __init__(self, split: data.Split, transform: Callable[[Image.Image], torch.Tensor]):
        self.pictures = [
            Image.fromarray(image.movedim(0, -1).numpy() if image.ndim == 3 else image.numpy())
            for image in split.images
        ]
        self.labels, self.transform = split.labels.tolist(), transform

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, at: int) -> tuple[torch.Tensor, int]:
        return self.transform(self.pictures[at]), self.labels[at]


def autoencoder_epoch(split: data.Split) -> None:
    """An epoch of Report A's autoencoder with a sigmoid: Adam, batches of 64."""
    sizes = (784, 256, 32, 16, 32, 256, 784)
    layers: list[nn.Module] = []
    for number, (inside, outside) in enumerate(pairwise(sizes)):
        layers += [nn.Linear(inside, outside)] + ([nn.ReLU()] if number not in (2, 5) else [])
    network = nn.Sequential(*layers, nn.Sigmoid())
    optimiser = torch.optim.Adam(network.parameters(), lr=0.003)
    for images, _ in DataLoader(Pictures(split, transforms.ToTensor()), batch_size=64, shuffle=True):
        clean = images.flatten(1)
        optimiser.zero_grad()
        F.binary_cross_entropy(network(clean), clean).backward()
        optimiser.step()


def classifier_epoch(split: data.Split, network: nn.Module, batch: int, *, augmented: bool) -> None:
    """An epoch of a classifier: Adam, cross entropy; ``augmented`` images are mirrored and moved."""
    moved = [transforms.RandomHorizontalFlip(), transforms.RandomCrop(split.images.shape[-1], padding=2)]
    transform = transforms.Compose([*(moved if augmented else []), transforms.ToTensor()])
    optimiser = torch.optim.Adam(network.parameters(), lr=0.001)
    network.train()
    for images, labels in DataLoader(Pictures(split, transform), batch_size=batch, shuffle=True):
        optimiser.zero_grad()
        F.cross_entropy(network(images * 255), labels).backward()
        optimiser.step()


def svm(split: data.Split) -> None:
    """scikit-learn's polynomial SVM on raw pixels."""
    SVC(kernel="poly").fit(baselines.pixels(split.images), split.labels.numpy())


def our_cnn(split: data.Split) -> nn.Module:
    """The network of chapter 5."""
    return models.ConvNet(split.images, classes=10, widths=(32, 48, 48, 96, 128, 192))
