"""results.csv: the metrics of many runs in one table."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from helpers.results import write


def write_csv(folder: Path) -> None:
    """Collect every results.json below ``folder`` into results.csv: one row per notebook, seed and metric."""
    rows = []
    for path in sorted(folder.glob("seed-*/*/results.json")):
        result = json.loads(path.read_text(encoding="utf-8"))
        rows += [(result["notebook"], result["seed"], name, value) for name, value in result["metrics"].items()]
    save_csv(folder / "results.csv", ["notebook", "seed", "metric", "value"], rows)


def save_csv(path: Path, head: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write a table in one step."""

    def save(unfinished: Path) -> None:
        with unfinished.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([head, *rows])

    write(path, save)
