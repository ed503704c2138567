"""The metrics of a sweep's runs, by seed and by the parameters that it varies, and their spread over the seeds."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from helpers import integrity, stats
from helpers.results import ROOT, located

Setting = tuple[tuple[str, Any], ...]  # (parameter, value) of all that the sweep varies


@dataclass(frozen=True)
class SweepRun:
    """One finished run of a sweep."""

    notebook: str
    seed: int
    setting: Setting
    record: dict[str, Any]  # its results.json

    @property
    def metrics(self) -> dict[str, float]:
        return self.record["metrics"]


@dataclass(frozen=True)
class Sweep:
    """The finished runs of a sweep, and by notebook the metrics to draw.

    Stands where :func:`helpers.results.start` expects a data set, since runs are what the sweep's chapter reads.
    """

    title: str
    runs: list[SweepRun]
    missing: int  # runs that have not finished
    curves: dict[str, list[str]]
    seed: int  # the first

    name = "runs"

    @property
    def sample(self) -> bool:
        return any(run.record["provenance"].get("sample_data") for run in self.runs)

    @property
    def fingerprint(self) -> str:
        content = json.dumps([run.record for run in self.runs], sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()[:12]

    @property
    def md5s(self) -> dict[str, str]:
        """Empty: no files of a data set are read."""
        return {}

    @property
    def notebooks(self) -> list[str]:
        return list(dict.fromkeys(run.notebook for run in self.runs))

    @property
    def seeds(self) -> list[int]:
        return sorted({run.seed for run in self.runs})

    def of(self, notebook: str, metric: str) -> dict[Setting, dict[int, float]]:
        """The values of a metric by setting and seed. Raises KeyError, which lists the metrics, when no run has it."""
        found: dict[Setting, dict[int, float]] = {}
        mine = [run for run in self.runs if run.notebook == notebook]
        for run in mine:
            if metric in run.metrics:
                found.setdefault(run.setting, {})[run.seed] = run.metrics[metric]
        if not found:
            raise KeyError(f"{notebook} has no metric {metric}, only: {', '.join(mine[0].metrics)}")
        return found


def read(path: str | Path) -> Sweep:
    """The sweep that a runs.json, written by the workflow, describes. Raises ValueError when it is missing."""
    try:
        about = json.loads(located(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        mend = "`make sweep SWEEP=workflow/sweeps/seeds.yaml PROFILE=quick` makes one"
        raise ValueError(f"there is no sweep at {located(path)}: {mend}") from None
    runs = []
    for run in about["runs"]:
        results = ROOT / run["folder"] / "results.json"
        if results.exists():
            setting = tuple((key, _plain(value)) for key, value in run["settings"].items())
            record = integrity.read(results)
            runs.append(SweepRun(run["notebook"], run["seed"], setting, record))
    title = about["sweep"].replace("_", " ")
    return Sweep(title, runs, len(about["runs"]) - len(runs), about["curves"], about["runs"][0]["seed"])


def _plain(value: Any) -> Any:
    """A hashable value: a list of one is its element, a longer list is text."""
    if isinstance(value, list):
        return value[0] if len(value) == 1 else ", ".join(map(str, value))
    return value


def spread_rows(sweep: Sweep) -> list[dict[str, Any]]:
    """A row for each drawn metric and setting: mean over the seeds, standard deviation, 95 % interval of the mean."""
    rows = []
    for notebook in sweep.notebooks:
        for metric in sweep.curves.get(notebook, ()):
            found = sweep.of(notebook, metric)
            for setting in sorted(found, key=lambda setting: [_rank(value) for _, value in setting]):
                values = list(found[setting].values())
                several = stats.mean(values) if len(values) > 1 else None
                rows.append(
                    {"notebook": notebook, **{key: words(value) for key, value in setting}, "metric": metric}
                    | {"seeds": len(values), "mean": sum(values) / len(values), "std": several and several.std}
                    | {"95 % interval": f"{several.low:.4g} to {several.high:.4g}" if several else None}
                )
    return rows


def spread_words(sweep: Sweep) -> str:
    """A sentence that names the metric with the largest standard deviation over the seeds, relative to its mean."""
    rows = [row for row in spread_rows(sweep) if row["std"] is not None and row["mean"]]
    if not rows:
        return "There is one seed, so nothing can be said of chance."
    widest = max(rows, key=lambda row: row["std"] / abs(row["mean"]))
    share = widest["std"] / abs(widest["mean"])
    return (
        f"The seeds differ most in `{widest['metric']}` of {widest['notebook']}: "
        f"their standard deviation is {share:.2%} of the mean."
    )


def overview(sweep: Sweep) -> str:
    """A paragraph on what was run: how often, with which seeds and settings, and what has not finished."""
    seeds = ", ".join(map(str, sweep.seeds))
    text = f"The sweep *{sweep.title}* has {len(sweep.runs)} finished runs of {', '.join(sweep.notebooks)}, "
    text += f"with the seeds {seeds}.\nIt varies {varied(sweep)}."
    return text + (f" {sweep.missing} of its runs have not finished, and are not shown." if sweep.missing else "")


def varied(sweep: Sweep) -> str:
    """The varied parameters with their values, as text."""
    values: dict[str, list[Any]] = {}
    for run in sweep.runs:
        for key, value in run.setting:
            known = values.setdefault(key, [])
            known += [value] if value not in known else []
    texts = [f"`{key}` ({', '.join(map(words, ordered(found)))})" for key, found in values.items()]
    return " and ".join(texts) if texts else "nothing but the seed"


def words(value: Any) -> str:
    """A parameter's value as text."""
    return f"{value:g}" if isinstance(value, float) else str(value).replace("_", " ")


def ordered(values: Iterable[Any]) -> list[Any]:
    """Numbers in ascending order, then texts."""
    return sorted(values, key=_rank)


def _rank(value: Any) -> tuple[bool, Any]:
    return isinstance(value, str), value
