"""What needs no learned features: classical classifiers and classical filters, each tuned on validation images.

And the arithmetic of printed accuracies: how many test images can be behind them.
"""

from __future__ import annotations

import itertools
import math
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy.ndimage import gaussian_filter, median_filter
from skimage.color import rgb2lab
from skimage.feature import hog
from skimage.restoration import denoise_nl_means, denoise_tv_chambolle
from sklearn.base import BaseEstimator
from sklearn.calibration import CalibratedClassifierCV
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import Pipeline, make_pipeline
from torch import Tensor

from helpers.data import Split, flat
from helpers.metrics import psnr
from helpers.training import progress

try:  # the same predictions several times faster, but for x86-64 only
    from sklearnex.svm import SVC
except ImportError:
    from sklearn.svm import SVC


# Divides colours, so that they vary about as much as the edges do and a distance depends on both.
COLOUR_SCALE = 250.0


def pixels(images: Tensor) -> np.ndarray:
    """Images uint8 [N, ...] -> their pixels in a row, float32 [N, D] in [0, 1]."""
    return flat(images).numpy()


def hog_and_colour(images: Tensor) -> np.ndarray:
    """Colour images uint8 [N, 3, H, W] -> float32 [N, D]: directions of edges, and colours by place.

    Histograms of oriented gradients (Dalal & Triggs 2005) of the strongest channel, nine directions in cells of 4 x 4
    and of 8 x 8 pixels, normalised in blocks of 2 x 2 cells; mean and standard deviation of the colour of every cell
    of 4 x 4 pixels, in CIELAB, where distances are those that an eye sees. 2,472 numbers from 32 x 32 pixels.
    """
    parts = []
    for part in images.split(1000):  # the conversions hold many times their input
        pictures = part.permute(0, 2, 3, 1).numpy().astype(np.float32) / 255
        parts.append(np.hstack([_edges(pictures, 4), _edges(pictures, 8), _colours(pictures, 4)]))
    return np.concatenate(parts)


def _edges(pictures: np.ndarray, cell: int) -> np.ndarray:
    settings = {"orientations": 9, "pixels_per_cell": (cell, cell), "cells_per_block": (2, 2), "channel_axis": 2}
    # Every block has length one. Divided by the root of their number, both sizes of cell weigh the same.
    blocks = np.stack([hog(picture, **settings, feature_vector=False).reshape(-1, 36) for picture in pictures])
    return (blocks / blocks.shape[1] ** 0.5).reshape(len(pictures), -1).astype(np.float32)


def _colours(pictures: np.ndarray, cell: int) -> np.ndarray:
    count, height, width, _ = pictures.shape
    lab = rgb2lab(pictures).astype(np.float32)
    cells = lab.reshape(count, height // cell, cell, width // cell, cell, 3)
    means, spreads = cells.mean((2, 4)), cells.std((2, 4))
    colours = np.concatenate([means.reshape(count, -1), spreads.reshape(count, -1)], axis=1)
    return colours / COLOUR_SCALE


def svm(kernel: str, settings: Mapping[str, Any], *, components: int, seed: int, calibrated: bool) -> Pipeline:
    """PCA and a support vector machine (one against one).

    It gives each class a score, the number of pairwise decisions that it wins, and no probability. With ``calibrated``
    the scores s become softmax(s / T): the temperature T (Guo et al. 2017) is fitted on the scores that three machines,
    each fitted on two thirds of the training images, give to the third that they have not seen. The machine that
    predicts is fitted on all.
    """
    machine = SVC(kernel=kernel, **settings)
    if calibrated:
        machine = CalibratedClassifierCV(machine, method="temperature", ensemble=False, cv=3)
    return make_pipeline(PCA(components, random_state=seed), machine)


def logistic(settings: Mapping[str, Any], *, components: int, seed: int) -> Pipeline:
    """Whitened PCA, for which the optimiser needs few steps, and multinomial logistic regression."""
    whitened = PCA(components, whiten=True, random_state=seed)
    return make_pipeline(whitened, LogisticRegression(max_iter=500, **settings))


def naive_bayes(components: int, *, seed: int) -> Pipeline:
    """PCA and Gaussian naive Bayes: components are uncorrelated, so that its assumption is less wrong."""
    return make_pipeline(PCA(components, random_state=seed), GaussianNB())


@dataclass(frozen=True)
class Method:
    """A classical method: the features it sees, the settings to choose from, and how to build it from one of them."""

    features: Callable[[Tensor], np.ndarray]
    grid: Sequence[Mapping[str, Any]]
    build: Callable[..., Pipeline]  # (settings, components, seed, calibrated) -> pipeline


def _svm(kernel: str) -> Callable[..., Pipeline]:
    return lambda settings, components, seed, calibrated: svm(
        kernel, settings, components=components, seed=seed, calibrated=calibrated
    )


METHODS = {
    "svm_linear": Method(pixels, [{"C": c} for c in (0.001, 0.01, 0.1)], _svm("linear")),
    "svm_poly": Method(
        pixels, [{"degree": d, "C": c, "coef0": 1.0} for d in (2, 3) for c in (0.3, 1.0, 3.0)], _svm("poly")
    ),
    "logistic": Method(
        pixels,
        [{"C": c} for c in (0.0001, 0.001, 0.01)],
        lambda settings, components, seed, calibrated: logistic(settings, components=components, seed=seed),
    ),
    "gaussian_nb": Method(
        pixels,
        [{"components": n} for n in (8, 16, 32, 64)],
        lambda settings, components, seed, calibrated: naive_bayes(min(settings["components"], components), seed=seed),
    ),
    "svm_rbf_hog": Method(hog_and_colour, [{"C": c} for c in (1.0, 3.0, 10.0)], _svm("rbf")),
}


def words(settings: Mapping[str, Any]) -> str:
    """Settings as text: "degree 3, C 1"."""
    return ", ".join(f"{key} {value:g}" for key, value in settings.items())


class Classical:
    """The classical methods on at most so many principal ``components``; chance comes from ``seed``.

    Raises ValueError for fewer than one component.
    """

    def __init__(self, components: int, *, seed: int):
        if components < 1:
            raise ValueError(f"components must be at least 1, not {components}")
        self.components, self.seed = components, seed

    def tune(self, name: str, train: Split, validation: Split) -> list[dict[str, Any]]:
        """Fit the method ``name`` with each of its settings on ``train``; rows of ``settings`` and ``accuracy``.

        The accuracy is that on ``validation``. Best first; among equals the first in the grid.
        """
        method = METHODS[name]
        seen, held_out = method.features(train.images), method.features(validation.images)
        rows = []
        for settings in method.grid:
            model = method.build(settings, self._limit(seen), self.seed, False).fit(seen, train.labels.numpy())
            accuracy = float((model.predict(held_out) == validation.labels.numpy()).mean())
            rows.append({"settings": settings, "accuracy": accuracy})
            progress(f"{name:<16} {words(settings):<28} validation accuracy {accuracy:.4f}")
        return sorted(rows, key=lambda row: row["accuracy"], reverse=True)

    def fit(self, name: str, settings: Mapping[str, Any], train: Split) -> Fitted:
        """Fit the method ``name`` with ``settings`` on all of ``train``; its seconds include features, calibration."""
        method, started = METHODS[name], time.perf_counter()
        features = method.features(train.images)
        model = method.build(settings, self._limit(features), self.seed, True).fit(features, train.labels.numpy())
        fitted = Fitted(model, method.features, time.perf_counter() - started)
        progress(f"{name:<16} fitted on {len(train)} images  {fitted.seconds:.1f} s")
        return fitted

    def _limit(self, features: np.ndarray) -> int:
        # PCA cannot have more components than images, and each of three folds has two thirds of them.
        return min(self.components, 2 * len(features) // 3, features.shape[1])


@dataclass(frozen=True)
class Fitted:
    """A fitted classical model and what fitting took."""

    model: BaseEstimator
    features: Callable[[Tensor], np.ndarray]
    seconds: float

    def probabilities(self, images: Tensor) -> Tensor:
        """Class probabilities, float32 [N, classes]."""
        return torch.from_numpy(self.model.predict_proba(self.features(images))).float()

    @property
    def temperature(self) -> float | None:
        """The temperature of a calibrated SVM, None for other models."""
        last = self.model[-1]
        if not isinstance(last, CalibratedClassifierCV):
            return None
        return 1 / float(np.ravel(last.calibrated_classifiers_[0].calibrators[0].beta_)[0])


def untuned_accuracy(name: str, train: Split, test: Split) -> float:
    """Test accuracy of one of Report A's methods on raw pixels, with scikit-learn's default settings.

    Raises ValueError for a method that Report A does not have.
    """
    models = {
        "svm_linear": SVC(kernel="linear"),
        "svm_poly": SVC(kernel="poly"),
        "logistic": LogisticRegression(),
        "gaussian_nb": GaussianNB(),
    }
    if name not in models:
        raise ValueError(f"Report A has no {name}: choose one of {', '.join(models)}")
    with warnings.catch_warnings(category=ConvergenceWarning, action="ignore"):  # its default of 100 steps is few
        model = models[name].fit(pixels(train.images), train.labels.numpy())
    accuracy = float((model.predict(pixels(test.images)) == test.labels.numpy()).mean())
    progress(f"{name:<16} untuned on {len(train)} images")
    return accuracy


def fitting_counts(accuracies: Sequence[float], *, limit: int, digits: int = 8) -> list[int]:
    """How many images may be behind ``accuracies``, all taken on the same ones and printed to ``digits`` decimals.

    Every number up to ``limit`` of which some whole number of hits gives each of them.
    """
    half = 0.5 * 10**-digits + 1e-12  # and what float64 adds
    return [n for n in range(1, limit + 1) if all(abs(round(a * n) / n - a) <= half for a in accuracies)]


def fitting_totals(
    accuracies: Sequence[float], overall: float, *, digits: int, limit: int, total: int
) -> list[tuple[int, ...]]:
    """The numbers of images of each class that fit class-wise ``accuracies`` and add up to ``total``, with an accuracy
    over all images that rounds to ``overall`` at ``digits`` decimals.
    """
    choices = [fitting_counts([accuracy], limit=limit) for accuracy in accuracies]
    found = []
    for counts in itertools.product(*choices):
        hits = sum(round(a * n) for a, n in zip(accuracies, counts, strict=True))
        if sum(counts) == total and math.isclose(hits / total, overall, abs_tol=0.5 * 10**-digits):
            found.append(counts)
    return found


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
            a = ((x - x.mean()) * (y - y.mean())).mean() / x.var(correction=0)
            scale = (a.item(), (y.mean() - a * x.mean()).item())
            restored = (filtered * scale[0] + scale[1]).clamp_(0, 1)
            tried.append(TunedFilter(name, strength, scale, psnr(restored, clean).mean().item()))
        tuned[name] = max(tried, key=lambda candidate: candidate.psnr)
    return tuned


def _apply(name: str, images: Tensor, strength: float) -> Tensor:
    side = round(images.shape[1] ** 0.5)
    filtered = FILTERS[name][0](images.numpy().reshape(-1, side, side), strength)
    return torch.from_numpy(np.ascontiguousarray(filtered, dtype=np.float32)).flatten(1)
