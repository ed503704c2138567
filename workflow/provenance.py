"""Where a run's results come from: the code (as hashes), the versions and the machine. The runner records it."""

from __future__ import annotations

import json
import os
import platform
import resource
import subprocess
import sys
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil

from helpers.integrity import RECORD, digest, seal
from helpers.results import ROOT, write_text
from workflow.digests import helpers_digest, notebook_digest

PACKAGES = ("torchvision", "numpy", "scikit-learn", "scikit-learn-intelex")  # the notebook records torch's


def code_of(notebook: Path) -> dict[str, Any]:
    """Which code ``notebook`` runs: the commit (None outside a git checkout), hashes, versions."""
    commit = _git("rev-parse", "HEAD")
    return {
        "git": commit,
        "dirty": bool(_git("status", "--porcelain")) if commit else None,
        "notebook_sha256": notebook_digest(notebook),
        "helpers_sha256": helpers_digest(notebook),
        "python": platform.python_version(),
        "packages": packages(),
    }


def packages() -> dict[str, str]:
    """The versions of :data:`PACKAGES`, without packages that are not installed."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _git(*arguments: str) -> str | None:
    # Without the user's settings git does not trust a folder that belongs to another user, as in a container.
    command = ["git", "-c", f"safe.directory={ROOT}", "-C", str(ROOT), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


# ---- the machine: no host name, no user, no path ----


def hardware(device: str = "cpu") -> dict[str, Any]:
    """Processor, logical cores and memory in GB (10^9 bytes), and the GPU's name when ``device`` is "cuda".

    What the system does not say is left out.
    """
    found = {"processor": processor(), "cores": os.cpu_count(), "memory_gb": memory_gb()}
    if device.startswith("cuda"):
        import torch  # takes seconds, so not on a machine without a GPU

        found["gpu"] = torch.cuda.get_device_name(device)
    return {name: value for name, value in found.items() if value}


def processor() -> str:
    """The processor's name as its maker gave it, else its family, such as "aarch64"."""
    try:
        if sys.platform == "darwin":
            command = ["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"]
            name = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        else:
            lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
            name = next((line.partition(":")[2] for line in lines if line.startswith("model name")), "")
    except (OSError, subprocess.CalledProcessError):
        name = ""
    return " ".join(name.split()) or platform.machine()


def memory_gb() -> float | None:
    """The machine's memory in GB to one decimal, None where the system does not say."""
    try:
        return round(float(psutil.virtual_memory().total) / 1e9, 1)
    except (OSError, psutil.Error):
        return None


def peak_memory_mb() -> int:
    """The most memory that a finished child of this process, such as a kernel, has held, in MB (10^6 bytes)."""
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return round(peak * (1 if sys.platform == "darwin" else 1024) / 1e6)  # Linux counts in KiB, macOS in bytes


# ---- the record ----


def results_read(chapters: Iterable[str], seed: Path) -> dict[str, str]:
    """{path from the root: sha256} of the results that a comparison in the folder ``seed`` (.../seed-<n>) reads.

    These are the results of ``chapters`` with every seed of its profile and of the profile `original`.
    """
    profile = Path(os.path.abspath(seed)).parent
    folders = dict.fromkeys((profile, profile.parent / "original"))
    paths = {path for folder in folders for name in chapters for path in folder.glob(f"seed-*/{name}/{RECORD}")}
    return {os.path.relpath(path, ROOT): digest(path) for path in sorted(paths)}


def files_in(folder: Path) -> dict[str, tuple[int, int]]:
    """Time and size of every file in the folder of a run, by name; without the record, and without hidden files."""
    files = [path for path in folder.iterdir() if path.is_file() and not path.name.startswith(".")]
    stats = {path.name: path.stat() for path in files if path.name != RECORD}
    return {name: (stat.st_mtime_ns, stat.st_size) for name, stat in stats.items()}


def complete(
    found: Path, results: Path, known: Mapping[str, Any], seconds: float, before: Mapping[str, tuple[int, int]]
) -> None:
    """Write ``results`` (results.json): what a notebook has left in ``found``, and what its runner knows of the run.

    ``known`` is what :func:`code_of` returned before the run, ``before`` what :func:`files_in` did: files that are new
    or changed since then get their digests into the record. Call it when the kernel has ended. Raises ValueError when
    ``found`` is no JSON object.
    """
    record = json.loads(found.read_text(encoding="utf-8"))
    own = record["provenance"]
    measured = {"seconds": round(seconds, 2), "peak_memory_mb": peak_memory_mb()}
    where = {"machine": platform.machine(), "hardware": hardware(own.get("device", "cpu"))}
    record["provenance"] = {**known, **own, **where, **measured}
    left = [name for name, stat in files_in(results.parent).items() if before.get(name) != stat]
    record = seal(record, {name: digest(results.parent / name) for name in left})
    text = json.dumps(record, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    write_text(results, text)
