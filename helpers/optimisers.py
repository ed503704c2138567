"""How weights are moved: the schedule of the learning rate, AdamW, and Muon (Jordan et al. 2024) for kernels.

Muon works on matrices, so kernels of convolutions are kept as matrices while they train.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, OneCycleLR
from torch.optim.optimizer import ParamsT

from helpers.device import Device
from helpers.models import AutoencoderModule

SCHEDULES = ("constant", "linear", "one_cycle")
LEAST_STEPS = 5  # of a one-cycle schedule: torch divides by zero when a quarter of the steps is less than one


@dataclass(frozen=True)
class TrainConfig:
    """How a network is trained. Raises ValueError for settings that cannot work.

    AdamW (decoupled weight decay; Loshchilov & Hutter 2019), which is Adam when ``weight_decay`` is zero. With ``muon``
    kernels and hidden dense layers learn by Muon instead, in steps of Adam's size (Liu et al. 2025). The learning rate
    rises to its peak over a share ``warmup`` of the steps, then stays (``constant``) or falls to zero (``linear``);
    ``one_cycle`` is the schedule of Smith & Topin (2019), with a cosine shape and a momentum that falls and rises.
    ``smoothing`` moves that share of every label to all classes alike (Szegedy et al. 2016). ``flip`` mirrors half of
    the images in every pass over them, ``shift`` moves each by up to so many pixels, anew in every pass. ``prune`` is
    the share of the easy images that a pass leaves out, see :func:`helpers.augmentation.pruned`; an epoch has as many
    steps as without, so there are more passes than epochs.
    """

    epochs: int
    batch_size: int
    learning_rate: float  # at its peak
    schedule: str = "constant"
    warmup: float = 0.0
    weight_decay: float = 0.0
    muon: bool = False
    smoothing: float = 0.0
    flip: bool = False
    shift: int = 0
    prune: float = 0.0

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "learning_rate"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name.replace('_', ' ')} must be positive, not {getattr(self, name)}")
        if self.schedule not in SCHEDULES:
            raise ValueError(f"unknown schedule '{self.schedule}': use one of {', '.join(SCHEDULES)}")
        if not 0 <= self.warmup <= 1:
            raise ValueError(f"warm-up is a share of the steps, within 0 to 1, not {self.warmup}")
        if self.weight_decay < 0 or self.shift < 0 or not 0 <= self.smoothing < 1:
            what = f"{self.weight_decay}, {self.shift} and {self.smoothing}"
            raise ValueError(f"weight decay and shift must not be negative, and smoothing below one, not {what}")
        if not 0 <= self.prune < 1:
            raise ValueError(f"prune is the share of easy images to leave out, from 0 to below 1, not {self.prune}")

    def batches(self, images: int) -> list[int]:
        """The sizes of an epoch's batches of so many images; the last one has the rest.

        A rest of one image joins the batch before it: batch normalisation cannot learn from a single image.
        """
        whole, rest = divmod(images, self.batch_size)
        sizes = [self.batch_size] * whole + [rest] * (rest > 0)
        return [*sizes[:-2], sizes[-2] + 1] if rest == 1 and whole else sizes

    def steps(self, images: int) -> int:
        """The number of optimisation steps on so many images."""
        return self.epochs * len(self.batches(images))

    def learning_rates(self, steps: int) -> list[float]:
        """The learning rate of every step of a ``constant`` or ``linear`` schedule."""
        peak, rise = self.learning_rate, max(1, round(self.warmup * steps))
        falls = self.schedule == "linear"
        return [peak * min(1.0, (i + 1) / rise) * ((1 - i / steps) if falls else 1.0) for i in range(steps)]


class Listed(LRScheduler):
    """A schedule given as a list of learning rates, one a step; groups with another peak keep their ratio to it."""

    def __init__(self, optimiser: Optimizer, rates: Sequence[float], *, peak: float):
        self.rates, self.peak = rates, peak
        super().__init__(optimiser)

    def get_lr(self) -> list[float]:
        """The learning rate of each group at this step."""
        rate = self.rates[min(self.last_epoch, len(self.rates) - 1)]
        return [base / self.peak * rate for base in self.base_lrs]


def schedule(optimiser: Optimizer, config: TrainConfig, images: int) -> LRScheduler:
    """The schedule of ``config`` for training on so many images; its ``step()`` follows the optimiser's."""
    steps = config.steps(images)
    if config.schedule != "one_cycle":
        return Listed(optimiser, config.learning_rates(steps), peak=config.learning_rate)
    peaks = [group["lr"] for group in optimiser.param_groups]
    return OneCycleLR(optimiser, peaks, total_steps=max(LEAST_STEPS, steps), pct_start=config.warmup)


class Muon(Optimizer):
    """Momentum whose steps are made orthogonal (Jordan et al. 2024), in steps of Adam's size (Liu et al. 2025).

    What ``torch.optim.Muon`` computes with ``adjust_lr_fn="match_rms_adamw"``, to the last bit in bfloat16. By hand,
    since that one orthogonalises in bfloat16 alone: where a processor has to emulate it, that takes fifty times as long
    as all the rest of a step. ``precision`` is the one to do it in.
    """

    MOMENTUM = 0.95

    def __init__(self, matrices: ParamsT, *, lr: float, weight_decay: float, precision: torch.dtype):
        super().__init__(matrices, {"lr": lr, "weight_decay": weight_decay, "momentum": self.MOMENTUM})
        self.precision = precision

    @torch.no_grad()
    def step(self) -> None:
        """Move every matrix by its gradient."""
        for group in self.param_groups:
            rate, momentum = group["lr"], group["momentum"]
            for matrix in group["params"]:
                if matrix.grad is None:
                    continue
                mean = self.state[matrix].setdefault("mean", torch.zeros_like(matrix))
                mean.lerp_(matrix.grad, 1 - momentum)
                update = orthogonal(matrix.grad.lerp(mean, momentum).to(self.precision))  # Nesterov's momentum
                matrix.mul_(1 - rate * group["weight_decay"])
                matrix.add_(update, alpha=-rate * 0.2 * max(matrix.shape) ** 0.5)


def orthogonal(matrix: Tensor, *, steps: int = 5) -> Tensor:
    """A matrix [m, n] with its singular values brought to about one, by Newton and Schulz's iteration.

    With Jordan's coefficients, which end anywhere from 0.7 to 1.2, soon and near enough for an optimiser.
    """
    a, b, c = 3.4445, -4.7750, 2.0315
    wide = matrix.T if len(matrix) > matrix.shape[1] else matrix
    wide = wide / wide.norm().clamp(min=1e-7)
    for _ in range(steps):
        gram = wide @ wide.T
        wide = torch.addmm(wide, torch.addmm(gram, gram, gram, beta=b, alpha=c), wide, beta=a)
    return wide.T if len(matrix) > matrix.shape[1] else wide


@contextmanager
def optimisers(network: nn.Module, config: TrainConfig, device: Device) -> Iterator[list[Optimizer]]:
    """The optimisers of what learns in ``network``: AdamW, and with ``config.muon`` Muon for its matrices.

    An autoencoder says itself in which groups, see :meth:`helpers.models.AutoencoderModule.parameter_groups`.
    """
    with as_matrices(network) if config.muon else nullcontext([]) as matrices:
        known = set(map(id, matrices))
        groups = [{"params": list(network.parameters())}]
        if isinstance(network, AutoencoderModule):
            groups = network.parameter_groups(config.learning_rate)
        ours, rest = [], []
        for group in groups:
            ours.append(group | {"params": [p for p in group["params"] if id(p) in known]})
            rest.append(group | {"params": [p for p in group["params"] if p.requires_grad and id(p) not in known]})
        settings = {"lr": config.learning_rate, "weight_decay": config.weight_decay}
        made: list[Optimizer] = [torch.optim.AdamW(rest, **settings, fused=True)]
        if matrices:
            made.append(Muon(ours, **settings, precision=device.precision))
        yield made


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
    """The weights for Muon: of all dense layers but the last, and kernels, which are matrices within this context.

    What the network computes does not change. Left out are kernels with one channel in or out, whose matrix would be
    too thin, and frozen weights.
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
