"""The classical filters: each helps, at a strength that was tried, and sees one image at a time."""

import pytest
import torch
from images import generator, strokes

from helpers import filters, metrics
from helpers.data import noise


def test_every_filter_helps_and_its_strength_is_among_those_tried():
    clean = strokes()
    noisy = noise("gaussian", 0.4)(clean, generator())
    tuned = filters.tune_filters(noisy, clean)
    assert set(tuned) == {"median", "gaussian", "nlm", "tv"}
    for name, best in tuned.items():
        assert best.strength in filters.FILTERS[name][1]
        restored = best.restore(noisy)
        assert restored.shape == clean.shape and restored.min() >= 0 and restored.max() <= 1
        measured = metrics.psnr(restored, clean).mean().item()
        assert measured == pytest.approx(best.psnr, abs=1e-3)
        assert measured > metrics.psnr(noisy, clean).mean().item() + 3


def test_filters_treat_images_one_by_one():
    clean = strokes()
    noisy = noise("gaussian", 0.4)(clean, generator())
    for name, (_, strengths) in filters.FILTERS.items():
        some = filters.TunedFilter(name, strengths[1], (1.0, 0.0), psnr=0.0)
        together, alone = some.restore(noisy), some.restore(noisy[3:4])
        torch.testing.assert_close(together[3:4], alone)


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_blank_images_do_no_harm(value):
    blank = torch.full((3, 784), value)
    for best in filters.tune_filters(blank, strokes()[:3]).values():
        assert best.restore(blank).isfinite().all()
