"""Training: the same batches for every learner, the schedule, the seed, and refusals before any work is done."""

import time
from dataclasses import replace

import pytest
import torch

from helpers import device, inference, metrics, probes, training
from helpers.data import noise
from helpers.models import Autoencoder, ConvolutionalAutoencoder, ConvolutionalEncoder
from helpers.optimisers import schedule
from helpers.scratch import ScratchAutoencoder, initial_layers
from helpers.training import TrainConfig

CONFIG = TrainConfig(3, 16, 0.01, schedule="linear", warmup=0.5 / 3)


def images(n=100, d=12):
    return torch.rand(n, d, generator=torch.Generator().manual_seed(1))


def networks():
    layers = initial_layers([12, 8, 3, 8, 12], seed=0)
    return {
        "scratch": ScratchAutoencoder(layers, encoder_layers=2),
        "inbuilt": Autoencoder(layers, encoder_layers=2),
    }


def test_scratch_and_inbuilt_lose_the_same_at_every_step():
    history = training.train_autoencoders(networks(), images(), CONFIG, seed=0)
    a, b = (torch.tensor(history[name].batch_losses) for name in ("scratch", "inbuilt"))
    assert len(a) == 3 * 7
    torch.testing.assert_close(a, b, rtol=1e-5, atol=0)
    assert history["scratch"].loss[-1] < history["scratch"].loss[0]
    assert len(history["scratch"].seconds) == 3


def test_the_seed_decides_everything():
    def run(seed):
        return training.train_autoencoders(networks(), images(), CONFIG, seed=seed)["scratch"].batch_losses

    assert run(0) == run(0)
    assert run(0) != run(1)


@pytest.mark.parametrize(
    "change", [{"epochs": 0}, {"batch_size": 0}, {"learning_rate": 0.0}, {"warmup": -1.0}, {"schedule": "falling"}]
)
def test_bad_settings_are_refused(change):
    with pytest.raises(ValueError):
        replace(CONFIG, **change)


def test_learning_rates_rise_then_fall():
    rates = TrainConfig(1, 1, 1.0, schedule="linear", warmup=0.2).learning_rates(10)
    assert len(rates) == 10 and rates[0] < rates[1] and rates[1:] == sorted(rates[1:], reverse=True) and rates[-1] > 0
    assert TrainConfig(1, 1, 0.5).learning_rates(4) == [0.5] * 4


def test_state_of_a_scratch_network_loads_into_its_twin():
    pair = networks()
    state = training.state_of(pair["scratch"])
    assert state.keys() == training.state_of(pair["inbuilt"]).keys()
    pair["inbuilt"].load_state_dict(state)
    x = images(5)
    torch.testing.assert_close(pair["inbuilt"].encode(x), pair["scratch"].encode(x))


def test_the_classifier_learns_and_the_best_candidate_comes_first():
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(3).repeat(100)
    features = torch.nn.functional.one_hot(labels, 5).float() + 0.3 * torch.randn(300, 5, generator=generator)
    features[:, 4] = 7.0  # a feature that never varies must do no harm
    model = probes.train_probe(features, labels, hidden=16, learning_rate=0.01, epochs=15, seed=0, classes=3)
    probabilities = model.probabilities(features)
    torch.testing.assert_close(probabilities.sum(1), torch.ones(300))
    assert (probabilities.argmax(1) == labels).float().mean() > 0.9
    rows, fitted = probes.tune_probe(
        {"a": features},
        labels,
        {"a": features},
        labels,
        [{"hidden": 16, "learning_rate": 1e-6}, {"hidden": 16, "learning_rate": 0.01}],
        epochs=5,
        seed=0,
    )
    assert rows[0]["learning_rate"] == 0.01 and rows[0]["mean"] >= rows[1]["mean"]
    assert (fitted["a"].probabilities(features).argmax(1) == labels).double().mean().item() == pytest.approx(
        rows[0]["a"]
    )


def test_a_denoiser_sees_fresh_noise_clean_targets_and_a_validation_set():
    seen = []

    def corrupt(x, generator):
        seen.append((x * torch.empty_like(x).uniform_(generator=generator)).clone())
        return seen[-1]

    x = images()
    history = training.train_autoencoders(networks(), x, CONFIG, seed=0, corrupt=corrupt, validation=(x[:9], x[:9]))
    assert len(seen) == CONFIG.epochs and not torch.equal(seen[0], seen[1])
    assert len(history["scratch"].validation_loss) == CONFIG.epochs
    torch.testing.assert_close(*(torch.tensor(history[n].batch_losses) for n in history), rtol=1e-5, atol=0)


@pytest.mark.parametrize("names", [["scratch"], ["scratch", "inbuilt"]])
@pytest.mark.parametrize("level", [0.0, 0.3])
def test_bytes_train_as_their_pixels_do(names, level):
    pictures = (256 * images()).to(torch.uint8).view(-1, 3, 2, 2)
    corrupt = noise("gaussian", level) if level else None

    def losses(x):
        chosen = {name: network for name, network in networks().items() if name in names}
        history = training.train_autoencoders(chosen, x, CONFIG, seed=0, corrupt=corrupt)
        return [history[name].batch_losses for name in names]

    assert losses(pictures) == losses(pictures.flatten(1) / 255)


def test_a_rest_of_one_image_joins_the_batch_before_it():
    def batches(images, size):
        return TrainConfig(2, size, 0.1).batches(images)

    assert batches(65, 64) == [65] and batches(129, 64) == [64, 65] and batches(3, 2) == [3]
    assert batches(130, 64) == [64, 64, 2] and batches(128, 64) == [64, 64], "any other rest is a batch"
    assert batches(1, 64) == [1] and batches(10, 64) == [10] and batches(3, 1) == [1, 1, 1]
    assert TrainConfig(2, 64, 0.1).steps(129) == 4
    history = training.train_autoencoders(networks(), images(33), CONFIG, seed=0)  # CONFIG has batches of 16
    assert [len(h.batch_losses) for h in history.values()] == [3 * 2, 3 * 2]


@pytest.mark.parametrize(("images", "size"), [(5, 2), (100, 30), (30_000, 256), (65, 64), (3, 4)])
def test_the_mean_of_an_epoch_weighs_every_batch_by_its_images(images, size):
    history, losses = training.History(), torch.rand(images, generator=torch.Generator().manual_seed(0)).double()
    sizes = TrainConfig(1, size, 0.1).batches(images)
    batches = torch.stack([batch.mean() for batch in losses.split(sizes)])
    history.add_epoch(batches, sizes, started=time.perf_counter() - 1)
    assert history.loss == [pytest.approx(losses.mean().item(), rel=1e-12)]


def test_the_convolutional_denoiser_learns_the_same_from_the_same_seed():
    bars = torch.zeros(64, 28, 28)
    for k in range(64):
        bars[k, k % 20 : k % 20 + 6, 4:24] = 1
    bars = bars.flatten(1)
    corrupt = noise("gaussian", 0.4)
    noisy = corrupt(bars, torch.Generator().manual_seed(5))

    def run():
        torch.manual_seed(0)
        network = ConvolutionalAutoencoder(widths=(4, 8, 8))
        config = TrainConfig(16, 16, 0.02, schedule="one_cycle", warmup=0.25, weight_decay=0.01, muon=True)
        how = {"seed": 0, "corrupt": corrupt, "validation": (noisy, bars), "device": device.pick()}
        history = training.train_autoencoders({"conv": network}, bars, config, **how)["conv"]
        return history, inference.reconstruct(network, noisy, device.pick())

    history, restored = run()
    assert restored.shape == bars.shape and restored.min() >= 0 and restored.max() <= 1
    assert history.validation_loss[-1] < 0.7 * history.validation_loss[0]
    assert metrics.psnr(restored, bars).mean() > metrics.psnr(noisy, bars).mean() + 2
    assert torch.equal(restored, run()[1])


def test_groups_of_parameters_keep_the_ratio_of_their_learning_rates():
    weights = [torch.nn.Parameter(torch.zeros(1)) for _ in range(2)]
    groups = [{"params": [weights[0]], "lr": 0.01}, {"params": [weights[1]], "lr": 0.001}]
    optimiser = torch.optim.AdamW(groups)
    rates = schedule(optimiser, CONFIG, images=100)
    for expected in CONFIG.learning_rates(CONFIG.steps(100)):
        first, second = (group["lr"] for group in optimiser.param_groups)
        assert first == expected
        assert second == pytest.approx(expected / 10)
        optimiser.step()
        rates.step()


def test_contrastive_training_gives_two_views_of_an_image_like_codes():
    generator = torch.Generator().manual_seed(1)
    pictures = torch.rand(48, 1, 28, 28, generator=generator)

    def view(batch, generator):
        return (batch + 0.1 * torch.randn(batch.shape, generator=generator)).clamp(0, 1)

    def loss(codes, others):
        assert codes.shape == others.shape == (16, 4) and not torch.equal(codes, others)
        return torch.nn.functional.cross_entropy(codes @ others.T, torch.arange(16))

    def run(seed):
        encoder = ConvolutionalEncoder(4, seed=seed, channels=(2, 3, 4))
        how = {"view": view, "loss": loss, "seed": seed, "name": "test"}
        return encoder, training.train_contrastive(encoder, pictures, replace(CONFIG, epochs=10), **how)

    encoder, history = run(0)
    assert len(history.batch_losses) == 30 and history.loss[-1] < history.loss[0]
    assert history.loss == run(0)[1].loss != run(1)[1].loss
    codes = inference.encode(encoder, pictures.flatten(1), device.PLAIN)
    assert codes.shape == (48, 4) and torch.equal(codes, encoder(pictures).detach())
