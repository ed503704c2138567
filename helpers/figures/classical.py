"""The figures of chapter 7: colour pictures, what features keep of them, a convolution, what all models answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from scipy.ndimage import maximum_filter
from skimage.feature import hog
from skimage.transform import resize
from torch import Tensor
from torch.nn import functional as F

from helpers.models import convolution_matrix
from helpers.palette import CLASSES, INK, REPORTED
from helpers.palette import PHOTOGRAPH_MODELS as NAMES
from helpers.plots import WIDTH, free_figure, learning_curves, name_rows_and_columns

BLUES, HEAT = mpl.colormaps["Blues"], mpl.colormaps["Oranges"]


def picture_rows(rows: Mapping[str, Tensor | np.ndarray], *, columns: Sequence[str] = ()) -> Figure:
    """A row of square pictures beside each name, a heading above each column.

    A row is colour images [n, 3, H, H] or grey ones [n, H, H], all in bytes; sides may differ by whole factors.
    """
    rows = {name: _coloured(np.asarray(images)) for name, images in rows.items()}
    count, side = max(map(len, rows.values())), max(images.shape[1] for images in rows.values())
    pitch = side + max(1, side // 8)
    # One sheet with white gaps: a figure with an axes for every picture would take seconds to draw.
    sheet = np.full((len(rows) * pitch, count * pitch, 3), 255, dtype=np.uint8)
    for i, images in enumerate(rows.values()):
        for j, image in enumerate(images):
            large = image.repeat(side // len(image), 0).repeat(side // len(image), 1)
            sheet[i * pitch : i * pitch + side, j * pitch : j * pitch + side] = large
    inches = min(0.65, (WIDTH - 0.9) / count)
    figure, axis = plt.subplots(figsize=(WIDTH, inches * len(rows) + (0.25 if columns else 0.05)))
    axis.imshow(sheet[: side - pitch, : side - pitch])
    name_rows_and_columns(axis, list(rows), columns, pitch=pitch, middle=side / 2)
    return figure


def _coloured(images: np.ndarray) -> np.ndarray:
    return images.transpose(0, 2, 3, 1) if images.ndim == 4 else images[..., None].repeat(3, -1)


def feature_rows(images: Tensor, columns: Sequence[str]) -> Figure:
    """Images uint8 [n, 3, H, W] above what the classical features keep of them: directions of edges, coarse colour."""
    pictures = images.permute(0, 2, 3, 1).numpy()
    # Drawn four times as large, smoothly: in the four pixels of a cell there is no room for strokes.
    settings = {"orientations": 9, "pixels_per_cell": (16, 16), "cells_per_block": (2, 2), "channel_axis": 2}
    large = [resize(picture, (128, 128), order=3) for picture in pictures]
    strokes = [maximum_filter(hog(picture, **settings, visualize=True)[1], 2) for picture in large]
    edges = np.stack([(stroke / max(np.percentile(stroke, 99), 1e-9)).clip(0, 1) for stroke in strokes])
    edges = (255 * edges).astype(np.uint8)
    n, height, width, _ = pictures.shape
    colours = pictures.reshape(n, height // 4, 4, width // 4, 4, 3).mean((2, 4)).astype(np.uint8).transpose(0, 3, 1, 2)
    return picture_rows({"image": images, "edges": edges, "colour": colours}, columns=columns)


def patches(centroids: Tensor, *, columns: int = 24) -> Figure:
    """The first of ``centroids`` [K, 3 * s * s], in four rows, as square patches, each scaled to its own range."""
    side = int((centroids.shape[1] / 3) ** 0.5)
    shown = centroids[: 4 * columns]
    low, high = shown.min(1, keepdim=True).values, shown.max(1, keepdim=True).values
    squares = (255 * (shown - low) / (high - low)).byte().view(4, columns, 3, side, side)
    tiles = F.pad(squares, (0, 1, 0, 1), value=255)  # a white line between them
    sheet = tiles.permute(0, 3, 1, 4, 2).reshape(4 * (side + 1), columns * (side + 1), 3)[:-1, :-1]
    figure, axis = plt.subplots(figsize=(WIDTH, (WIDTH - 0.6) * len(sheet) / sheet.shape[1]))
    axis.imshow(sheet)
    names = [f"{row * columns + 1} to {(row + 1) * columns}" for row in range(4)]
    name_rows_and_columns(axis, names, [], pitch=side + 1, middle=side / 2)
    return figure


def convolution(image: Tensor, kernel: Tensor, output: Tensor) -> Figure:
    """A worked convolution: image [side, side] under the kernel [k, k], the output, and the matrix it is.

    Every weight of the kernel has one colour, wherever it is used. Of the output, what a stride of two keeps is framed.
    """
    figure = free_figure(2.65)
    grid = figure.add_gridspec(
        2, 3, width_ratios=[5, 3, 3], height_ratios=[1.45, 1], left=0.02, right=0.98, top=0.9, bottom=0.1
    )
    size = len(kernel)
    colours = np.asarray([mpl.colors.to_rgb(c) for c in CLASSES])[: size * size]
    tints = 0.45 * colours + 0.55
    under, mark, result = (figure.add_subplot(grid[0, k]) for k in range(3))
    white = np.ones((*image.shape, 3))
    white[:size, :size] = tints.reshape(size, size, 3)
    _numbers(under, image, white, title="input, the kernel on its first place")
    for (i, j), weight in np.ndenumerate(np.asarray(kernel)):
        under.text(j + 0.42, i + 0.44, f"×{weight:g}", ha="right", va="bottom", fontsize=6.8)
    under.add_patch(Rectangle((0.5, -0.5), size, size, fill=False, edgecolor=INK, linestyle="--", linewidth=1))
    _numbers(mark, kernel, tints.reshape(size, size, 3), title="kernel")
    first = np.ones((*output.shape, 3))
    first[0, 0] = 0.85
    _numbers(result, output, first, title="output")
    for i in range(0, len(output), 2):
        for j in range(0, len(output), 2):
            result.add_patch(Rectangle((j - 0.4, i - 0.4), 0.8, 0.8, fill=False, edgecolor=INK, linewidth=1.3))
    whole = figure.add_subplot(grid[1, :])
    order = torch.arange(1, size * size + 1).view(size, size)
    places = convolution_matrix(order, len(image)).numpy() - 1  # which weight stands there, -1 for none
    shown = np.where(places[..., None] >= 0, tints[np.maximum(places, 0)], 1.0)
    whole.imshow(shown, aspect="auto")
    whole.set_xticks(np.arange(places.shape[1] + 1) - 0.5, minor=True)
    whole.set_yticks(np.arange(places.shape[0] + 1) - 0.5, minor=True)
    whole.grid(which="minor", color="#dddddd", linewidth=0.4)
    whole.set(xticks=[], yticks=[], xlabel="pixel of the input", ylabel="output")
    whole.tick_params(which="both", length=0)
    whole.set_title("the same as a matrix: every row holds the same nine weights", fontsize=8)
    return figure


def _numbers(axis: Axes, values: Tensor, colours: np.ndarray, *, title: str) -> None:
    axis.imshow(colours)
    for (i, j), value in np.ndenumerate(np.asarray(values)):
        axis.text(j, i, f"{value:g}", ha="center", va="center", fontsize=8)
        axis.add_patch(Rectangle((j - 0.5, i - 0.5), 1, 1, fill=False, edgecolor="#cccccc", linewidth=0.5))
    axis.set_title(title, fontsize=8, loc="center")
    axis.set(xlim=(-0.55, values.shape[1] - 0.45), ylim=(values.shape[0] - 0.45, -0.55))
    axis.set_axis_off()


def losses(curves: Mapping[str, Sequence[float]]) -> Figure:
    """Training loss by epoch, a panel for each network: losses under augmentation cannot share an axis."""
    return learning_curves({name: {"training": values} for name, values in curves.items()}, ylabel="cross entropy")


def sample_probabilities(probabilities: Mapping[str, Tensor], images: Tensor, classes: Sequence[str]) -> Figure:
    """A matrix for each model: its ``probabilities`` [C, C] of the classes (rows) for the images on top (columns).

    ``images`` are uint8 [C, 3, H, W], one of each class in their order, so that right answers lie on the diagonal.
    """
    across = -(-len(probabilities) // 2)
    shape: dict[str, Any] = {"figsize": (WIDTH, 2.65), "height_ratios": (0.27, 1, 1)}
    figure, axes = plt.subplots(3, across, squeeze=False, sharex=True, **shape)
    strip = np.concatenate(list(images.permute(0, 2, 3, 1).numpy()), axis=1)
    for axis in axes[0]:
        axis.imshow(strip, extent=(-0.5, len(images) - 0.5, 0, 1), aspect="auto")
        axis.set_axis_off()
    _matrices(axes[1:], {name: np.asarray(p).T for name, p in probabilities.items()}, classes, colours=BLUES)
    return figure


def class_confusion(
    confusion: Mapping[str, Tensor], classes: Sequence[str], *, reported: Mapping[str, Sequence[float]]
) -> Figure:
    """A confusion matrix [C, C] for each model, in percent of the true class (rows), columns in the same order.

    A last column has the class-wise accuracies of those models for which they are ``reported``.
    """
    across = -(-len(confusion) // 2)
    figure, axes = plt.subplots(2, across, squeeze=False, sharex=True, figsize=(WIDTH, 2.3))
    counts = {name: np.asarray(matrix, dtype=float) for name, matrix in confusion.items()}
    shares = {name: matrix / np.maximum(matrix.sum(1, keepdims=True), 1) for name, matrix in counts.items()}
    _matrices(axes, shares, classes, colours=HEAT)
    look: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": 7, "color": REPORTED, "weight": "bold"}
    for axis, name in zip(axes.flat, confusion, strict=False):
        axis.set_xlim(-0.5, len(classes) + 0.5)
        for i, share in enumerate(reported.get(name, ())):
            axis.text(len(classes), i, f"{100 * share:.0f}", **look)
    return figure


def _matrices(
    axes: np.ndarray, panels: Mapping[str, np.ndarray], classes: Sequence[str], *, colours: mpl.colors.Colormap
) -> None:
    """Draw the panels [C, C] of several models as tinted whole percents, left out where they round to nothing."""
    for axis in axes.flat[len(panels) :]:
        axis.set_axis_off()
    for axis, (name, shares) in zip(axes.flat, panels.items(), strict=False):
        axis.imshow(shares, cmap=colours, vmin=0, vmax=1.15, aspect="auto")
        for (i, j), share in np.ndenumerate(shares):
            if round(100 * share):
                look = {"weight": "bold" if i == j else "normal", "color": "white" if share > 0.6 else INK}
                axis.text(j, i, f"{100 * share:.0f}", ha="center", va="center", fontsize=6.8, **look)
        axis.set(xticks=[], yticks=[])
        axis.set_title(NAMES[name], fontsize=7.2)
        axis.tick_params(length=0, pad=2)
        axis.spines[:].set_visible(False)
    for axis in axes[:, 0]:
        axis.set_yticks(range(len(classes)), classes, fontsize=7)
