"""The kernel of a run: what it prints besides its notebook's output, and why it ended before the notebook did."""

from __future__ import annotations

import os
import re
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from jupyter_client.manager import AsyncKernelManager
from nbformat import NotebookNode

# Cells are counted as in the source, from 1. papermill has put a cell of parameters before them, so this number is
# their index in the executed notebook, which counts from 0.


FIGURE = re.compile(r"^#\| *label: *[\"']?fig-", re.MULTILINE)


class Kernel(AsyncKernelManager):
    """A kernel whose exit status is kept: below zero it is the signal that has killed it, None as long as it runs."""

    status: int | None = None  # of the class: a runner has one kernel

    async def is_alive(self) -> bool:  # type: ignore[override]  # jupyter_client's own stub is of the other manager
        """Whether the process runs."""
        alive = bool(await super().is_alive())
        if not alive and self.provisioner and Kernel.status is None:
            Kernel.status = await self.provisioner.poll()
        return alive


class EndedError(Exception):
    """Why a notebook ended before its last cell, and in which cell."""


def death(notebook: NotebookNode, messages: IO[str]) -> EndedError:
    """The error of a notebook whose kernel died, with the last line that the kernel wrote to ``messages``."""
    begun = [at for at, cell in enumerate(notebook.cells) if cell.metadata.get("papermill", {}).get("start_time")]
    where = f"in cell {begun[-1]}" if begun else "before its first cell"
    status = Kernel.status or 0
    if status < 0:
        what = f"its kernel was killed by {signal.Signals(-status).name}"
        what += ", perhaps out of memory" if status == -signal.SIGKILL else ""
    else:
        what = f"its kernel ended with status {status}"
    messages.seek(0)
    lines = messages.read().strip().splitlines()
    return EndedError(f"failed {where}: {what}" + (f": {lines[-1]}" if lines else ""))


def check_executed(notebook: NotebookNode) -> None:
    """Raise EndedError for an executed notebook that papermill takes for a success, and that is none.

    That is one which `sys.exit()` has ended, and one without a figure that its options promise: as a finished run it
    would be refused by every report.
    """
    for at, cell in enumerate(notebook.cells):
        outputs = cell.get("outputs", [])
        if any(output.get("ename") == "SystemExit" for output in outputs):
            raise EndedError(f"failed in cell {at}: sys.exit() ended it there, before its last cell")
        draws = cell.cell_type == "code" and FIGURE.search(cell.source)
        if draws and not any("image/png" in output.get("data", {}) for output in outputs):
            raise EndedError(f"failed in cell {at}: it draws no figure, and its options name one: leave the plot open")


@contextmanager
def kernel_messages() -> Iterator[IO[str]]:
    """Redirect the standard error of a kernel, not that of its notebook, to a temporary file, and yield the file.

    A kernel that is stopped prints a traceback, which says nothing about the notebook. What this process prints still
    goes to the terminal.
    """
    terminal = os.dup(2)
    with tempfile.TemporaryFile("w+") as messages, os.fdopen(terminal, "w", buffering=1) as sys.stderr:
        os.dup2(messages.fileno(), 2)
        try:
            yield messages
        finally:
            os.dup2(terminal, 2)
            sys.stderr = sys.__stderr__
