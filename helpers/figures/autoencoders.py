"""Drawings of the networks, in the style of helpers.plots."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Polygon
from torch import Tensor

from helpers.plots import INK, MODELS, PALE, WIDTH


def autoencoder(sizes: Sequence[int], *, encoder_layers: int) -> Figure:
    """The layers of an autoencoder as bars, height by the logarithm of their size, with the code in colour."""
    figure, axis = plt.subplots(figsize=(WIDTH, 2.1))
    heights = np.log2(np.asarray(sizes, dtype=float) + 1)
    heights = heights / heights.max()
    for k, (size, height) in enumerate(zip(sizes, heights, strict=True)):
        if k:
            before = heights[k - 1]
            corners = [(k - 0.87, before / 2), (k - 0.13, height / 2), (k - 0.13, -height / 2), (k - 0.87, -before / 2)]
            axis.add_patch(Polygon(corners, color=MODELS["scratch"], alpha=0.10, linewidth=0))
        colour = MODELS["inbuilt"] if k == encoder_layers else MODELS["scratch"]
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
        axis.add_patch(Polygon(corners, color=MODELS["scratch"], alpha=0.15, linewidth=0))
        axis.text(np.mean([x for x, _ in corners]), 0.5, word, ha="center", va="center")
    axis.add_patch(plt.Rectangle((5.1, 0.28), 0.2, 0.44, color=MODELS["inbuilt"]))
    axis.text(5.2, 0.16, "code", ha="center", va="top")
    arrow = {"arrowstyle": "->", "color": INK, "linewidth": 0.8}
    for start, end in [(1.05, 1.75), (2.85, 3.45), (6.95, 7.35)]:
        axis.annotate("", (end, 0.5), (start, 0.5), arrowprops=arrow)
    axis.text(1.4, 0.58, "noise", ha="center", va="bottom")
    axis.plot([0.5, 0.5, 7.9, 7.9], [1.06, 1.28, 1.28, 1.06], color=INK, linewidth=0.8, linestyle="--")
    axis.text(4.2, 1.33, "loss: restored against clean", ha="center", va="bottom")
    axis.set(xlim=(-0.1, 8.5), ylim=(-0.35, 1.6), aspect="equal")
    axis.axis("off")
    return figure
