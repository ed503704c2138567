"""Noise, the filters against it, and the two measures of a restored image."""

import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from helpers import evaluation, filters
from helpers.data import noise


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def strokes(n=12):
    """Images [n, 784] with a few bright bars."""
    images = torch.zeros(n, 28, 28)
    for k in range(n):
        images[k, 4 + k % 6 : 9 + k % 6, 5:23] = 1
        images[k, 5:23, 8 + k % 9 : 12 + k % 9] = 0.8
    return images.flatten(1)


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
    "kind, level, words",
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


def test_psnr_and_ssim_equal_scikit_image():
    clean = strokes()
    noisy = noise("gaussian", 0.3)(clean, generator())
    for k, (a, b) in enumerate(zip(noisy.view(-1, 28, 28).numpy(), clean.view(-1, 28, 28).numpy(), strict=True)):
        assert evaluation.psnr(noisy, clean)[k].item() == pytest.approx(peak_signal_noise_ratio(b, a, data_range=1))
        options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 1.0}
        assert evaluation.ssim(noisy, clean)[k].item() == pytest.approx(
            structural_similarity(a, b, **options), abs=1e-5
        )
    assert evaluation.psnr(clean, clean).tolist() == pytest.approx([100.0] * len(clean))
    assert evaluation.ssim(clean, clean).tolist() == pytest.approx([1.0] * len(clean))


def test_every_filter_helps_and_its_strength_is_among_those_tried():
    clean = strokes()
    noisy = noise("gaussian", 0.4)(clean, generator())
    chosen = filters.choose(noisy, clean)
    assert set(chosen) == {"median", "gaussian", "nlm", "tv"}
    for name, row in chosen.items():
        assert row["strength"] in filters.FILTERS[name][1]
        restored = filters.restore(name, noisy, row["strength"], row["scale"])
        assert restored.shape == clean.shape and restored.min() >= 0 and restored.max() <= 1
        measured = evaluation.psnr(restored, clean).mean().item()
        assert measured == pytest.approx(row["psnr"], abs=1e-3)
        assert measured > evaluation.psnr(noisy, clean).mean().item() + 3


def test_filters_treat_images_one_by_one():
    clean = strokes()
    noisy = noise("gaussian", 0.4)(clean, generator())
    for name, (_, strengths) in filters.FILTERS.items():
        together = filters.restore(name, noisy, strengths[1], (1.0, 0.0))
        alone = filters.restore(name, noisy[3:4], strengths[1], (1.0, 0.0))
        torch.testing.assert_close(together[3:4], alone)
