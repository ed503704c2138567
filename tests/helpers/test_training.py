"""Training: the same batches for every learner, the schedule, the seed, and refusals before any work is done."""

import pytest
import torch

from helpers import device, evaluation, training
from helpers.models import Autoencoder, ConvolutionalAutoencoder
from helpers.data import noise
from helpers.scratch import ScratchAutoencoder, initial_layers

SETTINGS = {"epochs": 3, "batch_size": 16, "learning_rate": 0.01, "warmup_epochs": 0.5, "decay": True, "seed": 0}


def images(n=100, d=12):
    return torch.rand(n, d, generator=torch.Generator().manual_seed(1))


def learners():
    layers = initial_layers([12, 8, 3, 8, 12], seed=0)
    return {
        "scratch": training.ScratchLearner(ScratchAutoencoder(layers, encoder_layers=2)),
        "inbuilt": training.InbuiltLearner(Autoencoder(layers, encoder_layers=2)),
    }


def test_scratch_and_inbuilt_lose_the_same_at_every_step():
    history = training.train_autoencoders(learners(), images(), **SETTINGS)
    a, b = (torch.tensor(history[name].batch_losses) for name in ("scratch", "inbuilt"))
    assert len(a) == 3 * 7
    torch.testing.assert_close(a, b, rtol=1e-5, atol=0)
    assert history["scratch"].loss[-1] < history["scratch"].loss[0]
    assert len(history["scratch"].seconds) == 3


def test_the_seed_decides_everything():
    def run(**changes):
        return training.train_autoencoders(learners(), images(), **(SETTINGS | changes))["scratch"].batch_losses

    assert run() == run()
    assert run() != run(seed=1)


@pytest.mark.parametrize("change", [{"epochs": 0}, {"batch_size": 0}, {"learning_rate": 0.0}, {"warmup_epochs": -1.0}])
def test_bad_settings_are_refused(change):
    with pytest.raises(ValueError):
        training.train_autoencoders(learners(), images(), **(SETTINGS | change))


def test_learning_rates_rise_then_fall():
    rates = training.learning_rates(1.0, 10, warmup=0.2, decay=True)
    assert len(rates) == 10 and rates[0] < rates[1] and rates[1:] == sorted(rates[1:], reverse=True) and rates[-1] > 0
    assert training.learning_rates(0.5, 4, warmup=0, decay=False) == [0.5] * 4


def test_state_of_a_scratch_network_loads_into_its_twin():
    pair = learners()
    state = training.state_of(pair["scratch"].network)
    assert state.keys() == training.state_of(pair["inbuilt"].network).keys()
    pair["inbuilt"].network.load_state_dict(state)
    x = images(5)
    torch.testing.assert_close(pair["inbuilt"].network.encode(x), pair["scratch"].network.encode(x))


def test_the_classifier_learns_and_the_best_candidate_comes_first():
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(3).repeat(100)
    features = torch.nn.functional.one_hot(labels, 5).float() + 0.3 * torch.randn(300, 5, generator=generator)
    features[:, 4] = 7.0  # a feature that never varies must do no harm
    model = training.train_classifier(features, labels, hidden=16, learning_rate=0.01, epochs=15, seed=0, classes=3)
    probabilities = model.probabilities(features)
    torch.testing.assert_close(probabilities.sum(1), torch.ones(300))
    assert (probabilities.argmax(1) == labels).float().mean() > 0.9
    rows, fitted = training.choose_classifier(
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
    history = training.train_autoencoders(learners(), x, corrupt=corrupt, validation=(x[:9], x[:9]), **SETTINGS)
    assert len(seen) == SETTINGS["epochs"] and not torch.equal(seen[0], seen[1])
    assert len(history["scratch"].validation_loss) == SETTINGS["epochs"]
    torch.testing.assert_close(*(torch.tensor(history[n].batch_losses) for n in history), rtol=1e-5, atol=0)


def test_the_mean_of_an_epoch_weighs_a_smaller_last_batch_less():
    history = training.History()
    history.add_epoch(torch.tensor([1.0, 1.0, 4.0]), images=5, seconds=1.0)
    assert history.loss == [pytest.approx((2 + 2 + 4) / 5)]


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
        settings = {"epochs": 12, "batch_size": 16, "learning_rate": 0.01, "seed": 0, "device": device.pick()}
        history = training.train_denoiser(network, bars, corrupt=corrupt, validation=(noisy, bars), **settings)
        return history, training.denoise(network, noisy, device.pick())

    history, restored = run()
    assert restored.shape == bars.shape and restored.min() >= 0 and restored.max() <= 1
    assert history.validation_loss[-1] < 0.7 * history.validation_loss[0]
    assert evaluation.psnr(restored, bars).mean() > evaluation.psnr(noisy, bars).mean() + 2
    assert torch.equal(restored, run()[1])
