"""Center loss against its equations, by hand; the models trained on it; the measures of their codes; refusals."""

from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F

from helpers import center_loss, metrics
from helpers.center_loss import CenterLoss, CenterLossConfig
from helpers.data import Split
from helpers.device import pick
from helpers.figures import center_loss as figures
from helpers.models import CodeClassifier, dense, planar_net
from helpers.scratch import initial_layers
from helpers.training import TrainConfig

CONFIG = TrainConfig(4, 16, 0.01, schedule="linear", warmup=0.125)
LOSS = CenterLossConfig(weight=0.1, alpha=0.5)


def digits(n=120, classes=3, d=12):
    """Images [n, d] around one pattern a class, and their labels."""
    generator = torch.Generator().manual_seed(1)
    labels = torch.arange(n) % classes
    images = torch.rand(classes, d, generator=generator)[labels] + 0.1 * torch.randn(n, d, generator=generator)
    return images.clamp(0, 1), labels


def network(images, size=4, classes=3):
    encoder = dense(initial_layers([images.shape[1], 8, size], seed=0))
    return center_loss.from_encoder(encoder, images, classes=classes, seed=0)


# The center loss, by hand: two classes, centres (0, 0) and (1, 1); two codes of class 0, one of class 1.
CODES = torch.tensor([[2.0, 0.0], [0.0, 1.0], [1.0, 3.0]])
LABELS = torch.tensor([0, 0, 1])


def center(alpha=0.5):
    made = CenterLoss(2, 2, alpha=alpha)
    made.centres[1] = 1.0
    return made


def test_the_loss_is_half_the_mean_squared_distance():
    # Squared distances 4, 1 and 4; their mean 3; half of it.
    assert center().loss(CODES, LABELS).item() == pytest.approx(1.5)


def test_the_gradient_reaches_the_codes_and_nothing_else():
    made, codes = center(), CODES.clone().requires_grad_()
    made.loss(codes, LABELS).backward()
    expected = torch.tensor([[2.0, 0.0], [0.0, 1.0], [0.0, 2.0]]) / 3  # equation 3: x - c, over the three codes
    torch.testing.assert_close(codes.grad, expected)
    assert not made.centres.requires_grad


def test_centres_move_by_equation_4():
    made = center(alpha=0.5)
    made.update(CODES.clone().requires_grad_(), LABELS)
    # Class 0: delta = ((0,0)-(2,0) + (0,0)-(0,1)) / (1 + 2) = (-2/3, -1/3). Class 1: ((1,1)-(1,3)) / (1 + 1) = (0, -1).
    torch.testing.assert_close(made.centres, torch.tensor([[1 / 3, 1 / 6], [1.0, 1.5]]))
    assert not made.centres.requires_grad


def test_a_class_without_codes_stays_and_many_codes_pull_almost_all_the_way():
    made = CenterLoss(3, 1, alpha=1.0)
    made.centres[:] = torch.tensor([[5.0], [6.0], [7.0]])
    made.update(torch.full((999, 1), 1.0), torch.ones(999, dtype=torch.long))
    torch.testing.assert_close(made.centres, torch.tensor([[5.0], [6 - 0.999 * 5], [7.0]]))


def test_folding_the_centres_into_the_optimiser_is_another_method():
    """A gradient step on centres as parameters is 1/B and lambda times the sum, not its damped mean."""
    centres = center().centres.requires_grad_()
    weight, rate = 0.1, 0.5
    (weight * (CODES - centres[LABELS]).square().sum(1).mean() / 2).backward()
    own = center(alpha=rate)
    own.update(CODES, LABELS)
    folded = (centres - rate * centres.grad).detach()
    torch.testing.assert_close(folded[0], rate * weight * torch.tensor([2.0, 1.0]) / 3)
    torch.testing.assert_close(own.centres[0], rate * torch.tensor([2.0, 1.0]) / 3)


@pytest.mark.parametrize("bad", [{"alpha": 0.0}, {"alpha": 1.5}, {"size": 0}, {"classes": 0}, {"alpha": float("nan")}])
def test_the_center_loss_refuses_nonsense(bad):
    with pytest.raises(ValueError):
        CenterLoss(**({"classes": 2, "size": 2} | bad))


@pytest.mark.parametrize(
    "bad",
    [
        {"sigma": -0.1},
        {"weight": -1.0},
        {"weight": float("nan")},
        {"alpha": 0.0},
        {"alpha": 1.1},
        {"epochs": 0},
        {"batch_size": 0},
        {"learning_rate": 0.0},
        {"warmup": -1.0},
    ],
)
def test_bad_settings_are_one_line_before_training(bad):
    with pytest.raises(ValueError) as error:
        replace(LOSS if bad.keys() & {"sigma", "weight", "alpha"} else CONFIG, **bad)
    assert "\n" not in str(error.value)


def test_no_lambda_or_a_negative_one_is_refused():
    for lambdas in ([], [0.1, -0.1]):
        with pytest.raises(ValueError, match="lambda"):
            LOSS.with_lambdas(lambdas)


def test_a_classifier_starts_from_a_copy_of_the_encoder_with_a_code_of_unit_scale():
    images, _ = digits()
    encoder = dense(initial_layers([12, 8, 4], seed=0))
    before = encoder[-1].weight.clone()
    model = center_loss.from_encoder(encoder, images, classes=3, seed=0)
    codes, logits = model(images)
    assert codes.square().mean().item() == pytest.approx(1, abs=1e-5) and logits.shape == (120, 3)
    torch.testing.assert_close(codes, encoder(images) / encoder(images).square().mean().sqrt())
    assert torch.equal(encoder[-1].weight, before)


def test_with_a_lambda_of_zero_the_centres_change_nothing():
    """Training equals plain cross entropy by Adam on the same batches, bit for bit."""
    images, labels = digits()
    fitted = center_loss.fit(network(images), Split(images, labels), CONFIG, replace(LOSS, weight=0.0), seed=0)
    plain, generator = network(images), torch.Generator().manual_seed(0)
    optimiser, rates = torch.optim.Adam(plain.parameters(), fused=True), iter(CONFIG.learning_rates(32))
    for _ in range(CONFIG.epochs):
        for rows in torch.randperm(120, generator=generator).split(16):
            optimiser.zero_grad()
            F.cross_entropy(plain(images[rows])[1], labels[rows]).backward()
            optimiser.param_groups[0]["lr"] = next(rates)
            optimiser.step()
    for mine, theirs in zip(fitted.model.parameters(), plain.parameters(), strict=True):
        assert torch.equal(mine, theirs)
    assert fitted.centres.abs().sum() > 0


def test_one_step_follows_the_gradient_of_both_losses():
    """Cross entropy + lambda * center loss, the centres at the origin, against autograd on the sum."""
    images, labels = digits(16)
    config = replace(CONFIG, epochs=1, warmup=0.0, schedule="constant")
    fitted = center_loss.fit(network(images), Split(images, labels), config, replace(LOSS, weight=0.7), seed=0)
    plain = network(images)
    optimiser = torch.optim.Adam(plain.parameters(), lr=0.01, fused=True)
    order = torch.randperm(16, generator=torch.Generator().manual_seed(0))
    codes, logits = plain(images[order])
    (F.cross_entropy(logits, labels[order]) + 0.7 * codes.square().sum(1).mean() / 2).backward()
    optimiser.step()
    for mine, theirs in zip(fitted.model.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs)
    expected = CenterLoss(3, 4, alpha=0.5)
    expected.update(codes, labels[order])
    torch.testing.assert_close(fitted.centres, expected.centres)


def test_center_loss_makes_classes_tighter_and_the_seed_decides_everything():
    images, labels = digits()
    config, losses = replace(CONFIG, epochs=40), replace(LOSS, sigma=0.1).with_lambdas([0.0, 0.05])

    def run(seed):
        fits = center_loss.fit_each(network(images), Split(images, labels), config, losses, seed=seed)
        return {weight: fitted.predict(images) for weight, fitted in fits.items()}

    first, again, other = run(0), run(0), run(1)
    ratio = {weight: metrics.intra_inter_ratio(codes, labels) for weight, (codes, _) in first.items()}
    assert ratio[0.05] < ratio[0.0]
    assert (first[0.05][1].argmax(1) == labels).float().mean() > 0.9
    torch.testing.assert_close(first[0.05][1].sum(1), torch.ones(120))
    assert torch.equal(first[0.05][0], again[0.05][0]) and not torch.equal(first[0.05][0], other[0.05][0])


def test_the_planar_net_trains_on_the_fast_path_and_keeps_its_codes_in_float32():
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(64) % 2
    images = torch.rand(64, 1, 28, 28, generator=generator) * 0.2 + 0.6 * labels[:, None, None, None]
    model = planar_net(classes=2, seed=0, channels=(2, 3, 4))
    assert isinstance(model, CodeClassifier)
    fitted = center_loss.fit(model, Split(images, labels), replace(CONFIG, epochs=20), LOSS, seed=0, device=pick())
    codes, probabilities = fitted.predict(images)
    assert codes.shape == (64, 2) and codes.dtype == torch.float32 and fitted.centres.shape == (2, 2)
    assert (probabilities.argmax(1) == labels).float().mean() > 0.9
    assert fitted.history.loss[-1] < fitted.history.loss[0] and len(fitted.center_loss) == 20


def test_watched_images_leave_their_codes_of_every_epoch_and_training_is_the_same():
    images, labels = digits()
    watched, plain = (
        center_loss.fit(network(images), Split(images, labels), CONFIG, LOSS, seed=0, watched=seen)
        for seen in (images[:30], None)
    )
    assert plain.course == [] and len(watched.course) == CONFIG.epochs
    codes, centres = watched.course[-1]
    assert torch.equal(codes, watched.predict(images[:30])[0]) and torch.equal(centres, watched.centres)
    assert not torch.equal(watched.course[0][1], centres)
    assert torch.equal(watched.predict(images)[0], plain.predict(images)[0])


def test_pictures_are_moved_as_the_config_says():
    labels = torch.arange(64) % 2
    images = torch.rand(64, 1, 28, 28, generator=torch.Generator().manual_seed(0)) + labels[:, None, None, None]
    still, moved = (
        center_loss.fit(
            planar_net(classes=2, seed=0, channels=(2, 3, 4)),
            Split(images, labels),
            replace(CONFIG, shift=by),
            LOSS,
            seed=0,
        )
        for by in (0, 2)
    )
    assert still.history.loss != moved.history.loss


def test_the_largest_lambda_within_one_standard_error_is_chosen():
    # The standard error of 90 % on 100 images is 3 %.
    assert center_loss.tune_lambda({0.01: 0.90, 0.1: 0.88, 1.0: 0.86}, 100) == 0.1
    assert center_loss.tune_lambda({1.0: 0.80, 0.01: 0.90}, 100) == 0.01


def test_the_ratio_by_hand():
    # Class means (1, 0) and (1, 4): 4 apart; every code is 1 from its mean.
    codes = torch.tensor([[0.0, 0.0], [2.0, 0.0], [1.0, 3.0], [1.0, 5.0]])
    labels = torch.tensor([0, 0, 1, 1])
    assert metrics.intra_inter_ratio(codes, labels) == pytest.approx(0.25)
    assert metrics.intra_inter_ratio(7 * codes, labels) == pytest.approx(0.25)
    for bad in (torch.tensor([0, 0, 2, 2]), torch.zeros(4, dtype=torch.long)):
        with pytest.raises(ValueError):
            metrics.intra_inter_ratio(codes, bad)


def test_pairs_are_half_of_one_class_and_never_of_one_image():
    labels = torch.arange(50) % 5
    pairs, same = metrics.verification_pairs(labels, 200, seed=0)
    assert pairs.shape == (2, 200) and same.sum() == 100
    assert (pairs[0] != pairs[1]).all() and torch.equal(labels[pairs[0]] == labels[pairs[1]], same)
    assert torch.equal(pairs, metrics.verification_pairs(labels, 200, seed=0)[0])
    for bad, count in ((labels, 1), (torch.zeros(50, dtype=torch.long), 10), (torch.arange(50), 10)):
        with pytest.raises(ValueError):
            metrics.verification_pairs(bad, count, seed=0)


def test_verification_by_distance_and_by_angle():
    codes = torch.tensor([[1.0, 0.0], [3.0, 0.0], [0.0, 1.0], [0.0, 3.0]])  # two rays
    pairs = torch.tensor([[0, 2, 0, 1], [1, 3, 2, 3]])
    same = torch.tensor([True, True, False, False])
    by_angle = metrics.verification(codes, pairs, same, cosine=True)
    assert by_angle.auc == 1.0
    # Distances: same 2 and 2, different 1.4 and 4.2. Of four comparisons two are right.
    assert metrics.verification(codes, pairs, same).auc == pytest.approx(0.5)
    assert by_angle.false_positive[0] == 0 and by_angle.true_positive[-1] == 1


def test_the_figures_are_drawn():
    _, labels = digits()
    codes = torch.randn(120, 2, generator=torch.Generator().manual_seed(0))
    centres = torch.zeros(3, 2)
    names = ("a", "b", "c")
    figure = figures.planar_codes(dict.fromkeys(names, codes), dict.fromkeys(names, centres), labels, names)
    assert [axis.get_title(loc="left") for axis in figure.axes] == list(names)
    seven = {f"epoch {k}": codes for k in range(7)}
    figure = figures.planar_codes(seven, dict.fromkeys(seven, centres), labels, names)
    assert [axis.axison for axis in figure.axes] == [True] * 7 + [False] * 3
    pairs, same = metrics.verification_pairs(labels, 50, seed=0)
    curve = metrics.verification(codes, pairs, same)
    figure = figures.verification_curves({"clean": {"ae.softmax": curve, "ae.center": curve}})
    assert [line.get_linestyle() for line in figure.axes[0].get_lines()] == ["--", "-"]


def test_the_codes_of_all_epochs_stand_to_one_scale_that_holds_them_all():
    labels = torch.arange(30) % 3
    course = [(torch.randn(30, 2) * width + 5, torch.full((3, 2), 5.0)) for width in (9.0, 3.0, 1.0)]
    figure = figures.planar_course(course, labels, ["a", "b", "c"])
    figure.draw_without_rendering()
    limits = [(*axis.get_xlim(), *axis.get_ylim()) for axis in figure.axes[:3]]
    assert len(set(limits)) == 1
    left, right, low, high = limits[0]
    every = torch.cat([codes for codes, _ in course])
    assert left < every[:, 0].min() and every[:, 0].max() < right and low < every[:, 1].min()
    assert every[:, 1].max() < high and right - left == pytest.approx(high - low)
    figure.clear()
