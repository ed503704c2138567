"""The device that networks are computed on: where, in which precision, in which memory layout.

The processor is asked, nothing is assumed. Measured on one core (a network of two convolutions on 28 x 28 images):
channels_last with bfloat16 is over twice as fast as float32 where the processor multiplies bfloat16 itself, and seven
times slower where bfloat16 is emulated.
"""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import TypeVar

import torch
from torch import Tensor, nn

Placed = TypeVar("Placed", Tensor, nn.Module)

# For every process that computes: all of them import this module. Numbers below 1e-38 become zero. An optimiser's mean
# of the gradients of a weight that gets none ends among them, and a processor may take a hundred times as long with
# these: dense networks trained at half their speed from the second epoch on. False where it cannot be had.
FLUSHES_DENORMAL = torch.set_flush_denormal(True)


@dataclass(frozen=True)
class Device:
    """Where and how networks are computed. Weights, losses and results stay float32."""

    name: str  # cpu or cuda
    precision: torch.dtype  # of convolutions and matrix products: bfloat16 or float32
    layout: torch.memory_format

    def __str__(self) -> str:
        precision, layout = (str(part).removeprefix("torch.") for part in (self.precision, self.layout))
        return f"{self.name}, {precision}, {layout}"

    @property
    def exact(self) -> Device:
        """The same device in float32, to measure what was trained in bfloat16."""
        return replace(self, precision=torch.float32)

    def place(self, thing: Placed) -> Placed:
        """``thing``, a module or a tensor, on the device; modules and images [N, C, H, W] in its layout."""
        if isinstance(thing, Tensor) and thing.ndim != 4:
            return thing.to(self.name)
        return thing.to(self.name, memory_format=self.layout)

    def autocast(self) -> AbstractContextManager:
        """A context in which what is safe in bfloat16 is computed in it, if that is the device's precision."""
        return torch.autocast(self.name, dtype=torch.bfloat16, enabled=self.precision is torch.bfloat16)


PLAIN = Device("cpu", torch.float32, torch.contiguous_format)  # for dense networks: as torch has it


def pick() -> Device:
    """The fastest device of this machine; ``PRECISION=float32`` in the environment forbids bfloat16.

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
