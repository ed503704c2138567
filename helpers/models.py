"""The networks, as ``torch.nn`` modules: what the reports call "inbuilt"."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

from helpers.scratch import Layer


class Autoencoder(nn.Module):
    """The inbuilt twin of :class:`helpers.scratch.ScratchAutoencoder`: the same layers, left to autograd.

    ReLU between the layers, a linear code. ``forward`` gives logits [N, D]; a sigmoid makes the reconstruction.
    """

    def __init__(self, layers: Sequence[Layer], *, encoder_layers: int):
        super().__init__()
        self.encoder = dense(layers[:encoder_layers])
        self.decoder = dense(layers[encoder_layers:])

    def forward(self, images: Tensor) -> Tensor:
        """Images [N, D] in [0, 1] -> logits [N, D]."""
        return self.decoder(self.encoder(images))

    @torch.no_grad()
    def encode(self, images: Tensor) -> Tensor:
        """Images [N, D] -> codes [N, n_code]."""
        return self.encoder(images)

    @torch.no_grad()
    def decode(self, codes: Tensor) -> Tensor:
        """Codes [N, n_code] -> reconstructions [N, D] in [0, 1]."""
        return self.decoder(codes).sigmoid()

    @torch.no_grad()
    def reconstruct(self, images: Tensor) -> Tensor:
        """Images [N, D] -> reconstructions [N, D]."""
        return self.decode(self.encoder(images))


def dense(layers: Sequence[Layer]) -> nn.Sequential:
    """Linear layers that start from ``layers`` (copied), with ReLU between them and none at the end."""
    modules: list[nn.Module] = []
    for weight, bias in layers:
        linear = nn.Linear(weight.shape[1], weight.shape[0], dtype=weight.dtype)
        with torch.no_grad():
            linear.weight.copy_(weight)
            linear.bias.copy_(bias)
        modules += [linear, nn.ReLU()]
    return nn.Sequential(*modules[:-1])


class Classifier(nn.Module):
    """A small classifier on features [N, D]: standardise, one hidden layer with ReLU (none for 0), logits [N, classes].

    Mean and deviation come from the ``features`` it is to be fitted on. A feature that never varies is left at zero.
    """

    def __init__(self, features: Tensor, *, hidden: int, classes: int):
        super().__init__()
        deviation = features.std(0)
        self.register_buffer("mean", features.mean(0))
        self.register_buffer("scale", torch.where(deviation > 1e-6, 1 / deviation.clamp(min=1e-6), 0.0))
        width = features.shape[1]
        first = (nn.Linear(width, hidden), nn.ReLU()) if hidden else ()
        self.layers = nn.Sequential(*first, nn.Linear(hidden or width, classes))

    def forward(self, features: Tensor) -> Tensor:
        return self.layers((features - self.mean) * self.scale)

    @torch.no_grad()
    def probabilities(self, features: Tensor) -> Tensor:
        """Features [N, D] -> class probabilities [N, classes]."""
        return self(features).softmax(1)


class ConvolutionalAutoencoder(nn.Module):
    """Report B's denoiser: three convolutions with max-pooling down, three with upsampling back up.

    Batch normalisation lets it learn in few epochs. ``forward`` takes images [N, 1, 28, 28] to logits of that shape;
    the code is [N, widths[2], 4, 4].
    """

    shape = (1, 28, 28)

    def __init__(self, widths: tuple[int, int, int] = (32, 64, 128)):
        super().__init__()
        a, b, c = widths
        self.encoder = nn.Sequential(
            *convolution(1, a, nn.MaxPool2d(2)),  # 28 -> 14
            *convolution(a, b, nn.MaxPool2d(2)),  # 14 -> 7
            *convolution(b, c, nn.MaxPool2d(2, ceil_mode=True)),  # 7 -> 4
        )
        self.decoder = nn.Sequential(
            *convolution(c, c),
            nn.Upsample(scale_factor=2),  # 4 -> 8
            *convolution(c, b),
            nn.Upsample(scale_factor=2),  # 8 -> 16
            *convolution(b, a),
            nn.Upsample(scale_factor=2),  # 16 -> 32
            nn.Conv2d(a, 1, 3, padding=1),
        )

    def forward(self, images: Tensor) -> Tensor:
        return self.decoder(self.encoder(images))[:, :, 2:30, 2:30]  # the middle 28 of 32

    def parameter_groups(self, learning_rate: float) -> list[dict]:
        return [{"params": list(self.parameters()), "lr": learning_rate}]

    @staticmethod
    def loss(outputs: Tensor, clean: Tensor) -> Tensor:
        """Binary cross entropy per pixel, of logits."""
        return F.binary_cross_entropy_with_logits(outputs, clean)

    @staticmethod
    def images(outputs: Tensor) -> Tensor:
        return outputs.sigmoid()


def convolution(channels_in: int, channels_out: int, *pool: nn.Module) -> tuple[nn.Module, ...]:
    """Convolution, batch normalisation and ReLU; the size of the images stays.

    With a ``pool`` it comes right after the convolution: normalisation and ReLU then have a quarter of the work.
    """
    return (
        nn.Conv2d(channels_in, channels_out, 3, padding=1, bias=False),
        *pool,
        nn.BatchNorm2d(channels_out),
        nn.ReLU(),
    )


def load_weights(network: nn.Module, path: str | Path, *, made_by: str) -> nn.Module:
    """Fill ``network`` with the weights in the safetensors file ``path`` and return it.

    Raises ValueError, naming the chapter ``made_by``, when the file is missing, unreadable or of another shape.
    """
    try:
        network.load_state_dict(load_file(path))
    except FileNotFoundError:
        raise ValueError(f"there are no weights at {path}: run {made_by} first") from None
    except SafetensorError as error:
        raise ValueError(f"{path} is no safetensors file ({error}): delete it and run {made_by} again") from None
    except RuntimeError as error:
        what = str(error).splitlines()[-1].strip()
        raise ValueError(
            f"{path} holds another network than {type(network).__name__} ({what}): run {made_by} again"
        ) from None
    return network


class CodeClassifier(nn.Module):
    """A network that gives a code and, by one linear layer upon it, class logits: ``body``, then ``code``, then head.

    The head starts from torch's own random weights. The code and the logits are computed in float32 even under
    autocast: with the eight bits of bfloat16 the codes would lie on a grid.
    """

    def __init__(self, body: nn.Sequential, code: nn.Linear, *, classes: int):
        super().__init__()
        self.body, self.code = body, code
        self.head = nn.Linear(code.out_features, classes)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Images [N, ...] -> codes [N, d] and logits [N, classes]."""
        hidden = self.body(images)
        with torch.autocast(hidden.device.type, enabled=False):
            codes = self.code(hidden.float())
            return codes, self.head(codes)


def planar_net(*, classes: int, seed: int, channels: tuple[int, int, int] = (16, 32, 64)) -> CodeClassifier:
    """A small convolutional net with two numbers a code, to be drawn: images [N, 1, 28, 28].

    The net of Wen et al. 2016 (table 1) has six 5x5 convolutions of 32 to 128 channels; this one has three 3x3, batch
    normalisation, and a hidden layer: without one the two numbers learn slowly.
    """
    torch.manual_seed(seed)
    body = []
    for inside, outside in zip((1, *channels), channels, strict=False):  # 28 -> 14 -> 7 -> 3
        body += convolution(inside, outside, nn.MaxPool2d(2))
    body += [nn.Flatten(), nn.Linear(9 * channels[-1], 128, bias=False), nn.BatchNorm1d(128), nn.ReLU()]
    return CodeClassifier(nn.Sequential(*body), nn.Linear(128, 2), classes=classes)
