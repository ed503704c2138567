"""Figures to work: how networks are packed for a browser. tests/report/test_live.py runs them in one."""

import base64
import gzip
import json
from itertools import chain

import pytest
import torch
from torch import nn

from helpers import live, live_page
from helpers.models import Probe, principal_components
from helpers.scratch import ScratchAutoencoder, initial_layers


def figure(seed=0):
    network = ScratchAutoencoder(initial_layers([784, 8, 4, 8, 784], seed=seed), encoder_layers=2)
    images = torch.rand(30, 784, generator=torch.Generator().manual_seed(0))
    probe = Probe(network.encode(images), hidden=6, classes=10)
    return live.digit(network, principal_components(images, 4), probe, images, torch.arange(30) % 10)


def test_a_weight_is_off_by_half_a_level_at_the_most_and_a_row_of_zeros_stays():
    weight = torch.randn(5, 7, 3, 3, generator=torch.Generator().manual_seed(0)) * torch.logspace(-3, 3, 5).view(
        -1, 1, 1, 1
    )
    weight[2] = 0
    whole, scale = live.rounded(weight)
    assert whole.dtype == torch.int8
    off = (whole * scale.view(-1, 1, 1, 1) - weight).abs().flatten(1).amax(1)
    assert (off <= weight.flatten(1).abs().amax(1) / 254 * 1.001).all()


def test_a_layer_of_many_weights_has_fewer_levels():
    weight = torch.randn(40, 300, generator=torch.Generator().manual_seed(0))
    weight[:, 0], weight[0] = 5, 0
    whole, scale = live.rounded(weight)
    assert whole.dtype == torch.int8 and whole.abs().max() == live.FEWER and not whole[0].any()
    assert ((whole * scale.view(-1, 1) - weight).abs() <= 5 / (2 * live.FEWER) * 1.001).all()
    even, _ = live.rounded(torch.rand(40, 300, generator=torch.Generator().manual_seed(0)) - 0.5)
    assert len(even.unique()) < 64, "six bits"


def test_the_same_networks_and_images_give_the_same_text():
    torch.manual_seed(0)
    first = figure().content()
    torch.manual_seed(0)
    assert figure().content() == first
    torch.manual_seed(0)
    assert figure(seed=1).content() != first


def test_all_numbers_are_there_once():
    content = json.loads(figure().content())
    assert [*content["networks"]] == ["encoder", "decoder", "classifier", "PCA encoder", "PCA decoder"]
    for part in chain(*content["networks"].values()):
        numbers = 0
        for step in part["steps"]:
            if step["op"] == "dense":
                numbers += step["from"] * step["to"] + 8 * step["to"]
            elif step["op"] == "normalise":
                numbers += 8 * step["to"]
        assert len(gzip.decompress(base64.b64decode(part["data"]))) == numbers
    assert len(gzip.decompress(base64.b64decode(content["images"]["data"]))) == 30 * 784
    assert len(content["images"]["labels"]) == 30


def test_a_report_takes_out_of_a_page_what_was_put_in():
    torch.manual_seed(0)
    shown = figure()
    torch.manual_seed(0)
    html = shown._repr_mimebundle_()["text/html"]
    assert html.startswith(live_page.MARK) and html.count("<script>") == 1
    assert live_page.content_of(html) == shown.content()


def test_two_figures_with_the_same_encoder_have_the_same_part():
    torch.manual_seed(0)
    encoder, decoder = nn.Sequential(nn.Linear(784, 8), nn.ReLU()), nn.Sequential(nn.Linear(8, 784))
    images, labels = torch.rand(2, 784), torch.zeros(2)
    alone = live.Live("digit", {"encoder": encoder}, images, labels)
    both = live.Live("denoising", {"AE": nn.Sequential(encoder, decoder, nn.Sigmoid())}, images, labels)
    one, other = (json.loads(figure.content())["networks"] for figure in (alone, both))
    assert [one["encoder"][0]] == other["AE"][:1] and len(other["AE"]) == 3


def test_a_layer_that_the_browser_lacks_is_named():
    with pytest.raises(ValueError, match=r"live.js has no GELU"):
        live.pack(nn.Sequential(nn.Linear(4, 4), nn.GELU()))
    with pytest.raises(ValueError, match=r"live.js has no Conv2d.*5, 5"):
        live.pack(nn.Sequential(nn.Conv2d(1, 4, 5)))
    with pytest.raises(ValueError, match=r"live.js has no Upsample"):  # but in one step with a convolution
        live.pack(nn.Sequential(nn.Upsample(scale_factor=2), nn.ReLU()))


def test_principal_components_and_probes_are_the_same_as_layers():
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(40, 784, generator=generator)
    pca = principal_components(images, 5)
    encode, decode = live.principal_components(pca)
    codes = torch.from_numpy(pca.transform(images.numpy())).float()
    with torch.no_grad():
        torch.testing.assert_close(encode(images), codes, atol=1e-4, rtol=1e-4)
        back = torch.from_numpy(pca.inverse_transform(codes.numpy())).float().clamp(0, 1)
        torch.testing.assert_close(decode(codes), back, atol=1e-4, rtol=1e-4)
        probe = Probe(codes, hidden=8, classes=3).eval()
        torch.testing.assert_close(live.classifier(probe)(codes), probe.probabilities(codes))
