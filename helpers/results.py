"""What a notebook leaves behind: results.json, predictions, weights and arrays.

A chapter calls :func:`start` once, adds to the :class:`Run`, and ends with ``run.save()``. Every file is written whole
or not at all. What ran the notebook (commit, machine, seconds) is added to results.json by the runner, workflow/run.py.
"""

from __future__ import annotations

import ast
import json
import math
import os
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
REPORTED = Path(__file__).with_name("reported.toml")
BY_HAND = "interactive"  # the profile of what no report has run


def start(notebook: str, variables: Mapping[str, Any], *, data: Any, device: Any = None) -> Run:
    """Begin the record of one run of ``notebook``, with the values of its parameters found in ``variables``.

    ``data`` is the :class:`helpers.data.Dataset` in use (whether it is the sample, how many images each part has, its
    fingerprint and the md5s of its files are recorded), ``device`` the :class:`helpers.training.Device` of the networks
    (None: float32 on the CPU).
    The workflow sets folder and profile (REPORT_FOLDER, REPORT_PROFILE); in JupyterLab results go to
    reports/interactive/. torch uses one thread unless OMP_NUM_THREADS is set: results then do not depend on where a
    notebook ran, and small networks are faster so.
    """
    import torch  # takes seconds, and the workflow imports this module too

    from helpers.device import FLUSHES_DENORMAL

    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS") or 1))
    parameters = {name: variables[name] for name in parameter_names(ROOT / "notebooks" / f"{notebook}.ipynb")}
    profile = os.environ.get("REPORT_PROFILE", BY_HAND)
    here = ROOT / "reports" / profile / f"seed-{parameters['seed']}" / notebook
    provenance = {
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "flush_denormal": FLUSHES_DENORMAL,
        "device": device.name if device else "cpu",
        "precision": str(device) if device else "cpu, float32",
        "sample_data": data.sample,
        # As many as there were: the sample has fewer than parameters ask for. Chapter 8 reads no images.
        "images": {part: len(getattr(data, part)) for part in ("train", "validation", "test") if hasattr(data, part)},
        "data": {data.name: data.fingerprint},
        "data_md5": {data.name: data.md5s},
    }
    return Run(notebook, parameters, profile, Path(os.environ.get("REPORT_FOLDER", here)), provenance)


def parameter_names(notebook: Path) -> list[str]:
    """The names that the cell tagged ``parameters`` declares. workflow/parameters.py checks the cell before a run."""
    return list(parameter_defaults(notebook))


def parameter_defaults(notebook: Path) -> dict[str, Any]:
    """The parameters of ``notebook`` with the values that its cell tagged ``parameters`` declares."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    source = next("".join(cell["source"]) for cell in cells if "parameters" in cell["metadata"].get("tags", []))
    declared = [line for line in ast.parse(source).body if isinstance(line, ast.AnnAssign) and line.value]
    return {ast.unparse(line.target): ast.literal_eval(line.value) for line in declared if line.value}


def located(path: str | Path) -> Path:
    """A file that another run has left, as a parameter names it: relative to notebooks/, wherever the kernel started.

    Where that is missing and no report runs, it is the same file of a run by hand, or of the profile quick.
    """
    named = Path(os.path.normpath(ROOT / "notebooks" / path))
    reports = ROOT / "reports"
    if named.exists() or not by_hand() or not named.is_relative_to(reports):
        return named
    others = [reports / profile / Path(*named.relative_to(reports).parts[1:]) for profile in (BY_HAND, "quick")]
    return next((other for other in others if other.exists()), named)


def remedy(path: Path) -> str:
    """The command that makes a missing file of another chapter; empty when its path is none of a report's."""
    found = re.search(r"/seed-(\d+)/(\d+)_\w+/[^/]+$", path.as_posix())
    if not found:
        return ""
    seed = f" SEED={found[1]}" if found[1] != "0" else ""
    return f"`make report PROFILE=quick NOTEBOOKS={found[2]}{seed}` makes it in a minute or two."


class Run:
    """The record of one run. ``metrics``, ``series`` and ``tables`` go to results.json."""

    def __init__(
        self, notebook: str, parameters: dict[str, Any], profile: str, folder: Path, provenance: dict[str, Any]
    ):
        self.notebook, self.parameters, self.profile, self.folder = notebook, parameters, profile, folder
        self.metrics: dict[str, float] = {}
        self.series: dict[str, Sequence[float]] = {}
        self.tables: dict[str, Any] = {}
        self._predictions: dict[str, Any] = {}
        self._provenance = provenance
        self._last = _last_record(folder) if by_hand() else None

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
        # The runner asks for another name and makes results.json of it: one without its part never counts as finished.
        path = self.folder / os.environ.get("REPORT_RECORD", "results.json")
        write(path, lambda unfinished: unfinished.write_text(text, encoding="utf-8"))
        if by_hand():
            from helpers import progress

            shown = self.folder.relative_to(ROOT) if self.folder.is_relative_to(ROOT) else self.folder
            progress.tell(f"The results are in {shown}/")

    def beside_last(self) -> None:
        """By hand: show what was changed since the last run of the chapter, and what came of it."""
        if by_hand():
            from helpers import interactive

            interactive.beside(self._last, {"parameters": self.parameters, "metrics": dict(self.metrics)})

    def _save_npz(self, name: str, arrays: Mapping[str, Any]) -> None:
        import numpy as np

        converted: dict[str, Any] = {key: np.asarray(value) for key, value in arrays.items()}

        def save(path: Path) -> None:
            with path.open("wb") as file:  # given a name, savez would add its own ending
                np.savez_compressed(file, **converted)

        write(self.folder / name, save)


def by_hand() -> bool:
    """Whether someone may be looking at what the notebook shows, see :func:`helpers.progress.is_live`."""
    from helpers import progress  # not needed by what only reads results

    return progress.is_live()


def _last_record(folder: Path) -> dict[str, Any] | None:
    """The record that an earlier run has left in ``folder``; None without one that can be read."""
    try:
        return dict(json.loads((folder / "results.json").read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return None


def finite(name: str, value: Any) -> float:
    """``value`` as a float. Raises ValueError when it is not a finite number."""
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"{name} is {number}: only finite numbers may be reported (a smaller learning rate may help)")
    return number


def write(path: Path, save: Callable[[Path], Any]) -> None:
    """Write a file in one step: ``save`` writes a temporary file beside ``path``, which then replaces it.

    After a failure ``path`` is what it was before. Makes the folder. Raises OSError as ``save`` and the file system do.
    By hand, since the libraries for it do no more than these lines.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        save(temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text in one step, see :func:`write`."""
    write(path, lambda unfinished: unfinished.write_text(text, encoding="utf-8"))


def write_json(path: Path, value: Any) -> None:
    """Write a value as JSON that a reader can look through, in one step."""
    write_text(path, json.dumps(value, indent=1, ensure_ascii=False) + "\n")


def reported(key: str) -> Any:
    """A number that Report A or B states, by its key in reported.toml. Raises KeyError when it is not there."""
    return tomllib.loads(REPORTED.read_text(encoding="utf-8"))[key]["value"]
