"""Whether the files of a run are those that it left: results.json has the digest of each, and of itself.

The runner seals a record when a run has ended; who reads a file of a run asks here. A record without digests, as one
that JupyterLab left, has nothing to compare.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

RECORD = "results.json"
OWN = "sha256"  # the key of the record's own digest


class ChangedError(ValueError):
    """Which file of a run is not what the run has left, in one line."""


def digest(path: Path) -> str:
    """The SHA-256 of a file. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def seal(record: Mapping[str, Any], files: Mapping[str, str]) -> dict[str, Any]:
    """The record of a run with the digests of its other ``files``, by name, and its own."""
    provenance = {**record["provenance"], "files": dict(sorted(files.items()))}
    sealed = {**record, "provenance": provenance}
    return {**sealed, OWN: own(sealed)}


def read(path: Path) -> dict[str, Any]:
    """The content of a results.json. Raises OSError, or ChangedError when it is not what the run has left."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        given = record.get(OWN)
    except (ValueError, AttributeError):
        raise ChangedError(f"{path} is damaged") from None
    if given is not None and given != own(record):
        raise ChangedError(f"{path} was changed after its run")
    return dict(record)


def check(path: Path) -> None:
    """Raise ChangedError when a file, or the record beside it, is not what the run has left."""
    record = path.with_name(RECORD)
    files = _files(read(record)) if record.exists() else {}
    if path.name not in files:
        return
    if not path.exists():
        raise ChangedError(f"{path} is missing")
    if digest(path) != files[path.name]:
        raise ChangedError(f"{path} was changed after its run")


def check_run(folder: Path, *, sealed: bool = False) -> dict[str, Any]:
    """The record of the run in ``folder``. Raises ChangedError when any file there is not what the run has left.

    Raises OSError too. With ``sealed`` also when its record has no digests, as every run of the workflow has.
    """
    record = read(folder / RECORD)
    if sealed and OWN not in record:
        raise ChangedError(f"{folder / RECORD} has no digests")
    for name in _files(record):
        check(folder / name)
    return record


def _files(record: Mapping[str, Any]) -> dict[str, str]:
    """The digests of a run's other files, by name."""
    return record.get("provenance", {}).get("files", {})


def own(record: Mapping[str, Any]) -> str:
    """The digest of a record's content, however it is laid out; it is kept in the record itself."""
    content = {key: value for key, value in record.items() if key != OWN}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
