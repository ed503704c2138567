"""Splits and the embedded sample. The files are tested in test_files.py, `make data` in test_data_command.py."""

import functools
import random

import numpy as np
import pytest
import torch

from helpers import data, files, sample
from helpers.sets import SETS
from workflow.data import manifest

REAL_ROOT = files.data_root()  # before the fixture below hides DATA_DIR
DRAW = sample.load
drawn = functools.cache(sample.load)  # drawing garments and scenes takes seconds
REAL_ENOUGH = all(files.snapshot([name])[name] for name in SETS)


@pytest.fixture(autouse=True)
def quiet(monkeypatch, tmp_path):
    """Each test starts offline, with an empty data folder and before the notice."""
    monkeypatch.delenv("DATA", raising=False)
    monkeypatch.delenv("DATA_DIR", raising=False)
    monkeypatch.setattr(files, "PROJECT", tmp_path)
    monkeypatch.setattr(files, "_online", lambda: False)
    monkeypatch.setattr(sample, "load", drawn)
    data._announce_sample.cache_clear()


@pytest.fixture
def real(monkeypatch):
    """A real set of 1,000 + 300 images of unequal classes, each image filled with its own number."""
    chance = np.random.default_rng(0)

    def part(size):
        images = torch.arange(size).view(-1, 1, 1).expand(-1, 2, 2)
        return images, torch.from_numpy(chance.choice(10, size, p=np.arange(1, 11) / 55))

    arrays = *part(1000), *part(300)
    monkeypatch.setattr(files, "locate", lambda *_: ["some.gz"])
    monkeypatch.setattr(files, "check", lambda *_: {"some.gz": "0f"})
    monkeypatch.setattr(files, "md5s", lambda *_: {"some.gz": "0f"})
    monkeypatch.setattr(files, "read", lambda *_: arrays)
    monkeypatch.setattr(files, "fingerprint", lambda *_: "f00d")
    return arrays


def numbers(split):
    return split.images[:, 0, 0].tolist()


def assert_stratified(split, labels):
    exact = labels.bincount(minlength=10) * len(split) / len(labels)
    assert (split.labels.bincount(minlength=10) - exact).abs().max() < 1


# Splits


def test_everything_is_kept_by_default(real):
    got = data.load("MNIST")
    assert torch.equal(got.train.images, real[0]) and torch.equal(got.train.labels, real[1])
    assert torch.equal(got.test.images, real[2]) and torch.equal(got.test.labels, real[3])
    assert len(got.validation) == 0 and got.validation.images.shape[1:] == real[0].shape[1:]
    assert (got.name, got.sample, got.fingerprint, got.classes) == ("MNIST", False, "f00d", tuple("0123456789"))
    assert got.md5s == {"some.gz": "0f"}


def test_splits_are_stratified_disjoint_and_labelled(real):
    got = data.load("MNIST", train=333, validation=77, test=50)
    assert (len(got.train), len(got.validation), len(got.test)) == (333, 77, 50)
    assert not set(numbers(got.train)) & set(numbers(got.validation))
    assert_stratified(got.validation, real[1])
    assert_stratified(got.test, real[3])
    assert (got.train.labels.bincount(minlength=10) - real[1].bincount() * 0.333).abs().max() < 2
    for split, labels in ((got.train, real[1]), (got.validation, real[1]), (got.test, real[3])):
        assert numbers(split) == sorted(set(numbers(split))) and torch.equal(labels[numbers(split)], split.labels)
    assert numbers(got.development) == numbers(got.train) + numbers(got.validation)
    assert sorted(numbers(data.load("MNIST", validation=77).development)) == list(range(1000))


def test_splits_depend_on_the_seed_only(real):
    few, many, other = (
        data.load("MNIST", seed=s, train=n, validation=90, test=40) for s, n in ((1, 50), (1, 900), (2, 50))
    )
    assert numbers(few.validation) == numbers(many.validation) and numbers(few.test) == numbers(many.test)
    assert numbers(few.train) == numbers(data.load("MNIST", seed=1, train=50, validation=90).train)
    for part in ("train", "validation", "test"):
        assert numbers(getattr(few, part)) != numbers(getattr(other, part))


def test_global_random_states_stay_as_they_are(monkeypatch):
    monkeypatch.setattr(sample, "load", DRAW)
    before = torch.get_rng_state(), np.random.get_state()[1].tolist(), random.getstate()
    data.load("CIFAR10", train=100, validation=10)
    assert torch.equal(before[0], torch.get_rng_state())
    assert before[1:] == (np.random.get_state()[1].tolist(), random.getstate())


@pytest.mark.parametrize(
    "sizes",
    [
        {"train": 0},
        {"train": -5},
        {"validation": -1},
        {"test": 0},
        {"train": 10.5},
        {"train": 1001},
        {"validation": 1000},
        {"train": 901, "validation": 100},
        {"test": 301},
    ],
)
def test_impossible_sizes_are_errors(real, sizes):
    with pytest.raises(files.DataError, match=next(iter(sizes))) as caught:
        data.load("MNIST", **sizes)
    assert "\n" not in str(caught.value)


# The sample


@pytest.mark.parametrize("name", SETS)
def test_sample_looks_like_the_real_set(name):
    arrays = DRAW(name)
    shape = (3, 32, 32) if name == "CIFAR10" else (28, 28)
    train, test = (4000, 1000) if SETS[name].stand_in == "digits" else (1500, 500)
    for images, labels, size in ((*arrays[:2], train), (*arrays[2:], test)):
        assert images.shape == (size, *shape) and labels.shape == (size,)
        assert (images.dtype, labels.dtype) == (torch.uint8, torch.int64)
        assert labels.bincount().min() >= 48 and len(labels.bincount()) == 10
        assert images.flatten(1).float().std(1).min() > 5, "no blank picture"
    assert all(torch.equal(one, other) for one, other in zip(arrays, DRAW(name), strict=True))
    pictures = torch.cat([arrays[0], arrays[2]]).flatten(1)
    assert len(pictures.unique(dim=0)) > 0.999 * len(pictures), "no test picture is a training picture"


def test_sample_stands_in_with_one_notice(capfd):
    got = [data.load(name) for name in ("MNIST", "FashionMNIST")]
    assert all(one.sample and one.fingerprint.startswith("sample-") for one in got)
    said = capfd.readouterr().err
    assert said.count("SAMPLE DATA, not for submission") == 1 and "`make data`" in said and said.count("\n") == 1


def test_sizes_that_shrink_are_said_once_with_what_is_there(capfd):
    data._announce_sizes.cache_clear()
    for _ in range(2):
        data.load("CIFAR10", train=10_000, validation=5_000, test=10_000)
    assert capfd.readouterr().err.splitlines()[-1:] == [
        "CIFAR10: fewer images than asked for, as many as the sample has: "
        "1,000 to learn from, 500 held out, 500 to test on"
    ]
    data.load("CIFAR10", train=10, validation=500, test=10)
    data.load("CIFAR10", validation=200)
    assert "fewer images" not in capfd.readouterr().err


def test_real_data_changes_the_fingerprint(request):
    before = data.load("MNIST").fingerprint
    assert manifest("MNIST") == {"name": "MNIST", "sample": True, "fingerprint": before, "files": {}}
    request.getfixturevalue("real")
    assert data.load("MNIST").fingerprint == manifest("MNIST")["fingerprint"] != before


@pytest.mark.parametrize(
    ("asked", "got"),
    [
        ({}, (1500, 0, 500)),
        ({"train": 600, "validation": 200, "test": 100}, (600, 200, 100)),
        ({"validation": 200}, (1300, 200, 500)),
        ({"validation": 10_000}, (1200, 300, 500)),
        ({"train": 10_000, "validation": 5_000, "test": 10_000}, (1000, 500, 500)),
        ({"train": 50_000, "validation": 20}, (1490, 10, 500)),
        ({"train": 1, "validation": 49_999}, (1, 1499, 500)),
        ({"train": 60_000}, (1500, 0, 500)),
    ],
)
def test_sizes_shrink_to_the_sample(asked, got):
    splits = data.load("CIFAR10", **asked)
    assert (len(splits.train), len(splits.validation), len(splits.test)) == got


# The real sets


@pytest.mark.skipif(not REAL_ENOUGH, reason=f"no real data in {REAL_ROOT}")
@pytest.mark.parametrize("name", SETS)
def test_real_sets(name):
    got = data.load(name, validation=10_000, root=REAL_ROOT)
    size = 50_000 if name == "CIFAR10" else 60_000
    assert not got.sample and (len(got.development), len(got.test)) == (size, 10_000)
    if name == "MNIST":
        known = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
        assert got.test.labels.bincount().tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    else:
        known = [size // 10] * 10
        assert got.test.labels.bincount().tolist() == [1000] * 10
    assert got.development.labels.bincount().tolist() == known
    assert got.fingerprint == manifest(name, REAL_ROOT)["fingerprint"]
