"""Asking networks what they have learned: reconstructions, codes and class probabilities, of many images in parts."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from helpers.data import flat
from helpers.device import Device
from helpers.models import AutoencoderModule, ColourAutoencoder, ConvolutionalEncoder, add_channel_dim

PART = 500  # images that pass through a network at once


def pixels(images: Tensor) -> Tensor:
    """Bytes [N, ...] -> pixels [N, D] in [0, 1]; what are pixels already stays."""
    return flat(images) if images.dtype is torch.uint8 else images


def outputs(network: AutoencoderModule, inputs: Tensor, device: Device) -> Tensor:
    """What an autoencoder's decoder gives for images [N, D], as logits or pixels [N, D], in the device's precision."""
    with device.autocast():
        given = network(device.place(inputs.view(-1, *network.shape)))
    return given.float().flatten(1)


@torch.no_grad()
def reconstruct(network: AutoencoderModule, images: Tensor, device: Device) -> Tensor:
    """Images, pixels [N, D] or bytes, clean or noisy -> their reconstructions [N, D] in [0, 1], on the CPU."""
    device.place(network).eval()
    parts = map(pixels, images.split(PART))
    return torch.cat([network.images(outputs(network, part, device)).cpu() for part in parts])


@torch.no_grad()
def encode(network: ColourAutoencoder | ConvolutionalEncoder, images: Tensor, device: Device) -> Tensor:
    """Images, pixels [N, D] or bytes -> codes [N, n], on the CPU."""
    device.place(network).eval()
    parts = (device.place(pixels(part).view(-1, *network.shape)) for part in images.split(PART))
    return torch.cat([network.encode(part).cpu() for part in parts])


@torch.no_grad()
def decode(network: ColourAutoencoder, codes: Tensor, device: Device) -> Tensor:
    """Codes [N, n] -> images [N, D] in [0, 1], on the CPU."""
    device.place(network).eval()
    return network.images(network.decode(codes.to(device.name)).flatten(1)).cpu()


@torch.no_grad()
def probabilities(network: nn.Module, images: Tensor, device: Device, *, flip: bool = False, shift: int = 0) -> Tensor:
    """Class probabilities [N, classes] of ``images``, on the CPU.

    With ``shift`` the mean over an image as it is and moved by so many pixels to two corners, edges repeated; with
    ``flip`` over each of these and its mirror image.
    """
    device.place(network).eval()
    moves = (0, shift, -shift) if shift else (0,)
    parts = []
    for part in add_channel_dim(images).split(PART):
        views = [_moved(part, by) for by in moves]
        views += [view.flip(3) for view in views] if flip else []
        parts.append(torch.stack([forward(network, view, device).float().softmax(1) for view in views]).mean(0).cpu())
    return torch.cat(parts)


def _moved(images: Tensor, by: int) -> Tensor:
    if not by:
        return images
    rows, columns = ((torch.arange(side) + by).clamp_(0, side - 1) for side in images.shape[2:])
    return images[:, :, rows][:, :, :, columns]


def forward(network: nn.Module, images: Tensor, device: Device) -> Any:
    """What ``network`` gives for images, in the device's precision."""
    with device.autocast():
        return network(device.place(images))
