"""Every figure of the report, in one style: sizes for the page, a palette safe for colour-blind readers.

Importing this module sets the style. In a notebook figures are kept twice, as PNG for the screen and as SVG for print.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from IPython import get_ipython
from IPython.core.pylabtools import print_figure
from matplotlib.figure import Figure
from matplotlib_inline.backend_inline import set_matplotlib_formats
from torch import Tensor

WIDTH = 6.3  # inches, the width of the text on an A4 page
INK, PALE = "#222222", "#9a9a9a"
# Okabe & Ito 2008: one colour a model, the same in every figure.
MODELS = {
    "scratch": "#0072B2",
    "inbuilt": "#D55E00",
    "conv": "#E69F00",
    "ae": "#56B4E9",
    "dae": "#0072B2",
    "pca": "#009E73",
    "gaussian": "#009E73",
    "pixels": "#7F7F7F",
    "noisy": "#7F7F7F",
    "reported": "#CC79A7",
}
NAMES = {
    "pca": "PCA",
    "pixels": "raw pixels",
    "reported": "Report A",
    "conv": "convolutional",
    "ae": "AE",
    "dae": "D-AE",
    "nlm": "non-local means",
    "tv": "total variation",
    "gaussian": "Gaussian",
}
# Paul Tol's muted scheme, and black: ten classes.
CLASSES = ["#CC6677", "#332288", "#DDCC77", "#117733", "#88CCEE", "#882255", "#44AA99", "#999933", "#AA4499", "#333333"]

STYLE = {
    "figure.dpi": 110,
    "figure.constrained_layout.use": True,
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

mpl.rcParams.update(STYLE)
if (shell := get_ipython()) is not None:
    set_matplotlib_formats("retina")
    # The same figure for print; what is rasterised in it must be finer than on a screen.
    print_svg = partial(print_figure, fmt="svg", dpi=250, metadata={"Date": None})
    shell.display_formatter.formatters["image/svg+xml"].for_type(Figure, print_svg)


def name_of(key: str) -> str:
    """What readers call the model that results.json calls ``key``."""
    return NAMES.get(key, key)


def short(classes: Sequence[str]) -> list[str]:
    """The names of classes, cut to their first part where they have two: "T-shirt/top" is "T-shirt"."""
    return [word.split("/")[0].removeprefix("Ankle ") for word in classes]


def _sheet(rows: Sequence[np.ndarray], side: int) -> tuple[np.ndarray, int]:
    """Rows of square images, each [n, side * side] or [n, 3 * side * side], in one array with gaps (NaN); their pitch.

    A figure with an axes for every image would take seconds to draw.
    """
    gap = max(2, side // 14)
    pitch = side + gap
    channels = rows[0].shape[1] // side**2
    sheet = np.full((len(rows) * pitch, max(map(len, rows)) * pitch, channels), np.nan)
    for i, images in enumerate(rows):
        for j, image in enumerate(np.asarray(images, dtype=float).reshape(-1, channels, side, side)):
            sheet[i * pitch : i * pitch + side, j * pitch : j * pitch + side] = image.transpose(1, 2, 0)
    return sheet[:-gap, :-gap].squeeze(), pitch


def image_rows(rows: Mapping[str, Tensor], *, columns: Sequence[str] = ()) -> Figure:
    """A row of images [N, D] in [0, 1] beside each name, and a heading above each column.

    D is 784 for grey images, drawn with ink dark on white, or 3072 for colour.
    """
    images = [np.asarray(row) for row in rows.values()]
    colour = images[0].shape[1] == 3072
    sheet, pitch = _sheet(images, 32 if colour else round(images[0].shape[1] ** 0.5))
    if colour:
        sheet = np.where(np.isnan(sheet), 1.0, sheet)
    # Ten columns fill the page; fewer are drawn a little larger, never over the page.
    picture_inches = min(0.56, (WIDTH - 0.9) * pitch / sheet.shape[1])
    figure, axis = plt.subplots(figsize=(WIDTH, picture_inches * len(rows) + (0.25 if columns else 0.05)))
    paper = mpl.colormaps["gray_r"].with_extremes(bad="#eef1f4")
    axis.imshow(sheet, vmin=0, vmax=1, cmap=paper, interpolation="none")
    axis.set_yticks([(i + 0.45) * pitch for i in range(len(rows))], list(rows))
    axis.set_xticks([(j + 0.45) * pitch for j in range(len(columns))], columns)
    axis.xaxis.tick_top()
    axis.tick_params(length=0)
    axis.spines[:].set_visible(False)
    return figure


def loss_curves(
    loss: Mapping[str, Sequence[float]], differences: Sequence[float], seconds: Mapping[str, float]
) -> Figure:
    """Left: the loss of every epoch, by model. Right: how far the two are apart at every step where they differ."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(WIDTH, 2.4))
    for k, (name, values) in enumerate(loss.items()):
        epochs = range(1, len(values) + 1)
        # The curves lie on top of each other: the first is wide and pale, the second thin upon it.
        look = {"linewidth": 4, "alpha": 0.45} if k == 0 else {"linewidth": 1.2, "marker": "o", "markersize": 2.5}
        label = f"{name_of(name)}, {seconds[name]:.2f} s an epoch"
        left.plot(epochs, values, color=MODELS[name], label=label, **look)
    left.set(title="Training loss", xlabel="epoch", ylabel="binary cross entropy")
    left.xaxis.get_major_locator().set_params(integer=True)
    left.legend()
    steps, apart = np.arange(1, len(differences) + 1), np.asarray(differences)
    right.semilogy(steps[apart > 0], apart[apart > 0], ".", markersize=2, color=INK, linestyle="", rasterized=True)
    right.set(title="Scratch against inbuilt, float32", xlabel="step", ylabel="relative difference of the loss")
    return figure


def confusion_matrices(matrices: Mapping[str, Tensor], classes: Sequence[str]) -> Figure:
    """Counts [C, C] side by side, rows true and columns predicted; colour shows the mistakes only."""
    figure, axes = plt.subplots(1, len(matrices), squeeze=False, figsize=(WIDTH, WIDTH / len(matrices) + 0.1))
    for axis, (name, matrix) in zip(axes[0], matrices.items(), strict=True):
        counts = np.asarray(matrix)
        mistakes = counts - np.diag(np.diag(counts))
        words = np.where(counts, counts.astype(str), "")
        look = {"cmap": "Oranges", "vmin": 0, "vmax": 1.4 * max(1, mistakes.max()), "cbar": False, "square": True}
        names = {"xticklabels": classes, "yticklabels": classes}
        sns.heatmap(mistakes, annot=words, fmt="", annot_kws={"size": 6, "color": INK}, ax=axis, **look, **names)
        axis.set(title=name_of(name), xlabel="predicted", ylabel="true")
        axis.tick_params(length=0)
        axis.tick_params(axis="y", labelrotation=0)
    return figure


def class_accuracies(accuracies: Mapping[str, Sequence[float]], classes: Sequence[str]) -> Figure:
    """Class-wise accuracy as points, one colour a model, classes along the bottom."""
    figure, axis = plt.subplots(figsize=(WIDTH, 2.2))
    positions = np.arange(len(classes))
    shifts = np.linspace(-0.24, 0.24, len(accuracies))
    for shift, (name, values) in zip(shifts, accuracies.items(), strict=True):
        axis.plot(positions + shift, values, "o", markersize=4.5, color=MODELS[name], label=name_of(name))
    axis.set(xticks=positions, xticklabels=classes, xlabel="class", ylabel="class-wise accuracy")
    axis.yaxis.set_major_formatter(mpl.ticker.PercentFormatter(1, decimals=0))
    axis.grid(axis="y", color="#e5e5e5", linewidth=0.6)
    axis.set_axisbelow(True)
    axis.legend(ncols=len(accuracies), loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=0, handletextpad=0.1)
    return figure


def nothing(words: str) -> Figure:
    """A strip that says why there is no figure: a caption needs something to stand under."""
    figure, axis = plt.subplots(figsize=(WIDTH, 0.5))
    axis.text(0.5, 0.5, words, ha="center", va="center", color=INK)
    axis.set_axis_off()
    return figure


def code_maps(maps: Mapping[str, np.ndarray], labels: Tensor, classes: Sequence[str]) -> Figure:
    """Maps [N, 2] side by side, points coloured by class; digits are named in their middle, words in a legend."""
    figure, axes = plt.subplots(1, len(maps), squeeze=False, figsize=(WIDTH, WIDTH / len(maps) + 0.1))
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
        axis.set_box_aspect(1)  # the axes of a t-SNE map have no scale of their own
        axis.spines[:].set_visible(False)
    if not one_letter:
        handles, words = axes[0, 0].get_legend_handles_labels()
        figure.legend(handles, words, loc="outside lower center", ncols=5, markerscale=4)
    return figure


def softmax_loss(loss: Sequence[float], *, floor: float, uniform: float, reported: float) -> Figure:
    """The softmax decoder's loss between its floor and a uniform grey: the only range where it can move."""
    figure, axis = plt.subplots(figsize=(WIDTH, 2.3))
    epochs = range(1, len(loss) + 1)
    axis.plot(epochs, loss, "o-", markersize=3, color=MODELS["scratch"])
    lines = [
        (uniform, "every pixel alike", PALE, "center"),
        (reported, "Report A, last epoch", MODELS["reported"], "bottom"),
        (floor, "floor of any softmax", MODELS["inbuilt"], "top"),
    ]
    in_margin = {"xycoords": ("axes fraction", "data"), "textcoords": "offset points", "fontsize": 7}
    for value, text, colour, side in lines:
        axis.axhline(value, color=colour, linewidth=1, linestyle="--")
        # Right of the axes, where no curve can run through it.
        axis.annotate(f"{text}\n{value:.4f}", (1, value), (5, 0), va=side, **in_margin)
    axis.set(xlabel="epoch", ylabel="binary cross entropy", ylim=(floor - 0.02, uniform + 0.02))
    axis.xaxis.get_major_locator().set_params(integer=True)
    return figure


def weight_pictures(weights: Mapping[str, Tensor]) -> Figure:
    """First-layer weights [units, D] of each network as pictures, blue below zero and red above; the 48 largest."""
    figure, axes = plt.subplots(1, len(weights), squeeze=False, figsize=(WIDTH, 0.75 * WIDTH / len(weights) + 0.2))
    colours = mpl.colormaps["RdBu_r"].with_extremes(bad="white")
    for axis, (name, matrix) in zip(axes[0], weights.items(), strict=True):
        units = np.asarray(matrix)
        units = units[np.argsort(-np.linalg.norm(units, axis=1))[:48]]
        units = units / np.abs(units).max(1, keepdims=True)
        side, columns = round(units.shape[1] ** 0.5), 8
        sheet, _ = _sheet([units[i : i + columns] for i in range(0, len(units), columns)], side)
        axis.imshow(sheet, vmin=-1, vmax=1, cmap=colours, interpolation="none")
        axis.set(title=name_of(name), xticks=[], yticks=[])
        axis.spines[:].set_visible(False)
    return figure


def learning_curves(panels: Mapping[str, Mapping[str, Sequence[float]]], *, ylabel: str) -> Figure:
    """A panel for each model: its curves over the epochs, the training one solid, others dashed, named at their end."""
    figure, axes = plt.subplots(1, len(panels), squeeze=False, figsize=(WIDTH, 2.2))
    for axis, (name, curves) in zip(axes[0], panels.items(), strict=True):
        for k, (word, values) in enumerate(curves.items()):
            look = {"linestyle": "--", "color": INK, "linewidth": 1.1} if k else {"color": MODELS[name]}
            axis.plot(range(1, len(values) + 1), values, label=word, marker="o", markersize=2, **look)
        axis.set(title=name_of(name), xlabel="epoch")
        axis.xaxis.get_major_locator().set_params(integer=True)
        axis.legend()
    axes[0, 0].set_ylabel(ylabel)
    return figure


def level_curves(
    panels: Mapping[str, Mapping[str, Sequence[float]]], levels: Sequence[float], *, trained: float
) -> Figure:
    """A panel for each measure: its value against the noise level, by model; a line marks the level of training."""
    figure, axes = plt.subplots(1, len(panels), squeeze=False, figsize=(WIDTH, 2.7))
    for axis, (measure, curves) in zip(axes[0], panels.items(), strict=True):
        axis.axvline(trained, color=PALE, linewidth=0.8, linestyle=":")
        for name, values in curves.items():
            dashed = {"linestyle": "--"} if name in ("noisy", "gaussian") else {}
            axis.plot(levels, values, color=MODELS[name], label=name_of(name), marker="o", markersize=2, **dashed)
        axis.set(xlabel="noise level", ylabel=measure)
        axis.legend()
    return figure
