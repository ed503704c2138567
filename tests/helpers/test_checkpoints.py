"""Fitted networks outlive a killed run, and only in the same run: same code, parameters, data and place in it."""

import copy
from collections import Counter
from functools import partial

import pytest
import torch

from helpers import center_loss, checkpoints, training
from helpers.data import Split, noise
from helpers.models import Autoencoder, Probe
from helpers.optimisers import TrainConfig
from helpers.scratch import ScratchAutoencoder, initial_layers

CONFIG = TrainConfig(2, 8, 0.01)
LAYERS = initial_layers([9, 6, 3, 6, 9], seed=0)


@pytest.fixture
def again(tmp_path, monkeypatch):
    """A function that begins a run, the same one or, with another ``recipe``, another one in the same folder."""

    def begin(recipe="code and parameters"):
        monkeypatch.setenv("REPORT_FOLDER", str(tmp_path))
        monkeypatch.setenv("REPORT_RECIPE", recipe)
        monkeypatch.setattr(checkpoints, "_asked", Counter())
        return tmp_path / checkpoints.FOLDER

    return begin


def images(seed=0):
    return torch.rand(24, 9, generator=torch.Generator().manual_seed(seed))


def autoencoders(capfd, config=CONFIG, seed=0, **how):
    """Both autoencoders trained, as one flat tensor each, their histories, and whether they were kept."""
    networks = {"scratch": ScratchAutoencoder(LAYERS, encoder_layers=2), "torch": Autoencoder(LAYERS, encoder_layers=2)}
    histories = training.train_autoencoders(networks, images(), config, seed=seed, **how)
    weights = [torch.cat([value.flatten() for value in net.state_dict().values()]) for net in networks.values()]
    return weights, histories, "kept" in capfd.readouterr().err


def test_a_killed_run_goes_on_where_it_was(again, capfd):
    folder = again()
    first, histories, spared = autoencoders(capfd)
    assert not spared and len(list(folder.iterdir())) == 1
    again()
    second, same, spared = autoencoders(capfd)
    assert spared and all(map(torch.equal, first, second))
    assert same == histories  # times included: they are those of the training


def test_other_code_parameters_settings_seeds_and_noise_are_trained_anew(again, capfd):
    again()
    assert not autoencoders(capfd)[2]
    again("other code")
    assert not autoencoders(capfd)[2]
    again()
    assert not autoencoders(capfd, config=TrainConfig(2, 8, 0.02))[2]
    assert not autoencoders(capfd, seed=1)[2]


def test_the_same_training_asked_for_twice_is_two(again, capfd):
    """As chapter 4 does: an autoencoder and a denoising one from one start, on the same images."""
    for spared in (False, True):
        again()
        plain, _, first = autoencoders(capfd)
        denoising, _, second = autoencoders(capfd, corrupt=noise("gaussian", 0.5))
        assert first == second == spared
        assert not torch.equal(plain[0], denoising[0])


def test_a_file_that_is_not_whole_is_trained_anew(again, capfd):
    first, _, _ = autoencoders(capfd) if again() else None
    (path,) = again().iterdir()
    path.write_bytes(path.read_bytes()[:100])
    second, _, spared = autoencoders(capfd)
    assert not spared and all(map(torch.equal, first, second))


def test_without_the_workflow_nothing_is_kept(monkeypatch, tmp_path, capfd):
    monkeypatch.delenv("REPORT_RECIPE", raising=False)
    monkeypatch.setenv("REPORT_FOLDER", str(tmp_path))
    assert not autoencoders(capfd)[2] and not list(tmp_path.iterdir())


def test_classifiers_and_centres_are_kept_too(again, capfd):
    split = Split(images(), torch.arange(24) % 3)
    encoder = Autoencoder(LAYERS, encoder_layers=2).encoder
    start = center_loss.from_encoder(encoder, split.images, classes=3, seed=0)
    found = []
    for _ in range(2):
        again()
        probe, history = training.fit(
            partial(Probe, hidden=4),
            split,
            CONFIG,
            classes=3,
            seed=0,
            name="a",
        )
        loss = center_loss.CenterLossConfig(weight=0.1)
        fitted = center_loss.fit(copy.deepcopy(start), split, CONFIG, loss, seed=0, name="b")
        found.append((probe.state_dict(), history, fitted))
    assert capfd.readouterr().err.count("kept") == 2
    (probe, history, fitted), (probe_2, history_2, fitted_2) = found
    assert all(torch.equal(probe[key], probe_2[key]) for key in probe) and history == history_2
    assert torch.equal(fitted.centres, fitted_2.centres) and fitted.center_loss == fitted_2.center_loss
