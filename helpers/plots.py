"""What several chapters draw, and the one style of all figures. What one chapter draws is in helpers/figures.

Importing this module sets matplotlib up, by one call of :func:`use_style`; a notebook needs no line for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from IPython import get_ipython
from IPython.core.pylabtools import print_figure
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib_inline.backend_inline import set_matplotlib_formats
from torch import Tensor

from helpers.palette import CLASSES, INK, MODELS, NAMES, PALE

WIDTH = 6.3  # inches, the width of the text on an A4 page

STYLE: dict[str, Any] = {
    "figure.dpi": 110,
    "figure.constrained_layout.use": True,
    "savefig.pad_inches": 0.02,  # so that a figure of the text's width is not made smaller in print
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "course-report",  # the same figure gives the same bytes
    "font.family": "DejaVu Sans",
    "font.size": 8,
    "axes.titlesize": 8.5,
    "axes.titlelocation": "left",
    "axes.labelsize": 8,
    "axes.edgecolor": PALE,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "lines.linewidth": 1.6,
    "legend.frameon": False,
    "legend.fontsize": 7.5,
    "image.cmap": "gray_r",
    "image.interpolation": "nearest",
}


def use_style() -> None:
    """Set STYLE; in a notebook also keep every figure twice, as PNG for the screen and as SVG for print.

    What the user's matplotlibrc sets is undone: figures are the same for everybody.
    """
    mpl.rcdefaults()
    mpl.rcParams.update(STYLE)
    if (shell := get_ipython()) is not None:
        set_matplotlib_formats("retina")
        # What is rasterised inside a figure must be finer in print than on a screen.
        print_svg = partial(print_figure, fmt="svg", dpi=250, metadata={"Date": None})
        shell.display_formatter.formatters["image/svg+xml"].for_type(Figure, print_svg)


use_style()


def name_of(key: str) -> str:
    """The display name of the model that results.json calls ``key``."""
    return NAMES.get(key, key)


def short(classes: Sequence[str]) -> list[str]:
    """Class names shortened for axes: "T-shirt/top" to "T-shirt", "Ankle boot" to "boot"."""
    return [word.split("/")[0].removeprefix("Ankle ") for word in classes]


def sheet_of(rows: Sequence[np.ndarray], side: int) -> tuple[np.ndarray, int]:
    """One array of all square images, with gaps of NaN between them, and the pitch: pixels from one image to the next.

    A row of images is [n, side * side], or [n, 3 * side * side] in colour. One array, since a figure with an axes for
    every image would take seconds to draw.
    """
    gap = max(2, side // 14)
    pitch = side + gap
    channels = rows[0].shape[1] // side**2
    sheet = np.full((len(rows) * pitch, max(map(len, rows)) * pitch, channels), np.nan)
    for i, images in enumerate(rows):
        for j, image in enumerate(np.asarray(images, dtype=float).reshape(-1, channels, side, side)):
            sheet[i * pitch : i * pitch + side, j * pitch : j * pitch + side] = image.transpose(1, 2, 0)
    return sheet[:-gap, :-gap].squeeze(), pitch


def name_rows_and_columns(
    axis: Axes, rows: Sequence[str], columns: Sequence[str], *, pitch: int, middle: float
) -> None:
    """Write the names beside the rows and above the columns of a sheet; ``middle`` is that of the first image."""
    axis.set_yticks([i * pitch + middle for i in range(len(rows))], rows)
    axis.set_xticks([j * pitch + middle for j in range(len(columns))], columns)
    axis.xaxis.tick_top()
    axis.tick_params(length=0)
    axis.spines[:].set_visible(False)


def image_rows(rows: Mapping[str, Tensor], *, columns: Sequence[str] = ()) -> Figure:
    """A row of images [N, D] in [0, 1] beside each name, and a heading above each column.

    D is 784 for grey images, drawn with ink dark on white, or 3072 for colour.
    """
    return _images([np.asarray(row) for row in rows.values()], list(rows), columns, inches=0.45)


def class_samples(samples: Mapping[str, Tensor]) -> Figure:
    """A column of images [N, D] in [0, 1], as those of :func:`image_rows`, below the name of each class."""
    rows = list(np.stack([np.asarray(images) for images in samples.values()], axis=1))
    return _images(rows, [""] * len(rows), list(samples), inches=WIDTH / len(samples))


def _images(rows: Sequence[np.ndarray], names: Sequence[str], columns: Sequence[str], *, inches: float) -> Figure:
    """Rows of images [N, D] in one sheet, ``inches`` from one image to the next."""
    colour = rows[0].shape[1] == 3072
    sheet, pitch = sheet_of(rows, 32 if colour else round(rows[0].shape[1] ** 0.5))
    if colour:
        sheet = np.where(np.isnan(sheet), 1.0, sheet)
    figure, axis = plt.subplots(figsize=(WIDTH, inches * len(rows) + (0.25 if columns else 0.05)))
    paper = mpl.colormaps["gray_r"].with_extremes(bad="#eef1f4")
    axis.imshow(sheet, vmin=0, vmax=1, cmap=paper, interpolation="none")
    name_rows_and_columns(axis, names, columns, pitch=pitch, middle=0.45 * pitch)
    return figure


def log_ticks(axis: Axis) -> None:
    """Make the labels of a logarithmic axis larger, so that their exponents can be read in print."""
    axis.set_tick_params(which="both", labelsize=9.5)


def confusion_matrices(matrices: Mapping[str, Tensor], classes: Sequence[str]) -> Figure:
    """Confusion matrices [C, C] side by side, rows true and columns predicted; colour shows the mistakes only."""
    figure, axes = plt.subplots(1, len(matrices), squeeze=False, figsize=(WIDTH, 2.4))
    for axis, (name, matrix) in zip(axes[0], matrices.items(), strict=True):
        counts = np.asarray(matrix)
        mistakes = counts - np.diag(np.diag(counts))
        words = np.where(counts, counts.astype(str), "")
        look = {"cmap": "Oranges", "vmin": 0, "vmax": 1.4 * max(1, mistakes.max()), "cbar": False}
        names = {"xticklabels": classes, "yticklabels": classes}
        sns.heatmap(mistakes, annot=words, fmt="", annot_kws={"size": 6.8, "color": INK}, ax=axis, **look, **names)
        axis.set(title=name_of(name), xlabel="predicted", ylabel="true")
        axis.tick_params(length=0)
        axis.tick_params(axis="y", labelrotation=0)
    return figure


def mean_with_range(
    axis: Axes, places: Sequence[float], values: Sequence[Sequence[float]], *, colour: str, label: str | None = None
) -> None:
    """A curve through the means of ``values``, several at each of ``places``, in a band from the least to the most."""
    x = [place for place, several in zip(places, values, strict=True) for _ in several]
    y = [float(value) for several in values for value in several]
    look = {"color": colour, "marker": "o", "markersize": 3, "markeredgecolor": colour, "linewidth": 1.3}
    whole = ("pi", 100)  # the interval that holds all of them
    sns.lineplot(x=x, y=y, errorbar=whole, err_kws={"alpha": 0.2, "linewidth": 0}, label=label, ax=axis, **look)


def free_figure(height: float) -> Figure:
    """An empty figure of the page's width, ``height`` in inches, whose axes are placed by hand."""
    figure = plt.figure(figsize=(WIDTH, height))
    # Not layout="none" above: saving a figure that never had an engine gives it the one in rcParams.
    figure.set_layout_engine("none")
    return figure


def placeholder(words: str) -> Figure:
    """A text in place of a figure for which there are no data: its caption needs something to stand under."""
    figure, axis = plt.subplots(figsize=(WIDTH, 0.5))
    axis.text(0.5, 0.5, words, ha="center", va="center", color=INK)
    axis.set_axis_off()
    return figure


def code_maps(maps: Mapping[str, np.ndarray], labels: Tensor, classes: Sequence[str]) -> Figure:
    """Maps [N, 2] side by side, points coloured by class; digits are named in their middle, words in a legend."""
    figure, axes = plt.subplots(1, len(maps), squeeze=False, figsize=(WIDTH, min(2.6, WIDTH / len(maps) + 0.3)))
    label_of = np.asarray(labels)
    one_letter = max(map(len, classes)) == 1
    for axis, (name, points) in zip(axes[0], maps.items(), strict=True):
        for k, word in enumerate(classes):
            own = points[label_of == k]
            # Thousands of points would make a heavy vector picture: draw them as pixels, the words as text.
            axis.scatter(*own.T, s=2.5, c=CLASSES[k], linewidths=0, alpha=0.7, rasterized=True, label=word)
            if one_letter and len(own):
                box = {"boxstyle": "circle,pad=0.2", "facecolor": "white", "edgecolor": CLASSES[k], "alpha": 0.9}
                axis.text(*np.median(own, axis=0), word, ha="center", va="center", weight="bold", bbox=box)
        axis.set(title=name_of(name), xticks=[], yticks=[])
        axis.margins(0.02)  # no equal scales: the axes of a t-SNE map have none of their own
        axis.spines[:].set_visible(False)
    if not one_letter:
        handles, words = axes[0, 0].get_legend_handles_labels()
        figure.legend(handles, words, loc="outside lower center", ncols=5, markerscale=4)
    return figure


def count_epochs(axis: Axes) -> None:
    """Epochs along ``axis``: whole numbers, also where there is one epoch alone."""
    axis.set_xlabel("epoch")
    axis.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)


def learning_curves(panels: Mapping[str, Mapping[str, Sequence[float]]], *, ylabel: str) -> Figure:
    """A panel for each model: its curves over the epochs, the training one solid, others dashed, named at their end."""
    figure, axes = plt.subplots(1, len(panels), squeeze=False, figsize=(WIDTH, 2.0))
    for axis, (name, curves) in zip(axes[0], panels.items(), strict=True):
        for k, (word, values) in enumerate(curves.items()):
            look = {"linestyle": "--", "color": INK, "linewidth": 1.1} if k else {"color": MODELS[name]}
            axis.plot(range(1, len(values) + 1), values, label=word, marker="o", markersize=2, **look)
        axis.set(title=name_of(name))
        count_epochs(axis)
        if len(curves) > 1:
            axis.legend()
    axes[0, 0].set_ylabel(ylabel)
    return figure
