"""What a chapter shows only when it is run by hand, in JupyterLab, VS Code or by papermill; no report has any of it.

At its beginning: what it needs, how long it takes here, how to try it quickly. At its end: this run beside the last.
"""

from __future__ import annotations

import json
import re
import statistics
from collections.abc import Mapping
from typing import Any

import yaml
from IPython.core.getipython import get_ipython
from IPython.display import Markdown, display

from helpers import files
from helpers.progress import MARK, is_live
from helpers.results import ROOT, located, parameter_defaults, remedy
from helpers.tables import table

SIZES = ("train_images", "validation_images", "test_images")  # what a chapter's time depends on most
MOST = 12  # metrics that are shown beside the last run's
LABEL = re.compile(r"^#\| *label: *[\"']?([\w-]+)", re.MULTILINE)


def introduce(chapter: str) -> Markdown | None:
    """What ``chapter`` needs, how long it takes here, and with how few images it is short: as few as the profile quick.

    From then on an edit of helpers/ takes effect in the next cell, and links lead to figures and tables too. In a
    report's run nothing happens.
    """
    if not is_live():
        return None
    prepare()
    entry = read_yaml("workflow/chapters.yaml")[chapter]
    quick = read_yaml("notebooks/profiles/quick.yaml").get(chapter, {})
    lines = [*map(data_line, entry.get("data", []))]
    given = parameter_defaults(ROOT / "notebooks" / f"{chapter}.ipynb")
    lines += [weights_line(given[name]) for name in entry.get("needs", {})]
    lines.append(f"It takes {duration(chapter, entry['seconds'])}.")
    if fewer := ", ".join(f"`{name} = {quick[name]}`" for name in SIZES if name in quick):
        lines.append(f"For a first look within a minute, set {fewer} in the next cell, then Run All.")
    lines.append("Results of this notebook go to `reports/interactive/` and change no report.")
    return Markdown("\n".join(f"- {line}" for line in lines))


def read_yaml(path: str) -> dict[str, Any]:
    """What a file of this project says."""
    return yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))


def prepare() -> None:
    """Let edits of helpers/ take effect, and give every labelled output a place that links can lead to."""
    shell = get_ipython()
    if shell is None or "is_prepared" in vars(shell):
        return
    vars(shell)["is_prepared"] = True  # as long as the kernel lives, also when this module is loaded again
    shell.run_line_magic("load_ext", "autoreload")
    shell.run_line_magic("autoreload", "2")
    shell.events.register("pre_run_cell", show_anchor)


def show_anchor(cell: Any) -> None:
    """Put what a link to the label of a cell leads to above its output. JupyterLab looks for the second attribute."""
    if found := LABEL.search(cell.raw_cell or ""):
        label = found[1]
        anchor = f'{MARK}<a id="{label}" data-jupyter-id="{label}"></a></div>'
        display({"text/html": anchor, "text/plain": ""}, raw=True)


def data_line(name: str) -> str:
    """Whether a data set is here."""
    try:
        here = bool(files.locate(name))
    except files.DataError as error:
        return f"{name}: {error}"
    return f"{name} is here." if here else f"{name} is not here: it is downloaded, or a small sample stands in."


def weights_line(path: str) -> str:
    """Whether the weights of another chapter are here, and the command that makes them."""
    found = located(path)
    shown = f"`{'/'.join(found.parts[-4:])}`"
    return f"{shown} is here." if found.exists() else f"{shown} is needed and missing. {remedy(found)}"


def duration(chapter: str, slow: float) -> str:
    """How long the chapter took in the reports of this machine; without one, what it took on a ``slow`` one."""
    times = []
    for record in (ROOT / "reports" / "standard").glob(f"seed-*/{chapter}/results.json"):
        try:
            times.append(json.loads(record.read_text(encoding="utf-8"))["provenance"]["seconds"])
        except (OSError, ValueError, KeyError):
            continue
    if times:
        return f"{words(statistics.median(times))} with the values below, as measured here"
    return f"{words(slow)} with the values below on a slow machine; here it was not yet measured"


def words(seconds: float) -> str:
    """A duration as a reader says it."""
    count, unit = (seconds, "second") if seconds < 100 else (seconds / 60, "minute")
    return f"about {max(1, round(count))} {unit}{'s' if round(count) > 1 else ''}"


def beside(last: Mapping[str, Any] | None, this: Mapping[str, Any]) -> None:
    """Show two records of a chapter side by side: what was changed, and the metrics that differ most."""
    if last is None:
        display(Markdown("This is the first run here. Change a parameter and Run All: the next one is set beside it."))
        return
    display(Markdown(changes(last["parameters"], this["parameters"])))
    rows = differences(last["metrics"], this["metrics"])
    if rows:
        display(table(rows[:MOST], {"last run": ".5g", "this run": ".5g", "difference": "+.2g"}))
    same = len(this["metrics"]) - len(rows)
    left = f", and {len(rows) - MOST} more differ less" if len(rows) > MOST else ""
    display(Markdown(f"{same} of {len(this['metrics'])} metrics are the same{left}."))


def changes(last: Mapping[str, Any], this: Mapping[str, Any]) -> str:
    """A sentence on the parameters that differ."""
    changed = [
        f"`{name}` from {last.get(name)} to {this.get(name)}"
        for name in dict.fromkeys([*this, *last])
        if last.get(name) != this.get(name)
    ]
    return f"Changed since the last run: {', '.join(changed)}." if changed else "No parameter has changed."


def differences(last: Mapping[str, float], this: Mapping[str, float]) -> list[dict[str, Any]]:
    """Rows of the metrics that differ, those first that differ most in proportion; times differ in every run."""
    rows = []
    for name, value in this.items():
        before = last.get(name)
        if before != value and "seconds" not in name:
            change = None if before is None else value - before
            rows.append({"metric": name, "last run": before, "this run": value, "difference": change})
    return sorted(rows, key=lambda row: -abs(row["difference"] or 0) / max(abs(row["this run"]), 1e-12))
