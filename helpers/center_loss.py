"""Center loss (Wen, Zhang, Li & Qiao 2016, "A discriminative feature learning approach for deep face recognition")."""

from __future__ import annotations

import torch
from torch import Tensor


class CenterLoss:
    """One centre per class, and how far features are from the centre of their own class.

    ``centres`` [classes, d] are no parameters: no optimiser sees them and no gradient reaches them. They follow the
    features by :meth:`update`, with a rate of their own. All start at the origin.

    Raises ValueError for fewer than one class or number, or a rate outside (0, 1].
    """

    def __init__(self, classes: int, size: int, *, alpha: float = 0.5, device: str = "cpu"):
        if classes < 1 or size < 1:
            raise ValueError(f"center loss needs at least one class and one number a code, not {classes} and {size}")
        if not 0 < alpha <= 1:
            raise ValueError(f"alpha, the rate of the centres, must be above 0 and at most 1, not {alpha}")
        self.alpha = alpha
        self.centres = torch.zeros(classes, size, device=device)

    def loss(self, features: Tensor, labels: Tensor) -> Tensor:
        """Features [B, d], labels [B] -> half the mean squared distance to the own centre, scalar (equation 2 over B).

        The paper sums over the batch, in this loss as in its cross entropy. Here both are means: their ratio lambda
        keeps the paper's meaning, and neither it nor the learning rate depends on the batch size. The gradient with
        respect to a feature x is (x - c) / B (equation 3 over B); there is none with respect to the centres.
        """
        return (features - self.centres[labels]).square().sum(1).mean() / 2

    @torch.no_grad()
    def update(self, features: Tensor, labels: Tensor) -> None:
        """Move every centre towards the features [B, d] of its class (equation 4, algorithm 1).

        c <- c - alpha * sum(c - x) / (1 + n) over the n features x of the class in the batch. The 1 keeps a centre
        without features where it is, and makes one with few of them cautious.
        """
        counts = torch.zeros(len(self.centres), 1, device=features.device)
        counts.index_add_(0, labels, torch.ones(len(labels), 1, device=features.device))
        sums = torch.zeros_like(self.centres).index_add_(0, labels, features)
        self.centres -= self.alpha * (counts * self.centres - sums) / (1 + counts)
