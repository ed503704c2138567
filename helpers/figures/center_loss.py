"""The figures of chapter 3: two-dimensional codes with their class centres, and verification (ROC) curves."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from torch import Tensor

from helpers import live
from helpers.live import Live
from helpers.metrics import Verification
from helpers.models import CodeClassifier
from helpers.palette import CLASSES, GRID, INK, MODELS
from helpers.plots import WIDTH, name_of


def planar_codes(
    codes: Mapping[str, Tensor], centres: Mapping[str, Tensor], labels: Tensor, classes: Sequence[str]
) -> Figure:
    """Codes [N, 2] by panel, three to five in a row, coloured by class, with the centres [classes, 2] drawn as rings.

    Every panel has a scale of its own, the same along both axes.
    """
    columns = min(5, max(3, len(codes)))
    rows = math.ceil(len(codes) / columns)
    figure, axes = plt.subplots(rows, columns, squeeze=False, figsize=(WIDTH, rows * WIDTH / columns + 0.5))
    for axis in axes.flat[len(codes) :]:
        axis.set_axis_off()
    colours = np.asarray(CLASSES)[np.asarray(labels)]
    ring: dict[str, Any] = {
        "linestyle": "",
        "marker": "o",
        "markersize": 4,
        "markerfacecolor": "white",
        "markeredgecolor": INK,
    }
    for axis, (title, points) in zip(axes.flat, codes.items(), strict=False):
        # Thousands of points would make a heavy vector picture: draw them as pixels, the words as text.
        axis.scatter(*np.asarray(points).T, s=2, c=colours, linewidths=0, alpha=0.5, rasterized=True)
        axis.plot(*np.asarray(centres[title]).T, **ring)
        axis.set(title=title)
        axis.set_aspect("equal", adjustable="datalim")
        axis.set_box_aspect(1)
        axis.locator_params(nbins=3)
    dots = [Line2D([], [], linestyle="", marker="o", markersize=4, color=CLASSES[k]) for k in range(len(classes))]
    look: dict[str, Any] = {"ncols": len(classes) + 1, "handletextpad": -0.2, "columnspacing": 1.2}
    figure.legend([*dots, Line2D([], [], **ring)], [*classes, "centre"], loc="outside upper center", **look)
    return figure


def planar_course(course: Sequence[tuple[Tensor, Tensor]], labels: Tensor, classes: Sequence[str]) -> Figure:
    """The codes [N, 2] and the centres [classes, 2] after every epoch, all panels to one scale."""
    epochs = {f"epoch {epoch}": kept for epoch, kept in enumerate(course, start=1)}
    codes, centres = ({title: kept[i] for title, kept in epochs.items()} for i in range(2))
    figure = planar_codes(codes, centres, labels, classes)
    every = torch.cat(list(codes.values()))
    middle, half = (every.amax(0) + every.amin(0)) / 2, 0.52 * (every.amax(0) - every.amin(0)).max()
    for axis in figure.axes[: len(course)]:
        axis.set(xlim=(middle[0] - half, middle[0] + half), ylim=(middle[1] - half, middle[1] + half))
        axis.label_outer()
    return figure


def placed_digit(
    models: Mapping[str, CodeClassifier], codes: Mapping[str, Tensor], labels: Tensor, images: Tensor
) -> Live:
    """The first of the ``images``, and its code among those of other test images; alive where it can be.

    See :func:`helpers.live.planes`.
    """
    _, axes = plt.subplots(1, 1 + len(codes), figsize=(WIDTH, 2.4), width_ratios=[1] + [2] * len(codes))
    axes[0].imshow(images[0].view(28, 28).numpy(), vmin=0, vmax=1, cmap="gray_r", interpolation="none")
    axes[0].set(title="image", xticks=[], yticks=[])
    colours = np.asarray(CLASSES)[np.asarray(labels)]
    for axis, (name, points) in zip(axes[1:], codes.items(), strict=True):
        axis.scatter(*np.asarray(points).T, s=2, c=colours, linewidths=0, alpha=0.5, rasterized=True)
        axis.plot(*points[0].tolist(), marker="o", markersize=8, markerfacecolor="white", markeredgecolor=INK)
        axis.set(title=name)
        axis.set_aspect("equal", adjustable="datalim")
        axis.locator_params(nbins=3)
    return live.planes(models, codes, labels, images)


def verification_curves(panels: Mapping[str, Mapping[str, Verification]]) -> Figure:
    """ROC curves by panel and model, false positive rate on a logarithmic axis; softmax dashed, center loss solid."""
    figure, axes = plt.subplots(1, len(panels), squeeze=False, sharey=True, figsize=(WIDTH, 2.1))
    for axis, (title, curves) in zip(axes[0], panels.items(), strict=True):
        for name, curve in curves.items():
            look: dict[str, Any] = {
                "linestyle": "--" if name.endswith("softmax") else "-",
                "linewidth": 1.3,
                "color": MODELS[name],
            }
            axis.plot(curve.false_positive, curve.true_positive, label=name_of(name), **look)
        axis.set(title=title, xlabel="false positive rate", xscale="log", xlim=(1e-3, 1), ylim=(0, 1.02))
        axis.xaxis.set_major_formatter("{x:g}")
        axis.grid(color=GRID, linewidth=0.6)
    axes[0, 0].set_ylabel("true positive rate")
    handles, names = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside upper center", ncols=len(names))
    return figure
