"""Figures that a reader can work: networks that a run has trained, packed so that a browser can run them.

A cell shows a :class:`Live` figure beside the still picture that stands in the PDF. JupyterLab opens it in the output,
the HTML report in place of the picture. The script that runs the networks is live.js; it is given all that it needs.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import torch
from sklearn.decomposition import PCA
from torch import Tensor, nn

from helpers.data import KINDS
from helpers.live_page import page
from helpers.models import Autoencoder, CodeClassifier, Probe
from helpers.palette import CLASSES
from helpers.scratch import ScratchAutoencoder

LEVELS, FEWER, MANY = 127, 40, 10_000  # of a weight, to either side of zero: fewer in a layer of many weights


class Crop(nn.Module):
    """The middle ``side`` x ``side`` pixels of maps [N, C, H, W]."""

    def __init__(self, side: int):
        super().__init__()
        self.side = side

    def forward(self, maps: Tensor) -> Tensor:
        start = (maps.shape[-1] - self.side) // 2
        return maps[..., start : start + self.side, start : start + self.side]


class Affine(nn.Module):
    """Features [N, d] times ``scale`` [d], plus ``shift`` [d]."""

    scale: Tensor
    shift: Tensor

    def __init__(self, scale: Tensor, shift: Tensor):
        super().__init__()
        self.register_buffer("scale", scale)
        self.register_buffer("shift", shift)

    def forward(self, features: Tensor) -> Tensor:
        return features * self.scale + self.shift


def classifier(probe: Probe) -> nn.Sequential:
    """A probe as layers: features [N, d] -> class probabilities [N, classes]."""
    mean, scale = probe.get_buffer("mean"), probe.get_buffer("scale")
    return nn.Sequential(Affine(scale, -mean * scale), probe.layers, nn.Softmax(1))


@torch.no_grad()
def principal_components(pca: PCA) -> tuple[nn.Sequential, nn.Sequential]:
    """Encoder and decoder of a PCA as layers: images [N, D] -> codes [N, d] -> images [N, D] in [0, 1]."""
    components = torch.from_numpy(pca.components_).float()
    mean = torch.from_numpy(pca.mean_).float()
    encode, decode = (nn.Linear(*shape) for shape in (components.T.shape, components.shape))
    encode.weight.copy_(components)
    encode.bias.copy_(-components @ mean)
    decode.weight.copy_(components.T)
    decode.bias.copy_(mean)
    return nn.Sequential(encode), nn.Sequential(decode, nn.Hardtanh(0, 1))


@dataclass(frozen=True)
class Live:
    """A figure to work, as Jupyter shows it; ``kind`` says which of the figures in live.js it is.

    ``networks`` take images [N, 784] or [N, 1, 28, 28] in [0, 1], or codes [N, d], and may be made of the layers that
    :func:`pack` knows. ``images`` [N, 784] in [0, 1] with their ``labels`` [N] are those that a reader may load.
    """

    kind: str
    networks: Mapping[str, nn.Module]
    images: Tensor
    labels: Tensor
    settings: Mapping[str, Any] = field(default_factory=dict)  # what else the figure needs, for JSON

    def content(self) -> str:
        """All that live.js needs, as JSON: the same text for the same networks and images."""
        networks = {}
        for name, network in self.networks.items():
            # Parts stand alone, so that a report with the same encoder in two figures can keep it once.
            parts = [pack(part) for part in _parts(network)]
            networks[name] = [{"steps": steps, "data": squeezed(numbers)} for steps, numbers in parts]
        images = self.images.mul(255).round().to(torch.uint8).numpy().tobytes()
        return json.dumps(
            {
                "kind": self.kind,
                "networks": networks,
                "images": {"labels": self.labels.tolist(), "data": squeezed(images)},
                "settings": dict(self.settings),
            }
        )

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/html": page(self.content()), "text/plain": f"a live figure: {self.kind}"}


def squeezed(data: bytes) -> str:
    """Bytes as text that a browser can expand.

    Weights repeat by chance alone, so zlib is told not to look for short repetitions: they cost more than they spare.
    """
    press = zlib.compressobj(9, wbits=zlib.MAX_WBITS + 16, strategy=zlib.Z_FILTERED)  # 16 more: with gzip's header
    return base64.b64encode(press.compress(data) + press.flush()).decode()


def digit(network: ScratchAutoencoder, pca: PCA, probe: Probe, images: Tensor, labels: Tensor) -> Live:
    """A digit to draw: its code, what ``network`` and ``pca`` make of it, and what ``probe`` reads in its code.

    ``images`` [N, 784] with ``labels`` [N] are the test images to load, and to find the nearest codes among.
    """
    made = Autoencoder(network.layers, encoder_layers=network.encoder_layers)
    encode, decode = principal_components(pca)
    networks = {"encoder": made.encoder, "decoder": nn.Sequential(made.decoder, nn.Sigmoid())}
    networks |= {"classifier": classifier(probe), "PCA encoder": encode, "PCA decoder": decode}
    return Live("digit", networks, images, labels)


def denoising(networks: Mapping[str, nn.Module], images: Tensor, labels: Tensor, *, kind: str, level: float) -> Live:
    """A digit under noise of any kind and level, at first as given, and what each of the ``networks`` makes of it."""
    settings = {"kinds": [*KINDS], "kind": kind, "level": level}
    return Live("denoising", networks, images, labels, settings)


def planes(models: Mapping[str, CodeClassifier], codes: Mapping[str, Tensor], labels: Tensor, images: Tensor) -> Live:
    """Where the codes of two numbers of a digit lie among ``codes`` [N, 2] of test images, for each of the ``models``.

    ``labels`` [N] are the classes of the codes. The ``images`` [M, 784] are the first of these test images.
    """
    networks: dict[str, nn.Module] = {}
    for name, model in models.items():
        networks[name] = nn.Sequential(model.body, model.code)
        networks[f"{name}, classes"] = nn.Sequential(model.head, nn.Softmax(1))
    points = {name: [[round(x, 4) for x in pair] for pair in each.tolist()] for name, each in codes.items()}
    settings = {"points": points, "labels": labels.tolist(), "colours": [*CLASSES]}
    return Live("planes", networks, images, labels[: len(images)], settings)


def rounded(weight: Tensor) -> tuple[Tensor, Tensor]:
    """A weight [out, ...] as whole numbers of 8 bits, and the scale [out] by which they are multiplied.

    Layers around a code are small, and pass every error on. The few large ones have nearly all of the weights, and what
    rounding changes in their long sums averages out. They have fewer levels, and fewer still where no weight stands out
    (as before training). Squeezed, a weight takes less than six bits then.
    """
    rows = weight.flatten(1)
    scale = rows.abs().amax(1).clamp(min=1e-12) / (LEVELS if weight.numel() < MANY else FEWER)
    if weight.numel() >= MANY:
        scale = torch.maximum(scale, rows.square().mean(1).sqrt() / 12)
    return (weight / scale.view(-1, *[1] * (weight.ndim - 1))).round().to(torch.int8), scale


@torch.no_grad()
def pack(network: nn.Module) -> tuple[list[dict[str, Any]], bytes]:
    """A network as steps for live.js, and their numbers in the order of the steps.

    Weights are rounded to 8 bits, a scale for each unit or filter; all else has 32 bits. In the browser channels come
    last, so weights are [in, out], [in, 3, 3, out], and rows of dense layers on maps are put into that order.

    Raises ValueError for a layer that live.js does not have.
    """
    steps: list[dict[str, Any]] = []
    data, channels, times = b"", 1, 1
    for layer, following in pairwise((*_layers(network), None)):
        if isinstance(layer, nn.Linear):
            weight, scale = rounded(layer.weight)
            cells = weight.shape[1] // channels
            weight = weight.view(len(weight), channels, cells).permute(2, 1, 0)  # [cells, channels, out]
            steps.append({"op": "dense", "from": layer.in_features, "to": layer.out_features})
            data, channels = data + _bytes(weight, scale, _bias(layer)), layer.out_features
        elif isinstance(layer, nn.Conv2d) and layer.kernel_size == (3, 3) and layer.padding == (1, 1):
            weight, scale = rounded(layer.weight)
            steps.append({"op": "convolve", "from": layer.in_channels, "to": layer.out_channels})
            steps[-1] |= {"stride": layer.stride[0], "times": times}
            data, channels = data + _bytes(weight.permute(1, 2, 3, 0), scale, _bias(layer)), layer.out_channels
            times = 1
        elif isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d | Affine):
            scale, shift = _scale_and_shift(layer)
            steps.append({"op": "normalise", "to": len(scale)})
            data += _bytes(scale, shift)
        elif isinstance(layer, nn.MaxPool2d) and layer.kernel_size == 2:
            steps.append({"op": "pool", "whole": not layer.ceil_mode})
        elif isinstance(layer, nn.Upsample) and layer.scale_factor == 2 and isinstance(following, nn.Conv2d):
            times = 2  # one step with the convolution, which then multiplies what it saw four times only once
        elif isinstance(layer, Crop):
            steps.append({"op": "crop", "side": layer.side})
        elif isinstance(layer, nn.ReLU | nn.Sigmoid | nn.Softmax | nn.Hardtanh):
            name = {nn.ReLU: "relu", nn.Sigmoid: "sigmoid", nn.Softmax: "softmax", nn.Hardtanh: "clip"}[type(layer)]
            steps.append({"op": name})
        elif not isinstance(layer, nn.Flatten):
            raise ValueError(f"live.js has no {layer}")
    return steps, data


def _parts(network: nn.Module) -> list[nn.Module]:
    """The encoder, decoder and what else a network is made of. A dense layer on maps is in the part that makes them."""
    made_of = [*network] if isinstance(network, nn.Sequential) else []
    return made_of if any(isinstance(part, nn.Sequential) for part in made_of) else [network]


def _layers(network: nn.Module) -> Iterable[nn.Module]:
    if isinstance(network, nn.Sequential):
        for part in network:
            yield from _layers(part)
    else:
        yield network


def _bias(layer: nn.Linear | nn.Conv2d) -> Tensor:
    return torch.zeros(len(layer.weight)) if layer.bias is None else layer.bias


def _scale_and_shift(layer: nn.BatchNorm1d | nn.BatchNorm2d | Affine) -> tuple[Tensor, Tensor]:
    """What a normalisation multiplies by and adds, once it has been trained."""
    if isinstance(layer, Affine):
        return layer.scale, layer.shift
    assert layer.running_var is not None and layer.running_mean is not None
    scale = layer.weight / (layer.running_var + layer.eps).sqrt()
    return scale, layer.bias - layer.running_mean * scale


def _bytes(*tensors: Tensor) -> bytes:
    return b"".join(
        (each if each.dtype == torch.int8 else each.float()).detach().cpu().contiguous().numpy().tobytes()
        for each in tensors
    )
