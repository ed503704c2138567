"""Several GPUs: each run is given the one with the fewest others, and its place is free when it has ended."""

import os
import tempfile

import pytest

from workflow import gpus


@pytest.fixture
def cards(monkeypatch, tmp_path):
    """Sets which cards may be used; places are in a folder of the test's own."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def allow(text):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", text)

    return allow


def claim(cards, count):
    """Where so many runs at once, which may all use cards 3 and 5, find themselves; and their places."""
    placed, files = [], []
    for _ in range(count):
        cards("3,5")
        files.append(gpus.claim())
        placed.append(os.environ["CUDA_VISIBLE_DEVICES"])
    return placed, files


def test_runs_spread_over_the_cards(cards):
    placed, files = claim(cards, 4)
    assert placed == ["3", "5", "3", "5"]
    files[1].close()
    assert claim(cards, 1)[0] == ["5"]


def test_when_all_places_are_taken_nothing_is_hidden(cards):
    placed, files = claim(cards, 2 * gpus.SHARE + 1)
    assert placed[-1] == "3,5" and files[-1] is None
    assert placed.count("3") == placed.count("5") == gpus.SHARE


@pytest.mark.parametrize(("text", "count"), [("", 0), ("0", 1), ("0,", 1), ("-1", 0), ("3, -1, 5", 1)])
def test_without_a_choice_all_stays_as_it_is(cards, text, count):
    cards(text)
    assert gpus.count() == count and gpus.claim() is None
    assert os.environ["CUDA_VISIBLE_DEVICES"] == text
