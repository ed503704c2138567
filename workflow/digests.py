"""Which code a notebook runs, as hashes: its own cells, and the definitions in helpers/ that these reach.

Only what a chapter really uses counts. Its cells name definitions of helpers (functions, classes, constants); these
name others; all that is reached counts, without docstrings and comments, and so does what a module does when it is
imported. A new layer in a network of one chapter makes no other chapter run again, and nothing in workflow/ does.
"""

from __future__ import annotations

import ast
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from helpers.results import ROOT

HELPERS = ROOT / "helpers"
PACKAGE = "helpers"
Definitions = dict[Path, set[str]]  # by module: the names that it defines at its top level


def notebook_digest(notebook: Path) -> str:
    """sha256 of a notebook's sources: opening, running and saving it in JupyterLab does not change it."""
    return cells_digest(_cells(notebook))


def cells_digest(cells: Iterable[Mapping[str, Any]]) -> str:
    """sha256 of the sources of ``cells``, the same before and after papermill has added its cell of parameters."""
    tagged = [(cell, cell["metadata"].get("tags", [])) for cell in cells]
    written = [(cell, tags) for cell, tags in tagged if "injected-parameters" not in tags]
    sources = [[cell["cell_type"], "".join(cell["source"]), tags] for cell, tags in written]
    return hashlib.sha256(json.dumps(sources).encode()).hexdigest()


def helpers_digest(notebook: Path) -> str:
    """sha256 of what ``notebook`` reaches in helpers/, and of the reported values, which any of it may read."""
    digest = hashlib.sha256((HELPERS / "reported.toml").read_bytes())
    for path, names in sorted(reached(notebook).items()):
        module = _module(path.read_text(encoding="utf-8"))
        digest.update(f"\0{path.relative_to(HELPERS).as_posix()}\0{module.text(names)}".encode())
    return digest.hexdigest()


def files(notebook: Path) -> dict[str, str]:
    """sha256 of each file of code that ``notebook`` reaches, itself and the reported values too: of what counts in it.

    By its path from the project's folder. Two trees run the same code where all of these are equal.
    """
    values = HELPERS / "reported.toml"
    found = {notebook: notebook_digest(notebook), values: hashlib.sha256(values.read_bytes()).hexdigest()}
    for path, names in sorted(reached(notebook).items()):
        text = _module(path.read_text(encoding="utf-8")).text(names)
        found[path] = hashlib.sha256(text.encode()).hexdigest()
    return {path.relative_to(ROOT).as_posix(): digest for path, digest in found.items()}


def reached(notebook: Path) -> Definitions:
    """What a notebook's code uses of helpers/: the modules that are imported, each with the names reached in it.

    A notebook that Python cannot parse, because of a %magic for instance, counts as using everything.
    """
    source = "\n".join("".join(cell["source"]) for cell in _cells(notebook) if cell["cell_type"] == "code")
    search = _Search()
    try:
        cells = ast.parse(source)
    except SyntaxError:
        for path in HELPERS.rglob("*.py"):
            search.use_all(path)
    else:
        search.follow(cells, _Module(imports=_imports(cells)))
    return search.found


class _Search:
    """Collects in ``found`` what is reached from the code that it follows."""

    def __init__(self) -> None:
        self.found: Definitions = {}

    def follow(self, code: ast.AST, module: _Module, file: Path | None = None) -> None:
        """Add what ``code`` of a ``module`` uses; ``file`` is the module's, if it is one of helpers."""
        imported, mentioned, own = _uses(code, module)
        for dotted in imported:
            self.import_module(dotted)
        for dotted in mentioned:
            self.use(dotted)
        if file:
            for name in own:
                self.add(file, name)

    def import_module(self, dotted: str) -> None:
        """Add what runs when the module ``dotted`` is imported, its packages first."""
        path = HELPERS
        files = [path / "__init__.py"]
        for part in dotted.split(".")[1:]:
            path = path / part
            files += [path / "__init__.py", path.with_suffix(".py")]
        for file in files:
            if file.exists() and file not in self.found:
                self.found[file] = set()
                module = _module(file.read_text(encoding="utf-8"))
                for dotted_import in module.imports_modules:
                    self.import_module(dotted_import)
                for statement in module.always:
                    self.follow(statement, module, file)

    def use(self, dotted: str) -> None:
        """Add what ``dotted``, such as helpers.training.fit, names; of a module itself all, since any may be meant."""
        path, parts = HELPERS, dotted.split(".")[1:]
        for number, part in enumerate(parts):
            path = path / part
            file = path.with_suffix(".py")
            if file.exists():
                rest = parts[number + 1 :]
                if not rest or rest[0] == "*":
                    self.use_all(file)
                else:
                    self.add(file, rest[0])
                return
            if not path.is_dir():
                self.add(path.parent / "__init__.py", part)
                return

    def use_all(self, file: Path) -> None:
        """Add every definition of a module."""
        self.import_module(_dotted(file))
        for name in _module(file.read_text(encoding="utf-8")).definitions:
            self.add(file, name)

    def add(self, file: Path, name: str) -> None:
        """Add the definition ``name`` of a module, and what that uses in turn."""
        if not file.exists():
            return
        self.import_module(_dotted(file))
        module = _module(file.read_text(encoding="utf-8"))
        if name in self.found[file]:
            return
        if name in module.definitions:
            self.found[file].add(name)
            for node in module.definitions[name]:
                self.follow(node, module, file)
        elif name in module.imports:
            self.use(module.imports[name])


def _dotted(file: Path) -> str:
    """helpers/folder/d.py -> helpers.folder.d"""
    return ".".join([PACKAGE, *file.relative_to(HELPERS).with_suffix("").parts])


@dataclass(eq=False)  # known by identity, so that what its statements use is found once
class _Module:
    """A file of helpers/, taken apart."""

    definitions: dict[str, list[ast.stmt]] = field(default_factory=dict)  # by the name that they define
    always: list[ast.stmt] = field(default_factory=list)  # what else an import runs
    imports: dict[str, str] = field(default_factory=dict)  # dotted names in helpers, by the names they have here
    imports_modules: set[str] = field(default_factory=set)  # by an import at the top level
    order: list[ast.stmt] = field(default_factory=list)

    def text(self, names: set[str]) -> str:
        """The code of the definitions ``names`` and of what an import runs, in the file's order."""
        wanted = {id(node) for name in names for node in self.definitions[name]} | set(map(id, self.always))
        return "\n".join(_written(node) for node in self.order if id(node) in wanted)


_written = cache(ast.unparse)


@cache
def _module(source: str) -> _Module:
    """Take a module's source apart."""
    tree, module = ast.parse(source), _Module()
    _drop_docstrings(tree)
    module.imports, module.order = _imports(tree), tree.body
    for node in tree.body:
        names = _defined(node)
        for name in names:
            module.definitions.setdefault(name, []).append(node)
        if not names and not isinstance(node, ast.Import | ast.ImportFrom | ast.Pass):
            module.always.append(node)
        if isinstance(node, ast.Import | ast.ImportFrom):
            module.imports_modules |= imported_modules(node)
    return module


@cache
def _uses(code: ast.AST, module: _Module) -> tuple[set[str], list[str], set[str]]:
    """What code of a module uses: modules that it imports, dotted names in helpers, and the module's own names."""
    names = {node.id for node in _walk(code) if isinstance(node, ast.Name)}
    return imported_modules(code), list(_mentioned(code, module.imports)), names & module.definitions.keys()


def _drop_docstrings(tree: ast.AST) -> None:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if (
                isinstance(first, ast.Expr)
                and isinstance(first.value, ast.Constant)
                and isinstance(first.value.value, str)
            ):
                node.body[0] = ast.Pass()


def _defined(node: ast.stmt) -> list[str]:
    """The names that a statement at the top level defines, [] for one that counts in any case.

    An import from elsewhere defines a name; one from helpers only stands for what it names.
    """
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return [node.name]
        case ast.Assign():
            targets = [name for target in node.targets for name in ast.walk(target)]
            names = [name.id for name in targets if isinstance(name, ast.Name)]
            return names if all(isinstance(target, ast.Name | ast.Tuple) for target in node.targets) else []
        case ast.AnnAssign(target=ast.Name(id=name)):
            return [name]
        case ast.Import() | ast.ImportFrom():
            return [] if imported_modules(node) else [alias.asname or alias.name.split(".")[0] for alias in node.names]
    return []


def imported_modules(code: ast.AST) -> set[str]:
    """The dotted names below ``helpers`` that code imports, anywhere in it. Imports are absolute (ruff sees to it)."""
    found = set()
    for node in ast.walk(code):
        if isinstance(node, ast.ImportFrom) and node.module:
            # helpers.figures, say, may be a package, and what is imported from it a module.
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return {name for name in found if name.split(".")[0] == PACKAGE}


def _imports(tree: ast.AST) -> dict[str, str]:
    """The dotted name in helpers behind each name that code gives to an import, anywhere in it."""
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {alias.asname or PACKAGE: alias.name if alias.asname else PACKAGE for alias in node.names}
    return {name: dotted for name, dotted in found.items() if dotted.split(".")[0] == PACKAGE}


def _mentioned(code: ast.AST, imported: Mapping[str, str]) -> Iterator[str]:
    """The dotted names in helpers that code uses: ``training.fit`` is helpers.training.fit, where that is imported."""
    seen = set()
    for node in _walk(code):
        parts: list[str] = []
        top = node
        while isinstance(top, ast.Attribute):
            parts.insert(0, top.attr)
            top = top.value
        if isinstance(top, ast.Name) and top.id in imported and id(top) not in seen:
            seen.add(id(top))  # the longest chain of attributes comes first
            yield ".".join([imported[top.id], *parts])
    for node in ast.walk(code):
        if isinstance(node, ast.ImportFrom) and node.module and any(alias.name == "*" for alias in node.names):
            yield f"{node.module}.*"


def _walk(code: ast.AST) -> Iterator[ast.AST]:
    """Every node of ``code`` from the top down, without annotations: these are not run."""
    yield code
    for name, value in ast.iter_fields(code):
        if name in ("annotation", "returns"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield from _walk(child)


def _cells(notebook: Path) -> list[dict[str, Any]]:
    cells: list[dict[str, Any]] = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return cells
