"""Whether a chapter shows what the code of this tree computes: its record holds the hashes of what it was run with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from helpers import integrity
from workflow.digests import helpers_digest, notebook_digest
from workflow.report.chapters import Chapter
from workflow.report.errors import ReportError

AGAIN = "run `make report`, which runs it again"


def check(chapter: Chapter) -> None:
    """Raise ReportError when the executed notebook is not the one that was run, or the code here is another by now.

    Without a record, or with one from before there were hashes, there is nothing to compare; nor is there in this tree
    for a chapter that it does not have.
    """
    run = chapter.run
    if run.get("notebook_sha256", chapter.digest) != chapter.digest:
        raise ReportError(f"{chapter.name}: its cells are not those that were run: {AGAIN}")
    try:
        integrity.check(chapter.folder / Path(chapter.name).name)
    except integrity.ChangedError as error:
        raise ReportError(f"{error}: {AGAIN}") from None
    if not chapter.source.exists():
        return
    here = {"notebook": digest(chapter.source, notebook_digest), "helpers": digest(chapter.source, helpers_digest)}
    changed = [what for what, now in here.items() if run.get(f"{what}_sha256", now) != now]
    if changed:
        why = f"was run with other code than is here ({' and '.join(changed)} changed)"
        raise ReportError(f"{run['notebook']} {why}: {AGAIN}")


def digest(source: Path, of: Callable[[Path], str]) -> str:
    """A hash of a notebook's code, "" for a file that is no notebook."""
    try:
        return of(source)
    except (OSError, ValueError, KeyError, TypeError):
        return ""
