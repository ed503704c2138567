"""Fitted networks that outlive a killed run: a chapter that starts again goes on behind the last one it had finished.

The workflow gives every run a folder, and in REPORT_RECIPE the hash of its code and parameters; without these, as in
JupyterLab, nothing is kept. When a chapter is done, its runner deletes what was kept.
"""

from __future__ import annotations

import hashlib
import os
import pickle
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from helpers.results import write

FOLDER = ".checkpoints"  # in the folder of the run
_asked: Counter[str] = Counter()  # how often a training with the same hash has been asked for in this process


class Stateful(Protocol):
    """What training changes, such as a network or a history."""

    def state_dict(self) -> dict[str, Any]:
        """All of it, in tensors, numbers and lists."""

    def load_state_dict(self, state: dict[str, Any], /) -> Any:
        """Become what gave this state."""


def resume(parts: Mapping[str, Stateful], train: Callable[[], None], *, recipe: object, data: Iterable[Tensor]) -> bool:
    """Call ``train``, which changes ``parts`` in place, or make of them what it made in a run that was killed.

    Whether it is the same training is told by the run's code and parameters, the state of ``parts`` before, the text of
    ``recipe``, ``data``, and how many of this kind came before it in the run. Returns whether ``train`` was spared.
    """
    folder, run = os.environ.get("REPORT_FOLDER"), os.environ.get("REPORT_RECIPE")
    if not folder or not run:
        train()
        return False
    digest = hashlib.sha256(f"{run} {torch.__version__} {torch.get_num_threads()} {recipe}".encode())
    for name, part in parts.items():
        for key, value in part.state_dict().items():
            digest.update(f"{name}.{key} {'' if isinstance(value, Tensor) else value}".encode())
            digest.update(_bytes(value) if isinstance(value, Tensor) else b"")
    for tensor in data:
        digest.update(_bytes(tensor))
    _asked[digest.hexdigest()] += 1
    path = Path(folder) / FOLDER / f"{digest.hexdigest()[:32]}-{_asked[digest.hexdigest()]}.pt"
    try:
        states = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, EOFError, RuntimeError, pickle.UnpicklingError):  # not there, or not whole
        train()
        states = {name: part.state_dict() for name, part in parts.items()}
        write(path, lambda unfinished: torch.save(states, unfinished))
        return False
    for name, part in parts.items():
        part.load_state_dict(states[name])
    return True


def _bytes(tensor: Tensor) -> memoryview:
    return tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data
