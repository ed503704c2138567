"""What this machine computes fast on: device, precision and memory layout, asked of the processor, never assumed.

Measured on one core (two-convolution net, 28x28): channels_last with bfloat16 is over twice as quick as float32 where
the processor multiplies bfloat16 itself, and seven times slower where it has to be emulated.
"""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Device:
    """Where and how convolutional networks are computed. Weights, losses and results stay float32."""

    name: str  # cpu or cuda
    precision: torch.dtype  # of convolutions and matrix products: bfloat16 or float32
    layout: torch.memory_format

    def __str__(self) -> str:
        layout = str(self.layout).removeprefix("torch.")
        return f"{self.name}, {str(self.precision).removeprefix('torch.')}, {layout}"

    @property
    def exact(self) -> Device:
        """The same in float32, for measuring what bfloat16 has trained."""
        return replace(self, precision=torch.float32)

    def place(self, thing: Tensor | nn.Module) -> Tensor | nn.Module:
        """A module, or images [N, C, H, W], on the device and in its layout."""
        return thing.to(self.name, memory_format=self.layout)

    def autocast(self) -> AbstractContextManager:
        """Compute what is safe in low precision in :attr:`precision`; the rest, and everything in float32, as it is."""
        return torch.autocast(self.name, dtype=torch.bfloat16, enabled=self.precision is torch.bfloat16)


def pick() -> Device:
    """The fast path of this machine. ``PRECISION=float32`` in the environment forbids bfloat16.

    Raises ValueError for any other ``PRECISION``.
    """
    wish = os.environ.get("PRECISION", "")
    if wish not in ("", "float32"):
        raise ValueError(f"PRECISION={wish} means nothing: use PRECISION=float32, or leave it out")
    if torch.cuda.is_available():
        name, native = "cuda", torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        name, native = "cpu", torch.backends.mkldnn.is_available() and _processor_has_bfloat16()
    return Device(name, torch.bfloat16 if native and not wish else torch.float32, torch.channels_last)


def _processor_has_bfloat16() -> bool:
    # oneDNN says yes wherever AVX-512 can emulate it, and no where it is told not to use AVX-512: both must agree.
    return torch.cpu._is_avx512_bf16_supported() and torch.ops.mkldnn._is_mkldnn_bf16_supported()
