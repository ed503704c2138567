"""The figures of chapter 7: colour pictures, what features keep of them, a convolution, all models at a glance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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

from helpers.models import convolution_matrix
from helpers.palette import CLASSES, INK, REPORTED
from helpers.palette import PHOTOGRAPH_MODELS as NAMES
from helpers.plots import WIDTH, free_figure, learning_curves, name_rows_and_columns
from helpers.stats import Accuracy

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
    inches = min(0.88, (WIDTH - 0.9) / count)
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


def convolution(image: Tensor, kernel: Tensor, output: Tensor) -> Figure:
    """A worked convolution: image [side, side] under the kernel [k, k], the output, and the matrix it is.

    Every weight of the kernel has one colour, wherever it is used. Of the output, what a stride of two keeps is framed.
    """
    figure = free_figure(2.9)
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
        under.text(j + 0.42, i + 0.44, f"×{weight:g}", ha="right", va="bottom", fontsize=5.5)
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


@dataclass(frozen=True)
class Result:
    """What :func:`at_a_glance` shows of one model: class probabilities [n, C] of the sample images, confusion matrix
    [C, C] with true classes in rows, accuracy, seconds, and the reported accuracies, None where there are none.
    """

    samples: Tensor
    confusion: Tensor
    accuracy: Accuracy
    fit_seconds: float
    predict_seconds: float
    reported: float | None = None
    reported_classes: Sequence[float] | None = None


def at_a_glance(results: Mapping[str, Result], images: Tensor, classes: Sequence[str]) -> Figure:
    """A block for each model, in two columns: probabilities of sample ``images``, confusion, accuracy, seconds.

    ``images`` are uint8 [C, 3, H, W], one of each class in their order, so that right answers lie on the diagonal.
    """
    rows = -(-len(results) // 2)
    top, pitch, tall, wide = 0.42, 1.1, 0.82, 0.88  # inches
    height = top + pitch * rows + 0.12
    figure = free_figure(height)

    def place(left: float, above: float, width: float, tall: float) -> Axes:
        return figure.add_axes((left / WIDTH, 1 - (above + tall) / height, width / WIDTH, tall / height))

    for k, (name, result) in enumerate(results.items()):
        column, row = divmod(k, rows)
        left, above = 0.56 + 2.9 * column, top + row * pitch + pitch - tall - 0.04
        sample, matrix = place(left, above, wide, tall), place(left + wide + 0.06, above, wide, tall)
        accuracy = place(left + 2 * wide + 0.14, above, wide - 0.04, tall)
        _percents(sample, np.asarray(result.samples).T, BLUES)
        counts = np.asarray(result.confusion, dtype=float).T  # a column for each true class, as in the panel before
        _percents(matrix, counts / np.maximum(counts.sum(0), 1), HEAT)
        _bars(accuracy, result)
        _above(sample, NAMES[name], f"fit {_seconds(result.fit_seconds)}, predict {_seconds(result.predict_seconds)}")
        reported = "" if result.reported is None else f"reported {result.reported:.1%}"
        _above(accuracy, f"{result.accuracy.value:.1%}", reported, colour=REPORTED)
        if column == 0:
            sample.set_yticks(range(len(classes)), classes, fontsize=5.5)
        if row == 0:
            for j, image in enumerate(np.asarray(images)):
                picture = place(
                    left + j * wide / len(images), 0.18, 0.94 * wide / len(images), 0.94 * wide / len(images)
                )
                picture.imshow(image.transpose(1, 2, 0))
                picture.set_axis_off()
            heads = {sample: "probabilities (%)", matrix: "confusion (%)", accuracy: "accuracy"}
            for axis, head in heads.items():
                figure.text(axis.get_position().x0, 1 - 0.03 / height, head, va="top", fontsize=7)
        accuracy.tick_params(labelbottom=row == rows - 1, labelsize=5.5, pad=1.5)
    return figure


def _above(axis: Axes, strong: str, weak: str, *, colour: str = INK) -> None:
    look: dict[str, Any] = {"xycoords": "axes fraction", "textcoords": "offset points", "va": "bottom"}
    axis.annotate(strong, (0, 1), (0, 8.5), fontsize=7, weight="bold", **look)
    axis.annotate(weak, (0, 1), (0, 1.5), fontsize=5.8, color=colour, **look)


def _seconds(value: float) -> str:
    return f"{value:.0f} s" if value >= 9.95 else f"{value:.1f} s"


def _percents(axis: Axes, shares: np.ndarray, colours: mpl.colors.Colormap) -> None:
    """Shares [C, n] as tinted cells with whole percents, left out where they round to nothing."""
    axis.imshow(shares, cmap=colours, vmin=0, vmax=1.15, aspect="auto")
    for (i, j), share in np.ndenumerate(shares):
        if round(100 * share):
            weight = "bold" if i == j else "normal"
            colour = "white" if share > 0.6 else INK
            axis.text(j, i, f"{100 * share:.0f}", ha="center", va="center", fontsize=4.8, weight=weight, color=colour)
    axis.set(xticks=[], yticks=[])
    axis.tick_params(length=0, pad=2)


def _bars(axis: Axes, result: Result) -> None:
    counts = np.asarray(result.confusion, dtype=float)
    values = np.diag(counts) / np.maximum(counts.sum(1), 1)
    rows = np.arange(len(values))
    axis.barh(rows, values, height=0.62, color="#9fc5e0")
    axis.axvspan(result.accuracy.low, result.accuracy.high, color=CLASSES[1], alpha=0.25, linewidth=0)
    axis.axvline(result.accuracy.value, color=CLASSES[1], linewidth=1.1)
    if result.reported is not None:
        axis.axvline(result.reported, color=REPORTED, linewidth=1.1, linestyle="--")
    if result.reported_classes is not None:
        axis.plot(result.reported_classes, rows, "D", markersize=2.6, color=REPORTED, markeredgewidth=0)
    axis.set(xlim=(0, 1), ylim=(len(values) - 0.5, -0.5), yticks=[], xticks=(0, 0.5, 1))
    axis.xaxis.set_major_formatter(mpl.ticker.PercentFormatter(1, decimals=0))
    axis.tick_params(length=2)
