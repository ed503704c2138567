"""results.csv: the metrics of many runs in one table."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from helpers import integrity
from helpers.results import write


def write_csv(folder: Path) -> None:
    """Collect every results.json below ``folder`` into results.csv: one row per notebook, seed and metric.

    One that was changed after its run is left out, and named on standard error.
    """
    rows = []
    for path in sorted(folder.glob("seed-*/*/results.json")):
        if result := read_result(path):
            rows += [(result["notebook"], result["seed"], name, value) for name, value in result["metrics"].items()]
    save_csv(folder / "results.csv", ["notebook", "seed", "metric", "value"], rows)


def read_result(path: Path) -> dict[str, Any] | None:
    """A results.json; None, with a line on standard error, for one that was changed after its run."""
    try:
        return integrity.read(path)
    except integrity.ChangedError as error:
        print(f"{error}, and is left out of results.csv", file=sys.stderr)
        return None


def save_csv(path: Path, head: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write a table in one step."""

    def save(unfinished: Path) -> None:
        with unfinished.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([head, *rows])

    write(path, save)
