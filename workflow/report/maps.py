"""Maps of codes to explore in the HTML: maps.toml says which figures they are, the runs have saved the points."""

from __future__ import annotations

import base64
import json
import tomllib
import zipfile
from dataclasses import dataclass
from html import escape
from pathlib import Path

import numpy as np

from helpers import integrity
from helpers.palette import CLASSES
from workflow.report.chapters import Chapter
from workflow.report.errors import ReportError

FIGURES = tomllib.loads(Path(__file__).with_name("maps.toml").read_text(encoding="utf-8"))
COLOURS = [colour.removeprefix("#").lower() for colour in CLASSES]


@dataclass(frozen=True)
class Map:
    """The points [N, 2] of every panel, by its title, and the class of each point: a place in `classes`.

    The panels of a film are drawn one at a time, to one scale.
    """

    panels: dict[str, np.ndarray]
    labels: np.ndarray
    classes: list[str]
    film: bool = False


def of_chapter(chapter: Chapter) -> dict[str, Map]:
    """The maps among the figures of a chapter, by label; none for a notebook that left no record of a run.

    Raises ReportError when the run has not saved the points that maps.toml names.
    """
    found = [part for part in chapter.parts if part.kind == "picture" and part.label in FIGURES]
    if not (found and chapter.run):
        return {}
    path = chapter.folder / "arrays.npz"
    try:
        integrity.check(path)
        with np.load(path) as file:
            saved = dict(file)
    except integrity.ChangedError as error:
        raise ReportError(f"{error}: run `make report`, which runs its chapter again") from None
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        reason = getattr(error, "strerror", None) or "not a file of arrays"
        raise ReportError(f"{found[0].where}: the map {found[0].label} needs {path}: {reason}") from None
    return {part.label: read_map(part.label, saved, f"{part.where}: the map {part.label}") for part in found}


def read_map(label: str, saved: dict[str, np.ndarray], where: str) -> Map:
    """One map out of the arrays that a run has saved."""
    figure = FIGURES[label]
    film, classes, class_of = "film" in figure, figure["classes"], figure.get("labels", "labels")
    names = [figure["film"]] if film else list(figure["panels"])
    for name in [*names, class_of]:
        if name not in saved:
            raise ReportError(f"{where} needs the array {name}, which arrays.npz lacks: let a cell save it")
    if film:  # an array [epochs, N, 2]
        points = {f"epoch {epoch}": array for epoch, array in enumerate(np.atleast_3d(saved[names[0]]), start=1)}
    else:
        points = {title: saved[name] for name, title in figure["panels"].items()}
    count = max(map(len, points.values()), default=0)
    labels = saved[class_of][:count]
    if not count or len(labels) < count or any(array.shape != (count, 2) for array in points.values()):
        raise ReportError(f"{where} needs as many points in every panel as there are labels, and two numbers a point")
    if not set(labels.tolist()) <= set(range(len(classes))):
        raise ReportError(f"{where} has labels that are none of its {len(classes)} classes: mend maps.toml")
    return Map(points, labels, classes, film)


def toolbox(label: str, chart: Map) -> str:
    """The map as HTML, hidden until a script fills it: a button for each class and a canvas for each panel."""
    buttons = "".join(
        f'<button type="button" aria-pressed="false" style="--dot:var(--line-{colour})">{escape(name)}</button>'
        for name, colour in zip(chart.classes, COLOURS[: len(chart.classes)], strict=True)
    )
    titles = [*chart.panels]
    panels = "".join(f"<div><p>{escape(title)}</p><canvas></canvas></div>" for title in titles)
    if chart.film:
        slider = f'<input type="range" min="0" max="{len(titles) - 1}" value="{len(titles) - 1}" aria-label="Epoch">'
        panels = f"<div><label>{slider}<span></span></label><canvas></canvas></div>"
    name = "Classes: press one to fade the others"
    return (
        f'<div class="map" data-points="{label}-points" hidden>'
        f'<div class="classes" role="group" aria-label="{name}">{buttons}</div><div class="panels">{panels}</div></div>'
    )


def data(label: str, chart: Map) -> str:
    """The points as data that a browser does nothing with until a script asks for them."""
    panels = list(chart.panels.values())
    fitted = np.split(fit(np.concatenate(panels)), len(panels)) if chart.film else map(fit, panels)
    text = json.dumps(
        {
            "labels": encode(chart.labels, "<u1"),
            "panels": [encode(points, "<u2") for points in fitted],
            "titles": list(chart.panels),
        }
    )
    return f'<script type="application/json" id="{label}-points">{text}</script>'


def fit(points: np.ndarray) -> np.ndarray:
    """Points in the square that a whole number of 16 bits spans, the first axis to the right and the second down."""
    least, most = points.min(axis=0), points.max(axis=0)
    within = (points - least) / np.where(most > least, most - least, 1)
    return np.rint(65535 * (within * [1, -1] + [0, 1]))


def encode(values: np.ndarray, kind: str) -> str:
    """Whole numbers as text."""
    return base64.b64encode(values.astype(kind).tobytes()).decode()
