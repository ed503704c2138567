"""`make bench`: what it measures, on as little as possible. How long things take is not tested."""

from contextlib import ExitStack

import pytest
import torch

from helpers import data
from workflow.bench import __main__ as bench
from workflow.bench import peers
from workflow.bench.steps import steps


def test_pieces_of_work_take_turns_and_short_ones_are_repeated(monkeypatch, capfd):
    monkeypatch.setattr(bench, "LEAST", 0.0)
    calls = []
    found = bench.measure({name: lambda name=name: calls.append(name) for name in "ab"}, rounds=3)
    assert {name: len(times) for name, times in found.items()} == {"a": 3, "b": 3}
    assert "".join(calls) == "aabb" + "ab" * 3  # once to warm up, once to learn how long it takes
    assert "round 3 of 3" in capfd.readouterr().err


def test_a_summary_is_the_median_and_the_quartiles():
    assert bench.summary([3.0, 1.0, 2.0]) == {"median": 2.0, "low": 1.0, "high": 3.0}
    assert bench.summary([3.0]) == {"median": 3.0, "low": 3.0, "high": 3.0}


def test_a_table_is_aligned_text():
    rows = [{"step": "one", "seconds": 0.1234}, {"step": "another", "seconds": 1234.5}]
    assert bench.table("steps", rows).splitlines() == [
        "steps",
        "step     seconds",
        "one        0.123",
        "another    1,234",
    ]
    assert bench.table("steps", []) == "steps: none"


@pytest.mark.slow
def test_every_training_step_can_be_taken_and_its_operations_counted(monkeypatch):
    monkeypatch.setenv("DATA_FETCHED", "1")
    monkeypatch.setattr(bench, "LEAST", 0.0)
    monkeypatch.setattr(bench.measure, "__defaults__", (1,))
    rows = bench.training_steps(1.0)
    assert len(rows) == 12 and all(row["images a second"] > 0 and row["of the ceiling"] > 0 for row in rows)
    with ExitStack() as stack:
        assert [step.name for step in steps(stack)] == [row["step"] for row in rows]


@pytest.mark.slow
def test_peers_learn_what_they_should(monkeypatch):
    monkeypatch.setenv("DATA_FETCHED", "1")
    split = data.load("FashionMNIST", train=200, validation=0, test=1).train
    network = peers.our_cnn(split)
    before = torch.cat([value.flatten().clone() for value in network.parameters()])
    peers.classifier_epoch(split, network, 50, augmented=True)
    assert not torch.equal(torch.cat([value.flatten() for value in network.parameters()]), before)
    peers.autoencoder_epoch(split)
    peers.svm(split)
