"""How far the work is: a line an epoch in a report's run, one live bar with the curves of the losses in JupyterLab.

Lines go to standard error, so that they are seen but are no part of a report. JupyterLab and VS Code print standard
error in red, as they print errors: there one output of the cell that trains is drawn anew instead, and the cell's end
leaves the finished curves in it. Watching takes at most a fiftieth of the time, and changes no result.
"""

from __future__ import annotations

import html
import os
import sys
import time
from base64 import b64encode
from collections.abc import Sequence
from io import BytesIO
from typing import TYPE_CHECKING, Any, Protocol

from tqdm import tqdm

if TYPE_CHECKING:  # they take seconds to import, and what prints lines needs neither
    from IPython.display import DisplayHandle
    from torch import Tensor

MARK = '<div class="progress">'  # how such an output begins: a report leaves it out
EVERY = 1.0  # seconds between two states of the bar, and between two drawings of the curves at the least
SHARE = 50  # and so many times what a drawing takes
MOST = 8  # lines that are kept in view


class Course(Protocol):
    """The course of a training so far, as :class:`helpers.training.History` has it."""

    validation_loss: list[float]

    def last_epoch(self, epochs: int) -> str:
        """The last of so many epochs in a few words."""


def is_live() -> bool:
    """Whether someone may be looking: a kernel that runs no report."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    return hasattr(shell, "kernel") and "REPORT_FOLDER" not in os.environ


def tell(text: str) -> None:
    """Say one line on the state of the work."""
    current().tell(text)


def watch(names: Sequence[str], epochs: int, batches: int) -> Lines:
    """Begin to show the training of the networks ``names``, so many epochs of so many batches each; none: nothing."""
    shown = current() if names else Lines()
    shown.begin(names, epochs, batches)
    return shown


def current() -> Lines:
    """What shows the work of this cell."""
    global _view
    if not is_live():
        return Lines()
    if _view is None:
        _view = View()
    return _view


class Lines:
    """A line an epoch and network, on standard error."""

    epochs = 0

    def begin(self, names: Sequence[str], epochs: int, batches: int) -> None:
        """A training of ``names`` begins."""
        self.names, self.epochs, self.batches = list(names), epochs, batches

    def step(self, name: str, loss: Tensor) -> None:
        """The network ``name`` has learned from a batch, whose loss it was."""

    def epoch(self, name: str, course: Course) -> None:
        """The network ``name`` has ended an epoch."""
        self.tell(f"{name:<16} {course.last_epoch(self.epochs)}")

    def tell(self, text: str) -> None:
        """Say one line."""
        print(text, file=sys.stderr, flush=True)


class Curve:
    """The losses of one network: a point whenever they are shown, the mean since the last; those of validation."""

    def __init__(self) -> None:
        self.seen = 0
        self.waiting: list[Tensor] = []
        self.points: list[tuple[float, float]] = []  # epochs, loss
        self.validation: list[float] = []

    def add_point(self, batches: int) -> None:
        """Make a point of the losses that wait."""
        if self.waiting:
            import torch

            self.seen += len(self.waiting)
            self.points.append((self.seen / batches, torch.stack(self.waiting).float().mean().item()))
            self.waiting.clear()


class View(Lines):
    """One output of a cell: the curves of its trainings, a line for each that has ended, a bar while one goes on."""

    def __init__(self) -> None:
        self.curves: dict[str, Curve] = {}
        self.lines: list[str] = []
        self.last: dict[str, str] = {}  # by network: its last epoch, in words
        self.done = self.total = 0
        self.longest = 1  # epochs of its longest training
        self.started = time.perf_counter()
        self.due, self.picture_due = 0.0, self.started + EVERY  # when it may be shown, and drawn, again
        self.picture = ""
        self.handle: DisplayHandle | None = None
        events = sys.modules["IPython"].get_ipython().events
        events.register("post_run_cell", self.finish)

    def begin(self, names: Sequence[str], epochs: int, batches: int) -> None:
        self._end_training()
        super().begin(names, epochs, batches)
        self.curves |= {name: Curve() for name in names}
        self.longest = max(self.longest, epochs)
        self.done, self.total, self.started = 0, epochs * batches * len(names), time.perf_counter()

    def step(self, name: str, loss: Tensor) -> None:
        self.done += 1
        self.curves[name].waiting.append(loss)
        if time.perf_counter() >= self.due:
            self.show()

    def epoch(self, name: str, course: Course) -> None:
        curve = self.curves[name]
        curve.add_point(self.batches)
        curve.validation = list(course.validation_loss)
        self.last[name] = f"{name:<16} {course.last_epoch(self.epochs)}"

    def tell(self, text: str) -> None:
        self._end_training()
        self.lines.append(text)
        if time.perf_counter() >= self.due:
            self.show()

    def finish(self, result: Any = None) -> None:
        """Leave what is known at the end of the cell, also when an error or the user has ended it."""
        global _view
        _view = None
        sys.modules["IPython"].get_ipython().events.unregister("post_run_cell", self.finish)
        self._end_training()
        self._add_points()
        self.draw(dpi=220)
        self.show()

    def show(self) -> None:
        """Show the state."""
        from IPython.display import display

        self._add_points()
        if time.perf_counter() >= self.picture_due:
            self.draw(dpi=110)
        lines = [*self.lines, *self.last.values()][-MOST:]
        words = [*lines, self._bar()] if self.total else lines
        markup = f"{MARK}{self.picture}<pre>{html.escape(chr(10).join(words))}</pre></div>"
        shown = {"text/html": markup, "text/plain": "\n".join(lines)}
        if self.handle:
            self.handle.update(shown, raw=True)
        else:
            self.handle = display(shown, raw=True, display_id=True)
        self.due = time.perf_counter() + EVERY

    def draw(self, *, dpi: int) -> None:
        """Draw the curves."""
        started = time.thread_time()  # on a busy machine it may be much less than the time that has passed
        if any(curve.points for curve in self.curves.values()):
            png = b64encode(drawn(self.curves, self.longest, dpi=dpi)).decode()
            self.picture = f'<img alt="losses by epoch" width="{WIDTH}" src="data:image/png;base64,{png}">'
        self.picture_due = time.perf_counter() + max(EVERY, SHARE * (time.thread_time() - started))

    def _end_training(self) -> None:
        """Its bar goes, and the last epoch of each network stays as a line."""
        self.lines += self.last.values()
        self.last, self.total = {}, 0

    def _add_points(self) -> None:
        for curve in self.curves.values():
            curve.add_point(self.batches)

    def _bar(self) -> str:
        elapsed = time.perf_counter() - self.started
        form = "{percentage:3.0f}%|{bar}| {elapsed}, {remaining} to go"
        return tqdm.format_meter(self.done, self.total, elapsed, ncols=72, bar_format=form)


_view: View | None = None  # of the cell that runs
WIDTH = 600  # of the picture on the screen, in pixels


def drawn(curves: dict[str, Curve], epochs: int, *, dpi: int) -> bytes:
    """The curves over so many epochs as a PNG, that of validation dashed, in the style of all figures."""
    from matplotlib.figure import Figure

    from helpers.palette import LINES, MODELS
    from helpers.plots import name_of

    known = {name_of(key): colour for key, colour in MODELS.items()} | MODELS
    figure = Figure(figsize=(WIDTH / 110, 1.8))
    figure.set_layout_engine("none")  # laying it out takes as long as drawing it
    axis = figure.add_axes((0.1, 0.22, 0.6, 0.72))
    for at, (name, curve) in enumerate(curves.items()):
        colour = known.get(name, LINES[at % len(LINES)])
        x, y = zip(*curve.points, strict=True) if curve.points else ((), ())
        axis.plot(x, y, color=colour, label=name_of(name), marker=".", markersize=3)
        if curve.validation:
            ends = range(1, len(curve.validation) + 1)
            axis.plot(ends, curve.validation, color=colour, linestyle="--", linewidth=1, marker=".", markersize=3)
    validated = any(curve.validation for curve in curves.values())
    axis.set(xlim=(0, 1.02 * epochs), xlabel="epochs (dashed: validation)" if validated else "epochs", ylabel="loss")
    axis.legend(loc="upper left", bbox_to_anchor=(1.01, 1.05))
    figure.savefig(file := BytesIO(), format="png", dpi=dpi)
    return file.getvalue()
