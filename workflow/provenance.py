"""What ran a notebook: code as hashes, commit, machine, versions, seconds, memory; no host, no user, no path.

Only the helpers that a notebook imports, directly or through others, count as its code: work on a figure of one
chapter retrains no other. Nor does a change of this package, which runs notebooks and is imported by none.
"""

from __future__ import annotations

import ast
import hashlib
import json
import os
import platform
import resource
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil

from helpers.results import ROOT, write

HELPERS = ROOT / "helpers"
PACKAGES = ("torchvision", "numpy", "scikit-learn", "scikit-learn-intelex")  # torch and Python have keys of their own


# The code


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
    for path in [*helpers_of(notebook), HELPERS / "reported.toml"]:
        digest.update(path.relative_to(HELPERS).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def helpers_of(notebook: Path) -> list[Path]:
    """The files of helpers/ that a notebook's code imports, directly or through one another.

    A notebook that Python cannot parse, because of a %magic, say, counts as importing all.
    """
    code = ["".join(cell["source"]) for cell in _cells(notebook) if cell["cell_type"] == "code"]
    try:
        wanted = set().union(*map(_imports, code))
    except SyntaxError:
        return sorted(HELPERS.rglob("*.py"))
    found: set[Path] = set()
    while wanted:
        path = _file(wanted.pop())
        if path and path not in found:
            found.add(path)
            wanted |= _imports(path.read_text(encoding="utf-8"))
    return sorted(found)


def _file(module: str) -> Path | None:
    """The file of a module such as "helpers.figures", None for what is no module of helpers/."""
    path = HELPERS.joinpath(*module.split(".")[1:])
    files = (path / "__init__.py", path.with_suffix(".py"))
    return next((file for file in files if file.is_file()), None)


@cache
def _imports(source: str) -> frozenset[str]:
    """The modules of helpers that a piece of code imports, anywhere in it, and the packages that they are in."""
    names = set(_named(ast.parse(source)))
    parts = [name.split(".") for name in names]
    return frozenset({"helpers"} | {".".join(part[:k]) for part in parts for k in range(1, len(part) + 1)})


def _named(tree: ast.AST) -> Iterator[str]:
    """The dotted names below helpers that may be modules: what follows `from` joined with each name imported."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and f"{node.module}.".startswith("helpers."):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.startswith("helpers."))


def _cells(notebook: Path) -> list[dict[str, Any]]:
    return json.loads(notebook.read_text(encoding="utf-8"))["cells"]


def code_of(notebook: Path) -> dict[str, Any]:
    """The code of a run as its record names it: commit (None outside a git checkout) and hashes of the sources."""
    commit = _git("rev-parse", "HEAD")
    return {
        "git": commit,
        "dirty": bool(_git("status", "--porcelain")) if commit else None,
        "notebook_sha256": notebook_digest(notebook),
        "helpers_sha256": helpers_digest(notebook),
    }


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


# The machine


def hardware(device: str = "cpu") -> dict[str, Any]:
    """Processor, logical cores and memory in GB (10^9 bytes), and the GPU when ``device`` is "cuda".

    What the system does not tell is left out.
    """
    memory = round(psutil.virtual_memory().total / 1e9, 1)
    told = {"processor": processor(), "cores": os.cpu_count(), "memory_gb": memory}
    if device.startswith("cuda"):
        import torch  # takes seconds to import, and only this needs it

        told["gpu"] = torch.cuda.get_device_name(device)
    return {name: value for name, value in told.items() if value}


def processor() -> str:
    """The maker's name of the processor, else its family, such as "aarch64"."""
    try:
        if sys.platform == "darwin":
            asked = ["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"]
            name = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
        else:
            lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
            name = next((line.partition(":")[2] for line in lines if line.startswith("model name")), "")
    except (OSError, subprocess.CalledProcessError):
        name = ""
    return " ".join(name.split()) or platform.machine()


def packages() -> dict[str, str]:
    """The versions of :data:`PACKAGES`; one that is not installed is left out."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def peak_memory_mb() -> int:
    """The most memory that a finished child of this process has held, in MB (Linux counts in KiB, macOS in bytes)."""
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return round(peak * (1 if sys.platform == "darwin" else 1024) / 1e6)


# The record


def complete(results: Path, code: Mapping[str, Any], *, seconds: float) -> None:
    """Add to a finished notebook's results.json what ran it: ``code`` (of :func:`code_of`), machine, seconds, memory.

    The notebook itself has written what it found, on which device and data.
    """
    record = json.loads(results.read_text(encoding="utf-8"))
    found = record["provenance"]
    record["provenance"] = {
        **code,
        "python": platform.python_version(),
        "torch": metadata.version("torch"),
        "packages": packages(),
        "machine": platform.machine(),
        **found,
        "hardware": hardware(found["device"]),
        "seconds": round(seconds, 2),
        "peak_memory_mb": peak_memory_mb(),
    }
    text = json.dumps(record, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    write(results, lambda path: path.write_text(text, encoding="utf-8"))
