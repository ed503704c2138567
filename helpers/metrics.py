"""METRICS"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import minimize_scalar
from sklearn.manifold import trustworthiness
from sklearn.metrics import auc, roc_curve
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
    """Precision, recall, F1 and support of every class, from probabilities [N, C] and labels [N].

    Recall is the class-wise accuracy. A class that is never predicted has precision zero.
    """
    confusion = confusion_matrix(probabilities, labels).double()
    right, predicted, support = confusion.diag(), confusion.sum(0), confusion.sum(1)
    return {
        "precision": (right / predicted.clamp(min=1)).tolist(),
        "recall": (right / support.clamp(min=1)).tolist(),
        "f1": (2 * right / (predicted + support).clamp(min=1)).tolist(),
        "support": support.int().tolist(),
    }


def confusion_matrix(probabilities: Tensor, labels: Tensor) -> Tensor:
    """Counts [C, C]: row = true class, column = predicted class."""
    classes = probabilities.shape[1]
    pairs = labels * classes + probabilities.argmax(1)
    return torch.bincount(pairs, minlength=classes**2).view(classes, classes)


def relative_differences(a: Sequence[float], b: Sequence[float]) -> list[float]:
    """How far ``a`` is from ``b``, element by element, as a fraction of ``b``."""
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
    return TSNE(init="pca", perplexity=perplexity, random_state=seed).fit_transform(codes.numpy())


def map_quality(points: np.ndarray, images: Tensor, labels: Tensor, *, neighbours: int = 12) -> tuple[float, float]:
    """How far a map [N, 2] can be believed, as (trustworthiness, k-nearest-neighbour accuracy), k = ``neighbours``.

    Trustworthiness (Venna & Kaski 2001) counts map neighbours that are no neighbours among the ``images`` [N, D],
    weighted by rank. The accuracy is of each point's label guessed from the others around it.
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
    """Structural similarity of every image, [N], from square images [N, D] with pixels in [0, 1].

    Wang et al. 2004: Gaussian window of 11 pixels and deviation 1.5, K = (0.01, 0.03); the mean over all pixels whose
    window lies inside the image, and over the channels, which lie one after the other in D.
    """
    restored, clean = (images.reshape(len(images) * channels, -1) for images in (restored, clean))
    # In parts: convolutions of one channel take sixteen times the memory of the images.
    pairs = zip(restored.split(500), clean.split(500), strict=True)
    return torch.cat([_ssim(x, y) for x, y in pairs]).view(-1, channels).mean(1)


def _ssim(restored: Tensor, clean: Tensor) -> Tensor:
    offsets = torch.arange(-5, 6, dtype=clean.dtype)
    window = torch.exp(-offsets.square() / (2 * 1.5**2))
    window = window / window.sum()
    side = round(clean.shape[1] ** 0.5)
    x, y = restored.view(-1, 1, side, side), clean.view(-1, 1, side, side)
    # Means, squares and product in one pass; the window is a product of a row and a column.
    stack = torch.cat([x, y, x * x, y * y, x * y])
    local = F.conv2d(F.conv2d(stack, window.view(1, 1, 1, -1)), window.view(1, 1, -1, 1))
    mean_x, mean_y, xx, yy, xy = local.chunk(5)
    c1, c2 = 0.01**2, 0.03**2
    similar = (2 * mean_x * mean_y + c1) / (mean_x.square() + mean_y.square() + c1)
    spread = xx - mean_x.square() + yy - mean_y.square()
    return (similar * (2 * (xy - mean_x * mean_y) + c2) / (spread + c2)).mean((1, 2, 3))


def roughness(weights: Tensor) -> float:
    """How speckled weights [units, D] are as pictures: root mean square step between neighbouring pixels, over the
    root mean square weight. The root of 2 for independent pixels, near 0 for smooth ones.
    """
    side = round(weights.shape[1] ** 0.5)
    pictures = weights.view(-1, side, side)
    steps = pictures.diff(dim=1).square().mean() + pictures.diff(dim=2).square().mean()
    return (steps / 2 / pictures.square().mean()).sqrt().item()


def intra_inter_ratio(codes: Tensor, labels: Tensor) -> float:
    """How wide the classes are for how far they lie apart, from codes [N, d] and labels [N]; small is good.

    The root mean square distance of a code to the mean of its class, over the mean distance between two class means.
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
    """Same class or not? The share of pairs wrongly and rightly called "same" at every threshold, and the area."""

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
    generator, found = torch.Generator().manual_seed(seed), {True: [], False: []}
    while min(sum(map(len, rows)) for rows in found.values()) < count // 2:
        a, b = torch.randint(len(labels), (2, 4 * count), generator=generator)
        for same, rows in found.items():
            rows.append(torch.stack([a, b], 1)[(a != b) & ((labels[a] == labels[b]) == same)])
    pairs = torch.cat([torch.cat(rows)[: count // 2] for rows in found.values()]).T
    return pairs, labels[pairs[0]] == labels[pairs[1]]


def verification(codes: Tensor, pairs: Tensor, same: Tensor, *, cosine: bool = False) -> Verification:
    """Tell pairs of one class from pairs of two by how close their codes are; ``pairs`` [2, P], ``same`` [P].

    Close in Euclidean distance, which center loss shrinks, or by the cosine of the angle between two codes [N, d].
    """
    a, b = codes[pairs[0]], codes[pairs[1]]
    score = F.cosine_similarity(a, b) if cosine else -(a - b).norm(dim=1)
    false_positive, true_positive, _ = roc_curve(same.numpy(), score.numpy())
    return Verification(false_positive, true_positive, float(auc(false_positive, true_positive)))


LEAST = torch.finfo(torch.float32).tiny  # what a probability of zero counts as: no logarithm is infinite


def cross_entropies(probabilities: Tensor, labels: Tensor) -> Tensor:
    """Cross entropy of each image's class probabilities [N, C] with its label [N], in nats: float64 [N]."""
    return -probabilities.gather(1, labels[:, None])[:, 0].clamp(min=LEAST).double().log()


def log_loss(probabilities: Tensor, labels: Tensor) -> float:
    """The mean of :func:`cross_entropies`."""
    return cross_entropies(probabilities, labels).mean().item()


def apply_temperature(probabilities: Tensor, temperature: float) -> Tensor:
    """Probabilities [N, C] made softer (temperature above one) or surer (below): softmax(log p / T). The order stays.

    Raises ValueError for a temperature that is not positive.
    """
    if temperature <= 0:
        raise ValueError(f"a temperature must be positive, not {temperature}")
    return (probabilities.clamp(min=LEAST).log() / temperature).softmax(1)


def fit_temperature(probabilities: Tensor, labels: Tensor) -> float:
    """The temperature between 1/20 and 20 at which probabilities [N, C] of held-out images have the least log loss."""
    found = minimize_scalar(
        lambda power: log_loss(apply_temperature(probabilities, 2.0**power), labels),
        bounds=(-4.33, 4.33),
        method="bounded",
    )
    return float(2.0**found.x)


@dataclass(frozen=True)
class Reliability:
    """Answers sorted into bins by how sure they were: mean confidence, share that is right, and how many, [bins].

    Empty bins are left out.
    """

    confidence: Tensor
    accuracy: Tensor
    count: Tensor

    @property
    def error(self) -> float:
        """Expected calibration error: the mean gap between confidence and accuracy, each bin by its images."""
        gaps = (self.confidence - self.accuracy).abs() * self.count
        return (gaps.sum() / self.count.sum()).item()


def reliability(probabilities: Tensor, labels: Tensor, *, bins: int = 15) -> Reliability:
    """Bins of equal width over the confidence, the largest of the probabilities [N, C] of an image; labels [N].

    Raises ValueError for fewer than one bin.
    """
    if bins < 1:
        raise ValueError(f"a reliability diagram needs at least one bin, not {bins}")
    confidence, answers = probabilities.double().max(1)
    bin_of = (confidence * bins).ceil().long().clamp(1, bins) - 1  # a bin holds its upper edge, as in the paper
    count = bin_of.bincount(minlength=bins)
    sums = torch.zeros(2, bins, dtype=torch.float64)
    sums[0].index_add_(0, bin_of, confidence)
    sums[1].index_add_(0, bin_of, (answers == labels).double())
    used = count > 0
    means = sums[:, used] / count[used]
    return Reliability(means[0], means[1], count[used])
