"""Muon (Jordan et al. 2024) for networks with convolutions: kernels are taken as matrices while they train."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize


class Kernel(nn.Module):
    """A kernel [out, in, k, k] that is kept and trained as a matrix [out, in * k * k]."""

    def __init__(self, shape: torch.Size):
        super().__init__()
        self.shape = shape

    def forward(self, matrix: Tensor) -> Tensor:
        return matrix.view(self.shape)

    def right_inverse(self, kernel: Tensor) -> Tensor:
        return kernel.flatten(1)


@contextmanager
def as_matrices(network: nn.Module) -> Iterator[list[nn.Parameter]]:
    """The weights for Muon: of all dense layers but the last, and of convolutions, kept as matrices meanwhile.

    What the network computes is the same all along. Left out are kernels with one channel in or out, too thin a
    matrix, and what is frozen.
    """
    learning = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
    learning = [layer for layer in learning if layer.weight.requires_grad]
    dense = [layer for layer in learning if isinstance(layer, nn.Linear)][:-1]
    convolutions = [
        layer for layer in learning if isinstance(layer, nn.Conv2d) and 1 not in (layer.in_channels, layer.out_channels)
    ]
    for layer in convolutions:
        parametrize.register_parametrization(layer, "weight", Kernel(layer.weight.shape))
    try:
        yield [layer.parametrizations.weight.original for layer in convolutions] + [layer.weight for layer in dense]
    finally:
        for layer in convolutions:
            parametrize.remove_parametrizations(layer, "weight")
