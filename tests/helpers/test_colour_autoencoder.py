"""The colour autoencoder: PCA before training, better than PCA after it, and refusals."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from images import photographs
from sklearn.decomposition import PCA

from helpers import device, inference, metrics, training
from helpers.models import ColourAutoencoder, principal_components


def test_it_starts_as_pca():
    images = photographs()
    network = ColourAutoencoder(principal_components(images, 7), width=2)
    pca = PCA(7, svd_solver="full").fit(images.numpy())
    expected = torch.from_numpy(pca.inverse_transform(pca.transform(images.numpy())))
    restored = inference.reconstruct(network, images, device.pick().exact)
    torch.testing.assert_close(restored, expected.clamp(0, 1), atol=1e-4, rtol=0)
    with torch.no_grad():
        codes = network.encode(images.view(-1, 3, 32, 32))
    torch.testing.assert_close(codes.var(0, correction=0), torch.ones(7), atol=1e-3, rtol=0)


def test_it_starts_as_pca_in_bfloat16_too():
    images, exact = photographs(), device.PLAIN
    network = ColourAutoencoder(principal_components(images, 7), width=2)
    coarse = replace(exact, precision=torch.bfloat16)
    assert torch.equal(inference.reconstruct(network, images, coarse), inference.reconstruct(network, images, exact))


def test_free_numbers_start_beside_pca_and_change_no_picture():
    images, exact = photographs(), device.pick().exact
    torch.manual_seed(0)
    network = ColourAutoencoder(principal_components(images, 7), free=3, width=2)
    linear = ColourAutoencoder(principal_components(images, 4), width=2)
    torch.testing.assert_close(
        inference.reconstruct(network, images, exact), inference.reconstruct(linear, images, exact)
    )
    codes = inference.encode(network, images, exact)
    torch.testing.assert_close(codes[:, :4], inference.encode(linear, images, exact))
    assert codes[:, 4:].std(0).min() > 1e-3  # features of the image, not nothing


@pytest.mark.parametrize("free", [-1, 7])
def test_not_all_numbers_can_be_free(free):
    with pytest.raises(ValueError, match="0 to 6 may be free"):
        ColourAutoencoder(principal_components(photographs(), 7), free=free)


def test_there_is_a_filter():
    with pytest.raises(ValueError, match="must be 1 or more, not 0"):
        ColourAutoencoder(principal_components(photographs(), 7), width=0)


def test_encoding_and_decoding_in_turn_are_the_whole_network():
    images, exact = photographs(), device.pick().exact
    network = ColourAutoencoder(principal_components(images, 7), width=2)
    torch.nn.init.normal_(network.refine[-2].weight, std=0.1)
    codes = inference.encode(network, images, exact)
    assert codes.shape == (len(images), 7)
    torch.testing.assert_close(inference.decode(network, codes, exact), inference.reconstruct(network, images, exact))


def test_bytes_are_asked_about_as_their_pixels_are():
    network = ColourAutoencoder(principal_components(photographs(), 7), width=2)
    pictures = (256 * torch.rand(6, 3, 32, 32, generator=torch.Generator().manual_seed(1))).to(torch.uint8)
    for ask in (inference.reconstruct, inference.encode):
        assert torch.equal(ask(network, pictures, device.PLAIN), ask(network, pictures.flatten(1) / 255, device.PLAIN))


def test_training_only_improves_on_it():
    images = photographs()
    torch.manual_seed(0)
    network = ColourAutoencoder(principal_components(images, 7), width=4)
    config = training.TrainConfig(15, 16, 0.005, schedule="one_cycle", warmup=0.25, weight_decay=0.01)
    before = metrics.psnr(inference.reconstruct(network, images, device.pick().exact), images).mean()
    how = {"seed": 0, "validation": (images, images), "device": device.pick()}
    history = training.train_autoencoders({"ae": network}, images, config, **how)["ae"]
    after = metrics.psnr(inference.reconstruct(network, images, device.pick().exact), images).mean()
    assert after > before and history.validation_loss[-1] < history.validation_loss[0]


@pytest.mark.parametrize("code_size", [0, -1, 80, 4000])
def test_a_code_that_pca_cannot_fill_is_refused(code_size):
    with pytest.raises(ValueError, match="components cannot be had"):
        principal_components(photographs(), code_size)


def test_principal_components_of_few_and_of_many_images_agree():
    images = torch.rand(60, 12, generator=torch.Generator().manual_seed(0))
    few, many = principal_components(images[:11], 3), principal_components(images[:11].repeat(6, 1), 3)
    variances = few.explained_variance_ * 10 / 11, many.explained_variance_ * 65 / 66  # over n, not n - 1
    for a, b in ((few.mean_, many.mean_), (few.components_, many.components_), variances):
        np.testing.assert_allclose(np.abs(a), np.abs(b), atol=1e-4, rtol=1e-3)  # the sign of a direction is free
