"""Every figure of the report, in one style: sizes for the page, a palette safe for colour-blind readers.

Importing this module sets the style. In a notebook figures are kept twice, as PNG for the screen and as SVG for print.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from IPython import get_ipython
from IPython.core.pylabtools import print_figure
from matplotlib.figure import Figure
from matplotlib.patches import Polygon
from matplotlib_inline.backend_inline import set_matplotlib_formats
from torch import Tensor

WIDTH = 6.3  # inches, the width of the text on an A4 page
INK, PALE = "#222222", "#9a9a9a"
# Okabe & Ito 2008: one colour a model, the same in every figure.
MODELS = {"scratch": "#0072B2", "inbuilt": "#D55E00", "pca": "#009E73", "pixels": "#7F7F7F", "reported": "#CC79A7"}
NAMES = {"scratch": "scratch", "inbuilt": "inbuilt", "pca": "PCA", "pixels": "raw pixels", "reported": "Report A"}
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


def image_rows(rows: Mapping[str, Tensor], *, columns: Sequence[str] = ()) -> Figure:
    """A row of grey images [N, D] in [0, 1] beside each name, ink dark on white, headings above the columns if given.

    All images are laid out in one array: a hundred axes would take seconds to draw.
    """
    side = round(next(iter(rows.values())).shape[1] ** 0.5)
    pitch = side + max(2, side // 14)  # an image and the gap after it
    count = max(len(images) for images in rows.values())
    sheet = np.full((len(rows) * pitch, count * pitch), np.nan)
    for i, images in enumerate(rows.values()):
        for j, image in enumerate(np.asarray(images, dtype=float).reshape(-1, side, side)):
            sheet[i * pitch : i * pitch + side, j * pitch : j * pitch + side] = image
    # Ten columns fill the page; fewer are drawn a little larger, never over the page.
    picture_inches = min(0.56, (WIDTH - 0.9) / count)
    figure, axis = plt.subplots(figsize=(WIDTH, picture_inches * len(rows) + (0.25 if columns else 0.05)))
    paper = mpl.colormaps["gray_r"].with_extremes(bad="#eef1f4")
    axis.imshow(sheet[: side - pitch, : side - pitch], vmin=0, vmax=1, cmap=paper, interpolation="none")
    axis.set_yticks([i * pitch + side / 2 for i in range(len(rows))], list(rows))
    axis.set_xticks([j * pitch + side / 2 for j in range(len(columns))], columns)
    axis.xaxis.tick_top()
    axis.tick_params(length=0)
    axis.spines[:].set_visible(False)
    return figure


def autoencoder_diagram(sizes: Sequence[int], *, encoder_layers: int) -> Figure:
    """The layers of an autoencoder as bars, height by the logarithm of their size, with the code in colour."""
    figure, axis = plt.subplots(figsize=(WIDTH, 2.1))
    heights = np.log2(np.asarray(sizes, dtype=float) + 1)
    heights = heights / heights.max()
    for k, (size, height) in enumerate(zip(sizes, heights, strict=True)):
        if k:
            before = heights[k - 1]
            corners = [(k - 0.87, before / 2), (k - 0.13, height / 2), (k - 0.13, -height / 2), (k - 0.87, -before / 2)]
            axis.add_patch(Polygon(corners, color=MODELS["scratch"], alpha=0.10, linewidth=0))
        colour = MODELS["inbuilt"] if k == encoder_layers else MODELS["scratch"]
        axis.bar(k, height, width=0.2, bottom=-height / 2, color=colour)
        axis.text(k, height / 2 + 0.04, f"{size}", ha="center", va="bottom", weight="bold")
    last = len(sizes) - 1
    names = {0: "image x", encoder_layers: "code", last: "reconstruction"}
    for k in range(last + 1):
        kind = "sigmoid" if k == last else "linear" if k == encoder_layers else "ReLU" if k else ""
        axis.text(k, -0.58, names.get(k, kind), ha="center", va="top")
        if k in (encoder_layers, last):
            axis.text(k, -0.70, f"({kind})", ha="center", va="top", color=PALE)
    for start, end, name in [(0, encoder_layers, "encoder"), (encoder_layers, last, "decoder")]:
        axis.annotate("", (end - 0.1, 0.72), (start + 0.1, 0.72), arrowprops={"arrowstyle": "->", "color": PALE})
        axis.text((start + end) / 2, 0.75, name, ha="center", va="bottom")
    axis.set(xlim=(-0.5, last + 0.6), ylim=(-0.82, 0.9))
    axis.axis("off")
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
        label = f"{NAMES[name]}, {seconds[name]:.2f} s an epoch"
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
        axis.imshow(mistakes, cmap="Oranges", vmin=0, vmax=max(1, mistakes.max()) * 1.4)
        for (row, column), count in np.ndenumerate(counts):
            if count:
                weight = "bold" if row == column else "normal"
                axis.text(column, row, count, ha="center", va="center", fontsize=6, weight=weight)
        axis.set(title=NAMES.get(name, name), xlabel="predicted", ylabel="true")
        axis.set(xticks=range(len(classes)), yticks=range(len(classes)), xticklabels=classes, yticklabels=classes)
        axis.tick_params(length=0)
    return figure


def class_accuracies(accuracies: Mapping[str, Sequence[float]], classes: Sequence[str]) -> Figure:
    """Class-wise accuracy as points, one colour a model, classes along the bottom."""
    figure, axis = plt.subplots(figsize=(WIDTH, 2.2))
    positions = np.arange(len(classes))
    shifts = np.linspace(-0.24, 0.24, len(accuracies))
    for shift, (name, values) in zip(shifts, accuracies.items(), strict=True):
        axis.plot(positions + shift, values, "o", markersize=4.5, color=MODELS[name], label=NAMES[name])
    axis.set(xticks=positions, xticklabels=classes, xlabel="class", ylabel="class-wise accuracy")
    axis.yaxis.set_major_formatter(mpl.ticker.PercentFormatter(1, decimals=0))
    axis.grid(axis="y", color="#e5e5e5", linewidth=0.6)
    axis.set_axisbelow(True)
    axis.legend(ncols=len(accuracies), loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=0, handletextpad=0.1)
    return figure


def code_maps(maps: Mapping[str, np.ndarray], labels: Tensor, classes: Sequence[str]) -> Figure:
    """Maps [N, 2] side by side, points coloured by class, the class name at the middle of its points."""
    figure, axes = plt.subplots(1, len(maps), squeeze=False, figsize=(WIDTH, WIDTH / len(maps) + 0.1))
    label_of = np.asarray(labels)
    for axis, (name, points) in zip(axes[0], maps.items(), strict=True):
        colours = np.asarray(CLASSES)[label_of]
        # Thousands of points would make a heavy vector picture: draw them as pixels, the words as text.
        axis.scatter(*points.T, s=2.5, c=colours, linewidths=0, alpha=0.7, rasterized=True)
        for k, word in enumerate(classes):
            if (label_of == k).any():
                x, y = np.median(points[label_of == k], axis=0)
                box = {"boxstyle": "circle,pad=0.2", "facecolor": "white", "edgecolor": CLASSES[k], "alpha": 0.9}
                axis.text(x, y, word, ha="center", va="center", weight="bold", bbox=box)
        axis.set(title=NAMES.get(name, name), xticks=[], yticks=[])
        axis.set_box_aspect(1)  # the axes of a t-SNE map have no scale of their own
        axis.spines[:].set_visible(False)
    return figure


def softmax_loss(loss: Sequence[float], *, floor: float, uniform: float, reported: float) -> Figure:
    """The softmax decoder's loss between its floor and a uniform grey: the only range where it can move."""
    figure, axis = plt.subplots(figsize=(WIDTH, 2.3))
    epochs = range(1, len(loss) + 1)
    axis.plot(epochs, loss, "o-", markersize=3, color=MODELS["scratch"])
    lines = [
        (uniform, "every pixel alike", PALE),
        (reported, "Report A, last epoch", MODELS["reported"]),
        (floor, "floor of any softmax", MODELS["inbuilt"]),
    ]
    in_margin = {"xycoords": ("axes fraction", "data"), "textcoords": "offset points", "va": "center", "fontsize": 7}
    for value, text, colour in lines:
        axis.axhline(value, color=colour, linewidth=1, linestyle="--")
        # Right of the axes, where no curve can run through it.
        axis.annotate(f"{text}\n{value:.4f}", (1, value), (5, 0), **in_margin)
    axis.set(xlabel="epoch", ylabel="binary cross entropy", ylim=(floor - 0.02, uniform + 0.02))
    axis.xaxis.get_major_locator().set_params(integer=True)
    return figure
