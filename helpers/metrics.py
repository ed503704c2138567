"""What a model is judged by, apart from chance: reconstructions, classes, codes, maps, restored images, calibration.

Functions of tensors: no network is run here. Intervals and tests are in :mod:`helpers.stats`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sklearn.metrics
import torch
from scipy.optimize import minimize_scalar
from sklearn.manifold import trustworthiness
from sklearn.neighbors import NearestNeighbors
from torch import Tensor
from torch.nn import functional as F

try:  # several times quicker at the same quality, but made for x86-64 only
    from sklearnex.manifold import TSNE
except ImportError:
    from sklearn.manifold import TSNE


def reconstruction_losses(reconstructions: Tensor, images: Tensor) -> tuple[float, float]:
    """Binary cross entropy and mean squared error, per pixel, of [N, D] reconstructions of [N, D] images in [0, 1]."""
    cut = reconstructions.clamp(0, 1)  # a linear method such as PCA may leave the range
    return F.binary_cross_entropy(cut, images).item(), F.mse_loss(reconstructions, images).item()


def class_scores(probabilities: Tensor, labels: Tensor) -> dict[str, list[float]]:
    """Precision, recall, F1 and support of every class, from class probabilities [N, C] and labels [N].

    Recall is the class-wise accuracy. A class that is never predicted has precision 0, one without images recall 0.
    """
    classes = range(probabilities.shape[1])
    scores = sklearn.metrics.precision_recall_fscore_support(
        labels.numpy(), probabilities.argmax(1).numpy(), labels=classes, zero_division=0
    )
    return {
        name: values.tolist() for name, values in zip(("precision", "recall", "f1", "support"), scores, strict=True)
    }


def confusion_matrix(probabilities: Tensor, labels: Tensor) -> Tensor:
    """Counts [C, C] of class probabilities [N, C] against labels [N]: row = true class, column = predicted class."""
    classes = range(probabilities.shape[1])
    counts = sklearn.metrics.confusion_matrix(labels.numpy(), probabilities.argmax(1).numpy(), labels=classes)
    return torch.from_numpy(counts)


def relative_differences(a: Sequence[float], b: Sequence[float]) -> list[float]:
    """|a - b| / |b|, element by element."""
    return [abs(x - y) / abs(y) for x, y in zip(a, b, strict=True)]


def softmax_floor(images: Tensor) -> float:
    """The least binary cross entropy per pixel of outputs that sum to one: q = x / sum(x), for images [N, D] in [0, 1].

    For small q the loss is S (H(x/S) + KL(x/S || q)) + 1 and a little, S the pixel sum: least where KL is zero.
    :func:`softmax_floor_exact` drops "for small q"; on MNIST the two agree to six decimals.
    """
    return _cross_entropy(images, images / images.sum(1, keepdim=True))


def softmax_floor_exact(images: Tensor, *, iterations: int = 40) -> float:
    """The same without approximation: Lagrange's condition x / q = (1 - x) / (1 - q) + m under sum(q) = 1.

    It is a quadratic in q for a given multiplier m of an image; m is found by bisection, in float64.
    """
    x = images.double()
    low, high = torch.zeros(len(x), 1, dtype=x.dtype), x.sum(1, keepdim=True) * 10
    for _ in range(iterations):
        m = (low + high) / 2
        q = 2 * x / (1 + m + torch.sqrt((1 + m) ** 2 - 4 * m * x))
        too_much = q.sum(1, keepdim=True) > 1  # a larger multiplier makes q smaller
        low, high = torch.where(too_much, m, low), torch.where(too_much, high, m)
    return _cross_entropy(x, q)


def _cross_entropy(x: Tensor, q: Tensor) -> float:
    parts = zip(x.split(5000), q.split(5000), strict=True)
    total = sum((torch.xlogy(x, q) + torch.special.xlog1py(1 - x, -q)).sum(dtype=torch.float64) for x, q in parts)
    return -total.item() / x.numel()


def tsne_map(codes: Tensor, *, seed: int) -> np.ndarray:
    """Codes [N, D] -> points [N, 2] by t-SNE (van der Maaten & Hinton 2008), perplexity 30 or a third of N."""
    perplexity = min(30, (len(codes) - 1) / 3)
    flat = codes.shape[1] < 2 or not codes.var(0).any()  # a line or a point has no two principal components
    return TSNE(init="random" if flat else "pca", perplexity=perplexity, random_state=seed).fit_transform(codes.numpy())


def map_quality(points: np.ndarray, images: Tensor, labels: Tensor, *, neighbours: int = 12) -> tuple[float, float]:
    """Trustworthiness and k-nearest-neighbour accuracy of a map [N, 2] of ``images`` [N, D], with k = ``neighbours``.

    Trustworthiness (Venna & Kaski 2001) is lowered by map neighbours that are no neighbours among the images, weighted
    by rank. The accuracy is that of predicting each point's label from the k points next to it.
    """
    neighbours = min(neighbours, math.ceil(len(points) / 2) - 1)
    near = NearestNeighbors(n_neighbors=neighbours).fit(points).kneighbors(return_distance=False)
    guesses = torch.from_numpy(labels.numpy()[near]).mode(dim=1).values
    trust = trustworthiness(images.numpy(), points, n_neighbors=neighbours)
    return float(trust), (guesses == labels).float().mean().item()


def psnr(restored: Tensor, clean: Tensor) -> Tensor:
    """Peak signal-to-noise ratio of every image in decibels, [N], from [N, D] with pixels in [0, 1].

    The mean squared error is kept above 1e-10, so that a perfect image has 100 dB and no infinity.
    """
    return -10 * torch.log10((restored - clean).square().mean(1).clamp(min=1e-10))


def ssim(restored: Tensor, clean: Tensor, *, channels: int = 1) -> Tensor:
    """Structural similarity (Wang et al. 2004) of every image, [N], from square images [N, D] with pixels in [0, 1].

    Gaussian window of 11 pixels and standard deviation 1.5, K = (0.01, 0.03); the mean over all pixels whose window
    lies inside the image, and over the channels, which lie one after the other in D.
    """
    from torchmetrics.functional.image import structural_similarity_index_measure  # slow to import, rarely needed

    side = math.isqrt(clean.shape[1] // channels)
    settings: dict[str, Any] = {
        "gaussian_kernel": True,
        "sigma": 1.5,
        "kernel_size": 11,
        "data_range": 1.0,
        "return_full_image": True,
    }
    means = []
    # Every image goes in as a channel of one image: torch convolves channels apart four times faster than a batch.
    # In parts, since the local means take many times the memory of the images.
    planes = [images.reshape(-1, side, side).split(100) for images in (restored, clean)]
    for x, y in zip(*planes, strict=True):
        _, similarity = structural_similarity_index_measure(x[None], y[None], **settings)
        means.append(similarity[0, :, 5:-5, 5:-5].mean((1, 2)))  # nearer to the edge, windows see a mirrored image
    return torch.cat(means).view(-1, channels).mean(1)


def roughness(weights: Tensor) -> float:
    """Root mean square difference of neighbouring pixels, over the root mean square weight, of weights [units, D] seen
    as square images: the root of 2 for independent pixels, near 0 for smooth ones.
    """
    side = round(weights.shape[1] ** 0.5)
    pictures = weights.view(-1, side, side)
    steps = pictures.diff(dim=1).square().mean() + pictures.diff(dim=2).square().mean()
    return (steps / 2 / pictures.square().mean()).sqrt().item()


def intra_inter_ratio(codes: Tensor, labels: Tensor) -> float:
    """Within-class over between-class distance of codes [N, d] with labels [N]; small is good.

    Within: root mean square distance of a code to the mean of its class. Between: mean distance of two class means.
    Raises ValueError when a class between 0 and the largest label has no code.
    """
    counts = labels.bincount()
    if counts.min() < 1 or len(counts) < 2:
        raise ValueError("the ratio needs codes of two or more classes, and some of every class")
    means = torch.zeros(len(counts), codes.shape[1]).index_add_(0, labels, codes) / counts[:, None]
    within = (codes - means[labels]).square().sum(1).mean().sqrt()
    return (within / torch.pdist(means).mean()).item()


@dataclass(frozen=True)
class Verification:
    """ROC curve of "are two images of one class?": false and true positive rate at every threshold, and the area."""

    false_positive: np.ndarray
    true_positive: np.ndarray
    auc: float


def verification_pairs(labels: Tensor, count: int, *, seed: int) -> tuple[Tensor, Tensor]:
    """Random pairs of ``labels`` [N], half of one class, half of two: indices [2, P] and same or not [P].

    No image is paired with itself. Raises ValueError for fewer than two pairs, or labels that cannot give both kinds.
    """
    counts = labels.bincount()
    if count < 2 or counts.max() < 2 or (counts > 0).sum() < 2:
        raise ValueError("pairs need a count of 2 or more, two classes, and a class of two or more images")
    generator = torch.Generator().manual_seed(seed)
    found: dict[bool, list[Tensor]] = {True: [], False: []}
    while min(sum(map(len, rows)) for rows in found.values()) < count // 2:
        a, b = torch.randint(len(labels), (2, 4 * count), generator=generator)
        for same, rows in found.items():
            rows.append(torch.stack([a, b], 1)[(a != b) & ((labels[a] == labels[b]) == same)])
    pairs = torch.cat([torch.cat(rows)[: count // 2] for rows in found.values()]).T
    return pairs, labels[pairs[0]] == labels[pairs[1]]


def verification(codes: Tensor, pairs: Tensor, same: Tensor, *, cosine: bool = False) -> Verification:
    """ROC curve of telling ``pairs`` [2, P] of one class from others by the distance of their codes [N, d].

    ``same`` [P] says which pairs are of one class. The distance is Euclidean, which center loss shrinks, or with
    ``cosine`` the angle between two codes.
    """
    a, b = codes[pairs[0]], codes[pairs[1]]
    score = F.cosine_similarity(a, b) if cosine else -(a - b).norm(dim=1)
    false_positive, true_positive, _ = sklearn.metrics.roc_curve(same.numpy(), score.numpy())
    return Verification(false_positive, true_positive, float(sklearn.metrics.auc(false_positive, true_positive)))


# Calibration

TINY = torch.finfo(torch.float32).tiny  # stands for a probability of zero: no logarithm is infinite


def cross_entropies(probabilities: Tensor, labels: Tensor) -> Tensor:
    """-log p(label) of every image in nats, float64 [N], from class probabilities [N, C] and labels [N]."""
    return -probabilities.gather(1, labels[:, None])[:, 0].clamp(min=TINY).double().log()


def log_loss(probabilities: Tensor, labels: Tensor) -> float:
    """The mean of :func:`cross_entropies`."""
    return cross_entropies(probabilities, labels).mean().item()


def apply_temperature(probabilities: Tensor, temperature: float) -> Tensor:
    """softmax(log p / T) of class probabilities p [N, C] (Guo et al. 2017): less confident for T > 1, more for T < 1.

    The order of the classes stays.

    Raises ValueError for a temperature that is not positive.
    """
    if temperature <= 0:
        raise ValueError(f"a temperature must be positive, not {temperature}")
    return (probabilities.clamp(min=TINY).log() / temperature).softmax(1)


def fit_temperature(probabilities: Tensor, labels: Tensor) -> float:
    """The temperature between 1/20 and 20 with the least log loss of class probabilities [N, C] on held-out images."""
    found = minimize_scalar(
        lambda power: log_loss(apply_temperature(probabilities, 2.0**power), labels),
        bounds=(-4.33, 4.33),
        method="bounded",
    )
    return float(2.0**found.x)


@dataclass(frozen=True)
class Reliability:
    """Predictions in bins of their confidence: mean confidence, accuracy and number of images of each bin, [bins].

    Empty bins are left out.
    """

    confidence: Tensor
    accuracy: Tensor
    count: Tensor

    @property
    def error(self) -> float:
        """Expected calibration error: mean of |confidence - accuracy| over the bins, weighted by their images."""
        gaps = (self.confidence - self.accuracy).abs() * self.count
        return (gaps.sum() / self.count.sum()).item()


def reliability(probabilities: Tensor, labels: Tensor, *, bins: int = 15) -> Reliability:
    """Reliability diagram (Guo et al. 2017) of class probabilities [N, C] with labels [N], in bins of equal width.

    The confidence of a prediction is its largest probability. By hand, since scikit-learn's calibration_curve has
    two classes and leaves the bins' counts out. Raises ValueError for fewer than one bin.
    """
    if bins < 1:
        raise ValueError(f"a reliability diagram needs at least one bin, not {bins}")
    confidence, answers = probabilities.double().max(1)
    bin_of = (confidence * bins).ceil().long().clamp(1, bins) - 1  # a bin includes its upper edge, as in the paper
    count = bin_of.bincount(minlength=bins)
    sums = torch.zeros(2, bins, dtype=torch.float64)
    sums[0].index_add_(0, bin_of, confidence)
    sums[1].index_add_(0, bin_of, (answers == labels).double())
    used = count > 0
    means = sums[:, used] / count[used]
    return Reliability(means[0], means[1], count[used])
