"""How progress is shown: lines in a report's run; by hand one output that is drawn anew, and that no report shows."""

import sys

import pytest
import torch
from IPython.core.interactiveshell import InteractiveShell
from nbformat import v4

from helpers import progress
from helpers.data import Split
from helpers.device import PLAIN
from helpers.models import FeedForward
from helpers.training import TrainConfig, fit, tune
from workflow.report.cells import is_shown

IMAGES = Split(torch.randint(0, 256, (40, 4, 4), dtype=torch.uint8), torch.arange(40) % 2)
HOW = {"classes": 2, "seed": 0}


@pytest.fixture
def shown(monkeypatch):
    """What a cell that is run by hand shows: its outputs, each as its states one after the other."""
    outputs: list[list[dict[str, str]]] = []

    class Handle:
        def __init__(self, state):
            self.states = [state]
            outputs.append(self.states)

        def update(self, state, raw):
            self.states.append(state)

    shell = InteractiveShell.instance()
    monkeypatch.setattr(progress, "is_live", lambda: True)
    monkeypatch.setattr("IPython.display.display", lambda state, raw, display_id: Handle(state))
    monkeypatch.setattr(progress, "EVERY", 0.0)
    monkeypatch.setattr(progress, "SHARE", 0)
    yield lambda: shell.events.trigger("post_run_cell", None) or outputs
    InteractiveShell.clear_instance()


def small(images, *, classes):
    return FeedForward(images, classes=classes, hidden=[4])


def train(**how):
    return fit(small, IMAGES, TrainConfig(3, 10, 0.01), **HOW, **how)[1]


def test_a_reports_run_has_a_line_an_epoch_on_standard_error(capsys):
    train(name="small")
    out, err = capsys.readouterr()
    assert out == "" and [line.split()[:3] for line in err.splitlines()] == [
        ["small", "epoch", f"{k}/3"] for k in (1, 2, 3)
    ]


def test_by_hand_one_output_is_drawn_anew_and_nothing_is_printed(shown, capsys):
    train(name="small", validation=IMAGES)
    states = shown()
    assert capsys.readouterr() == ("", "")
    assert len(states) == 1 and len(states[0]) > 3
    during, after = states[0][1]["text/html"], states[0][-1]
    assert "to go" in during and "<img" in during
    assert "to go" not in after["text/html"] and "<img" in after["text/html"]
    assert after["text/plain"].startswith("small            epoch  3/3  loss")
    assert after["text/plain"].count("\n") == 0


def test_each_training_of_a_cell_leaves_one_line_and_one_curve(shown):
    configs = [TrainConfig(3, 10, rate) for rate in (0.1, 0.01)]
    tune(small, configs, IMAGES, IMAGES, epochs=2, name="small", device=PLAIN, **HOW)
    train(name="other")
    progress.tell("and a word")
    (states,) = shown()
    lines = states[-1]["text/plain"].splitlines()
    assert [line.split()[0] for line in lines] == ["small", "small", "small", "small", "other", "and"]
    progress.tell("the next cell")
    assert len(shown()) == 2


def test_an_error_ends_the_bar_too(shown):
    watched = progress.watch(["a"], 2, 3)
    for _ in range(2):
        watched.step("a", torch.tensor(0.5))
    (states,) = shown()
    assert "to go" not in states[-1]["text/html"]


def test_what_is_shown_changes_no_result(shown, monkeypatch):
    seen = train(name="small", validation=IMAGES).state_dict()
    shown()
    monkeypatch.setattr(progress, "is_live", lambda: False)
    unseen = train(name="small", validation=IMAGES).state_dict()
    del seen["seconds"], unseen["seconds"]
    assert seen == unseen


def test_a_training_without_a_name_shows_nothing(shown, capsys):
    train()
    assert shown() == [] and capsys.readouterr() == ("", "")


def test_curves_are_means_of_the_batches_since_the_last_point(shown):
    curve = progress.Curve()
    curve.waiting = [torch.tensor(1.0), torch.tensor(3.0)]
    curve.add_point(4)
    curve.waiting = [torch.tensor(5.0)]
    curve.add_point(4)
    curve.add_point(4)
    assert curve.points == [(0.5, 2.0), (0.75, 5.0)]


def test_a_report_leaves_it_out(shown):
    train(name="small")
    (states,) = shown()
    assert not is_shown(v4.new_output("display_data", states[-1]))
    assert is_shown(v4.new_output("display_data", {"text/html": "<table></table>"}))


def test_only_a_kernel_that_runs_no_report_is_live(monkeypatch):
    assert not progress.is_live()
    shell = type("Shell", (), {"kernel": None})()
    monkeypatch.setattr(sys.modules["IPython"], "get_ipython", lambda: shell)
    assert progress.is_live()
    monkeypatch.setenv("REPORT_FOLDER", "x")
    assert not progress.is_live()
