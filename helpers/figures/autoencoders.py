"""The figures of chapters 1 and 2: the networks drawn, their losses, first-layer weights and noise levels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.patches import Polygon
from sklearn.decomposition import PCA
from torch import Tensor, nn

from helpers import live
from helpers.data import noise
from helpers.live import Live
from helpers.models import Probe
from helpers.palette import BLUE, GRID, INK, MODELS, PALE, REPORTED, VERMILION
from helpers.plots import WIDTH, count_epochs, log_ticks, name_of, sheet_of
from helpers.scratch import ScratchAutoencoder


def autoencoder(sizes: Sequence[int], *, encoder_layers: int) -> Figure:
    """The layers of an autoencoder as bars, height by the logarithm of their size, with the code in colour."""
    figure, axis = plt.subplots(figsize=(WIDTH, 1.7))
    heights = np.log2(np.asarray(sizes, dtype=float) + 1)
    heights = heights / heights.max()
    for k, (size, height) in enumerate(zip(sizes, heights, strict=True)):
        if k:
            before = heights[k - 1]
            corners = [(k - 0.87, before / 2), (k - 0.13, height / 2), (k - 0.13, -height / 2), (k - 0.87, -before / 2)]
            axis.add_patch(Polygon(corners, color=BLUE, alpha=0.10, linewidth=0))
        colour = VERMILION if k == encoder_layers else BLUE
        axis.bar(k, height, width=0.2, bottom=-height / 2, color=colour)
        axis.text(k, height / 2 + 0.04, f"{size}", ha="center", va="bottom", weight="bold")
    last = len(sizes) - 1
    names = {0: "image x", encoder_layers: "code", last: "reconstruction"}
    for k in range(last + 1):
        kind = "sigmoid" if k == last else "linear" if k == encoder_layers else "ReLU" if k else ""
        axis.text(k, -0.58, names.get(k, kind), ha="center", va="top")
        if k in (encoder_layers, last):
            axis.text(k, -0.70, f"({kind})", ha="center", va="top", color=PALE)
    for start, end, name in [(0, encoder_layers, "encoder"), (encoder_layers, last, "decoder")]:
        axis.annotate("", (end - 0.1, 0.72), (start + 0.1, 0.72), arrowprops={"arrowstyle": "->", "color": PALE})
        axis.text((start + end) / 2, 0.75, name, ha="center", va="bottom")
    axis.set(xlim=(-0.5, last + 0.6), ylim=(-0.82, 0.9))
    axis.axis("off")
    return figure


def denoising_autoencoder(clean: Tensor, noisy: Tensor, restored: Tensor) -> Figure:
    """A denoising autoencoder around one image [D]: corrupted on the way in, compared with the clean one at the end."""
    figure, axis = plt.subplots(figsize=(WIDTH, 1.5))
    side = round(len(clean) ** 0.5)
    for x, image, word in [(0.5, clean, "clean x"), (2.3, noisy, "noisy x̃"), (7.9, restored, "restored x̂")]:
        pixels = np.asarray(image).reshape(side, side)
        axis.imshow(pixels, extent=(x - 0.5, x + 0.5, 0, 1), vmin=0, vmax=1, interpolation="none")
        axis.add_patch(plt.Rectangle((x - 0.5, 0), 1, 1, fill=False, edgecolor=PALE, linewidth=0.6))
        axis.text(x, -0.12, word, ha="center", va="top")
    encoder, decoder = [(3.5, 1), (5, 0.7), (5, 0.3), (3.5, 0)], [(5.4, 0.7), (6.9, 1), (6.9, 0), (5.4, 0.3)]
    for corners, word in [(encoder, "encoder"), (decoder, "decoder")]:
        axis.add_patch(Polygon(corners, color=BLUE, alpha=0.15, linewidth=0))
        axis.text(float(np.mean([x for x, _ in corners])), 0.5, word, ha="center", va="center")
    axis.add_patch(plt.Rectangle((5.1, 0.28), 0.2, 0.44, color=VERMILION))
    axis.text(5.2, 0.16, "code", ha="center", va="top")
    arrow: dict[str, Any] = {"arrowstyle": "->", "color": INK, "linewidth": 0.8}
    for start, end in [(1.05, 1.75), (2.85, 3.45), (6.95, 7.35)]:
        axis.annotate("", (end, 0.5), (start, 0.5), arrowprops=arrow)
    axis.text(1.4, 0.58, "noise", ha="center", va="bottom")
    axis.plot([0.5, 0.5, 7.9, 7.9], [1.06, 1.28, 1.28, 1.06], color=INK, linewidth=0.8, linestyle="--")
    axis.text(4.2, 1.33, "loss: restored against clean", ha="center", va="bottom")
    axis.set(xlim=(-0.1, 8.5), ylim=(-0.35, 1.6), aspect="equal")
    axis.axis("off")
    return figure


def loss_curves(
    loss: Mapping[str, Sequence[float]], differences: Sequence[float], seconds: Mapping[str, float]
) -> Figure:
    """Left: the loss of every epoch, by model. Right: the relative difference of the two losses at every step."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(WIDTH, 2.0))
    for k, (name, values) in enumerate(loss.items()):
        epochs = range(1, len(values) + 1)
        # The curves lie on top of each other: the first is wide and pale, the second thin upon it.
        look: dict[str, Any] = {"linewidth": 1.2, "marker": "o", "markersize": 2.5}
        if k == 0:
            look = {"linewidth": 4, "alpha": 0.45, "marker": "o" if len(values) == 1 else ""}
        label = f"{name_of(name)}, {seconds[name]:.2f} s an epoch"
        left.plot(epochs, values, color=MODELS[name], label=label, **look)
    left.set(title="Training loss", ylabel="binary cross entropy")
    count_epochs(left)
    left.legend()
    steps, apart = np.arange(1, len(differences) + 1), np.asarray(differences)
    right.semilogy(steps[apart > 0], apart[apart > 0], ".", markersize=2, color=INK, linestyle="", rasterized=True)
    right.set(title="Scratch against PyTorch, float32", xlabel="step", ylabel="relative difference")
    log_ticks(right.yaxis)
    return figure


def digit(network: ScratchAutoencoder, pca: PCA, probe: Probe, images: Tensor, labels: Tensor) -> Live:
    """The first of the ``images`` [N, D], its code, and what is made of it; alive where it can be, see helpers.live."""
    code = network.encode(images[:1])
    linear = torch.from_numpy(pca.inverse_transform(pca.transform(images[:1].numpy())))
    pictures = {"image": images[:1], "network": network.decode(code), "PCA": linear}
    grid: dict[str, Any] = {"width_ratios": [1, 1, 1, 1.7, 1.5], "layout": "constrained"}
    _, axes = plt.subplots(1, 5, figsize=(WIDTH, 1.5), **grid)
    for axis, (name, picture) in zip(axes, pictures.items(), strict=False):
        axis.imshow(picture.view(28, 28).numpy(), vmin=0, vmax=1, cmap="gray_r", interpolation="none")
        axis.set(title=name, xticks=[], yticks=[])
    axes[3].bar(range(1, code.shape[1] + 1), code[0].numpy(), color=VERMILION)
    axes[3].set(title="code", xticks=[1, code.shape[1]])
    likely = probe.probabilities(code)[0].numpy()
    axes[4].bar(range(len(likely)), likely, color=BLUE)
    axes[4].set(title="probability", xticks=range(len(likely)), ylim=(0, 1), yticks=[0, 1])
    return live.digit(network, pca, probe, images, labels)


def under_noise(networks: Mapping[str, nn.Module], images: Tensor, labels: Tensor, *, kind: str, level: float) -> Live:
    """The first of the ``images`` [N, 784] under noise, and what is made of it; alive where it can be.

    The ``networks`` take images [N, 784] or [N, 1, 28, 28] to images, see :func:`helpers.live.denoising`.
    """
    noisy = noise(kind, level)(images[:1], torch.Generator().manual_seed(0))
    pictures = {"image": images[:1], "noisy": noisy}
    for name, network in networks.items():
        maps = any(isinstance(layer, nn.Conv2d) for layer in network.modules())
        with torch.no_grad():
            pictures[name] = network.eval()(noisy.view(1, 1, 28, 28) if maps else noisy).flatten(1)
    _, axes = plt.subplots(1, len(pictures), figsize=(WIDTH, 1.5), layout="constrained")
    for axis, (name, picture) in zip(axes, pictures.items(), strict=True):
        axis.imshow(picture.view(28, 28).numpy(), vmin=0, vmax=1, cmap="gray_r", interpolation="none")
        axis.set(title=name, xticks=[], yticks=[])
    return live.denoising(networks, images, labels, kind=kind, level=level)


def class_accuracies(accuracies: Mapping[str, Sequence[float]], classes: Sequence[str]) -> Figure:
    """Class-wise accuracy as points, one colour a model, classes along the bottom."""
    figure, axis = plt.subplots(figsize=(WIDTH, 1.75))
    positions = np.arange(len(classes))
    shifts = np.linspace(-0.24, 0.24, len(accuracies))
    for shift, (name, values) in zip(shifts, accuracies.items(), strict=True):
        axis.plot(positions + shift, values, "o", markersize=4.5, color=MODELS[name], label=name_of(name))
    axis.set(xticks=positions, xticklabels=classes, xlabel="class", ylabel="class-wise accuracy")
    axis.yaxis.set_major_formatter(mpl.ticker.PercentFormatter(1, decimals=0))
    axis.grid(axis="y", color=GRID, linewidth=0.6)
    axis.set_axisbelow(True)
    axis.legend(ncols=len(accuracies), loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=0, handletextpad=0.1)
    return figure


def softmax_loss(loss: Sequence[float], *, floor: float, uniform: float, reported: float) -> Figure:
    """The softmax decoder's loss by epoch, on an axis from its floor to the loss of a uniform output."""
    figure, axis = plt.subplots(figsize=(WIDTH, 1.75))
    epochs = range(1, len(loss) + 1)
    axis.plot(epochs, loss, "o-", markersize=3, color=BLUE)
    lines = [
        (uniform, "every pixel alike", PALE, "center"),
        (reported, "Report A, last epoch", REPORTED, "bottom"),
        (floor, "floor of any softmax", VERMILION, "top"),
    ]
    in_margin: dict[str, Any] = {"xycoords": ("axes fraction", "data"), "textcoords": "offset points", "fontsize": 7}
    for value, text, colour, side in lines:
        axis.axhline(value, color=colour, linewidth=1, linestyle="--")
        # Right of the axes, where no curve can run through it.
        axis.annotate(f"{text}\n{value:.4f}", (1, value), (5, 0), va=side, **in_margin)
    axis.set(ylabel="binary cross entropy", ylim=(floor - 0.02, uniform + 0.02))
    count_epochs(axis)
    return figure


def weight_pictures(weights: Mapping[str, Tensor]) -> Figure:
    """First-layer weights [units, D] of each network as pictures, blue below zero, red above: the 48 largest."""
    figure, axes = plt.subplots(1, len(weights), squeeze=False, figsize=(WIDTH, 0.75 * WIDTH / len(weights) + 0.2))
    colours = mpl.colormaps["RdBu_r"].with_extremes(bad="white")
    for axis, (name, matrix) in zip(axes[0], weights.items(), strict=True):
        units = np.asarray(matrix)
        units = units[np.argsort(-np.linalg.norm(units, axis=1))[:48]]
        units = units / np.abs(units).max(1, keepdims=True)
        side, columns = round(units.shape[1] ** 0.5), 8
        sheet, _ = sheet_of([units[i : i + columns] for i in range(0, len(units), columns)], side)
        axis.imshow(sheet, vmin=-1, vmax=1, cmap=colours, interpolation="none")
        axis.set(title=name_of(name), xticks=[], yticks=[])
        axis.spines[:].set_visible(False)
    return figure


def level_curves(
    panels: Mapping[str, Mapping[str, Sequence[float]]], levels: Sequence[float], *, trained: float
) -> Figure:
    """A panel for each measure: its value against the noise level, by model; a line marks the level of training."""
    figure, axes = plt.subplots(1, len(panels), squeeze=False, figsize=(WIDTH, 2.3))
    for axis, (measure, curves) in zip(axes[0], panels.items(), strict=True):
        axis.axvline(trained, color=PALE, linewidth=0.8, linestyle=":")
        for name, values in curves.items():
            dashed = {"linestyle": "--"} if name in ("noisy", "gaussian") else {}
            axis.plot(levels, values, color=MODELS[name], label=name_of(name), marker="o", markersize=2, **dashed)
        axis.set(xlabel="noise level", ylabel=measure)
        axis.legend()
    return figure
