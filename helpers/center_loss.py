"""Center loss (Wen, Zhang, Li & Qiao 2016, "A discriminative feature learning approach for deep face recognition")."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from helpers.data import Split, noise
from helpers.device import PLAIN, Device
from helpers.inference import forward
from helpers.models import CodeClassifier
from helpers.optimisers import TrainConfig
from helpers.training import History, train_classifier

PART = 1000  # images that pass through a network at once when it is asked


class CenterLoss:
    """One centre for each class, and how far codes lie from the centre of their own class.

    ``centres`` [classes, d] are no parameters: no optimiser and no gradient reaches them. They follow the codes by
    :meth:`update`, at a rate of their own. All start at the origin.

    Raises ValueError for fewer than one class or number, or a rate outside (0, 1].
    """

    def __init__(self, classes: int, size: int, *, alpha: float = 0.5, device: str = "cpu"):
        if classes < 1 or size < 1:
            raise ValueError(f"center loss needs at least one class and one number a code, not {classes} and {size}")
        if not 0 < alpha <= 1:
            raise ValueError(f"alpha, the rate of the centres, must be above 0 and at most 1, not {alpha}")
        self.alpha = alpha
        self.centres = torch.zeros(classes, size, device=device)

    def loss(self, codes: Tensor, labels: Tensor) -> Tensor:
        """Codes [B, d], labels [B] -> half the mean squared distance to the own centre, scalar (equation 2 over B).

        The paper sums over the batch, in this loss as in its cross entropy. Here both are means: their ratio lambda
        keeps the paper's meaning, and neither it nor the learning rate depends on the batch size. The gradient with
        respect to a code x is (x - c) / B (equation 3 over B); there is none with respect to the centres.
        """
        return self.losses(codes, labels).mean()

    def losses(self, codes: Tensor, labels: Tensor) -> Tensor:
        """What each image adds to that mean, [B]."""
        return (codes - self.centres[labels]).square().sum(1) / 2

    @torch.no_grad()
    def update(self, codes: Tensor, labels: Tensor) -> None:
        """Move every centre towards the codes [B, d] of its class (equation 4, algorithm 1).

        c <- c - alpha * sum(c - x) / (1 + n) over the n codes x of the class in the batch. The 1 keeps a centre
        without codes where it is, and moves one with few of them by less.
        """
        counts = torch.zeros(len(self.centres), 1, device=codes.device)
        counts.index_add_(0, labels, torch.ones(len(labels), 1, device=codes.device))
        sums = torch.zeros_like(self.centres).index_add_(0, labels, codes)
        self.centres -= self.alpha * (counts * self.centres - sums) / (1 + counts)


@dataclass(frozen=True)
class CenterLossConfig:
    """The loss and the images of a model: ``weight`` is the paper's lambda, ``alpha`` the rate of the centres.

    ``sigma`` is the standard deviation of the Gaussian noise on the images, zero for clean ones. Raises ValueError for
    settings that cannot work.
    """

    weight: float = 0.0  # zero: softmax alone
    alpha: float = 0.5
    sigma: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.weight < math.inf:
            raise ValueError(f"lambda, the weight of the center loss, must be 0 or more, not {self.weight}")
        CenterLoss(1, 1, alpha=self.alpha)
        noise("gaussian", self.sigma)

    def with_lambdas(self, lambdas: Sequence[float]) -> list[CenterLossConfig]:
        """These settings with every one of ``lambdas``. Raises ValueError when there is none, or a negative one."""
        if not lambdas:
            raise ValueError("there is no lambda to choose from")
        return [replace(self, weight=weight) for weight in lambdas]


class JointLoss:
    """Cross entropy + lambda * center loss (Wen et al. 2016, equation 5), both means over the batch.

    An objective of :func:`helpers.training.train_classifier` for networks that give codes and logits. After every step
    the centres follow (algorithm 1); with a lambda of zero they follow all the same, and the loss does not see them.
    ``encode`` gives the codes [N, d] that are kept after every epoch, together with the centres.
    """

    def __init__(self, center: CenterLoss, weight: float, encode: Callable[[], Tensor] | None = None):
        self.center, self.weight, self.encode = center, weight, encode
        self.epochs: list[float] = []  # the mean center loss of every epoch
        self.course: list[tuple[Tensor, Tensor]] = []  # codes and centres after every epoch
        self._batches: list[Tensor] = []
        self._images = 0

    def __call__(self, outputs: tuple[Tensor, Tensor], labels: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
        codes, logits = outputs
        losses, center_losses = F.cross_entropy(logits, labels, reduction="none"), self.center.losses(codes, labels)
        self._batches.append(center_losses.detach().sum())
        self._images += len(labels)
        self._last = codes.detach(), labels
        if self.weight:
            losses = losses + self.weight * center_losses
        return (weights * losses).mean(), logits

    def after_step(self) -> None:
        """Let the centres follow the codes of the batch."""
        self.center.update(*self._last)

    def state_dict(self) -> dict[str, Any]:
        """The centres, and of every epoch the mean center loss and what was kept."""
        return {"centres": self.center.centres, "epochs": self.epochs, "course": self.course}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from such a state."""
        self.center.centres.copy_(state["centres"])
        self.epochs, self.course = list(state["epochs"]), list(state["course"])

    def after_epoch(self) -> None:
        """Record the mean center loss of the epoch, and the codes and centres at its end."""
        self.epochs.append(torch.stack(self._batches).sum().item() / self._images)
        self._batches, self._images = [], 0
        if self.encode:
            self.course.append((self.encode(), self.center.centres.cpu().clone()))


@dataclass(frozen=True)
class Fitted:
    """A trained model, the centres [classes, d] of its codes, and the mean of both losses in every epoch.

    ``course`` has the codes [N, d] of the watched images and the centres after every epoch, if images were watched.
    """

    model: CodeClassifier
    centres: Tensor
    history: History
    center_loss: list[float]
    device: Device
    course: list[tuple[Tensor, Tensor]]

    def predict(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Images [N, ...] -> codes [N, d] and class probabilities [N, classes], float32 on the CPU."""
        return predict(self.model, images, self.device)


@torch.no_grad()
def predict(model: CodeClassifier, images: Tensor, device: Device) -> tuple[Tensor, Tensor]:
    """Images [N, ...] -> codes [N, d] and class probabilities [N, classes], float32 on the CPU."""
    model.eval()
    parts = [forward(model, batch, device) for batch in images.split(PART)]
    codes, logits = (torch.cat(part).cpu() for part in zip(*parts, strict=True))
    return codes, logits.softmax(1)


def from_encoder(encoder: nn.Sequential, images: Tensor, *, classes: int, seed: int) -> CodeClassifier:
    """A classifier that starts from a copy of ``encoder``, with a new linear layer on its code.

    The code is divided by its root mean square over ``images`` [N, D]. An autoencoder leaves its code at any scale,
    since the decoder follows; squared distances, and with them lambda, do depend on it.
    """
    torch.manual_seed(seed)
    *body, code = copy.deepcopy(encoder)
    model = CodeClassifier(nn.Sequential(*body), code, classes=classes)
    with torch.no_grad():
        scale = model(images)[0].square().mean().sqrt().clamp(min=1e-6)
        code.weight /= scale
        code.bias /= scale
    return model


def fit(
    model: CodeClassifier,
    split: Split,
    config: TrainConfig,
    loss: CenterLossConfig,
    *,
    seed: int,
    name: str = "",
    device: Device = PLAIN,
    watched: Tensor | None = None,
) -> Fitted:
    """Train ``model`` in place on images [N, ...] in [0, 1] and labels [N], with noise drawn anew in every epoch.

    Without noise, pictures [N, C, H, W] are moved as ``config`` says. Batches, noise and moves depend on the seed
    alone: neither on lambda, nor on the model. The codes of the ``watched`` images are kept after every epoch.
    """
    device.place(model)
    center = CenterLoss(model.head.out_features, model.head.in_features, alpha=loss.alpha, device=device.name)
    encode = None if watched is None else lambda images=watched: predict(model, images, device)[0]
    objective = JointLoss(center, loss.weight, encode)
    transform = noise("gaussian", loss.sigma) if loss.sigma else None
    how = {"device": device, "seed": seed, "name": name, "objective": objective, "transform": transform}
    history = train_classifier(model, split, config, **how)
    return Fitted(model, center.centres.cpu(), history, objective.epochs, device, objective.course)


def fit_each(
    model: CodeClassifier,
    split: Split,
    config: TrainConfig,
    losses: Sequence[CenterLossConfig],
    *,
    seed: int,
    name: str = "",
    device: Device = PLAIN,
    watched: Tensor | None = None,
) -> dict[float, Fitted]:
    """:func:`fit` with each of ``losses`` on a copy of ``model``; the trained models by their lambda."""
    how: dict[str, Any] = {"seed": seed, "device": device, "watched": watched}
    return {
        loss.weight: fit(copy.deepcopy(model), split, config, loss, name=f"{name} λ={loss.weight:g}", **how)
        for loss in losses
    }


def tune_lambda(accuracies: Mapping[float, float], images: int) -> float:
    """The largest lambda whose accuracy, on so many validation images, is within one standard error of the best one's.

    The one-standard-error rule (Breiman, Friedman, Olshen & Stone 1984, section 3.4.3): accuracies so close are not
    told apart by these images, and of equals the one with the tightest classes is wanted. An accuracy may be a mean
    over several versions of each image: its standard error is then at most the one taken here.
    """
    best = max(accuracies.values())
    error = math.sqrt(best * (1 - best) / images)
    return max(weight for weight, accuracy in accuracies.items() if accuracy >= best - error)
