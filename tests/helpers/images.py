"""Made-up images that several tests of the helpers share."""

import torch


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def strokes(n=12):
    """Images [n, 784] with a few bright bars."""
    images = torch.zeros(n, 28, 28)
    for k in range(n):
        images[k, 4 + k % 6 : 9 + k % 6, 5:23] = 1
        images[k, 5:23, 8 + k % 9 : 12 + k % 9] = 0.8
    return images.flatten(1)


def photographs(n=80):
    """Smooth colour images [n, 3072] with a bright square on them."""
    images = torch.rand(n, 3, 4, 4, generator=generator())
    images = torch.nn.functional.interpolate(images, size=32, mode="bilinear")
    for k in range(n):
        images[k, k % 3, 4 + k % 17 : 12 + k % 17, 6 + k % 13 : 14 + k % 13] = 1
    return images.flatten(1)
