"""The classifiers of pictures: shapes for colour and grey, augmentation, one loop, the seed, and refusals."""

from functools import partial
from itertools import chain

import pytest
import torch
from torch.nn import functional as F

from helpers import augmentation, device, inference, models, training
from helpers.center_loss import CenterLoss, JointLoss
from helpers.data import Split
from helpers.models import ConvNet, FeedForward, ReportACNN
from helpers.optimisers import Muon, as_matrices, optimisers
from helpers.training import TrainConfig

FAST = device.pick()
ONE_CYCLE = {"schedule": "one_cycle", "warmup": 0.25}
COMMON = {"classes": 3, "device": FAST, "seed": 0, "name": "net"}


def bars(n=96, colour=True):
    """Pictures of one bright bar each: lying, standing, or none."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 60, (n, 16, 16), generator=generator, dtype=torch.uint8)
    labels = torch.arange(n) % 3
    for k in range(n):
        place = int(torch.randint(1, 14, (1,), generator=generator))
        if labels[k] == 0:
            images[k, place : place + 2] = 220
        elif labels[k] == 1:
            images[k, :, place : place + 2] = 220
    return Split(images.unsqueeze(1).repeat(1, 3, 1, 1) if colour else images, labels)


@pytest.mark.parametrize("build", [ReportACNN, ConvNet, FeedForward])
@pytest.mark.parametrize("shape", [(4, 3, 32, 32), (4, 28, 28)])
def test_every_network_takes_colour_and_grey_images(build, shape):
    images = torch.randint(0, 256, shape, dtype=torch.uint8)
    p = inference.probabilities(build(images, classes=6), images, FAST, flip=True)
    assert p.shape == (4, 6) and p.dtype == torch.float32
    torch.testing.assert_close(p.sum(1), torch.ones(4))


def test_the_seed_reports_cnn_is_the_one_it_prints():
    network = ReportACNN(torch.zeros(2, 3, 32, 32, dtype=torch.uint8), classes=6)
    kinds = [type(module).__name__ for module in network]
    assert kinds[1:10] == ["Conv2d", "BatchNorm2d", "MaxPool2d"] * 3
    assert [m.out_features for m in network if isinstance(m, torch.nn.Linear)] == [512, 64, 6]
    assert network[12].in_features == 2048 and network[1].padding_mode == "replicate"


def test_inputs_are_standardised_by_channel_and_a_blank_one_does_no_harm():
    images = torch.randint(0, 256, (50, 3, 8, 8), dtype=torch.uint8)
    images[:, 2] = 7
    scaled = models.Standardise(images)(images)
    assert scaled.dtype == torch.float32
    torch.testing.assert_close(scaled.mean((0, 2, 3)), torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(scaled.std((0, 2, 3), correction=0), torch.tensor([1.0, 1.0, 0.0]), atol=1e-5, rtol=0)


def test_augmentation_mirrors_and_moves_whole_images_only():
    images = torch.randint(0, 256, (200, 3, 9, 9), dtype=torch.uint8)
    assert torch.equal(augmentation.move(images, torch.Generator(), by=0), images)
    flipped = augmentation.mirror_half(images, torch.Generator().manual_seed(0))
    mirrored = (flipped == images.flip(3)).flatten(1).all(1)
    assert ((flipped == images).flatten(1).all(1) | mirrored).all() and 60 < mirrored.sum() < 140
    moved = augmentation.move(images, torch.Generator().manual_seed(0), by=2)
    padded = F.pad(images.float(), (2, 2, 2, 2), mode="replicate").to(torch.uint8)
    windows = [padded[:, :, i : i + 9, j : j + 9] for i in range(5) for j in range(5)]
    hits = torch.stack([(moved == window).flatten(1).all(1) for window in windows])
    assert hits.any(0).all() and hits.any(1).all()  # every image is a window of itself, and every window occurs


def test_two_epochs_show_every_image_both_ways():
    part, seen = bars(), []

    def keep(images, generator):
        seen.append(images)
        return images

    config = TrainConfig(2, len(part), 0.01, flip=True)
    training.fit(partial(ConvNet, widths=(4, 4)), part, config, transform=keep, **COMMON)
    images = models.add_channel_dim(part.images)
    both = torch.cat([images, images.flip(3)]).flatten(1)
    assert sorted(seen[0].flatten(1).tolist()) != sorted(images.flatten(1).tolist())  # not all as they were
    assert sorted(torch.cat(seen).flatten(1).tolist()) == sorted(both.tolist())


def test_features_are_not_mirrored():
    features = Split(torch.randn(30, 5), torch.arange(30) % 3)
    seen = []
    how = COMMON | {"transform": lambda batch, _: seen.append(batch) or batch}
    training.fit(
        lambda images, classes: torch.nn.Linear(5, classes), features, TrainConfig(1, 30, 0.01, flip=True), **how
    )
    assert sorted(seen[0].tolist()) == sorted(features.images.tolist())


def test_our_network_begins_by_passing_its_inputs_on():
    torch.manual_seed(0)
    network = ConvNet(bars(colour=True).images, classes=2, widths=(4, 6, 3))
    x = torch.randn(2, 4, 5, 5)
    first, wider, narrower = (layer for layer in network if isinstance(layer, torch.nn.Conv2d))
    torch.testing.assert_close(wider(x)[:, :4], x)
    torch.testing.assert_close(narrower(torch.cat([x, x[:, :2]], 1)), x[:, :3])
    assert wider.weight[4:].std() > 0 and first.weight.std() > 0


@pytest.mark.parametrize("colour", [True, False])
def test_a_network_learns_and_the_seed_decides_everything(colour):
    part = bars(colour=colour)
    config = TrainConfig(8, 16, 0.01, **ONE_CYCLE, weight_decay=0.05, smoothing=0.1, flip=True, shift=1)

    def run(seed):
        state = torch.random.get_rng_state()
        network, history = training.fit(partial(ConvNet, widths=(8, 16)), part, config, **COMMON | {"seed": seed})
        assert torch.equal(state, torch.random.get_rng_state())  # the global generator is left alone
        return history.loss, inference.probabilities(network, part.images, FAST, flip=True)

    (loss, p), (again, q), (other, _) = run(0), run(0), run(1)
    assert len(loss) == 8 and loss[-1] < loss[0]
    assert (p.argmax(1) == part.labels).float().mean() > 0.9
    assert loss == again and torch.equal(p, q) and loss != other


def test_without_schedule_and_decay_it_is_plain_adam():
    part = bars(48)
    network, _ = training.fit(FeedForward, part, TrainConfig(2, 48, 0.001), **COMMON)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        twin = FeedForward(part.images, classes=3)
        adam = torch.optim.Adam(twin.parameters(), lr=0.001)
        torch.manual_seed(0)
        generator = torch.Generator().manual_seed(0)
        FAST.place(twin)
        for _ in range(2):
            rows = torch.randperm(48, generator=generator)
            torch.randint(0, 1, (2, 48, 1), generator=generator)  # the moves, by nothing
            with FAST.autocast():
                logits = twin(FAST.place(part.images[rows])).float()
            adam.zero_grad()
            F.cross_entropy(logits, part.labels[rows].to(FAST.name)).backward()
            adam.step()
    for mine, theirs in zip(network.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-3, atol=1e-5)


def test_muon_trains_kernels_as_matrices_and_puts_them_back():
    part = bars(32, colour=False)
    torch.manual_seed(0)
    network = ConvNet(part.images, classes=3, widths=(4, 8, 8))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    network[1].requires_grad_(False)
    with optimisers(network, TrainConfig(1, 8, 0.01, muon=True), FAST) as (adam, muon):
        ours = [p for each in (adam, muon) for group in each.param_groups for p in group["params"]]
        assert [p.shape for p in muon.param_groups[0]["params"]] == [(8, 36), (8, 72)]
        learning = [p for p in network.parameters() if p.requires_grad]
        assert sorted(map(id, ours)) == sorted(map(id, learning))  # every weight that learns, once
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    config = TrainConfig(12, 8, 0.01, **ONE_CYCLE, muon=True)
    history = training.train_classifier(network, part, config, device=FAST, seed=0)
    after = network.state_dict()
    assert list(after) == list(before) and history.loss[-1] < history.loss[0]
    assert torch.equal(after["1.weight"], before["1.weight"]) and not torch.equal(after["5.weight"], before["5.weight"])


@pytest.mark.parametrize("shape", [(6, 40), (40, 6)])
def test_muon_by_hand_is_torchs_muon_in_bfloat16_and_near_it_in_float32(shape):
    generator = torch.Generator().manual_seed(0)
    start = torch.randn(shape, generator=generator)
    exact, near, theirs = (torch.nn.Parameter(start.clone()) for _ in range(3))
    settings = {"lr": 0.01, "weight_decay": 0.05}
    made = {
        exact: Muon([exact], **settings, precision=torch.bfloat16),
        near: Muon([near], **settings, precision=torch.float32),
        theirs: torch.optim.Muon([theirs], **settings, adjust_lr_fn="match_rms_adamw"),
    }
    for _ in range(5):
        gradient = torch.randn(shape, generator=generator)
        for matrix, optimiser in made.items():
            matrix.grad = gradient.clone()
            optimiser.step()
    assert torch.equal(exact, theirs)
    torch.testing.assert_close(near, theirs, rtol=0, atol=5e-4)
    assert not torch.equal(near, exact)


def test_muon_takes_dense_layers_too_but_never_the_last():
    network = FeedForward(torch.zeros(2, 8, 8, dtype=torch.uint8), classes=3, hidden=(6, 5))
    with as_matrices(network) as weights:
        assert [weight.shape for weight in weights] == [(6, 64), (5, 6)]


def test_muon_keeps_to_the_learning_rates_of_an_autoencoders_groups():
    class Slow(models.ConvolutionalAutoencoder):
        def parameter_groups(self, learning_rate):
            slow, rest = self.decoder.parameters(), self.encoder.parameters()
            return [{"params": list(rest), "lr": learning_rate}, {"params": list(slow), "lr": learning_rate / 10}]

    network = Slow((4, 4, 8))
    with optimisers(network, TrainConfig(1, 8, 0.01, muon=True), FAST) as moved:
        held = [p for each in moved for group in each.param_groups for p in group["params"]]
        assert set(map(id, held)) == set(map(id, network.parameters())) and len(held) == len(set(held))
        assert [[group["lr"] for group in each.param_groups] for each in moved] == [[0.01, 0.001]] * 2


def test_a_prediction_may_be_the_mean_over_moved_and_mirrored_views():
    part = bars(20)
    network = FeedForward(part.images, classes=3)
    padded = F.pad(part.images.float(), (1, 1, 1, 1), mode="replicate").to(torch.uint8)
    views = [part.images, padded[:, :, 2:, 2:], padded[:, :, :-2, :-2]]
    each = [inference.probabilities(network, view, FAST) for view in views + [view.flip(3) for view in views]]
    found = inference.probabilities(network, part.images, FAST, flip=True, shift=1)
    torch.testing.assert_close(found, torch.stack(each).mean(0))


def test_the_history_has_plain_losses_and_validation_after_every_epoch():
    part = bars(30)
    network, history = training.fit(
        FeedForward, part, TrainConfig(3, 10, 0.001, smoothing=0.3), **COMMON, validation=part
    )
    p = inference.probabilities(network, part.images, FAST)
    assert len(history.accuracy) == len(history.validation_loss) == 3
    assert history.validation_accuracy[-1] == pytest.approx((p.argmax(1) == part.labels).double().mean().item())
    assert history.validation_loss[-1] == pytest.approx(F.nll_loss(p.log(), part.labels).item(), rel=1e-4)
    assert all(0 <= value <= 1 for value in history.accuracy)


@pytest.mark.parametrize("share", [0.3, 0.5, 0.9])
def test_pruning_leaves_out_easy_images_alone_and_keeps_the_expected_sum(share):
    losses = torch.cat([torch.full((8000,), 0.1), torch.full((2000,), 2.0)])
    weights = augmentation.pruned(losses, share, torch.Generator().manual_seed(0))
    easy, hard = weights[:8000], weights[8000:]
    assert (hard == 1).all()
    assert (easy == 0).float().mean() == pytest.approx(share, abs=0.02)
    torch.testing.assert_close(easy[easy > 0], torch.full_like(easy[easy > 0], 1 / (1 - share)))
    assert weights.sum() == pytest.approx(10000, rel=0.1)


@pytest.mark.parametrize("losses", [torch.zeros(5), torch.full((5,), torch.nan)])
def test_pruning_leaves_out_none_where_no_image_is_easier_than_others(losses):
    assert augmentation.pruned(losses, 0.9, torch.Generator()).tolist() == [1] * 5


@pytest.mark.parametrize("count", [40, 41, 250])
def test_pruned_epochs_have_as_many_steps_and_their_first_and_last_images_are_any(count):
    seen = []

    def note(images, generator):
        seen.append(images[:, 0, 0, 0].tolist())
        return images

    images = torch.arange(count, dtype=torch.uint8).view(-1, 1, 1, 1).expand(-1, 1, 8, 8)
    split = Split(images, (torch.arange(count) % 3 == 0).long())
    config = TrainConfig(8, 10, 0.01, prune=0.8)
    network = FeedForward(images, classes=2, hidden=(8,))
    history = training.train_classifier(network, split, config, seed=0, transform=note)
    steps = len(config.batches(count))
    assert len(seen) == len(history.batch_losses) == 8 * steps
    assert sorted(chain(*seen[:steps])) == [*range(count)], "the first pass shows all"
    assert sum(history.passes) == len(seen) and history.passes[0] == steps and len(history.passes) > 8
    assert all(0 <= value <= 1 for value in history.accuracy)


def test_pruning_shows_hard_images_more_often():
    part = bars(90)
    hard = part.labels == 2  # named at random, so that they cannot be learned
    part.labels[hard] = torch.randint(0, 3, (int(hard.sum()),), generator=torch.Generator().manual_seed(0))
    counts = dict.fromkeys(range(90), 0)
    keys = {tuple(image.flatten()[:200].tolist()): k for k, image in enumerate(part.images)}

    def note(images, generator):
        for image in images:
            counts[keys[tuple(image.flatten()[:200].tolist())]] += 1
        return images

    training.fit(FeedForward, part, TrainConfig(20, 10, 0.003, prune=0.5), transform=note, **COMMON)
    mean = [sum(counts[k] for k in range(90) if bool(hard[k]) is kind) for kind in (True, False)]
    assert mean[0] / 30 > 1.2 * mean[1] / 60


def test_the_best_config_comes_first_and_keeps_its_epochs():
    part, configs = bars(), [TrainConfig(50, 16, 1e-7), TrainConfig(50, 16, 0.005)]
    make = partial(ConvNet, widths=(8,))
    rows = training.tune(make, configs, part, part, epochs=3, **COMMON)
    assert rows[0]["config"] == configs[1] and rows[0]["accuracy"] >= rows[1]["accuracy"]
    with pytest.raises(ValueError, match="no learning rates"):
        training.tune(make, [], part, part, epochs=3, **COMMON)


@pytest.mark.parametrize(
    "change",
    [
        {"epochs": 0},
        {"batch_size": 0},
        {"learning_rate": -1.0},
        {"weight_decay": -1.0},
        {"smoothing": 1.0},
        {"prune": 1.0},
        {"prune": -0.1},
        {"shift": -1},
    ],
)
def test_bad_settings_are_refused_in_one_line(change):
    with pytest.raises(ValueError) as error:
        TrainConfig(**{"epochs": 1, "batch_size": 1, "learning_rate": 0.1} | change)
    assert "\n" not in str(error.value)


def test_a_convolution_is_a_matrix_with_shared_weights():
    generator = torch.Generator().manual_seed(0)
    kernel, image = torch.randn(3, 3, generator=generator), torch.randn(6, 6, generator=generator)
    matrix = models.convolution_matrix(kernel, 6)
    expected = F.conv2d(image[None, None], kernel[None, None]).flatten()
    assert matrix.shape == (16, 36) and (matrix != 0).sum(1).tolist() == [9] * 16
    torch.testing.assert_close(matrix @ image.flatten(), expected)


@pytest.mark.parametrize("count", [2, 33, 65])
def test_batch_normalisation_of_features_learns_from_any_number_of_images_but_one(count):
    pictures = Split(torch.rand(count, 1, 28, 28), torch.arange(count) % 3)
    objective = JointLoss(CenterLoss(3, 2), weight=0.1)
    history = training.train_classifier(
        models.planar_net(classes=3, seed=0), pictures, TrainConfig(1, 32, 0.01), seed=0, objective=objective
    )
    assert len(history.loss) == 1


@pytest.mark.parametrize(("count", "size"), [(1, 32), (8, 1)])
def test_batch_normalisation_of_features_refuses_single_images_before_it_learns(count, size):
    pictures = Split(torch.rand(count, 1, 28, 28), torch.zeros(count, dtype=torch.long))
    with pytest.raises(ValueError, match="use two images or more"):
        training.train_classifier(models.planar_net(classes=3, seed=0), pictures, TrainConfig(1, size, 0.01), seed=0)
