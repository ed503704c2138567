"""What code a run depends on, as hashes: its notebook's sources, and the helpers that these import.

Only the helpers that a notebook imports, directly or through others, count: work on a figure of one chapter retrains
no other.
"""

from __future__ import annotations

import ast
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

PACKAGE = Path(__file__).resolve().parents[1] / "helpers"


def notebook_digest(notebook: Path) -> str:
    """sha256 of a notebook's sources: opening, running and saving it in JupyterLab does not change it."""
    return cells_digest(_cells(notebook))


def cells_digest(cells: Iterable[Mapping[str, Any]]) -> str:
    """sha256 of the sources of ``cells``, the same before and after papermill has put in a cell of parameters."""
    tagged = [(cell, cell["metadata"].get("tags", [])) for cell in cells]
    written = [(cell, tags) for cell, tags in tagged if "injected-parameters" not in tags]
    sources = [[cell["cell_type"], "".join(cell["source"]), tags] for cell, tags in written]
    return hashlib.sha256(json.dumps(sources).encode()).hexdigest()


def helpers_digest(notebook: Path) -> str:
    """sha256 of the helpers behind ``notebook``, and of the reported figures, which any of them may read."""
    digest = hashlib.sha256()
    for path in [*helpers_of(notebook), PACKAGE / "reported.toml"]:
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def helpers_of(notebook: Path) -> list[Path]:
    """The files of this package that a notebook's code imports, directly or through one another, by name.

    A notebook that Python cannot parse, because of a %magic, say, counts as importing all. The exporters in
    helpers/report/ never count: they make a report of what was run.
    """
    code = ["".join(cell["source"]) for cell in _cells(notebook) if cell["cell_type"] == "code"]
    try:
        wanted = set().union(*map(_imports, code))
    except SyntaxError:
        wanted = {path.stem for path in PACKAGE.glob("*.py")}
    found: set[str] = set()
    while wanted:
        name = wanted.pop()
        path = PACKAGE / f"{name}.py"
        if name not in found and path.exists():
            found.add(name)
            wanted |= _imports(path.read_text(encoding="utf-8"))
    return sorted(PACKAGE / f"{name}.py" for name in found)


@cache
def _imports(source: str) -> frozenset[str]:
    """The modules of helpers that a piece of code imports, wherever in it."""
    return frozenset(_named(ast.parse(source))) | {"__init__"}


def _named(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "helpers":
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("helpers."):
            yield node.module.split(".")[1]
        elif isinstance(node, ast.Import):
            yield from (alias.name.split(".")[1] for alias in node.names if alias.name.startswith("helpers."))


def _cells(notebook: Path) -> list[dict[str, Any]]:
    return json.loads(notebook.read_text(encoding="utf-8"))["cells"]
