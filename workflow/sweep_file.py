"""Read a sweep file (notebooks, seeds, grids of parameters), and list the runs that it asks for.

    seeds: [0, 1, 2]
    notebooks:
      02_denoising:
        noise_kind: [gaussian, masking]
        noise_level: [0.25, 0.5]
      06_transfer:
    curves:
      02_denoising: [noisy.psnr, conv.psnr]

asks for every combination of the values, with every seed. A chapter that needs another (06 needs 02) runs once for each
run of that one, with the same seed. `curves` names the metrics that the sweep's chapter in the report plots; without
it, the chapter's headline is plotted.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from reprlib import repr as short
from typing import Any

import yaml

from workflow.chapters import Chapter, chapters_with_dependencies
from workflow.parameters import Parameter, ParameterError, declared, seed_fault
from workflow.plan import PlannedRun, make_run, with_dependencies
from workflow.yaml_file import At, Document

Grids = dict[str, dict[str, list[Any]]]  # chapter, parameter, values
KEYS = ("seeds", "notebooks", "curves")


@dataclass(frozen=True)
class Sweep:
    """What a sweep file asks for, with the settings of one profile."""

    name: str
    profile: str
    asked: list[PlannedRun]
    curves: dict[str, list[str]]  # metrics to plot, by chapter
    axes: list[str]  # the parameters that take more than one value

    @property
    def folder(self) -> str:
        """Where its own results go, relative to the root; those of its runs lie in theirs."""
        return f"reports/{self.profile}/sweeps/{self.name}"

    @cached_property
    def runs(self) -> dict[tuple[str, str], PlannedRun]:
        """The runs asked for and, before them, those that they need, as {(name, where): run}."""
        return with_dependencies(self.asked)


def read_sweep(path: Path, profile: str, found: dict[str, Chapter]) -> Sweep:
    """The sweep that a file describes, of the chapters ``found``.

    Raises ParameterError, one line with the line of the file, for anything that is not valid.
    """
    file = _read(path)
    top = file.mapping(file.root, "a sweep")
    for key, (at, _) in top.items():
        if key not in KEYS:
            raise at(f"a sweep has no {short(key)}, only: {', '.join(KEYS)}")
    for key in KEYS[:2]:
        if key not in top:
            raise file.at(file.root)(f"a sweep needs '{key}'")
    seeds = _seeds(file, *top["seeds"])
    grids: Grids = {}
    for name, (at, node) in file.mapping(top["notebooks"][1], "notebooks").items():
        if name not in found:
            raise at(f"there is no notebook {short(name)}, only: {', '.join(found)}")
        grids[name] = dict(_grid(file, found[name], node))
    headlines = {name: found[name].headline for name in grids}
    curves = {name: [headline] for name, headline in headlines.items() if headline}
    for name, (at, node) in (file.mapping(top["curves"][1], "curves") if "curves" in top else {}).items():
        metrics = file.value(node)
        if name not in grids:
            raise at(f"curves of {short(name)}, which is none of this sweep's notebooks")
        if not (isinstance(metrics, list) and metrics and all(isinstance(metric, str) for metric in metrics)):
            raise at(f"curves of {name} are a list of its metrics, such as [{found[name].headline}]")
        curves[name] = metrics
    asked = [
        make_run(found, profile, name, seed, changes)
        for seed in seeds
        for name in found
        if name in grids
        for changes in _combinations(found, grids, name)
    ]
    axes = [key for grid in grids.values() for key, values in grid.items() if len(values) > 1]
    return Sweep(
        path.stem, profile, list({run.folder: run for run in asked}.values()), curves, list(dict.fromkeys(axes))
    )


def _read(path: Path) -> Document:
    """The YAML of a sweep file. Raises ParameterError when there is none."""
    if not path.name:
        raise ParameterError("SWEEP says which runs: give a file, such as SWEEP=workflow/sweeps/seeds.yaml")
    if not re.fullmatch(r"[\w-]+", path.stem):
        raise ParameterError(f"SWEEP={str(path)!r}: a sweep is named by letters, digits, - and _")
    try:
        return Document.read(path.absolute())
    except OSError as error:
        raise ParameterError(f"SWEEP: cannot read {str(path)!r} ({error.strerror})") from None


def _seeds(file: Document, at: At, node: yaml.Node) -> list[int]:
    seeds = file.value(node)
    if not isinstance(seeds, list) or not seeds:
        raise at("seeds are a list of whole numbers, such as [0, 1, 2]")
    for seed in seeds:
        if fault := seed_fault(seed):
            raise at(fault)
    return list(dict.fromkeys(seeds))


def _grid(file: Document, chapter: Chapter, node: yaml.Node) -> Iterator[tuple[str, list[Any]]]:
    """Each parameter that the sweep sets for a chapter, and its values."""
    if file.value(node) is None:
        return
    parameters = declared(chapter.notebook)
    for key, (at, values) in file.mapping(node, chapter.name).items():
        if chapter.compares:
            raise at(f"{chapter.name} compares what others left: it has no grid")
        if key not in parameters:
            raise at(f"{chapter.name} has no parameter {short(key)}; it has: {', '.join(sorted(parameters))}")
        if key == "seed" or key in chapter.needs:
            why = "seeds say which" if key == "seed" else f"it is a file of {chapter.needs[key].partition('/')[0]}"
            raise at(f"{chapter.name}: {key} is no parameter to vary: {why}")
        yield key, _values(parameters[key], file.value(values), at)


def _values(parameter: Parameter, written: Any, at: At) -> list[Any]:
    """The values of one parameter, without repeats; a single value needs no brackets."""
    several = isinstance(written, list)
    if parameter.kind.startswith("list[") and several and written:
        several = isinstance(written[0], list)
    values = written if several else [written]
    if not values:
        raise at(f"{parameter.name} is an empty grid: give it a value, or leave it out")
    try:
        checked = [parameter.check(value, "") for value in values]
    except ParameterError as error:
        raise at(str(error).removeprefix(": ")) from None
    return [value for number, value in enumerate(checked) if value not in checked[:number]]


def _combinations(found: dict[str, Chapter], grids: Grids, name: str) -> Iterator[dict[str, dict[str, Any]]]:
    """Every combination of the values of a chapter and of the chapters it needs, each as {chapter: changes}.

    A parameter that a chapter shares with one it needs has the same value in both.
    """
    chain = list(reversed(chapters_with_dependencies(found, [found[name]])))  # a chapter comes before what it needs
    leader: dict[tuple[str, str], tuple[str, str]] = {}  # of a shared parameter: where its value is set
    for chapter in chain:
        for key in chapter.shares:
            for other in chapter.needed:
                if key in found[other].parameters:
                    leader.setdefault((other, key), leader.get((chapter.name, key), (chapter.name, key)))
    axes: dict[tuple[str, str], list[Any]] = {}
    for chapter in chain:
        for key, values in grids.get(chapter.name, {}).items():
            axes.setdefault(leader.get((chapter.name, key), (chapter.name, key)), values)
    places = {axis: [axis, *(place for place, first in leader.items() if first == axis)] for axis in axes}
    for combination in itertools.product(*axes.values()):
        changes: dict[str, dict[str, Any]] = {}
        for axis, value in zip(axes, combination, strict=True):
            for place, key in places[axis]:
                changes.setdefault(place, {})[key] = value
        yield changes
