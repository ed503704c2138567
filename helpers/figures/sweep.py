"""The figure of a sweep: curves over what it varies, with bands for the spread over seeds, or the seeds as points."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter, NullLocator

from helpers.comparison.sweep import Sweep, ordered, words
from helpers.palette import INK, LINES, PALE
from helpers.plots import WIDTH, mean_with_range, placeholder

ACROSS = 3  # panels in a row


def curves(sweep: Sweep) -> Figure:
    """A panel for each kind of metric of each notebook, and for each value of what is not on the x axis.

    That axis has the varied numbers of which there are most; a line is a model, its band the least and the most of the
    seeds. Where a notebook has one setting alone, the panel shows its seeds as points and their mean as a line.
    """
    panels = [(notebook, *panel) for notebook in sweep.notebooks for panel in _panels(sweep, notebook)]
    if not panels:
        return placeholder("Its file asks for no curves, and its notebooks have no headline.")
    across = min(ACROSS, len(panels))
    down = -(-len(panels) // across)
    figure, axes = plt.subplots(down, across, squeeze=False, figsize=(WIDTH, 2.3 * down + 0.2))
    first: dict[tuple[str, str], Axes] = {}  # panels of one kind of a notebook's metrics are drawn to one scale
    for axis, (notebook, title, kind, x, lines) in zip(axes.flat, panels, strict=False):
        _draw(axis, title, kind, x, lines)
        axis.sharey(first.setdefault((notebook, kind), axis))
    for axis in axes.flat[len(panels) :]:
        axis.set_axis_off()
    for axis in first.values():
        axis.autoscale(axis="y")
    return figure


def _panels(sweep: Sweep, notebook: str) -> list[tuple[str, str, str | None, dict[str, dict[Any, list[float]]]]]:
    """(title, y label, x label or None, {line: {x: values of the seeds}}) of each panel of a notebook."""
    found: dict[tuple[str, str], dict[str, dict[Any, list[float]]]] = {}
    x = _x(sweep, notebook)
    for metric in sweep.curves.get(notebook, ()):
        model, _, kind = metric.rpartition(".")
        for setting, values in sweep.of(notebook, metric).items():
            others = ", ".join(f"{key.replace('_', ' ')} {words(value)}" for key, value in setting if key != x)
            at = dict(setting)[x] if x else model
            lines = found.setdefault((others or notebook, kind.replace("_", " ")), {})
            lines.setdefault(model, {}).setdefault(at, []).extend(values.values())
    return [(title, kind, x, lines) for (title, kind), lines in found.items()]


def _x(sweep: Sweep, notebook: str) -> str | None:
    """The parameter for the x axis: of the varied numbers the one with the most values, or the only varied words."""
    values: dict[str, set[Any]] = {}
    for run in sweep.runs:
        if run.notebook == notebook:
            for key, value in run.setting:
                values.setdefault(key, set()).add(value)
    several = {key: found for key, found in values.items() if len(found) > 1}
    return max(
        several, key=lambda key: (not any(isinstance(v, str) for v in several[key]), len(several[key])), default=None
    )


def _draw(axis: Axes, title: str, kind: str, x: str | None, lines: dict[str, dict[Any, list[float]]]) -> None:
    axis.set(title=title, ylabel=kind)
    if x is None:
        for number, (model, found) in enumerate(lines.items()):
            values = found[model]
            axis.plot([number] * len(values), values, "o", color=LINES[number % len(LINES)], markersize=4, alpha=0.7)
            axis.plot([number - 0.2, number + 0.2], [np.mean(values)] * 2, color=INK, linewidth=1)
        axis.set(xticks=range(len(lines)), xlim=(-0.6, len(lines) - 0.4))
        axis.set_xticklabels([model or kind for model in lines])
        return
    places = ordered({at for found in lines.values() for at in found})
    named = any(isinstance(at, str | bool) for at in places)
    where = {at: number if named else at for number, at in enumerate(places)}
    for number, (model, found) in enumerate(lines.items()):
        shown = [at for at in places if at in found]
        xs, colour = [where[at] for at in shown], LINES[number % len(LINES)]
        mean_with_range(axis, xs, [found[at] for at in shown], colour=colour, label=model)
    axis.set_xlabel(x.replace("_", " "))
    if not named and min(places) > 0 and max(places) >= 10 * min(places):
        axis.set_xscale("log")
    if named or len(places) <= 6:
        axis.set_xticks([where[at] for at in places], list(map(words, places)))
        axis.xaxis.set_minor_locator(NullLocator())
        axis.xaxis.set_minor_formatter(NullFormatter())
    axis.grid(color=PALE, alpha=0.25, linewidth=0.6)
    axis.legend(fontsize=6.5)
