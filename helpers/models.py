"""Every network as a ``torch.nn`` module: autoencoders, classifiers of images, and classifiers on codes.

Autoencoders take images from 0 to 1. Classifiers of images take bytes [N, H, W] or [N, 3, H, W], as
:mod:`helpers.data` gives them, and scale their input themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from sklearn.decomposition import PCA
from torch import Tensor, nn
from torch.nn import functional as F

from helpers import integrity, progress
from helpers.results import located, remedy
from helpers.scratch import Layer


class AutoencoderModule(nn.Module):
    """What :func:`helpers.training.train_autoencoders` asks of a network.

    ``shape`` is that of one image; ``forward`` takes images [N, *shape] to outputs, of which ``loss`` and ``images``
    make the loss and the reconstruction. The outputs are logits and the loss is the binary cross entropy, unless a
    network says otherwise.
    """

    shape: tuple[int, ...]

    def parameter_groups(self, learning_rate: float) -> list[dict]:
        """The parameters in the optimiser's groups, each with its peak learning rate."""
        return [{"params": list(self.parameters()), "lr": learning_rate}]

    @staticmethod
    def loss(outputs: Tensor, clean: Tensor) -> Tensor:
        """Outputs and clean images [N, D] -> mean binary cross entropy per pixel, scalar."""
        return F.binary_cross_entropy_with_logits(outputs, clean)

    @staticmethod
    def images(outputs: Tensor) -> Tensor:
        """Outputs -> reconstructions in [0, 1], of the same shape."""
        return outputs.sigmoid()


class Autoencoder(AutoencoderModule):
    """The same network as :class:`helpers.scratch.ScratchAutoencoder`, with gradients by autograd.

    ReLU between the layers, a linear code. ``forward`` gives logits [N, D]; a sigmoid makes the reconstruction.
    """

    def __init__(self, layers: Sequence[Layer], *, encoder_layers: int):
        super().__init__()
        self.shape = (layers[0][0].shape[1],)
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


class Probe(nn.Module):
    """A small classifier on features [N, D]: standardisation, one hidden layer with ReLU (none for 0), logits.

    Mean and standard deviation are those of the ``features`` that it is fitted on. A constant feature becomes zero.
    """

    def __init__(self, features: Tensor, *, hidden: int, classes: int):
        super().__init__()
        std = features.std(0)
        self.register_buffer("mean", features.mean(0))
        self.register_buffer("scale", torch.where(std > 1e-6, 1 / std.clamp(min=1e-6), 0.0))
        width = features.shape[1]
        first = (nn.Linear(width, hidden), nn.ReLU()) if hidden else ()
        self.layers = nn.Sequential(*first, nn.Linear(hidden or width, classes))

    def forward(self, features: Tensor) -> Tensor:
        """Features [N, D] -> logits [N, classes]."""
        return self.layers((features - self.mean) * self.scale)

    @torch.no_grad()
    def probabilities(self, features: Tensor) -> Tensor:
        """Features [N, D] -> class probabilities [N, classes]."""
        return self(features).softmax(1)


class ConvolutionalAutoencoder(AutoencoderModule):
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


class UNet(AutoencoderModule):
    """A U-Net (Ronneberger et al. 2015): the encoder's maps go to the decoder in every size, past the smallest ones.

    Nothing is done in full size: four pixels are four channels, on the way in and out (Shi et al. 2016).
    """

    shape = (1, 28, 28)

    def __init__(self, widths: tuple[int, int, int] = (32, 64, 128)):
        super().__init__()
        a, b, c = widths
        self.fine = nn.Sequential(nn.PixelUnshuffle(2), *convolution(4, a), *convolution(a, a))  # 28 -> 14
        self.coarse = nn.Sequential(nn.MaxPool2d(2), *convolution(a, b), *convolution(b, b))  # 14 -> 7
        self.code = nn.Sequential(nn.MaxPool2d(2, ceil_mode=True), *convolution(b, c), *convolution(c, c))  # 7 -> 4
        self.enlarge = nn.Upsample(scale_factor=2)
        self.middle = nn.Sequential(*convolution(c + b, b), *convolution(b, b))
        self.last = nn.Sequential(*convolution(b + a, a), nn.Conv2d(a, 4, 3, padding=1), nn.PixelShuffle(2))

    def forward(self, images: Tensor) -> Tensor:
        fine = self.fine(images)  # [N, a, 14, 14]
        coarse = self.coarse(fine)  # [N, b, 7, 7]
        code = self.enlarge(self.code(coarse))[:, :, :7, :7]  # [N, c, 7, 7], of 8 x 8
        restored = self.enlarge(self.middle(torch.cat([code, coarse], 1)))  # [N, b, 14, 14]
        return self.last(torch.cat([restored, fine], 1))


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
    """Fill ``network`` with the weights in the safetensors file ``path`` and return it. See :func:`results.located`.

    Raises ValueError, naming the chapter ``made_by``, when the file is missing, damaged, changed or of another shape.
    """
    named, path = path, located(path)
    if path.parts[-4:] != Path(named).parts[-4:]:
        progress.tell(f"There is no {named}: {'/'.join(path.parts[-4:])} is taken")
    try:
        integrity.check(path)
        network.load_state_dict(load_file(path))
    except FileNotFoundError:
        raise ValueError(f"there are no weights at {path}: run {made_by} first. {remedy(path)}".rstrip()) from None
    except integrity.ChangedError as error:
        raise ValueError(f"{error}: run {made_by} again") from None
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


class ConvolutionalEncoder(nn.Sequential):
    """A small convolutional encoder: images [N, 1, 28, 28] -> codes [N, code_size], weights drawn from ``seed``.

    Three 3x3 convolutions with stride 2, batch normalisation and ReLU, a hidden layer, and a linear code.
    """

    shape = (1, 28, 28)

    def __init__(self, code_size: int, *, seed: int, channels: tuple[int, int, int] = (16, 32, 64)):
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            body: list[nn.Module] = []
            for inside, outside in zip((1, *channels), channels, strict=False):  # 28 -> 14 -> 7 -> 4
                convolved = nn.Conv2d(inside, outside, 3, stride=2, padding=1, bias=False)
                body += [convolved, nn.BatchNorm2d(outside), nn.ReLU()]
            body += [nn.Flatten(), nn.Linear(16 * channels[-1], 128, bias=False), nn.BatchNorm1d(128), nn.ReLU()]
            super().__init__(*body, nn.Linear(128, code_size))

    def encode(self, images: Tensor) -> Tensor:
        """Images [N, 1, 28, 28] -> codes [N, code_size]."""
        return self(images)


def planar_net(*, classes: int, seed: int, channels: tuple[int, int, int] = (16, 32, 64)) -> CodeClassifier:
    """A small convolutional net with two numbers a code, to be drawn: images [N, 1, 28, 28].

    The net of Wen et al. 2016 (table 1) has six 5x5 convolutions of 32 to 128 channels; this one is a
    :class:`ConvolutionalEncoder`, whose hidden layer matters: without one the two numbers learn slowly.
    """
    *body, code = ConvolutionalEncoder(2, seed=seed, channels=channels)
    torch.manual_seed(seed)  # for the head
    return CodeClassifier(nn.Sequential(*body), code, classes=classes)


def add_channel_dim(images: Tensor) -> Tensor:
    """Grey images [N, H, W] as [N, 1, H, W]; anything else as it is."""
    return images.unsqueeze(1) if images.ndim == 3 else images


class Standardise(nn.Module):
    """Bytes [N, C, H, W] -> floats with mean 0 and standard deviation 1 in every channel of the given ``images``."""

    def __init__(self, images: Tensor):
        super().__init__()
        counts = torch.stack(
            [plane.flatten().bincount(minlength=256) for plane in add_channel_dim(images).transpose(0, 1)]
        )
        shares, values = counts.double() / counts.sum(1, keepdim=True), torch.arange(256.0, dtype=torch.float64)
        mean = (shares * values).sum(1)
        std = ((shares * values.square()).sum(1) - mean.square()).sqrt().clamp(min=1)  # a blank channel: no 0 / 0
        self.register_buffer("mean", mean.float().view(-1, 1, 1))
        self.register_buffer("std", std.float().view(-1, 1, 1))

    def forward(self, images: Tensor) -> Tensor:
        return (images - self.mean) / self.std


class Scale(nn.Module):
    """Bytes to floats from 0 to 1, of any shape."""

    def forward(self, images: Tensor) -> Tensor:
        return images / 255


class ReportACNN(nn.Sequential):
    """Report A's CNN: three convolutions 3 -> 32 -> 64 -> 128 with replicated edges, batch normalisation, max-pooling.

    Between the convolutions there is no activation function, as printed; max-pooling is all that is not linear there.
    Its LogSoftmax is left to the loss. ``images`` give the number of channels, the side and the scale of the input.
    """

    def __init__(self, images: Tensor, *, classes: int):
        channels, side = add_channel_dim(images).shape[1:3]
        stages: list[nn.Module] = []
        for width in (32, 64, 128):
            convolution = nn.Conv2d(channels, width, 3, padding=1, padding_mode="replicate")
            stages += [convolution, nn.BatchNorm2d(width), nn.MaxPool2d(2)]  # half the side
            channels = width
        super().__init__(
            Standardise(images),
            *stages,
            nn.Flatten(),
            nn.Dropout(0.2),
            nn.Linear(128 * (side // 8) ** 2, 512),  # 2048 numbers from 32 x 32 images
            nn.ReLU(),
            nn.Dropout(0.2),
            nn.Linear(512, 64),
            nn.ReLU(),
            nn.Linear(64, classes),
        )


class ReportBCNN(nn.Sequential):
    """Report B's CNN: two convolutions with max-pooling, a dense layer, dropout; pixels scaled to [0, 1].

    The report gives no sizes: these are those of Keras's example for digits, mnist_cnn.py (32 and 64 filters of 3 x 3
    without padding, 128 units, ReLU), with a pooling after each convolution as the report says; ReLU comes after it,
    which is the same and a quarter of the work. Its one-hot targets are what the cross entropy makes of labels anyway.
    The example's ``dropout`` is 0.25 of the maps and 0.5 of the units.
    """

    def __init__(self, images: Tensor, *, classes: int, dropout: Sequence[float] = (0.25, 0.5)):
        channels, side = add_channel_dim(images).shape[1:3]
        super().__init__(
            Scale(),
            nn.Conv2d(channels, 32, 3),
            nn.MaxPool2d(2),  # 28 -> 26 -> 13
            nn.ReLU(),
            nn.Conv2d(32, 64, 3),
            nn.MaxPool2d(2),  # 13 -> 11 -> 5
            nn.ReLU(),
            nn.Dropout(dropout[0]),
            nn.Flatten(),
            nn.Linear(64 * (((side - 2) // 2 - 2) // 2) ** 2, 128),
            nn.ReLU(),
            nn.Dropout(dropout[1]),
            nn.Linear(128, classes),
        )


class ConvNet(nn.Sequential):
    """Ours: 3 x 3 convolutions of ``widths`` filters, each normalised, with ReLU; every other one with max-pooling.

    The first is among these, so that little is done in full size. In the end the largest value of every filter is taken
    over the whole picture: where something is does not matter, and a linear layer has only ``widths[-1]`` inputs.
    All convolutions but the first begin by passing their inputs on, which saves epochs (Jordan 2024).
    """

    def __init__(self, images: Tensor, *, classes: int, widths: Sequence[int] = (32, 48, 64, 128, 128, 256)):
        channels = add_channel_dim(images).shape[1]
        layers: list[nn.Module] = []
        for k, width in enumerate(widths):  # 28 -> 14 -> 14 -> 7 -> 7 -> 3 -> 3
            pool = [] if k % 2 else [nn.MaxPool2d(2)]
            stage = convolution(channels, width, *pool)
            if k:
                pass_on(stage[0])
            layers += stage
            channels = width
        super().__init__(
            Standardise(images), *layers, nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(channels, classes)
        )


@torch.no_grad()
def pass_on(convolution: nn.Conv2d) -> None:
    """Let the first filters of a convolution give its inputs, as they are; the others stay random."""
    nn.init.dirac_(convolution.weight[: convolution.in_channels])


class FeedForward(nn.Sequential):
    """Fully connected: all pixels at once, no idea of which are neighbours; hidden layers with ReLU and dropout."""

    def __init__(self, images: Tensor, *, classes: int, hidden: Sequence[int] = (1024, 256), dropout: float = 0.2):
        inputs = add_channel_dim(images)[0].numel()
        layers: list[nn.Module] = []
        for width in hidden:
            layers += [nn.Linear(inputs, width), nn.ReLU(), nn.Dropout(dropout)]
            inputs = width
        super().__init__(Standardise(images), nn.Flatten(), *layers, nn.Linear(inputs, classes))


def convolution_matrix(kernel: Tensor, side: int) -> Tensor:
    """The matrix [outputs, side * side] that does to a flattened square picture what ``kernel`` [k, k] does to it.

    Stride one, no padding. Every row is the same kernel on another place: that is parameter sharing.
    """
    size = len(kernel)
    rows = []
    for i in range(side - size + 1):
        for j in range(side - size + 1):
            row = kernel.new_zeros(side, side)
            row[i : i + size, j : j + size] = kernel
            rows.append(row.flatten())
    return torch.stack(rows)


class ColourAutoencoder(AutoencoderModule):
    """Images [N, 3, 32, 32] in [0, 1] -> a code [N, n] -> images.

    code = A x + a + h(x) and image = B code + m + g(B code + m, code), with convolutional h and g. All else starts as
    PCA (scaled to codes of unit variance) for all numbers of the code but the last ``free``; these start as features
    of h alone, with nothing in A and B. For the others h starts at zero, and so does g, so that training begins at
    their best linear code. White codes leave no number too faint for h to add to.

    Convolutions see four pixels of a colour as four channels: in full size they would take most of the time.
    """

    shape = (3, 32, 32)

    def __init__(self, pca: PCA, *, free: int = 0, width: int = 16):
        """``pca`` has a component for each number of the code, of which the last ``free`` are not used.

        Raises ValueError when too many are free, or for no filter.
        """
        if width < 1:
            raise ValueError(f"width, the filters of the first convolution, must be 1 or more, not {width}")
        code_size, pixels = pca.components_.shape
        if not 0 <= free < code_size:
            raise ValueError(f"of {code_size} numbers 0 to {code_size - 1} may be free of PCA, not {free}")
        super().__init__()
        w = width
        self.analyse = nn.Linear(pixels, code_size)
        self.features = nn.Sequential(
            nn.PixelUnshuffle(2),  # 3 x 32 x 32 -> 12 x 16 x 16
            *convolution(12, 2 * w, nn.MaxPool2d(2)),  # 16 -> 8
            *convolution(2 * w, 4 * w, nn.MaxPool2d(2)),  # 8 -> 4
            *convolution(4 * w, 4 * w),
            nn.Flatten(),
            nn.Linear(4 * w * 16, code_size),
        )
        self.synthesise = nn.Linear(code_size, pixels)
        self.details = nn.Sequential(
            nn.Linear(code_size, 2 * w * 64),
            nn.Unflatten(1, (2 * w, 8, 8)),
            nn.ReLU(),
            nn.Upsample(scale_factor=2),  # 8 -> 16
        )
        self.refine = nn.Sequential(
            *convolution(2 * w + 12, 3 * w),
            *convolution(3 * w, 3 * w),
            nn.Conv2d(3 * w, 12, 3, padding=1),
            nn.PixelShuffle(2),  # 12 x 16 x 16 -> 3 x 32 x 32
        )
        self._start_as_pca(pca, code_size - free)

    @torch.no_grad()
    def _start_as_pca(self, pca: PCA, count: int) -> None:
        mean, directions = torch.from_numpy(pca.mean_), torch.from_numpy(pca.components_[:count].T.copy())
        variances = pca.explained_variance_[:count] * (pca.n_samples_ - 1) / pca.n_samples_  # over n: codes vary by one
        scales = torch.from_numpy(variances).sqrt().clamp(min=1e-4)
        encoding, drawing = self.features[-1], self.refine[-2]
        for layer in (self.analyse, self.synthesise, encoding, drawing):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)
        self.analyse.weight[:count] = (directions / scales).t()
        self.analyse.bias[:count] = -(mean @ directions) / scales
        self.synthesise.weight[:, :count] = directions * scales
        self.synthesise.bias.copy_(mean)
        if count < len(encoding.weight):
            nn.init.kaiming_normal_(encoding.weight[count:], nonlinearity="linear")

    def encode(self, images: Tensor) -> Tensor:
        return _exactly(self.analyse, images.flatten(1)) + self.features(images)

    def decode(self, codes: Tensor) -> Tensor:
        linear = _exactly(self.synthesise, codes).view(-1, *self.shape)
        known = torch.cat([F.pixel_unshuffle(linear, 2), self.details(codes)], 1)
        return linear + self.refine(known)

    def forward(self, images: Tensor) -> Tensor:
        return self.decode(self.encode(images))

    def parameter_groups(self, learning_rate: float) -> list[dict]:
        """For the optimiser: the two linear maps are good already and move at a tenth of the rate."""
        linear = [*self.analyse.parameters(), *self.synthesise.parameters()]
        known = set(map(id, linear))
        rest = [p for p in self.parameters() if id(p) not in known]
        return [{"params": rest, "lr": learning_rate}, {"params": linear, "lr": learning_rate / 10}]

    @staticmethod
    def loss(outputs: Tensor, clean: Tensor) -> Tensor:
        """Mean squared error; with 256 levels a channel a pixel is no probability."""
        return F.mse_loss(outputs, clean)

    @staticmethod
    def images(outputs: Tensor) -> Tensor:
        return outputs.clamp(0, 1)


def _exactly(layer: nn.Linear, inputs: Tensor) -> Tensor:
    """The layer in float32: what learning adds to PCA is less than the rounding of its large numbers to bfloat16."""
    with torch.autocast(inputs.device.type, enabled=False):
        return layer(inputs.float())


def principal_components(images: Tensor, count: int) -> PCA:
    """scikit-learn's principal component analysis of ``images`` [N, D] with ``count`` components.

    Raises ValueError when there are not more images, or not more pixels, than components.
    """
    if not 0 < count < min(images.shape):
        raise ValueError(f"{count} components cannot be had of these images: ask for 1 to {min(images.shape) - 1}")
    # The eigenvectors of the covariance take the least memory, but need more images than pixels to be exact.
    solver = "covariance_eigh" if len(images) > images.shape[1] else "full"
    return PCA(count, svd_solver=solver).fit(images.numpy())
