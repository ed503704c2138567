"""Losses, scores and maps against scikit-learn, worked examples and brute force."""

import numpy as np
import pytest
import torch
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from helpers import evaluation


def test_class_scores_and_confusion_equal_scikit_learn():
    generator = torch.Generator().manual_seed(0)
    probabilities = torch.rand(200, 4, generator=generator)
    labels = torch.randint(4, (200,), generator=generator)
    predicted = probabilities.argmax(1)
    expected = precision_recall_fscore_support(labels, predicted, zero_division=0)
    scores = evaluation.class_scores(probabilities, labels)
    for mine, theirs in zip(scores.values(), expected, strict=True):
        assert mine == pytest.approx(theirs)
    assert np.array_equal(evaluation.confusion_matrix(probabilities, labels), confusion_matrix(labels, predicted))


def test_gradient_errors_are_small_and_both_judges_see_a_wrong_gradient(monkeypatch):
    images = torch.rand(4, 6, generator=torch.Generator().manual_seed(0))
    rows = evaluation.gradient_errors([6, 4, 3, 4, 6], encoder_layers=2, images=images, seed=0)
    assert len(rows) == 8
    assert max(row["autograd"] for row in rows) < 1e-12
    assert max(row["difference quotients"] for row in rows) < 1e-7
    right = evaluation.ScratchAutoencoder.loss_and_gradients

    def wrong(self, *arguments):
        loss = right(self, *arguments)
        self.layer_gradients[1][0].mul_(1.001)
        return loss

    monkeypatch.setattr(evaluation.ScratchAutoencoder, "loss_and_gradients", wrong)
    rows = evaluation.gradient_errors([6, 4, 3, 4, 6], encoder_layers=2, images=images, seed=0)
    assert rows[2]["autograd"] > 1e-4 and rows[2]["difference quotients"] > 1e-4


def test_no_softmax_output_passes_the_floor():
    images = torch.rand(5, 50, generator=torch.Generator().manual_seed(0)).double()
    exact = evaluation.softmax_floor_exact(images)
    assert exact <= evaluation.softmax_floor(images)
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
    bce, mse = evaluation.reconstruction_losses(torch.full((2, 4), 0.5), torch.tensor([[0.0, 1, 0, 1]] * 2))
    assert (bce, mse) == pytest.approx((np.log(2), 0.25))
    assert np.isfinite(evaluation.reconstruction_losses(torch.full((1, 4), -3.0), torch.ones(1, 4))[0])


def test_a_map_of_separate_groups_is_trusted_and_a_random_one_is_not():
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(4).repeat_interleave(40)
    images = torch.nn.functional.one_hot(labels, 8).float() * 5 + torch.rand(160, 8, generator=generator)
    trust, knn = evaluation.map_quality(evaluation.tsne_map(images, seed=0), images, labels)
    assert trust > 0.9 and knn > 0.95
    noise = torch.rand(160, 2, generator=generator).numpy()
    assert evaluation.map_quality(noise, images, labels)[1] < 0.6


def test_roughness_tells_noise_from_smooth_pictures():
    noise = torch.randn(50, 784, generator=torch.Generator().manual_seed(0))
    ramp = torch.linspace(-1, 1, 28).repeat(28, 1).flatten()[None]
    assert evaluation.roughness(noise) == pytest.approx(2**0.5, rel=0.02)
    assert evaluation.roughness(ramp) < 0.1
