"""Probabilities judged: log loss and temperature against scipy and by construction, calibration error by hand."""

import math

import pytest
import torch
from sklearn.metrics import log_loss as reference
from torch.nn import functional as F

from helpers import metrics


def answers(n=20000, classes=5, sharpness=2.0):
    """Logits, and labels drawn from their softmax: probabilities that are right by construction."""
    generator = torch.Generator().manual_seed(0)
    logits = sharpness * torch.randn(n, classes, generator=generator)
    return logits, torch.multinomial(logits.softmax(1), 1, generator=generator)[:, 0]


def test_log_loss_is_the_usual_one_and_never_infinite():
    logits, labels = answers(500)
    p = logits.softmax(1)
    assert metrics.log_loss(p, labels) == pytest.approx(reference(labels, p.double() / p.double().sum(1)[:, None]))
    assert metrics.log_loss(p, labels) == pytest.approx(F.cross_entropy(logits, labels).item(), rel=1e-5)
    assert math.isfinite(metrics.log_loss(torch.tensor([[1.0, 0.0]]), torch.tensor([1])))


@pytest.mark.parametrize("wrong", [0.3, 1.0, 4.0])
def test_the_temperature_undoes_what_made_the_logits_too_large_or_too_small(wrong):
    logits, labels = answers()
    p = (wrong * logits).softmax(1)
    found = metrics.fit_temperature(p, labels)
    assert found == pytest.approx(wrong, rel=0.05)
    assert metrics.log_loss(metrics.apply_temperature(p, found), labels) <= metrics.log_loss(p, labels)
    assert torch.equal(metrics.apply_temperature(p, found).argmax(1), p.argmax(1))


def test_a_temperature_of_one_changes_nothing_and_one_of_zero_is_refused():
    p = answers(100)[0].softmax(1)
    torch.testing.assert_close(metrics.apply_temperature(p, 1.0), p)
    with pytest.raises(ValueError, match="must be positive"):
        metrics.apply_temperature(p, 0.0)


def test_the_calibration_error_is_the_mean_gap_weighted_by_images():
    p = torch.tensor([[0.9, 0.1], [0.9, 0.1], [0.45, 0.55], [0.0, 1.0]])
    found = metrics.reliability(p, torch.tensor([0, 1, 1, 1]), bins=5)
    assert found.count.tolist() == [1, 3]  # 0.55 lies in the third bin, 0.9 and 1.0 in the last
    torch.testing.assert_close(found.accuracy, torch.tensor([1.0, 2 / 3], dtype=torch.float64))
    assert found.error == pytest.approx((0.45 * 1 + (2.8 / 3 - 2 / 3) * 3) / 4)


def test_probabilities_that_are_right_have_almost_no_calibration_error():
    logits, labels = answers()
    assert metrics.reliability(logits.softmax(1), labels).error < 0.015
    assert metrics.reliability((3 * logits).softmax(1), labels).error > 0.1
    with pytest.raises(ValueError, match="at least one bin"):
        metrics.reliability(logits.softmax(1), labels, bins=0)
