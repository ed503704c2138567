"""The figures of chapters 5 and 6: learning curves, right and wrong answers, reliability diagrams, few labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from torch import Tensor

from helpers.metrics import Reliability
from helpers.palette import GRID, INK, MODELS, PALE, RIGHT, WRONG
from helpers.plots import WIDTH, count_epochs, free_figure, mean_with_range, name_of

if TYPE_CHECKING:
    from helpers.training import History


VALIDATION = {"linestyle": "--", "markerfacecolor": "white"}  # how its curves differ from those of training


def learning_curves(histories: Mapping[str, History]) -> Figure:
    """Accuracy left and loss right, a colour for each network: training solid, validation dashed and hollow."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(WIDTH, 2.35))
    for name, history in histories.items():
        epochs = range(1, len(history.loss) + 1)
        look: dict[str, Any] = {"color": MODELS[name], "linewidth": 1.4, "marker": "o", "markersize": 3}
        for axis, trained, held_out in (
            (left, history.accuracy, history.validation_accuracy),
            (right, history.loss, history.validation_loss),
        ):
            axis.plot(epochs, trained, label=name_of(name), **look)
            axis.plot(epochs, held_out, **look | VALIDATION)
    left.set(title="Accuracy")
    left.yaxis.set_major_formatter(mpl.ticker.PercentFormatter(1, decimals=0))
    right.set(title="Cross entropy")
    for axis in (left, right):
        count_epochs(axis)
        axis.grid(axis="y", color=GRID, linewidth=0.6)
    handles, words = left.get_legend_handles_labels()
    handles += [Line2D([], [], color=INK, linewidth=1.2, marker="o", markersize=3, **how) for how in ({}, VALIDATION)]
    figure.legend(handles, [*words, "training", "validation"], loc="outside lower center", ncols=3, handlelength=2.4)
    return figure


def answers(
    blocks: Mapping[str, Tensor], images: Tensor, probabilities: Tensor, labels: Tensor, classes: Sequence[str]
) -> Figure:
    """Blocks of test images [N, H, W], chosen by their indices, each with its predicted class and probability.

    One block has eight images a row, two have four; right answers have a green frame, wrong ones a red one and the true
    class with its probability under the predicted one.
    """
    columns = 8 // len(blocks)
    rows = -(-max(map(len, blocks.values())) // columns)
    cell, head = WIDTH / (columns * len(blocks) + 0.5 * (len(blocks) - 1)), 0.22
    high = cell + 0.1
    figure = free_figure(rows * high + head)
    height = figure.get_figheight()
    for block, (title, chosen) in enumerate(blocks.items()):
        start = block * (columns + 0.5) * cell
        figure.text((start + 0.1 * cell) / WIDTH, 1 - 0.03 / height, title, va="top", fontsize=8.5)
        for k, index in enumerate(chosen.tolist()):
            row, column = divmod(k, columns)
            left, top, side = start + (column + 0.15) * cell, head + row * high, 0.7 * cell
            axis = figure.add_axes((left / WIDTH, 1 - (top + side) / height, side / WIDTH, side / height))
            _answer(axis, images[index], probabilities[index], int(labels[index]), classes)
    return figure


def _answer(axis: Axes, image: Tensor, probabilities: Tensor, label: int, classes: Sequence[str]) -> None:
    guess = int(probabilities.argmax())
    colour = RIGHT if guess == label else WRONG
    axis.imshow(np.asarray(image), vmin=0, vmax=255, interpolation="none")
    axis.set(xticks=[], yticks=[])
    for spine in axis.spines.values():
        spine.set(visible=True, color=colour, linewidth=1.6)
    words = f"{classes[guess]} {float(probabilities[guess]):.0%}"
    if guess != label:
        words += f"\n{classes[label]} {float(probabilities[label]):.0%}"
    axis.set_xlabel(words, fontsize=6.8, color=colour, labelpad=2, linespacing=1.05)


def reliability_diagrams(models: Mapping[str, Mapping[str, Reliability]]) -> Figure:
    """A panel for each model: accuracy against confidence, the area of a dot its number of images.

    A panel shows one or more stages, such as before and after temperature scaling; on the diagonal they are right.
    """
    apart = {"wspace": 0.06}  # else "100%" and "0%" of two panels would touch
    figure, axes = plt.subplots(1, len(models), squeeze=False, sharey=True, figsize=(WIDTH, 2.4), gridspec_kw=apart)
    for axis, (name, stages) in zip(axes[0], models.items(), strict=True):
        axis.plot([0, 1], [0, 1], color=PALE, linewidth=0.8, linestyle=":")
        for stage, (word, r) in enumerate(stages.items()):
            colour = MODELS[name] if stage == len(stages) - 1 else PALE
            axis.plot(r.confidence, r.accuracy, color=colour, linewidth=1, label=f"{word}: error {r.error:.1%}")
            axis.scatter(r.confidence, r.accuracy, s=3 + 60 * r.count / r.count.sum(), color=colour, zorder=3)
        axis.set(title=name_of(name), xlabel="confidence", xlim=(0, 1.03), ylim=(0, 1.03))
        for side in (axis.xaxis, axis.yaxis):
            side.set_major_formatter(mpl.ticker.PercentFormatter(1, decimals=0))
        axis.legend(loc="upper left")
    axes[0, 0].set_ylabel("accuracy")
    return figure


def accuracy_by_labels(counts: Sequence[int], accuracies: Mapping[str, Tensor], *, reference: float) -> Figure:
    """Left test accuracy, right the lead over random weights in points, against the number of labelled images.

    ``accuracies`` are [counts, draws] by model. Lines are means, bands reach from the worst to the best draw;
    ``reference`` is drawn as a line across.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(WIDTH, 2.4), width_ratios=(1.5, 1))
    for name, values in accuracies.items():
        mean_with_range(left, counts, values.tolist(), colour=MODELS[name], label=name_of(name))
    left.axhline(reference, color=PALE, linewidth=0.8, linestyle=":")
    left.text(counts[0], reference, "encoder from garments, all labels", fontsize=7, va="top", color=INK)
    left.set(title="Accuracy", xlabel="labelled images")
    gains = {name: 100 * (values - accuracies["random"]) for name, values in accuracies.items() if name != "random"}
    right.axhline(0, color=MODELS["random"], linewidth=1.2)
    for name, values in gains.items():
        mean_with_range(right, counts, values.tolist(), colour=MODELS[name])
    right.set(title="Ahead of random weights (points)", xlabel="labelled images")
    left.yaxis.set_major_formatter(mpl.ticker.PercentFormatter(1, decimals=0))
    for axis in (left, right):
        axis.set_xscale("log")
        axis.xaxis.set_major_formatter(mpl.ticker.StrMethodFormatter("{x:,.0f}"))
        axis.grid(axis="y", color=GRID, linewidth=0.6)
    left.legend(loc="lower right")
    return figure
