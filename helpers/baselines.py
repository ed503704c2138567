"""Classifiers that need no learned features, each tuned on validation images.

And the arithmetic of printed accuracies: how many test images can be behind them.
"""

from __future__ import annotations

import itertools
import math
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from skimage.color import rgb2lab
from skimage.feature import hog
from sklearn.base import BaseEstimator
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from torch import Tensor

from helpers import progress
from helpers.data import Dataset, Split, flat, stratified_rows
from helpers.metrics import apply_temperature, fit_temperature
from helpers.models import principal_components
from helpers.patches import LearnedPatches

try:  # the same predictions several times faster, but for x86-64 only
    from sklearnex.svm import SVC
except ImportError:
    from sklearn.svm import SVC


Features = Callable[[Tensor], np.ndarray]  # bytes [N, ...] -> numbers [N, D]

# Divides colours, so that they vary about as much as the edges do and a distance depends on both.
COLOUR_SCALE = 250.0


def pixels(images: Tensor) -> np.ndarray:
    """Images uint8 [N, ...] -> their pixels in a row, float32 [N, D] in [0, 1]."""
    return flat(images).numpy()


def hog_and_colour(images: Tensor) -> np.ndarray:
    """Images uint8 [N, 3, H, W] or [N, H, W] -> float32 [N, D]: directions of edges, and colours by place.

    Histograms of oriented gradients (Dalal & Triggs 2005) of the strongest channel, nine directions in cells of 4 x 4
    and of 8 x 8 pixels, normalised in blocks of 2 x 2 cells; mean and standard deviation of the colour of every cell
    of 4 x 4 pixels, in CIELAB, where distances are those that an eye sees (of a grey image its lightness alone). 2,472
    numbers from 32 x 32 pixels in colour, 1,538 from 28 x 28 in grey.
    """
    parts = []
    for part in images.split(1000):  # the conversions hold many times their input
        pictures = part.numpy().astype(np.float32) / 255
        pictures = pictures.transpose(0, 2, 3, 1) if pictures.ndim == 4 else pictures[..., None]
        parts.append(np.hstack([_edges(pictures, 4), _edges(pictures, 8), _colours(pictures, 4)]))
    return np.concatenate(parts)


def _edges(pictures: np.ndarray, cell: int) -> np.ndarray:
    """Of pictures [N, H, W, channels]."""
    settings = {"orientations": 9, "pixels_per_cell": (cell, cell), "cells_per_block": (2, 2), "channel_axis": 2}
    # Every block has length one. Divided by the root of their number, both sizes of cell weigh the same.
    blocks = np.stack([hog(picture, **settings, feature_vector=False).reshape(-1, 36) for picture in pictures])
    return (blocks / blocks.shape[1] ** 0.5).reshape(len(pictures), -1).astype(np.float32)


def _colours(pictures: np.ndarray, cell: int) -> np.ndarray:
    lab = (rgb2lab(pictures) if pictures.shape[3] == 3 else 100 * pictures).astype(np.float32)
    count, height, width, channels = lab.shape
    cells = lab.reshape(count, height // cell, cell, width // cell, cell, channels)
    means, spreads = cells.mean((2, 4)), cells.std((2, 4))
    colours = np.concatenate([means.reshape(count, -1), spreads.reshape(count, -1)], axis=1)
    return colours / COLOUR_SCALE


@dataclass(frozen=True)
class Method:
    """A classical method: the features it sees, the settings to choose from, and how to build it from one of them.

    What it is fitted on are the principal components of the features, the first of them first: ``share`` times as many
    as the methods may see, each divided by its standard deviation to the power ``whitening``.
    """

    features: Features | type[LearnedPatches]  # the second is made from the training images first
    grid: Sequence[Mapping[str, Any]]
    build: Callable[..., BaseEstimator]  # from one of these settings
    share: int = 1
    whitening: float = 0.0


def svm(kernel: str) -> Callable[..., BaseEstimator]:
    """A support vector machine (one against one) from its settings.

    It gives each class a score, from the pairwise decisions that it wins, and no probability.
    """
    return partial(SVC, kernel=kernel, decision_function_shape="ovr")


def logistic(**settings: Any) -> Pipeline:
    """Multinomial logistic regression on whitened components, for which the optimiser needs few steps."""
    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=500, **settings))


def naive_bayes(*, components: int) -> Pipeline:
    """Gaussian naive Bayes on the first ``components``: they are uncorrelated, so its assumption is less wrong."""
    first = FunctionTransformer(lambda projected: projected[:, :components])
    return make_pipeline(first, GaussianNB())


METHODS = {
    "svm_linear": Method(pixels, [{"C": c} for c in (0.001, 0.01, 0.1)], svm("linear")),
    "svm_poly": Method(
        pixels, [{"degree": d, "C": c, "coef0": 1.0} for d in (2, 3) for c in (0.3, 1.0, 3.0)], svm("poly")
    ),
    "logistic": Method(pixels, [{"C": c} for c in (0.0001, 0.001, 0.01)], logistic),
    "gaussian_nb": Method(pixels, [{"components": n} for n in (8, 16, 32, 64)], naive_bayes),
    "svm_rbf_hog": Method(hog_and_colour, [{"C": c} for c in (1.0, 3.0, 10.0)], svm("rbf")),
    "svm_kmeans": Method(LearnedPatches, [{"C": c} for c in (1.0, 3.0, 10.0)], svm("rbf"), share=2, whitening=0.5),
}


def words(settings: Mapping[str, Any]) -> str:
    """Settings as text: "degree 3, C 1"."""
    return ", ".join(f"{key} {value:g}" for key, value in settings.items())


@dataclass(frozen=True)
class Projected:
    """Features of images as their principal components, which are those of the training images, each divided by one
    of ``scales`` [components].
    """

    features: Features
    pca: PCA
    scales: np.ndarray
    train: np.ndarray  # [N, components]
    validation: np.ndarray
    seconds: float  # that all this took

    def of(self, images: Tensor) -> np.ndarray:
        """The components of other images, float32 [N, components]."""
        return self.pca.transform(self.features(images)) / self.scales


class Classical:
    """The classical methods on at most so many principal ``components`` of their features.

    Settings are chosen with models that are fitted on ``choice`` of the training images and judged on the validation
    images. Features and components are computed once and shared by all methods that see them.
    """

    def __init__(self, data: Dataset, *, choice: int, components: int, seed: int):
        """``choice`` images are taken at random, fixed by ``seed``. Raises ValueError for fewer than one component."""
        if components < 1:
            raise ValueError(f"components must be at least 1, not {components}")
        self.data, self.components, self.seed = data, components, seed
        self.chosen = stratified_rows(data.train.labels, choice, seed=seed, what="choice").numpy()
        self._projected: dict[Features | type, Projected] = {}

    def projected(self, name: str) -> Projected:
        """What the method ``name`` sees of the training and validation images."""
        method = METHODS[name]
        kind = method.features
        if kind not in self._projected:  # what methods share, they also see in the same way
            started = time.perf_counter()
            features = kind(self.data.train.images, seed=self.seed) if isinstance(kind, type) else kind
            train, validation = features(self.data.train.images), features(self.data.validation.images)
            count = min(method.share * self.components, len(train) - 1, train.shape[1] - 1)
            pca = principal_components(torch.from_numpy(train), count)
            scales = np.sqrt(pca.explained_variance_).astype(np.float32).clip(1e-6) ** method.whitening
            seen = pca.transform(train) / scales, pca.transform(validation) / scales
            self._projected[kind] = Projected(features, pca, scales, *seen, time.perf_counter() - started)
        return self._projected[kind]

    def tune(self, name: str) -> list[dict[str, Any]]:
        """Fit the method ``name`` with each of its settings; rows of ``settings`` and validation ``accuracy``.

        Best first; among equals the first in the grid.
        """
        seen, rows = self.projected(name), []
        for settings in METHODS[name].grid:
            model = METHODS[name].build(**settings)
            model.fit(seen.train[self.chosen], self.data.train.labels[self.chosen].numpy())
            hits = model.predict(seen.validation) == self.data.validation.labels.numpy()
            rows.append({"settings": settings, "accuracy": float(hits.mean())})
            progress.tell(f"{name:<16} {words(settings):<28} validation accuracy {rows[-1]['accuracy']:.4f}")
        return sorted(rows, key=lambda row: row["accuracy"], reverse=True)

    def fit(self, name: str, settings: Mapping[str, Any]) -> Fitted:
        """Fit the method ``name`` with ``settings`` on training and validation images together.

        Scores of a support vector machine become probabilities by a temperature (Guo et al. 2017), with which those of
        a machine fitted on the training images alone fit the validation images best. The seconds include all of this.
        """
        method, seen, started = METHODS[name], self.projected(name), time.perf_counter()
        model, temperature = method.build(**settings), None
        train, held_out = self.data.train.labels, self.data.validation.labels
        if isinstance(model, SVC):
            model.fit(seen.train, train.numpy())
            temperature = fit_temperature(_softmax(model, seen.validation), held_out)
        both = np.concatenate([seen.train, seen.validation])
        model.fit(both, torch.cat([train, held_out]).numpy())
        fitted = Fitted(model, seen, temperature, seen.seconds + time.perf_counter() - started)
        progress.tell(f"{name:<16} fitted on {len(both)} images  {fitted.seconds:.1f} s")
        return fitted


@dataclass(frozen=True)
class Fitted:
    """A fitted classical model, the temperature of one that gives scores, and the seconds that fitting took.

    These count what it shares with others, features and components, as if it were alone.
    """

    model: BaseEstimator
    seen: Projected
    temperature: float | None
    seconds: float

    def probabilities(self, images: Tensor) -> Tensor:
        """Class probabilities of bytes [N, C, H, W], float32 [N, classes]."""
        projected = self.seen.of(images)
        if self.temperature is None:
            return torch.from_numpy(self.model.predict_proba(projected)).float()
        return apply_temperature(_softmax(self.model, projected), self.temperature).float()


def _softmax(machine: BaseEstimator, projected: np.ndarray) -> Tensor:
    """The softmax of a machine's scores, float64 [N, classes]."""
    scores = np.asarray(machine.decision_function(projected), dtype=np.float64)
    if scores.ndim == 1:  # of two classes there is one score, that of the second
        scores = np.stack([-scores, scores], axis=1)
    return torch.from_numpy(scores).softmax(1)


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
    progress.tell(f"{name:<16} untuned on {len(train)} images")
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
