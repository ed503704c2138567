"""Losses, scores and maps against scikit-learn, worked examples and brute force."""

import numpy as np
import pytest
import torch
from images import photographs, strokes
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from helpers import data, metrics


def test_class_scores_and_confusion_equal_scikit_learn():
    generator = torch.Generator().manual_seed(0)
    probabilities = torch.rand(200, 4, generator=generator)
    labels = torch.randint(4, (200,), generator=generator)
    predicted = probabilities.argmax(1)
    expected = precision_recall_fscore_support(labels, predicted, zero_division=0)
    scores = metrics.class_scores(probabilities, labels)
    for mine, theirs in zip(scores.values(), expected, strict=True):
        assert mine == pytest.approx(theirs)
    assert np.array_equal(metrics.confusion_matrix(probabilities, labels), confusion_matrix(labels, predicted))


def test_no_softmax_output_passes_the_floor():
    images = torch.rand(5, 50, generator=torch.Generator().manual_seed(0)).double()
    exact = metrics.softmax_floor_exact(images)
    assert exact <= metrics.softmax_floor(images)
    # Minimise the same loss by gradient descent on the logits: it comes down to the floor and not below.
    logits = torch.zeros(5, 50, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.Adam([logits], lr=0.05)
    for _ in range(2000):
        optimiser.zero_grad()
        loss = torch.nn.functional.binary_cross_entropy(logits.softmax(1), images)
        loss.backward()
        optimiser.step()
    assert exact - 1e-9 <= loss.item() < exact + 1e-6


def test_reconstruction_losses_of_known_values():
    bce, mse = metrics.reconstruction_losses(torch.full((2, 4), 0.5), torch.tensor([[0.0, 1, 0, 1]] * 2))
    assert (bce, mse) == pytest.approx((np.log(2), 0.25))
    assert np.isfinite(metrics.reconstruction_losses(torch.full((1, 4), -3.0), torch.ones(1, 4))[0])


def test_a_map_of_separate_groups_is_trusted_and_a_random_one_is_not():
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(4).repeat_interleave(40)
    images = torch.nn.functional.one_hot(labels, 8).float() * 5 + torch.rand(160, 8, generator=generator)
    trust, knn = metrics.map_quality(metrics.tsne_map(images, seed=0), images, labels)
    assert trust > 0.9 and knn > 0.95
    noise = torch.rand(160, 2, generator=generator).numpy()
    assert metrics.map_quality(noise, images, labels)[1] < 0.6


def test_roughness_tells_noise_from_smooth_pictures():
    noise = torch.randn(50, 784, generator=torch.Generator().manual_seed(0))
    ramp = torch.linspace(-1, 1, 28).repeat(28, 1).flatten()[None]
    assert metrics.roughness(noise) == pytest.approx(2**0.5, rel=0.02)
    assert metrics.roughness(ramp) < 0.1


def test_ssim_of_grey_and_colour_images_is_scikit_images():
    generator = torch.Generator().manual_seed(0)
    for channels, side in ((1, 28), (3, 32)):
        clean = torch.rand(3, channels * side**2, generator=generator)
        restored = (clean + 0.2 * torch.rand(clean.shape, generator=generator)).clamp(0, 1)
        pairs = zip(restored.view(3, channels, side, side), clean.view(3, channels, side, side), strict=True)
        settings = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 1.0}
        expected = [structural_similarity(a.numpy(), b.numpy(), channel_axis=0, **settings) for a, b in pairs]
        assert metrics.ssim(restored, clean, channels=channels).tolist() == pytest.approx(expected, abs=1e-6)


def test_scores_of_a_class_that_is_never_predicted_or_never_true_are_zero():
    probabilities = torch.eye(3)[torch.tensor([0, 0, 1])]
    scores = metrics.class_scores(probabilities, torch.tensor([0, 2, 2]))
    assert scores["precision"] == [0.5, 0, 0] and scores["recall"] == [1, 0, 0] and scores["support"] == [1, 0, 2]
    assert metrics.confusion_matrix(probabilities, torch.tensor([0, 2, 2])).tolist() == [
        [1, 0, 0],
        [0, 0, 0],
        [1, 1, 0],
    ]


def test_psnr_and_ssim_equal_scikit_image():
    clean = strokes()
    noisy = data.noise("gaussian", 0.3)(clean, torch.Generator().manual_seed(0))
    for k, (a, b) in enumerate(zip(noisy.view(-1, 28, 28).numpy(), clean.view(-1, 28, 28).numpy(), strict=True)):
        assert metrics.psnr(noisy, clean)[k].item() == pytest.approx(peak_signal_noise_ratio(b, a, data_range=1))
        options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 1.0}
        assert metrics.ssim(noisy, clean)[k].item() == pytest.approx(structural_similarity(a, b, **options), abs=1e-5)
    assert metrics.psnr(clean, clean).tolist() == pytest.approx([100.0] * len(clean))
    assert metrics.ssim(clean, clean).tolist() == pytest.approx([1.0] * len(clean))


def test_ssim_of_colour_is_the_mean_of_its_channels():
    a, b = photographs(6), photographs(12)[6:]
    channels = [metrics.ssim(a[:, k * 1024 : (k + 1) * 1024], b[:, k * 1024 : (k + 1) * 1024]) for k in range(3)]
    torch.testing.assert_close(metrics.ssim(a, b, channels=3), torch.stack(channels).mean(0))


@pytest.mark.parametrize("codes", [torch.rand(10, 1), torch.zeros(10, 16), torch.full((40, 4), 3.3), torch.rand(9, 16)])
def test_codes_on_a_line_or_in_a_point_have_a_map_too(codes):
    points = metrics.tsne_map(codes, seed=0)
    assert points.shape == (len(codes), 2) and np.isfinite(points).all()
    assert all(map(np.isfinite, metrics.map_quality(points, torch.rand(len(codes), 9), torch.arange(len(codes)) % 3)))
