"""What holds of a report: that it is as it was built, and that its evidence fits itself, this tree's code and the data.

Whoever changes a number in the file, or a record, is found here, unless they also compute all digests anew: then the
records can only be told from new ones, by running chapters again (`workflow.check.rerun`).
"""

from __future__ import annotations

import base64
import json
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from helpers import integrity
from helpers.sets import SETS
from workflow import chapters as entries
from workflow import digests
from workflow.check.differences import OTHER_IMAGES
from workflow.check.reading import DAMAGE, Place, Report
from workflow.parameters import ParameterError
from workflow.report import places

REPORT = "the report"  # the subject of what concerns no single chapter
NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
TORN = re.compile(r"([\d,]*\d)([.,])[\s\u200b]*\n[\s\u200b]*(?=(\d+))")  # a number that a line's end tears apart
CONTEXT = 12  # letters before a number by which it is found in the evidence
MOST_NAMED = 5  # of anything in one line
Record = dict[str, Any]


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at: of which chapter, what, and whether it holds. ``said`` is a sentence on it."""

    subject: str
    what: str
    holds: bool
    said: str


def of_report(report: Report) -> list[Finding]:
    """All findings on a report and its chapters, without running any of them again."""
    whole = (as_built(report), its_numbers(report), its_seal(report), its_cover(report), one_run(report))
    findings = [Finding(REPORT, *found) for found in whole]
    for name, chapter in report.evidence["chapters"].items():
        for check in (record, answers, compared, code, data, settings):
            try:
                found = check(name, chapter, report)
            except DAMAGE as error:  # whatever a record may hold instead of what runs leave
                found = (check.__name__, False, f"its {check.__name__} cannot be read ({type(error).__name__})")
            if found:
                findings.append(Finding(name, *found))
    return findings


Found = tuple[str, bool, str]


def named(items: Iterable[str]) -> str:
    """Some of the items in one line, and how many more there are."""
    listed = list(items)
    more = len(listed) - MOST_NAMED
    return ", ".join(listed[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


# ---- the file ----


def as_built(report: Report) -> Found:
    """Whether every page, or every section and figure, is drawn as it was when the report was built."""
    changed = [place for place in report.places if not place.as_built]
    if len(changed) == len(report.places) > 1:
        wrong = ["every page is another: the file was saved anew by another program, or is of another report"]
    else:
        wrong = [change(place, report) for place in changed[:MOST_NAMED]]
        wrong += [f"{len(changed) - MOST_NAMED} more places were changed"] if len(changed) > MOST_NAMED else []
    wrong += [f"{name} is missing" for name in report.lost[:MOST_NAMED]] + report.added[:MOST_NAMED]
    return "pages", not wrong, "; ".join(wrong) or f"all {len(report.places)} places are as they were built"


def change(place: Place, report: Report) -> str:
    """What is different at a place that was changed after the build, as far as its words tell."""
    typed = [f"{number} stands where the evidence has {known}" for number, known in misplaced(place.text, report.words)]
    said = named(typed) or "its numbers are in their places, so look at its words, and at what is drawn there"
    return f"{place.name} was changed after the build: {said}"


def misplaced(text: str, known: str) -> Iterator[tuple[str, str]]:
    """Numbers of a text before which stand words that stand before another number in ``known``, and that one."""
    squeezed = "".join(text.split())
    for found in NUMBER.finditer(squeezed):
        before = squeezed[max(0, found.start() - CONTEXT) : found.start()]
        if len(before) < CONTEXT or before + found[0] in known or NUMBER.search(before[-2:]):
            continue
        there = re.search(f"{re.escape(before)}({NUMBER.pattern})", known)
        if there and not (there[1].startswith(found[0]) or found[0].startswith(there[1])):  # two that ran together
            yield found[0], there[1]


def its_numbers(report: Report) -> Found:
    """Whether every number of tables and sentences is one that the evidence has."""
    texts = [*report.evidence["shown"].values(), json.dumps(report.evidence["cover"])]
    known = {number for text in texts for number in numbers(text)}
    known |= {number for name in commits(report.records) for number in numbers(name)}
    known |= {str(record["seed"]) for record in report.records.values()}  # on the cover, as are the commits
    known |= {str(page) for page in range(len(report.places) + 1)}
    strange, count = [], 0
    for place in report.places:
        here, of_line_ends = numbers(place.text), torn(place.text, known)
        strange += [f"{number} ({place.name})" for number in here if number not in known and number not in of_line_ends]
        count += len(here)
    said = f"not in the evidence: {named(strange)}" if strange else f"all {count:,} numbers are in the evidence"
    return "numbers", not strange, said


def numbers(text: str) -> list[str]:
    """The numbers of a text that may be results: with a decimal point, or of three digits and more."""
    found = (number.replace(",", "") for number in NUMBER.findall(text.replace("\u200b", "")))
    return [number for number in found if "." in number or len(number) >= 3]


def torn(text: str, known: set[str]) -> set[str]:
    """The two halves of each known number that the end of a line tears apart."""
    found = ((before.replace(",", ""), mark.strip(","), after) for before, mark, after in TORN.findall(text))
    return {half for before, mark, after in found if before + mark + after in known for half in (before, after)}


def commits(records: Mapping[str, Record]) -> list[str]:
    """The commits that the cover names, in ten letters; none of what ran outside of git."""
    found = {str(commit)[:10] for record in records.values() if (commit := record["provenance"].get("git"))}
    return sorted(found)


def its_seal(report: Report) -> Found:
    """Whether the evidence is as the build left it."""
    whole = "the evidence is as the build left it"
    return "evidence", report.is_sealed, whole if report.is_sealed else "the evidence was changed after the build"


def its_cover(report: Report) -> Found:
    """Whether the first place names the author and the roll number that the evidence has."""
    cover = report.evidence["cover"]
    words = "".join(report.places[0].text.split()) if report.places else ""
    given = [name for key in ("author", "roll") if (name := str(cover.get(key) or "")).isascii()]  # others are shaped
    lost = [name for name in given if "".join(name.split()) not in words]
    return "cover", not lost, f"the cover does not name {named(lost)}" if lost else "the cover has the evidence's names"


def one_run(report: Report) -> Found:
    """Whether all chapters that are shown have left a record, of one profile and one seed."""
    kinds: dict[str, list[str]] = {}
    for name, content in report.records.items():
        kinds.setdefault(f"profile {content['profile']}, seed {content['seed']}", []).append(name)
    chapters_shown = {place.partition(", cell ")[0] for place in report.evidence["shown"] if ", cell " in place}
    if bare := sorted(chapters_shown - report.records.keys()):
        return "run", False, f"no record stands behind {named(bare)}"
    if len(kinds) > 1:
        parts = [f"{kind} ({named(names)})" for kind, names in kinds.items()]
        return "run", False, f"its chapters are of different runs: {'; '.join(parts)}"
    return "run", bool(kinds), next(iter(kinds), "no chapter has left a record of its run")


# ---- a chapter ----


def record(name: str, chapter: Mapping[str, Any], report: Report) -> Found:
    """Whether the record of a run is as the run left it."""
    content = chapter["results"]
    if content["notebook"] != name:
        return "record", False, f"its record is that of {content['notebook']}"
    if content["parameters"].get("seed", content["seed"]) != content["seed"]:
        return "record", False, f"its record names seed {content['seed']} and ran {content['parameters']['seed']}"
    if integrity.OWN not in content:
        return "record", False, "its record has no digest, as every run of the workflow has"
    if content[integrity.OWN] != integrity.own(content):
        return "record", False, "its record was changed after its run"
    return "record", True, "its record is as its run left it"


def answers(name: str, chapter: Mapping[str, Any], report: Report) -> Found | None:
    """Whether the accuracies are those of the classes that the models gave to the test images."""
    packed, metrics = dict(chapter["answers"]), chapter["results"]["metrics"]
    stated = [metric for metric in metrics if metric.endswith("accuracy") and not metric.endswith(OTHER_IMAGES)]
    labels = unpack(packed.pop("labels")) if packed else np.zeros(0)
    if not packed or not len(labels):
        return ("answers", False, f"no answers of models stand behind {named(stated)}") if stated else None
    wrong = []
    for model, kept in packed.items():
        off = unpack(kept)
        right = int((off == 0).sum()) if len(off) == len(labels) else 0
        metric = chapter["accuracies"].get(model)
        if metric is None:
            wrong.append(f"{model} was right on {right:,} of {len(labels):,}, which no accuracy of the record says")
        elif abs(metrics[metric] * len(labels) - right) > 1e-3:
            wrong.append(f"{model} was right on {right:,} of {len(labels):,}, and {metric} says {metrics[metric]:g}")
    bare = [metric for metric in stated if metric not in chapter["accuracies"].values()]
    said = f"the answers of {len(packed)} models to {len(labels):,} test images give the accuracies stated"
    said += f" (none stand behind {named(bare)})" if bare else ""
    return "answers", not wrong, named(wrong) or said


def unpack(text: str) -> np.ndarray:
    """Classes [N] from ``evidence.packed``. Raises ValueError when they are too many, or damaged."""
    try:
        content = zlib.decompressobj().decompress(base64.b64decode(text, validate=True), 10**7)
    except zlib.error as error:
        raise ValueError(str(error)) from None
    return np.frombuffer(content, np.uint8)


def compared(name: str, chapter: Mapping[str, Any], report: Report) -> Found | None:
    """Whether a chapter that compares others has read the records that are in this report."""
    tables = chapter["results"]["tables"]
    if "read" not in tables:
        return None
    shown = report.evidence["shown"].get(places.OPENING, "")
    rows = [(row["assignment"], typeset(row["answer"])) for row in tables["answers"]]
    asked = {assignment for assignment, answer in rows if answer in shown}  # a report may be of one assignment
    lost = [answer for assignment, answer in rows if answer not in shown and assignment in asked]
    if lost or (rows and not asked):
        return "compared", False, f"the first page does not show the answers of its record: {named(lost[:1])}"
    here = {f"{other['profile']}/seed-{other['seed']}/{key}": other for key, other in report.records.items()}
    common = [path for path in tables["read"] if path in here]
    wrong = [path for path in common if tables["read"][path] != integrity.own(here[path])]
    said = f"it compared {len(tables['read'])} records, of which this report has {len(common)}"
    return "compared", not wrong, f"it read other results of {named(wrong)}" if wrong else said


def typeset(text: str) -> str:
    """A text with the apostrophes of print."""
    return text.replace("'", "\N{RIGHT SINGLE QUOTATION MARK}")


def code(name: str, chapter: Mapping[str, Any], report: Report) -> Found:
    """Whether the chapter ran the code of this tree; else which files are others."""
    notebook = entries.NOTEBOOKS / f"{name}.ipynb"
    if not notebook.exists():
        return "code", False, "this tree has no such chapter"
    stated = chapter["results"]["provenance"]
    here = {"notebook_sha256": digests.notebook_digest(notebook), "helpers_sha256": digests.helpers_digest(notebook)}
    if all(stated.get(key) == digest for key, digest in here.items()):
        return "code", True, "it ran the code of this tree"
    ours, theirs = digests.files(notebook), chapter["code"]
    parts = {
        "other than here": [file for file in theirs if file in ours and theirs[file] != ours[file]],
        "only there": sorted(theirs.keys() - ours.keys()),
        "only here": sorted(ours.keys() - theirs.keys()),
    }
    found = [f"{what}: {named(files)}" for what, files in parts.items() if files]
    return "code", False, f"it ran other code; {'; '.join(found) or 'which, its evidence does not say'}"


def data(name: str, chapter: Mapping[str, Any], report: Report) -> Found | None:
    """Whether the chapter read the real data; else which files are others."""
    stated = chapter["results"]["provenance"]
    if stated.get("sample_data"):
        return "data", False, "it ran on sample data"
    # What a chapter reads besides data sets, such as the results of others, names no files.
    kinds = {kind: files for kind, files in stated["data_md5"].items() if files or kind in SETS}
    if not kinds:
        return None if stated["data_md5"] else ("data", False, "its record names no data")
    wrong = [kind for kind, files in kinds.items() if not files]
    for kind, files in kinds.items():
        known = SETS[kind].md5s if kind in SETS else {}
        wrong += [file for file, md5 in files.items() if known.get(file) != md5]
    said = f"not the real data: {named(wrong)}" if wrong else f"it read the real files of {', '.join(kinds)}"
    return "data", not wrong, said


def settings(name: str, chapter: Mapping[str, Any], report: Report) -> Found | None:
    """Whether the parameters are those of the profile in this tree; else which are others."""
    content = chapter["results"]
    try:
        found = chapters(content["profile"])
    except ParameterError as error:
        return "settings", False, str(error)
    if name not in found:  # a sweep's own chapter; whether there is such a notebook, `code` says
        return None
    wrong = differing(content["parameters"], found[name])
    here = [f"{key} {theirs} (here {ours})" for key, (theirs, ours) in wrong.items()]
    whole = f"its parameters are those of the profile {content['profile']}"
    return "settings", not wrong, f"other than the profile: {named(here)}" if wrong else whole


@cache
def chapters(profile: str) -> dict[str, entries.Chapter]:
    """The chapters of this tree with the parameters of a profile, read once. Raises ParameterError."""
    return entries.chapters(profile)


def differing(parameters: Mapping[str, Any], chapter: entries.Chapter) -> dict[str, tuple[Any, Any]]:
    """The parameters of a run that are others than its profile's here, each as (there, here).

    Its seed and files of other chapters are not settings, nor what a comparing chapter is told to read.
    """
    own = {"seed", *chapter.needs, *(("chapters", "profile") if chapter.compares else ())}
    keys = [*parameters, *(key for key in chapter.parameters if key not in parameters)]
    pairs = {key: (parameters.get(key), chapter.parameters.get(key)) for key in keys if key not in own}
    return {key: pair for key, pair in pairs.items() if pair[0] != pair[1]}
