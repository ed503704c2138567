"""What a notebook leaves behind: results.json, predictions, weights and arrays, each with where it came from.

A chapter calls :func:`start` once, adds to the :class:`Run`, and ends with ``run.save()``. Files are written whole
or not at all: to a temporary file in the same folder, then renamed.
"""

from __future__ import annotations

import csv
import json
import math
import os
import platform
import subprocess
import time
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from workflow.digests import helpers_digest, notebook_digest
from workflow.parameters import declared
from workflow.provenance import hardware, packages, peak_memory_mb

ROOT = Path(__file__).resolve().parent.parent
REPORTED = Path(__file__).with_name("reported.toml")


def start(notebook: str, variables: Mapping[str, Any], *, data: Any, device: Any = None) -> Run:
    """Begin the record of one run of ``notebook``, with the parameter values found in its ``variables``.

    ``data`` is the :class:`helpers.data.Dataset` in use (its sample mark, fingerprint and the md5s of its files are
    recorded), ``device`` the :class:`helpers.training.Device` that its networks run on (None: plain float32 on the
    processor).
    Batch runs are told their folder and profile by the workflow (REPORT_FOLDER, REPORT_PROFILE); in JupyterLab
    results go to reports/interactive/. Torch is held to one thread unless OMP_NUM_THREADS says otherwise:
    results then do not depend on where a notebook was run, and small networks are quicker so.
    """
    import torch

    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS") or 1))
    names = declared(ROOT / "notebooks" / f"{notebook}.ipynb")
    parameters = {name: variables[name] for name in names}
    profile = os.environ.get("REPORT_PROFILE", "interactive")
    here = ROOT / "reports" / profile / f"seed-{parameters['seed']}" / notebook
    return Run(notebook, parameters, profile, Path(os.environ.get("REPORT_FOLDER", here)), data, device)


class Run:
    """The record of one run. ``metrics``, ``series`` and ``tables`` go to results.json."""

    def __init__(
        self, notebook: str, parameters: dict[str, Any], profile: str, folder: Path, data: Any, device: Any = None
    ):
        self.notebook, self.parameters, self.profile, self.folder = notebook, parameters, profile, folder
        self.metrics: dict[str, float] = {}
        self.series: dict[str, list[float]] = {}
        self.tables: dict[str, Any] = {}
        self._predictions: dict[str, Any] = {}
        self._started = time.perf_counter()
        self._provenance = provenance(notebook) | {
            "device": device.name if device else "cpu",
            "precision": str(device) if device else "cpu, float32",
            "sample_data": data.sample,
            "data": {data.name: data.fingerprint},
            "data_md5": {data.name: data.md5s},
            "hardware": hardware(device.name if device else "cpu"),
        }

    def predict(self, **probabilities: Any) -> None:
        """Keep class probabilities [N test, classes] by model name, and ``labels`` [N test], for predictions.npz."""
        self._predictions.update(probabilities)

    def save_weights(self, name: str, state: Mapping[str, Any]) -> None:
        """Write named tensors to ``<name>.safetensors`` in the run's folder."""
        from safetensors.torch import save

        tensors = {key: value.detach().contiguous().clone() for key, value in state.items()}
        write(self.folder / f"{name}.safetensors", lambda path: path.write_bytes(save(tensors)))

    def save_arrays(self, **arrays: Any) -> None:
        """Write named arrays, such as the points of a map, to arrays.npz."""
        self._save_npz("arrays.npz", arrays)

    def save(self) -> None:
        """Write predictions.npz and results.json. Raises ValueError for a metric that is not a finite number."""
        self._save_npz("predictions.npz", self._predictions)
        self._provenance |= {
            "seconds": round(time.perf_counter() - self._started, 2),
            "peak_memory_mb": peak_memory_mb(),
        }
        result = {
            "notebook": self.notebook,
            "seed": self.parameters["seed"],
            "profile": self.profile,
            "parameters": self.parameters,
            "metrics": {name: finite(name, value) for name, value in self.metrics.items()},
            "series": {name: [finite(name, value) for value in values] for name, values in self.series.items()},
            "tables": self.tables,
            "provenance": self._provenance,
        }
        text = json.dumps(result, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
        write(self.folder / "results.json", lambda path: path.write_text(text, encoding="utf-8"))

    def _save_npz(self, name: str, arrays: Mapping[str, Any]) -> None:
        import numpy as np

        def save(path: Path) -> None:
            with path.open("wb") as file:  # given a name, savez would add its own ending
                np.savez_compressed(file, **{key: np.asarray(value) for key, value in arrays.items()})

        write(self.folder / name, save)


def finite(name: str, value: Any) -> float:
    """``value`` as a float. Raises ValueError when it is not a finite number."""
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"{name} is {number}: only finite numbers may be reported")
    return number


def provenance(notebook: str) -> dict[str, Any]:
    """Which code ran with what: commit (None outside a git checkout), hashes of the sources, versions, threads."""
    import torch

    commit, source = _git("rev-parse", "HEAD"), ROOT / "notebooks" / f"{notebook}.ipynb"
    return {
        "git": commit,
        "dirty": bool(_git("status", "--porcelain")) if commit else None,
        "notebook_sha256": notebook_digest(source),
        "helpers_sha256": helpers_digest(source),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "packages": packages(),
        "machine": platform.machine(),
        "threads": torch.get_num_threads(),
    }


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


def write(path: Path, save: Callable[[Path], Any]) -> None:
    """Let ``save`` write a temporary file beside ``path``, then rename it: a failure leaves the old file, or none.

    Makes the folder. Raises OSError as ``save`` and the file system do.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        save(temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def reported(key: str) -> Any:
    """A figure of the two seed reports by its key in reported.toml. Raises KeyError when it is not there."""
    return tomllib.loads(REPORTED.read_text(encoding="utf-8"))[key]["value"]


def write_csv(folder: Path) -> None:
    """Collect every results.json below ``folder`` into results.csv: one row per notebook, seed and metric."""
    rows = []
    for path in sorted(folder.glob("seed-*/*/results.json")):
        result = json.loads(path.read_text(encoding="utf-8"))
        rows += [(result["notebook"], result["seed"], name, value) for name, value in result["metrics"].items()]
    save_csv(folder / "results.csv", ["notebook", "seed", "metric", "value"], rows)


def save_csv(path: Path, head: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write a table whole or not at all."""

    def save(unfinished: Path) -> None:
        with unfinished.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([head, *rows])

    write(path, save)
