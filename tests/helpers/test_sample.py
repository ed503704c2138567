"""The embedded sample: sizes, the same at every call, ten classes that a simple classifier tells apart."""

import pytest
import torch
from sklearn.ensemble import RandomForestClassifier

from helpers import sample

SIZES = {"MNIST": (4000, 1000), "FashionMNIST": (1500, 500), "CIFAR10": (1500, 500)}


@pytest.mark.slow
@pytest.mark.parametrize("name", SIZES)
def test_a_sample_is_balanced_repeatable_and_learnable(name):
    train, labels, test, test_labels = sample.load(name)
    assert (len(train), len(test)) == SIZES[name]
    assert len(set(labels.bincount().tolist())) == len(set(test_labels.bincount().tolist())) == 1
    pictures = torch.cat([train, test]).flatten(1)
    assert len(pictures.unique(dim=0)) > 0.999 * len(pictures), "no test picture is a training picture"
    forest = RandomForestClassifier(50, random_state=0).fit(train.flatten(1)[:1500], labels[:1500])
    assert forest.score(test.flatten(1), test_labels) > 0.75
    train.zero_()  # what a caller does to its copy is no one else's business
    again, *_ = sample.load(name)
    assert again.any()


def test_a_fingerprint_tells_the_samples_apart_and_needs_no_pictures():
    found = {name: sample.fingerprint(name) for name in SIZES}
    assert len(set(found.values())) == 3 and all(text.startswith("sample-") for text in found.values())
    assert found == {name: sample.fingerprint(name) for name in SIZES}


def test_an_unknown_name_is_a_key_error():
    with pytest.raises(KeyError):
        sample.load("SVHN")
