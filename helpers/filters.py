"""Denoising without learning: the classical filters that a denoiser has to beat, each with one strength to choose."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from scipy.ndimage import gaussian_filter, median_filter
from skimage.restoration import denoise_nl_means, denoise_tv_chambolle
from torch import Tensor

from helpers.evaluation import psnr

Filter = Callable[[np.ndarray, float], np.ndarray]  # images [N, H, W], strength -> images [N, H, W]


def _median(images: np.ndarray, size: float) -> np.ndarray:
    return median_filter(images, size=(1, int(size), int(size)))


def _gaussian(images: np.ndarray, width: float) -> np.ndarray:
    return gaussian_filter(images, sigma=(0, width, width))


def _non_local_means(images: np.ndarray, strength: float) -> np.ndarray:
    # Buades, Coll & Morel 2005: average pixels whose 5 x 5 surroundings look alike.
    settings = {"patch_size": 5, "patch_distance": 6, "fast_mode": True}
    return np.stack([denoise_nl_means(image, h=strength, **settings) for image in images])


def _total_variation(images: np.ndarray, weight: float) -> np.ndarray:
    # Rudin, Osher & Fatemi 1992, by Chambolle's algorithm; the images are a batch, not a volume: one at a time.
    return np.stack([denoise_tv_chambolle(image, weight=weight, max_num_iter=50) for image in images])


# Name in results.json: the filter, and the strengths among which one is chosen.
FILTERS: dict[str, tuple[Filter, Sequence[float]]] = {
    "median": (_median, (3, 5, 7)),
    "gaussian": (_gaussian, (0.6, 0.8, 1.0, 1.2, 1.5)),
    "nlm": (_non_local_means, (0.1, 0.15, 0.2, 0.3, 0.4, 0.6)),
    "tv": (_total_variation, (0.2, 0.3, 0.45, 0.7)),
}


def restore(name: str, noisy: Tensor, strength: float, scale: tuple[float, float]) -> Tensor:
    """Filter ``noisy`` [N, 784] and undo the loss of contrast: ``scale`` = (a, b) gives a x + b, clipped to [0, 1].

    Clipping noise lifts black and lowers white, and every smoothing filter keeps that; a and b mend it.
    """
    a, b = scale
    return (_apply(name, noisy, strength) * a + b).clamp_(0, 1)


def choose(noisy: Tensor, clean: Tensor) -> dict[str, dict[str, float | tuple[float, float]]]:
    """For every filter the ``strength`` and contrast ``scale`` that restore ``noisy`` [N, 784] best, by mean PSNR.

    For each strength the scale is the least-squares fit to ``clean``; give validation images. Every filter is rescaled
    alike, so none is held back by the range of its output.
    """
    chosen = {}
    for name, (_, strengths) in FILTERS.items():
        tried: list[Mapping] = []
        for strength in strengths:
            filtered = _apply(name, noisy, strength)
            x, y = filtered.flatten().double(), clean.flatten().double()
            a = ((x - x.mean()) * (y - y.mean())).mean() / x.var(correction=0)
            scale = (a.item(), (y.mean() - a * x.mean()).item())
            restored = (filtered * scale[0] + scale[1]).clamp_(0, 1)
            tried.append({"strength": strength, "scale": scale, "psnr": psnr(restored, clean).mean().item()})
        chosen[name] = max(tried, key=lambda row: row["psnr"])
    return chosen


def _apply(name: str, images: Tensor, strength: float) -> Tensor:
    side = round(images.shape[1] ** 0.5)
    filtered = FILTERS[name][0](images.numpy().reshape(-1, side, side), strength)
    return torch.from_numpy(np.ascontiguousarray(filtered, dtype=np.float32)).flatten(1)
