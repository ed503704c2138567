"""The figures of the comparison: every stated accuracy, tests of all pairs, accuracy against training seconds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from adjustText import adjust_text
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from helpers.comparison.claims import Answer
from helpers.comparison.pairs import Model, TestSet
from helpers.palette import BLUE, FAMILIES, INK, OPEN, PALE, REPORTED, SETTLED
from helpers.plots import WIDTH, placeholder

OURS = BLUE


def stated_accuracies(answered: Mapping[str, Answer]) -> Figure:
    """Every accuracy that a report states for a test set, as a row: its own, reproduced, and ours seed by seed."""
    rows = [a for a in answered.values() if a.reported.is_claim and a.reported.key.endswith(".accuracy")]
    figure, axis = plt.subplots(figsize=(WIDTH, 0.2 * len(rows) + 0.7))
    for y, answer in enumerate(rows):
        ours, again = answer.ours, answer.reproduced
        axis.plot(answer.reported.mean, y, "D", color=REPORTED, markersize=4.5, zorder=3)
        if again is not None:
            axis.plot(again.value, y, "s", color=INK, fillstyle="none", markersize=4.5, zorder=3)
        if ours is not None:
            if ours.low is not None and ours.high is not None:
                axis.plot([ours.low, ours.high], [y, y], color=OURS, linewidth=4, alpha=0.3, solid_capstyle="butt")
            axis.plot(ours.seeds, [y] * len(ours.seeds), "o", color=OURS, markersize=3.5, alpha=0.8, zorder=4)
    looks = {"reported": ("D", REPORTED, "full"), "reproduced": ("s", INK, "none"), "ours, a seed": ("o", OURS, "full")}
    for word, (marker, colour, fill) in looks.items():
        axis.plot([], [], marker, color=colour, fillstyle=fill, markersize=4.5, label=word)
    axis.plot([], [], color=OURS, linewidth=4, alpha=0.3, label="95 % interval")
    axis.set(yticks=range(len(rows)), ylim=(len(rows) - 0.4, -0.6), xlabel="test accuracy")
    axis.set_yticklabels([f"{a.reported.what.removeprefix('accuracy of ')} ({a.reported.key[0]})" for a in rows])
    axis.xaxis.set_major_formatter(mpl.ticker.PercentFormatter(1, decimals=0))
    axis.grid(axis="both", color="#e9e9e9", linewidth=0.6)
    axis.set_axisbelow(True)
    axis.legend(ncols=4, loc="lower right", bbox_to_anchor=(1, 1), borderaxespad=0, handletextpad=0.6)
    return figure


def matrices(test_sets: Sequence[TestSet]) -> Figure:
    """A matrix for each test set with two models or more: above the diagonal how many points the model of the row is
    ahead, below it the corrected p-value; tinted where that is below 0.05.
    """
    shown = [test_set for test_set in test_sets if len(test_set.models) > 1]
    if not shown:
        return placeholder("No two models on one test set are among the results.")
    sizes = [len(test_set.models) for test_set in shown]
    figure, axes = plt.subplots(
        len(shown),
        1,
        squeeze=False,
        figsize=(WIDTH, sum(0.15 * size + 0.38 for size in sizes)),
        gridspec_kw={"height_ratios": [size + 0.6 for size in sizes]},
    )
    for axis, test_set in zip(axes[:, 0], shown, strict=True):
        _matrix(axis, test_set, columns=max(12, *sizes))
    return figure


def _matrix(axis: Axes, test_set: TestSet, *, columns: int) -> None:
    size = len(test_set.models)
    colours = np.ones((size, columns, 3))
    for (i, j), pair in test_set.pairs.items():
        colours[i, j] = colours[j, i] = mpl.colors.to_rgb(SETTLED if pair.significant else OPEN)
        look: dict[str, Any] = {
            "ha": "center",
            "va": "center",
            "fontsize": 6.8,
            "color": INK if pair.significant else "#555555",
        }
        axis.text(j, i, f"{100 * pair.difference.value:+.1f}", **look)
        axis.text(i, j, _p(pair.corrected), **look)
    axis.imshow(colours, aspect="auto")
    for k in range(size):
        axis.text(k, k, str(k + 1), ha="center", va="center", fontsize=6.8, weight="bold", color=PALE)
    names = [f"{k + 1}  {model.name}  {model.accuracy.value:.1%}" for k, model in enumerate(test_set.models)]
    axis.set_yticks(range(size), names, fontsize=7)
    axis.set_xticks(np.arange(size + 1) - 0.5, minor=True)
    axis.set_yticks(np.arange(size + 1) - 0.5, minor=True)
    axis.grid(which="minor", color="white", linewidth=1.2)
    axis.set(xticks=[], xlim=(-0.5, columns - 0.5))
    axis.tick_params(which="both", length=0)
    axis.spines[:].set_visible(False)
    axis.set_title(test_set.title, fontsize=8)


def _p(value: float) -> str:
    return "<.001" if value < 0.001 else "1" if value > 0.9995 else f"{value:.3f}".removeprefix("0")


def against_seconds(test_sets: Sequence[TestSet]) -> Figure:
    """A panel for each test set: accuracy against the seconds of training on a log axis, each model named beside."""
    panels = {s.title: [(m, m.fit_seconds) for m in s.models if m.fit_seconds] for s in test_sets}
    panels = {title: models for title, models in panels.items() if models}
    if not panels:
        return placeholder("No classifier with its seconds of training is among the results.")
    tall = [max(1.2, 0.1 * len(models) + 0.6) for models in panels.values()]
    figure, axes = plt.subplots(
        len(panels),
        1,
        squeeze=False,
        sharex=True,
        figsize=(WIDTH, sum(tall) + 0.3),
        gridspec_kw={"height_ratios": tall},
    )
    seconds = [time for models in panels.values() for _, time in models]
    # Room for names to the right of the slowest.
    limits = (min(seconds) / 2, 2 * max(seconds) * (max(seconds) / min(seconds)) ** 0.3)
    for axis, (title, models) in zip(axes[:, 0], panels.items(), strict=True):
        axis.set(xscale="log", xlim=limits, title=title, ylabel="test accuracy")
        for model, x in models:
            colour = FAMILIES[model.family]
            axis.plot([x, x], [model.accuracy.low, model.accuracy.high], color=colour, linewidth=3, alpha=0.3)
            axis.plot(x, model.accuracy.value, "o", color=colour, markersize=4.5)
        axis.margins(y=0.15)
        axis.yaxis.set_major_formatter(mpl.ticker.PercentFormatter(1))
        axis.xaxis.set_major_formatter(mpl.ticker.FuncFormatter(lambda value, _: f"{value:g}"))
        axis.grid(axis="both", color="#eeeeee", linewidth=0.6)
        axis.set_axisbelow(True)
    axes[-1, 0].set_xlabel("seconds of training")
    figure.draw_without_rendering()  # names can be placed only when the layout has given the axes their size
    for axis, models in zip(axes[:, 0], panels.values(), strict=True):
        _name_points(axis, models)
    return figure


def _name_points(axis: Axes, models: Sequence[tuple[Model, float]]) -> None:
    """Write each model's name beside its point (seconds, accuracy), where it covers no other name or point."""
    seconds = [x for _, x in models]
    values = [model.accuracy.value for model, _ in models]
    ends = [end for model, _ in models for end in (model.accuracy.low, model.accuracy.high)]
    texts = [axis.text(x, model.accuracy.value, model.name, fontsize=7) for model, x in models]
    adjust_text(
        texts,
        [*seconds, *np.repeat(seconds, 2)],
        [*values, *ends],
        target_x=seconds,
        target_y=values,
        ax=axis,
        expand=(1.2, 1.8),  # room around a name, in its widths and heights
        force_explode=(0.3, 0.8),
        explode_radius=40,  # pixels in which names push each other apart before the first step
        iter_lim=200,  # not the default limit in seconds, which would give another figure on a slower machine
        arrowprops={"arrowstyle": "-", "color": PALE, "linewidth": 0.6},
    )
