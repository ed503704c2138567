"""The training steps of the chapters, each as a function that takes one step on one batch."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from helpers import augmentation, data, inference, models, training, transfer
from helpers.center_loss import CenterLoss, JointLoss, from_encoder
from helpers.device import PLAIN, Device, pick
from helpers.optimisers import TrainConfig, optimisers
from helpers.scratch import ScratchAutoencoder, SoftmaxAutoencoder, initial_layers

SIZES = [784, 256, 32, 16, 32, 256, 784]
SIX = ("airplane", "automobile", "bird", "cat", "deer", "dog")
ROWS = 512  # images of a set, from which all batches are taken


@dataclass(frozen=True)
class Step:
    """One step of a chapter's training: ``run`` takes it on a batch of ``images``."""

    name: str
    images: int
    run: Callable[[], None]


def steps(stack: ExitStack) -> list[Step]:
    """Every training step of the bundle, with the chapters' batch sizes; ``stack`` closes what they opened."""
    fast = pick()
    mnist, fashion = (data.load(name, train=ROWS, validation=0, test=1).train for name in ("MNIST", "FashionMNIST"))
    cifar = data.load("CIFAR10", train=ROWS, validation=0, test=1).train
    six = data.load("CIFAR10", classes=SIX, train=ROWS, validation=0, test=1).train
    digits, photographs = data.flat(mnist.images), data.flat(cifar.images)
    layers = initial_layers(SIZES, seed=0)
    pca = models.principal_components(photographs, 256)
    start = from_encoder(models.Autoencoder(layers, encoder_layers=3).encoder, digits, classes=10, seed=0)
    fashion_net = partial(models.ConvNet, widths=(32, 48, 48, 96, 128, 192))
    encoder = partial(transfer.encoder_classifier, models.ConvolutionalAutoencoder())
    return [
        autoencoder("1 autoencoder by hand", ScratchAutoencoder(layers, encoder_layers=3), digits, 64, PLAIN, stack),
        autoencoder("1 autoencoder, torch.nn", models.Autoencoder(layers, encoder_layers=3), digits, 64, PLAIN, stack),
        autoencoder(
            "1 softmax decoder by hand", SoftmaxAutoencoder(layers, encoder_layers=3), digits, 64, PLAIN, stack
        ),
        autoencoder("2 convolutional denoiser", models.ConvolutionalAutoencoder(), digits, 128, fast, stack, noise=0.5),
        center("3 center loss", start, digits, mnist.labels, 64),
        autoencoder("4 colour autoencoder", models.ColourAutoencoder(pca, free=48), photographs, 128, fast, stack),
        classifier("5 Report B's CNN", models.ReportBCNN, fashion, 256, fast, stack),
        classifier("5 our CNN", fashion_net, fashion, 256, fast, stack, shift=2),
        classifier("6 fine-tuned encoder", encoder, fashion, 128, fast, stack),
        classifier("7 feed-forward net", models.FeedForward, six, 128, fast, stack, muon=False),
        classifier("7 Report A's CNN", models.ReportACNN, six, 256, fast, stack),
        classifier("7 our CNN", models.ConvNet, six, 128, fast, stack, shift=3),
    ]


def autoencoder(
    name: str,
    network: ScratchAutoencoder | models.AutoencoderModule,
    images: Tensor,
    batch: int,
    device: Device,
    stack: ExitStack,
    *,
    noise: float = 0.0,
) -> Step:
    """A step of an autoencoder, with Gaussian noise at its input where ``noise`` is above zero."""
    learner = training.learner_of(network, TrainConfig(10**6, batch, 1e-4), batch, device, stack)
    generator, corrupt = Generator().manual_seed(0), data.noise("gaussian", noise)
    clean = images[:batch]

    def run() -> None:
        learner.step(corrupt(clean, generator) if noise else clean, clean)

    return Step(name, batch, run)


def classifier(
    name: str,
    make: Callable[..., nn.Module],
    split: data.Split,
    batch: int,
    device: Device,
    stack: ExitStack,
    *,
    shift: int = 0,
    muon: bool = True,
) -> Step:
    """A step of a classifier of images: augmentation, forward, backward, optimisers."""
    network = training.build(make, split.images, classes=10, seed=0)
    device.place(network).train()
    moved = stack.enter_context(optimisers(network, TrainConfig(1, batch, 1e-4, muon=muon), device))
    generator = Generator(device.name).manual_seed(0)
    images = models.add_channel_dim(split.images[:batch]).to(device.name)
    labels = split.labels[:batch].to(device.name)

    def run() -> None:
        seen = augmentation.move(images, generator, by=shift) if shift else images
        loss = F.cross_entropy(inference.forward(network, seen, device).float(), labels, label_smoothing=0.1)
        network.zero_grad()
        loss.backward()
        for each in moved:
            each.step()

    return Step(name, batch, run)


def center(name: str, network: models.CodeClassifier, images: Tensor, labels: Tensor, batch: int) -> Step:
    """A step of the joint loss of chapter 3: softmax and center loss, then the centres follow."""
    objective = JointLoss(CenterLoss(10, network.head.in_features), 0.1)
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-4, fused=True)

    def run() -> None:
        loss, _ = objective(network(images[:batch]), labels[:batch], torch.ones(batch))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        objective.after_step()
        objective._batches.clear()

    return Step(name, batch, run)
