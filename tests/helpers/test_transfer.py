"""Networks on top of an autoencoder: what is frozen stays as it is, copies are not shared, shapes and refusals."""

import pytest
import torch
from torch.nn import functional as F

from helpers import data, device, training, transfer
from helpers.data import Split
from helpers.inference import reconstruct
from helpers.models import ConvolutionalAutoencoder, ReportBCNN, Scale, add_channel_dim, load_weights
from helpers.training import TrainConfig
from helpers.transfer import Frozen, encoder_classifier, learn_from_few, whole_classifier

FAST = device.pick()


def garments(n=40):
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(n) % 4
    images = torch.randint(0, 40, (n, 28, 28), generator=generator, dtype=torch.uint8)
    for k in range(n):
        images[k, 7 * labels[k] : 7 * labels[k] + 7] += 150
    return Split(images, labels)


def digits():
    torch.manual_seed(1)
    return ConvolutionalAutoencoder((4, 4, 8))


def fitted(build, part, epochs=2):
    config = TrainConfig(epochs, 10, 0.01)
    return transfer.fit(build, part, config, classes=4, device=FAST, seed=0, name=None, validation=part)


def same(a, b):
    return all(torch.equal(x.cpu(), b[name].cpu()) for name, x in a.items())


@pytest.mark.parametrize("frozen", [True, False])
@pytest.mark.parametrize("whole", [True, False])
def test_what_is_frozen_keeps_weights_and_batch_statistics_and_what_is_not_learns(whole, frozen):
    part, autoencoder = garments(), digits()
    before = {name: value.clone() for name, value in autoencoder.state_dict().items()}

    def build(images, classes):
        if whole:
            return whole_classifier(autoencoder, images, classes=classes, frozen=frozen)
        return encoder_classifier(autoencoder, images, classes=classes, frozen=frozen)

    network, history = fitted(build, part)
    assert same(before, autoencoder.state_dict())  # a copy was trained, never the autoencoder itself
    body = network[1].network if frozen else network[1]
    after = (body.autoencoder if whole else body).state_dict()
    start = before if whole else {n.removeprefix("encoder."): v for n, v in before.items() if n.startswith("encoder.")}
    assert same(start, after) is frozen
    assert len(history.accuracy) == len(history.validation_accuracy) == len(history.validation_loss) == 2


@pytest.mark.parametrize("frozen", [True, False])
def test_frozen_layers_used_once_or_in_every_epoch_give_the_same_network(frozen):
    part, autoencoder = garments(), digits()

    def build(images, classes):
        return encoder_classifier(autoencoder, images, classes=classes, frozen=frozen)

    once, history = fitted(build, part)
    settings = {"classes": 4, "device": FAST, "seed": 0, "name": None, "validation": part}
    always, other = training.fit(build, part, TrainConfig(2, 10, 0.01), **settings)
    for name, value in once.state_dict().items():
        torch.testing.assert_close(value, always.state_dict()[name], atol=2e-3, rtol=2e-3, msg=name)
    assert history.validation_loss == pytest.approx(other.validation_loss, abs=2e-3)
    assert len(history.seconds) == 2 and len(transfer.split_frozen(once)[0]) == 2 * frozen


def test_frozen_layers_refuse_images_that_change_every_epoch():
    def build(images, classes):
        return encoder_classifier(digits(), images, classes=classes, frozen=True)

    with pytest.raises(ValueError, match="leave out flip and shift"):
        transfer.fit(build, garments(), TrainConfig(1, 10, 0.01, flip=True), classes=4, device=FAST, seed=0, name=None)


def test_the_encoder_starts_where_the_autoencoder_ended():
    part, autoencoder = garments(), digits()
    network = encoder_classifier(autoencoder, part.images, classes=4).eval()
    images = add_channel_dim(part.images)
    codes = network[1](network[0](images))
    torch.testing.assert_close(codes, autoencoder.eval().encoder(images / 255))
    assert network(images).shape == (len(images), 4)


def test_the_classifier_behind_the_whole_sees_what_the_autoencoder_restores():
    part, autoencoder = garments(), digits()
    network = whole_classifier(autoencoder, part.images, classes=4, frozen=True).eval()
    images = add_channel_dim(part.images)
    seen = network[1](network[0](images))
    expected = reconstruct(autoencoder, data.flat(part.images), FAST.exact)
    torch.testing.assert_close(seen.flatten(1), expected, atol=1e-5, rtol=1e-4)
    kinds = [type(layer) for layer in network[2:]]
    assert kinds == [type(layer) for layer in ReportBCNN(part.images, classes=4)][1:]


def test_frozen_never_leaves_evaluation_mode():
    frozen = Frozen(torch.nn.Sequential(torch.nn.Dropout(0.5), torch.nn.Linear(3, 3)))
    outer = torch.nn.Sequential(frozen).train()
    assert outer.training and not any(module.training for module in frozen.modules())
    assert not any(p.requires_grad for p in outer.parameters())


def test_report_bs_cnn_has_two_convolutions_and_a_dense_layer():
    network = ReportBCNN(torch.zeros(2, 28, 28, dtype=torch.uint8), classes=10)
    assert isinstance(network[0], Scale) and network[0](torch.tensor([255])).item() == 1
    assert [m.in_features for m in network if isinstance(m, torch.nn.Linear)] == [1600, 128]
    assert sum(isinstance(m, torch.nn.Conv2d) for m in network) == 2


def test_the_dropout_of_report_bs_cnn_can_be_set_also_behind_a_denoiser():
    part = garments()
    whole = whole_classifier(digits(), part.images, classes=4, frozen=True, dropout=(0.0, 0.1))
    for network, shares in ((ReportBCNN(part.images, classes=4), [0.25, 0.5]), (whole, [0.0, 0.1])):
        assert [m.p for m in network if isinstance(m, torch.nn.Dropout)] == shares


def test_one_hot_targets_give_the_same_loss_as_labels():
    logits, labels = torch.randn(20, 10, generator=torch.Generator().manual_seed(0)), torch.arange(20) % 10
    torch.testing.assert_close(F.cross_entropy(logits, F.one_hot(labels, 10).float()), F.cross_entropy(logits, labels))


def test_a_missing_or_foreign_encoder_is_one_clear_line(tmp_path):
    from safetensors.torch import save_file

    with pytest.raises(ValueError, match="run chapter 2 first"):
        load_weights(digits(), tmp_path / "conv.safetensors", made_by="chapter 2")
    save_file(ConvolutionalAutoencoder((4, 4, 4)).state_dict(), tmp_path / "other.safetensors")
    with pytest.raises(ValueError, match=r"holds another network.*run chapter 2 again") as error:
        load_weights(digits(), tmp_path / "other.safetensors", made_by="chapter 2")
    assert "\n" not in str(error.value)


def test_corrupted_images_are_bytes_again_fixed_by_the_seed():
    part, corrupt = garments(), data.noise("gaussian", 0.5)
    once, again, other = (data.corrupted(part, corrupt, seed=seed) for seed in (0, 0, 1))
    assert once.images.dtype == torch.uint8 and once.images.shape == part.images.shape
    assert torch.equal(once.images, again.images) and not torch.equal(once.images, other.images)
    exact = corrupt(data.flat(part.images), torch.Generator().manual_seed(0))
    assert (data.flat(once.images) - exact).abs().max() <= 0.5 / 255 + 1e-6
    assert once.labels is part.labels and part.images.max() < 200


def test_balanced_parts_hold_as_many_of_every_class():
    part = garments()
    few = data.balanced_subset(part, 3, seed=0)
    assert few.labels.bincount().tolist() == [3, 3, 3, 3]
    assert not torch.equal(few.images, data.balanced_subset(part, 3, seed=1).images)
    with pytest.raises(data.DataError, match="not every class has 11"):
        data.balanced_subset(part, 11, seed=0)


def test_learning_from_few_labels_draws_images_and_weights_anew():
    part, seen = garments(), []

    def build(images, classes):
        network = ReportBCNN(images, classes=classes)
        seen.append((images.clone(), network[1].weight.detach().clone()))
        return network

    settings = {"steps": 6, "draws": 2, "classes": 4, "device": FAST, "seed": 0}
    found = learn_from_few({"a": build, "b": build}, part, part, [1, 2], TrainConfig(1, 4, 0.01), **settings)
    assert {name: values.shape for name, values in found.items()} == {"a": (2, 2), "b": (2, 2)}
    assert torch.equal(found["a"], found["b"])  # the same network on the same images
    (images, weights), (twin, same), (others, new), _ = seen[:4]
    assert torch.equal(images, twin) and torch.equal(weights, same)
    assert not torch.equal(images, others) and not torch.equal(weights, new)
    assert [len(images) for images, _ in seen] == [4] * 4 + [8] * 4
