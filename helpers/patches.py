"""Features learned without labels: patches of images, whitened and clustered (Coates, Ng & Lee 2011)."""

from __future__ import annotations

import numpy as np
import torch
from sklearn.cluster import MiniBatchKMeans
from torch import Generator, Tensor
from torch.nn import functional as F

from helpers.device import pick

SIDE, STEP = 6, 2  # of a patch, and from one patch to the next, in pixels
PATCHES = 100_000  # that centroids are learned from
CENTROIDS = 400
CONTRAST, SMALLEST = 10.0, 0.1  # added to the variance of a patch, and of a direction: below them is mostly noise
THRESHOLD = 0.5  # of how far a patch must point to a centroid to count
PART = 20  # images at once: what they are encoded to fits into the processor's cache


class LearnedPatches:
    """Features of images from what their patches look like, learned without labels (Coates, Ng & Lee 2011).

    Patches of training images are brought to one brightness and contrast, whitened, and clustered by k-means. Of a
    patch z the codes are max(0, z d - THRESHOLD) and max(0, -z d - THRESHOLD) for the direction d of each centroid
    (Coates & Ng 2011), and a feature of an image is the root of the mean of a code over a quarter of the image,
    averaged with that of its mirror image.
    """

    def __init__(self, images: Tensor, *, seed: int = 0):
        """Learn the centroids from ``images`` uint8 [N, C, H, W], patches and first centroids drawn by ``seed``."""
        patches = _some_patches(images, Generator().manual_seed(seed))
        mean = patches.mean(0)
        variances, axes = torch.linalg.eigh(torch.cov(patches.T))
        whiten = axes * (variances + SMALLEST).rsqrt() @ axes.T
        white = (patches - mean) @ whiten
        clusters = MiniBatchKMeans(CENTROIDS, batch_size=4096, n_init=1, max_iter=20, random_state=seed)
        found = clusters.fit(white.numpy())
        order = np.bincount(found.labels_, minlength=CENTROIDS).argsort()[::-1].copy()
        self.centroids = torch.from_numpy(found.cluster_centers_[order]).float()  # [K, C * SIDE * SIDE], largest first
        directions = whiten @ F.normalize(self.centroids, dim=1).T
        self.weights = torch.cat([directions, -directions], 1).T  # [2 K, C * SIDE * SIDE]
        self.bias = -self.weights @ mean - THRESHOLD

    def __call__(self, images: Tensor) -> np.ndarray:
        """Images uint8 [N, C, H, W] -> features, float32 [N, 8 K]: those of the upper left quarter first."""
        device = pick()
        weights, bias = device.place(self.weights), device.place(self.bias)
        side = [(size - SIDE) // STEP + 1 for size in images.shape[2:]]

        def pooled(part: Tensor) -> Tensor:
            with device.autocast():
                codes = F.linear(normalised(device.place(part)), weights, bias).relu_()
            codes = codes.transpose(1, 2).unflatten(2, side)
            return F.adaptive_avg_pool2d(codes.float(), 2).flatten(1).sqrt().cpu()

        return torch.cat([(pooled(part) + pooled(part.flip(-1))) / 2 for part in images.split(PART)]).numpy()


def normalised(images: Tensor, *, step: int = STEP) -> Tensor:
    """Images [N, C, H, W] -> their patches [N, P, C * SIDE * SIDE], each of mean zero and about the same contrast."""
    patches = F.unfold(images.float(), SIDE, stride=step).transpose(1, 2)
    patches = patches - patches.mean(2, keepdim=True)
    return patches / (patches.square().mean(2, keepdim=True) + CONTRAST).sqrt()


def _some_patches(images: Tensor, generator: Generator) -> Tensor:
    """PATCHES normalised patches [PATCHES, C * SIDE * SIDE] from random places of random images."""
    height, width = (size - SIDE + 1 for size in images.shape[2:])
    image, row, column = (
        torch.randint(size, (PATCHES, 1, 1, 1), generator=generator) for size in (len(images), height, width)
    )
    place, channel = torch.arange(SIDE), torch.arange(images.shape[1])[None, :, None, None]
    crops = images[image, channel, row + place[None, None, :, None], column + place[None, None, None, :]]
    return normalised(crops).squeeze(1)
