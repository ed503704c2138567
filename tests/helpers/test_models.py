"""The torch.nn networks: shapes, and weights that are missing, damaged or of another network."""

import pytest
import torch
from safetensors.torch import save_file

from helpers.models import Autoencoder, ConvolutionalAutoencoder, UNet, load_weights
from helpers.scratch import initial_layers


def network(code=3):
    return Autoencoder(initial_layers([8, 5, code, 5, 8], seed=0), encoder_layers=2)


def test_shapes_of_the_convolutional_autoencoder():
    conv = ConvolutionalAutoencoder()
    images = torch.rand(2, 1, 28, 28)
    assert conv.encoder(images).shape == (2, 128, 4, 4)
    assert conv(images).shape == images.shape


def test_the_u_net_has_connections_past_its_code():
    network, images = UNet((4, 4, 8)), torch.rand(2, 1, 28, 28)
    assert network(images).shape == images.shape
    for layer in network.code.parameters():
        torch.nn.init.zeros_(layer)  # nothing comes through the code
    restored = network.eval()(images)
    assert not torch.allclose(restored[0], restored[1])


def test_weights_come_back_as_they_were_saved(tmp_path):
    save_file(network().state_dict(), tmp_path / "a.safetensors")
    other = Autoencoder(initial_layers([8, 5, 3, 5, 8], seed=1), encoder_layers=2)
    load_weights(other, tmp_path / "a.safetensors", made_by="chapter 1")
    x = torch.rand(4, 8)
    assert torch.equal(other.reconstruct(x), network().reconstruct(x))


def test_weights_that_cannot_be_used_are_one_line(tmp_path):
    path = tmp_path / "a.safetensors"
    with pytest.raises(ValueError, match="run chapter 1 first"):
        load_weights(network(), path, made_by="chapter 1")
    path.write_bytes(b"no")
    with pytest.raises(ValueError, match="no safetensors file"):
        load_weights(network(), path, made_by="chapter 1")
    save_file(network(code=4).state_dict(), path)
    with pytest.raises(ValueError, match="another network") as error:
        load_weights(network(), path, made_by="chapter 1")
    assert "\n" not in str(error.value)
