"""Noise: seeded, within range, of the level that it says, and refused in one line."""

import pytest
import torch
from images import generator, strokes

from helpers.data import noise


@pytest.mark.parametrize("kind", ["gaussian", "masking", "salt_and_pepper"])
def test_noise_is_seeded_stays_in_range_and_leaves_its_input_alone(kind):
    images = strokes()
    before = images.clone()
    corrupt = noise(kind, 0.3)
    first = corrupt(images, generator())
    assert torch.equal(first, corrupt(images, generator())) and not torch.equal(first, corrupt(images, generator(1)))
    assert torch.equal(images, before) and first.shape == images.shape
    assert first.min() >= 0 and first.max() <= 1
    assert torch.equal(noise(kind, 0.0)(images, generator()), images)


def test_levels_mean_what_they_say():
    grey = torch.full((50, 784), 0.5)
    assert (noise("gaussian", 0.1)(grey, generator()) - grey).std() == pytest.approx(0.1, rel=0.02)
    assert (noise("masking", 0.3)(grey, generator()) == 0).float().mean() == pytest.approx(0.3, rel=0.05)
    spotted = noise("salt_and_pepper", 0.4)(grey, generator())
    assert (spotted == 0).float().mean() == pytest.approx(0.2, rel=0.06)
    assert (spotted == 1).float().mean() == pytest.approx(0.2, rel=0.06)


@pytest.mark.parametrize(
    ("kind", "level", "words"),
    [
        ("gauss", 0.5, "unknown noise 'gauss'"),
        ("gaussian", -0.1, "0 or more"),
        ("gaussian", float("nan"), "0 or more"),
        ("masking", 1.1, "within 0 to 1"),
        ("salt_and_pepper", -1.0, "within 0 to 1"),
    ],
)
def test_bad_noise_is_one_line(kind, level, words):
    with pytest.raises(ValueError, match=words) as error:
        noise(kind, level)
    assert "\n" not in str(error.value)
