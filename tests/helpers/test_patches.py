"""Features of learned patches: what they are made of, and that they see what an image has where it has it."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from helpers import patches
from helpers.patches import LearnedPatches, normalised


@pytest.fixture(scope="module")
def images():
    """Colour images with stripes, upright in half of them and level in the other."""
    waves = (127 + 120 * torch.sin(torch.arange(32) * torch.pi / 2)).byte()
    upright = waves.expand(32, 32)
    noise = torch.randint(0, 40, (60, 3, 32, 32), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    return noise + torch.stack([upright, upright.T] * 30)[:, None] // 2


@pytest.fixture(scope="module")
def learned(images):
    return LearnedPatches(images, seed=0)


def test_patches_have_one_brightness_and_contrast_and_stand_where_they_were_cut(images):
    found = normalised(images[:2])
    assert found.shape == (2, 14 * 14, 108)
    crop = images[1, :, 2:8, 4:10].float().flatten()  # row 1, column 2 of the places two pixels apart
    torch.testing.assert_close(found[1, 14 + 2], (crop - crop.mean()) / (crop.var(unbiased=False) + 10).sqrt())
    brighter = normalised(images[:2].float() + 50)
    torch.testing.assert_close(brighter, found, atol=1e-4, rtol=1e-4)
    assert normalised(torch.full((1, 3, 32, 32), 9)).abs().max() == 0  # no division by zero


def test_features_are_the_codes_of_the_equation_pooled_over_quarters(images, learned, monkeypatch):
    monkeypatch.setenv("PRECISION", "float32")
    features = learned(images[:3])
    assert features.shape == (3, 8 * patches.CENTROIDS) and features.dtype == np.float32 and (features >= 0).all()
    first = torch.zeros(3, 2 * patches.CENTROIDS)
    for seen in (images[:3], images[:3].flip(-1)):
        scores = normalised(seen) @ learned.weights.T + learned.bias + patches.THRESHOLD  # d z, centred and whitened
        half = learned.centroids.shape[0]
        torch.testing.assert_close(scores[..., half:], -scores[..., :half], atol=1e-4, rtol=1e-4)
        codes = (scores - patches.THRESHOLD).clamp(min=0).view(3, 14, 14, -1)
        first += codes[:, :7, :7].mean((1, 2)).sqrt() / 2  # the upper left quarter
    by_code = torch.from_numpy(features).view(3, -1, 4)[..., 0]
    torch.testing.assert_close(by_code, first, atol=1e-4, rtol=1e-4)


def test_an_image_and_its_mirror_image_have_the_same_features(images, learned):
    np.testing.assert_array_equal(learned(images[:3]), learned(images[:3].flip(-1)))
    assert not np.allclose(learned(images[:3]), learned(images[:3].flip(-2)), atol=1e-3)


def test_directions_are_those_of_the_centroids_of_white_patches(images, learned):
    some = patches._some_patches(images, torch.Generator().manual_seed(0))
    assert some.shape == (patches.PATCHES, 108)
    white = some @ learned.weights.T + learned.bias + patches.THRESHOLD
    assert white.mean(0).abs().max() < 1e-3  # centred
    sizes = (white[:, : len(learned.centroids)] / F.normalize(learned.centroids, dim=1).norm(dim=1)).var(0)
    assert sizes.max() < 1.5  # no direction varies by more than about one


def test_kinds_of_images_are_told_apart_and_everything_comes_again_by_its_seed(images, learned):
    features = learned(images)
    centres = features[0::2][:20].mean(0), features[1::2][:20].mean(0)
    nearest = np.argmin([((features[40:] - centre) ** 2).sum(1) for centre in centres], axis=0)
    assert (nearest == np.arange(20) % 2).all()
    again, other = LearnedPatches(images, seed=0), LearnedPatches(images, seed=1)
    assert np.array_equal(again(images[:2]), features[:2])
    assert not torch.equal(other.centroids, learned.centroids)


def test_grey_images_have_patches_too(images):
    grey = images[:, :1]
    assert LearnedPatches(grey)(grey[:2]).shape == (2, 8 * patches.CENTROIDS)
