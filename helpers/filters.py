"""Classical filters against noise, which learn nothing: each with the strength that suits validation images best."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.ndimage import gaussian_filter, median_filter
from skimage.restoration import denoise_nl_means, denoise_tv_chambolle
from torch import Tensor

from helpers.metrics import psnr

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


@dataclass(frozen=True)
class TunedFilter:
    """A filter with its ``strength``, and the line a x + b, ``scale`` = (a, b), that restores the contrast behind it.

    Clipping noise lifts black and lowers white, and every smoothing filter keeps that. ``psnr`` is the mean peak
    signal-to-noise ratio in dB on the images it was tuned on.
    """

    name: str
    strength: float
    scale: tuple[float, float]
    psnr: float

    def restore(self, noisy: Tensor) -> Tensor:
        """Noisy images [N, 784] -> restored images [N, 784], clipped to [0, 1]."""
        a, b = self.scale
        return (_apply(self.name, noisy, self.strength) * a + b).clamp_(0, 1)


def tune_filters(noisy: Tensor, clean: Tensor) -> dict[str, TunedFilter]:
    """Every filter with the strength that restores ``noisy`` [N, 784] best, by mean PSNR; give validation images.

    For each strength the contrast line is the least-squares fit to ``clean``: no filter is held back by the range of
    its output.
    """
    tuned = {}
    for name, (_, strengths) in FILTERS.items():
        tried = []
        for strength in strengths:
            filtered = _apply(name, noisy, strength)
            x, y = filtered.flatten().double(), clean.flatten().double()
            spread = x.var(correction=0).clamp(min=1e-12)  # blank images have none
            a = ((x - x.mean()) * (y - y.mean())).mean() / spread
            scale = (a.item(), (y.mean() - a * x.mean()).item())
            restored = (filtered * scale[0] + scale[1]).clamp_(0, 1)
            tried.append(TunedFilter(name, strength, scale, psnr(restored, clean).mean().item()))
        tuned[name] = max(tried, key=lambda candidate: candidate.psnr)
    return tuned


def _apply(name: str, images: Tensor, strength: float) -> Tensor:
    side = round(images.shape[1] ** 0.5)
    filtered = FILTERS[name][0](images.numpy().reshape(-1, side, side), strength)
    return torch.from_numpy(np.ascontiguousarray(filtered, dtype=np.float32)).flatten(1)
