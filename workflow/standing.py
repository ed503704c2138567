"""Which finished runs stand: what a run left says so itself, since Snakemake's notes may lack it or be lost.

Snakemake notes the end of a run a moment after it. Killed in that moment, or while a cluster goes on without it, it
would delete what the run has left and run it again.
"""

from __future__ import annotations

import os
import sys
from base64 import urlsafe_b64decode
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from helpers import integrity
from helpers.results import ROOT
from workflow.chapters import NOTEBOOKS
from workflow.digests import helpers_digest, notebook_digest
from workflow.plan import PlannedRun
from workflow.provenance import results_read

SNAKEMAKE = ROOT / ".snakemake"  # its notes on this folder


@dataclass(frozen=True)
class Standing:
    """Files of finished runs, from the root: results.json of those to run again, all outputs of those that stand."""

    again: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)


def standing(runs: Iterable[PlannedRun]) -> Standing:
    """Sort finished ``runs``: one stands when its files are as it left them, and code and parameters are still these.

    A run whose files were changed is named on standard error.
    """
    found, code = Standing(), cache(_code)
    for run in runs:
        record = ROOT / run.file(integrity.RECORD)
        if not record.exists():
            continue
        try:
            left = integrity.check_run(record.parent, sealed=True)
            same = _ran_with(left, code(run.chapter.notebook), _parameters(run)) and _read_these(left, run)
        except integrity.ChangedError as error:
            print(f"{error}: {run} runs again", file=sys.stderr)
            same = False
        if not same:
            found.again.append(run.file(integrity.RECORD))
        elif not run.chapter.compares:  # whether that is of the same chapters, only Snakemake knows
            found.kept.extend(map(run.file, run.chapter.outputs))
    return found


def note(files: Collection[str]) -> None:
    """Tell Snakemake that ``files`` are whole, of which it has noted that their runs began and not that they ended."""
    folder = SNAKEMAKE / "incomplete"
    for path in folder.rglob("*"):
        # The name of such a note is that of the file in base64; a long one is cut into folders that begin with @.
        name = path.relative_to(folder).as_posix().replace("/", "").replace("@", "")
        with suppress(ValueError):  # the name of no file
            if path.is_file() and urlsafe_b64decode(name).decode() in files:
                path.unlink()


def _ran_with(record: Mapping[str, Any], code: Mapping[str, str], parameters: Mapping[str, Any]) -> bool:
    """Whether a record is of a run with this code and these parameters."""
    known = record.get("provenance", {})
    given = known.get("given", record.get("parameters", {}))  # older ones have only what their notebooks recorded
    wanted = ((known, code), (given, parameters))
    return all(had.get(key) == value for had, now in wanted for key, value in now.items())


def _read_these(record: Mapping[str, Any], run: PlannedRun) -> bool:
    """Whether a comparison has read what there is now; a run that compares nothing has."""
    known = record["provenance"]
    chapters = known.get("given", {}).get("chapters", ())
    return not run.chapter.compares or known.get("read") == results_read(chapters, ROOT / run.where)


def _code(notebook: Path) -> dict[str, str]:
    """The hashes of a chapter's code, as a record has them."""
    return {"notebook_sha256": notebook_digest(notebook), "helpers_sha256": helpers_digest(notebook)}


def _parameters(run: PlannedRun) -> dict[str, Any]:
    """The parameters of a run as its record has them, without those that only Snakemake compares."""
    files = {key: os.path.relpath(ROOT / file, NOTEBOOKS) for key, file in run.given.items()}
    unknown = ("chapters", "profile") if run.chapter.compares else ()
    return {key: value for key, value in run.parameters.items() if key not in unknown} | files | {"seed": run.seed}
