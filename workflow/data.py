"""`make data`: download what is missing of the data sets, check all files, write manifests for the workflow."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from helpers import files, sample
from helpers.files import DataError, data_root, fetch
from helpers.results import write_text
from helpers.sets import SETS
from workflow import environment


def manifest(name: str, root: str | os.PathLike[str] | None = None) -> dict[str, Any]:
    """Check a set's files; returns what `load` would use: {"name", "sample", "fingerprint", "files": {file: md5}}.

    Raises:
        DataError: unknown name, damaged files, or, with `DATA=real`, missing files.
    """
    found = files.locate(name, root)
    md5s = files.check(name, found, root)
    fingerprint = files.fingerprint(name) if found else sample.fingerprint(name)
    return {"name": name, "sample": not found, "fingerprint": fingerprint, "files": md5s}


def main(arguments: Sequence[str] | None = None) -> int:
    """Fetch and check data sets, print a line for each, and write their manifests; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m workflow.data", description="Fetch and check the data sets.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(SETS)} (default: all)")
    parser.add_argument("--manifests", type=Path, metavar="DIR", help="write DIR/NAME.json for each")
    options = parser.parse_args(arguments)
    names = options.names or list(SETS)
    try:
        fetch(names)
        for name in names:
            made = manifest(name)
            folder = data_root()
            shown = folder.relative_to(Path.cwd()) if folder.is_relative_to(Path.cwd()) else folder
            count = len(made["files"])
            state = f"real data, {count} file{'s'[: count != 1]} checked in {shown}/" if count else files.NOTICE
            print(f"{name:<13}{state}", flush=True)
            if options.manifests:
                _write(options.manifests / f"{name}.json", json.dumps(made, indent=2) + "\n")
    except DataError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("error: interrupted; nothing unfinished was kept", file=sys.stderr)
        return 130
    return 0


def _write(path: Path, text: str) -> None:
    """Write a file in one step; one with the same text stays as it is, for what read it is no older than its data."""
    try:
        if not (path.is_file() and path.read_bytes() == text.encode()):
            write_text(path, text)
    except OSError as error:
        raise DataError(f"cannot write {path} ({error.strerror}): choose another folder for the manifests") from error


if __name__ == "__main__":
    environment.enter()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # raises SystemExit: unfinished downloads are deleted
    sys.exit(main())
