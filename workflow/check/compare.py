"""`make compare A=... B=...`: two sets of results side by side, what is beyond noise first, as compare.html."""

from __future__ import annotations

import argparse
import io
import json
import re
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from itertools import groupby
from pathlib import Path
from typing import Any

from helpers import integrity
from helpers.results import ROOT, write_text
from workflow import environment
from workflow.check import page
from workflow.check.differences import Difference, Record, between, kind, number, ordered, test_images
from workflow.check.reading import DAMAGE, UnreadableError, check_record, read
from workflow.engine import Stop, guarded

OUT = ROOT / "reports" / "compare.html"
PATTERNS = ("results.json", "*/results.json", "seed-*/*/results.json")  # of a run, a seed, a profile
MOST = 12  # lines in the terminal
ABOUT = {  # what else may differ, and where a record has it
    "data": "data",
    "device": "precision",
    "threads": "threads",
    "machine": "machine",
    "Python": "python",
    "torch": "torch",
    "packages": "packages",
    "commit": "git",
    "cells of the notebook": "notebook_sha256",
    "code in helpers/": "helpers_sha256",
}


@dataclass
class Side:
    """One side: its runs, one or more seeds of each chapter with the same code and settings."""

    name: str
    runs: dict[str, list[Record]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)  # what was left out, or is not what a run has left
    beside: Path | None = None  # where other seeds are


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare what the command line names; returns the exit status, 0 also when there are differences."""
    parser = argparse.ArgumentParser(prog="python -m workflow.check.compare", description=__doc__)
    parser.add_argument("a", help="a report, or a folder of results: of a run, a seed or a profile")
    parser.add_argument("b", help="the other one")
    options = parser.parse_args(arguments)
    return guarded("make compare", lambda: compare(options.a, options.b))


def compare(one: str, other: str) -> int:
    """Print and write what is different between two sides."""
    if not (one and other):
        raise Stop("A and B say what: make compare A=reports/quick/seed-0 B=reports/quick/seed-1")
    sides = side("A", Path(one).expanduser()), side("B", Path(other).expanduser())
    both = [chapter for chapter in sides[0].runs if chapter in sides[1].runs]
    if not both:
        have = [", ".join(one.runs) for one in sides]
        raise Stop(f"A and B have no chapter in common: A has {have[0]}; B has {have[1]}")
    pairs = {chapter: (sides[0].runs[chapter], sides[1].runs[chapter]) for chapter in both}
    found = ordered(item for chapter, (a, b) in pairs.items() for item in differences(chapter, a, b, sides))
    settings = [line for chapter, (a, b) in pairs.items() for line in differing(chapter, a, b)]
    print("\n".join(summary(sides, both, settings, found)))
    write_text(OUT, whole(sides, both, settings, found))
    print(OUT.as_uri())
    return 0


def differences(chapter: str, a: Sequence[Record], b: Sequence[Record], sides: tuple[Side, Side]) -> list[Difference]:
    """The differences of a chapter's metrics, with the noise that all seeds show that lie beside either side's."""
    images = min(test_images(a[0]), test_images(b[0]))
    return between(chapter, a, b, images=images, beside=[side.beside for side in sides if side.beside])


# ---- reading ----


def side(name: str, path: Path) -> Side:
    """The runs in a report, or below a folder. Raises Stop where there are none."""
    made = Side(f"{name}: {path}")
    if not path.is_dir():
        try:
            report = read(path)
        except UnreadableError as error:
            raise Stop(f"{name}: {error}") from None
        made.runs = {chapter: [record] for chapter, record in report.records.items()}
        made.notes += [] if report.is_sealed else ["its evidence was changed after the build"]
        return made
    made.beside = next((place.parent for place in (path, *path.parents) if place.name.startswith("seed-")), path)
    for pattern in PATTERNS:
        if found := sorted(path.glob(pattern)):
            records = [record for file in found if (record := record_of(file, made))]
            break
    else:
        raise Stop(f"{name}: {path} has no results.json: name the folder of a run, a seed or a profile, or a report")
    for chapter, runs in groupby(sorted(records, key=order), key=lambda record: record["notebook"]):
        first, *others = runs
        made.runs[chapter] = [first, *(run for run in others if kind(run) == kind(first))]
        left = [str(run["seed"]) for run in others if kind(run) != kind(first)]
        made.notes += [f"{chapter}: seed {', '.join(left)} left out, run with other code or settings"] if left else []
    return made


def order(record: Record) -> tuple[str, int]:
    """By chapter, then by seed."""
    return record["notebook"], record["seed"]


def record_of(path: Path, made: Side) -> Record | None:
    """The content of a results.json; None, with a note, for one that is none."""
    try:
        record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        check_record(record)
    except (OSError, *DAMAGE) as error:
        made.notes.append(f"{path} is left out: not the results of a run ({type(error).__name__})")
        return None
    if record.get(integrity.OWN, integrity.own(record)) != integrity.own(record):
        made.notes.append(f"{path} was changed after its run")
    return record


def differing(chapter: str, a: Sequence[Record], b: Sequence[Record]) -> Iterator[list[str]]:
    """Chapter, what, A's and B's: every setting that differs, and what of code, data and machine does."""

    def row(what: str, one: Any, other: Any) -> Iterator[list[str]]:
        if one != other:
            yield [chapter, what, shortened(one), shortened(other)]

    yield from row("profile", a[0]["profile"], b[0]["profile"])
    yield from row("seed", seeds(a), seeds(b))
    for key in {**a[0]["parameters"], **b[0]["parameters"]}:
        if key != "seed":
            values = (str(run[0]["parameters"].get(key, "–")).replace(f"seed-{run[0]['seed']}/", "") for run in (a, b))
            yield from row(key, *values)
    for what, key in ABOUT.items():
        yield from row(what, a[0]["provenance"].get(key), b[0]["provenance"].get(key))


def seeds(runs: Sequence[Record]) -> str:
    """The seeds of some runs, in words."""
    return ", ".join(str(run["seed"]) for run in runs)


def shortened(value: Any) -> str:
    """A value in a few words, a digest by its first letters."""
    text = str(value)
    if re.fullmatch(r"[0-9a-f]{40,64}", text):
        return text[:10]
    return text if len(text) <= 80 else f"{text[:77]}..."


# ---- telling ----


def summary(
    sides: tuple[Side, Side], both: Sequence[str], settings: Sequence[Sequence[str]], found: Sequence[Difference]
) -> list[str]:
    """What the terminal shows."""
    lines = [one.name for one in sides]
    lines += [f"{one.name[0]}: {note}" for one in sides for note in one.notes]
    lines += alone(sides, both)
    changed: dict[tuple[str, ...], list[str]] = {}
    for place, *change in settings:
        changed.setdefault(tuple(change), []).append(place)
    for (what, a, b), chapters in changed.items():
        where = "all" if len(chapters) == len(both) else ", ".join(chapters)
        lines.append(f"differs  {what}: {a} against {b} ({where})")
    counts: dict[str, int] = {}
    for item in found:
        counts[item.verdict] = counts.get(item.verdict, 0) + 1
    lines.append(", ".join(f"{count} {verdict}" for verdict, count in counts.items()))
    lines += [words(item) for item in found if "beyond" in item.verdict or "far" in item.verdict][:MOST]
    return lines


def alone(sides: tuple[Side, Side], both: Sequence[str]) -> list[str]:
    """A line for each side that has chapters of its own."""
    own = {one.name[0]: [chapter for chapter in one.runs if chapter not in both] for one in sides}
    return [f"only {name} has {', '.join(chapters)}" for name, chapters in own.items() if chapters]


def words(item: Difference) -> str:
    """A difference in a line of the terminal."""
    noise = f", noise {number(item.noise.bound)} ({item.noise.source})" if item.noise else ""
    return f"{item.verdict}  {item.chapter} {item.metric}: {number(item.a)}, {number(item.b)}{noise}"


def whole(
    sides: tuple[Side, Side], both: Sequence[str], settings: Sequence[Sequence[str]], found: Sequence[Difference]
) -> str:
    """compare.html."""
    results = [item for item in found if not item.is_time]
    equal = [item for item in results if item.is_equal]
    rest = [item for item in results if not item.is_equal]
    times = [item for item in found if item.is_time]
    notes = [f"{one.name[0]}: {note}" for one in sides for note in one.notes]
    how = (
        "Noise is how far apart two such results are 95 % of the time by chance: by Student's t of the seeds of both "
        "sides, else by the interval of an accuracy on its test images. Where neither is there, it is unknown."
    )
    said = f"{len(equal)} of {len(results)} metrics are equal." if rest else f"All {len(results)} metrics are equal."
    body = [
        *(page.paragraph(one.name, "quiet") for one in sides),
        *(page.paragraph(note, "off") for note in notes),
        *(page.paragraph(f"{line.capitalize()}.", "quiet") for line in alone(sides, both)),
        page.heading("What differs"),
        page.paragraph(f"{said} {how if rest else ''}"),
        page.table(HEADS, map(row, rest), "metrics that differ") if rest else "",
        page.heading("Settings, code, data and machine"),
        page.table(["Chapter", "What", "A", "B"], [[page.cell(text) for text in line] for line in settings], "settings")
        if settings
        else page.paragraph("All are the same."),
        *curves({chapter: (sides[0].runs[chapter], sides[1].runs[chapter]) for chapter in both}),
        page.heading("Times"),
        page.table(["Chapter", "What", "A", "B", "B / A"], map(time_row, times), "times") if times else "",
        f"<details><summary>{len(equal)} equal metrics</summary>{page.table(HEADS, map(row, equal), 'equal')}</details>"
        if equal
        else "",
    ]
    return page.page("Two sets of results compared", *body)


HEADS = ["Chapter", "Metric", "A", "B", "B − A", "Noise", "Verdict"]


def row(item: Difference) -> list[str]:
    """The cells of a difference."""
    noise = f"{number(item.noise.bound)} ({item.noise.source})" if item.noise else "unknown"
    values = [number(item.a), number(item.b), f"{item.b - item.a:+.3g}"]
    cells = [page.cell(item.chapter), page.cell(item.metric), *(page.cell(value, "number") for value in values)]
    mark = "off" if "beyond" in item.verdict or "far" in item.verdict else ""
    return [*cells, page.cell(noise), page.cell(item.verdict, mark)]


def time_row(item: Difference) -> list[str]:
    """The cells of a time, with the ratio of the two."""
    ratio = f"{item.b / item.a:.2f}" if item.a else "–"
    cells = [page.cell(value, "number") for value in (number(item.a), number(item.b), ratio)]
    return [page.cell(item.chapter), page.cell(item.metric), *cells]


def curves(pairs: Mapping[str, tuple[Sequence[Record], Sequence[Record]]]) -> Iterator[str]:
    """The learning curves that both sides have, laid over each other, a figure for each chapter."""
    first = True
    for chapter, (a, b) in pairs.items():
        names = [
            name for name in a[0]["series"] if all(map(can_be_drawn, (a[0]["series"][name], b[0]["series"].get(name))))
        ]
        if not names:
            continue
        if first:
            yield page.heading("Curves")
            yield page.paragraph("A is the full line, B the dashed one; with several seeds, each has a line.")
            first = False
        drawn = laid_over(dict.fromkeys(names, (a, b)))
        said = f"Curves of {chapter}, A and B in each panel: {', '.join(names)}"
        yield f'<h3>{escape(chapter)}</h3>\n<div role="img" aria-label="{escape(said)}" class="figure">{drawn}</div>'


def can_be_drawn(values: Sequence[float] | None) -> bool:
    """Whether a series is a curve, of numbers that a figure has room for."""
    return values is not None and len(values) > 1 and max(map(abs, values)) < 1e100


def laid_over(series: Mapping[str, tuple[Sequence[Record], Sequence[Record]]]) -> str:
    """Small multiples as SVG: a panel for each series, with the curves of both sides by epoch."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt  # a second, which the table does not need

    from helpers.palette import LINES

    across = 4
    down = -(-len(series) // across)
    figure, axes = plt.subplots(down, across, squeeze=False, figsize=(10, 1.9 * down), layout="constrained")
    for axis, (name, sides) in zip(axes.flat, series.items(), strict=False):
        for runs, colour, style in zip(sides, LINES, ("-", "--"), strict=False):
            for run in runs:
                values = run["series"].get(name, [])
                axis.plot(range(1, len(values) + 1), values, color=colour, linestyle=style, linewidth=1.3)
        axis.set_title(name, fontsize=8)
        axis.set_xlabel("epoch", fontsize=7)
        axis.tick_params(labelsize=7)
        axis.spines[["top", "right"]].set_visible(False)
    for axis in axes.flat[len(series) :]:
        axis.set_axis_off()
    buffer = io.StringIO()
    written = plt.rc_context({"svg.fonttype": "none", "svg.hashsalt": "compare"})
    with written, warnings.catch_warnings(action="ignore"):  # of letters that the font lacks, in names
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    plt.close(figure)
    return buffer.getvalue()[buffer.getvalue().index("<svg") :]


if __name__ == "__main__":
    environment.enter()
    sys.exit(main())
