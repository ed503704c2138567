"""The embedded sample: small stand-ins for the three data sets, made in code, for work without files or a network.

MNIST: scikit-learn's handwritten digits, enlarged. Fashion-MNIST: drawn garments. CIFAR-10: drawn scenes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw

if TYPE_CHECKING:
    from torch import Tensor

PER_CLASS, PER_CLASS_TEST = 150, 50  # of the drawn sets
DIGITS_TEST = 500
FINE = 4  # shapes are drawn this many times larger, then averaged, for soft edges
Colour = tuple[int, int, int]


def load(name: str) -> tuple[tuple[Tensor, Tensor, Tensor, Tensor], str]:
    """Make a sample; the same one at every call.

    Returns:
        Train images, train labels, test images, test labels: uint8 [n, 28, 28] (CIFAR10: [n, 3, 32, 32]), int64 [n];
        and their fingerprint.

    Raises:
        KeyError: unknown name.
    """
    import torch

    arrays = {"MNIST": _digits, "FashionMNIST": _garments, "CIFAR10": _scenes}[name]()
    content = b"".join(array.tobytes() for array in arrays)
    fingerprint = "sample-" + hashlib.sha256(content).hexdigest()[:12]
    return tuple(torch.from_numpy(np.ascontiguousarray(array)) for array in arrays), fingerprint


def _digits() -> tuple[np.ndarray, ...]:
    """8x8 digits enlarged to 20x20 and centred in 28x28 by their mass, as MNIST does."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    small, labels = load_digits(return_X_y=True)
    images = np.zeros((len(small), 28, 28), np.uint8)
    for image, digit in zip(images, small.reshape(-1, 8, 8), strict=True):
        smooth = Image.fromarray((digit * 255 / 16).astype(np.uint8)).resize((20, 20), Image.Resampling.BICUBIC)
        large = np.clip((np.asarray(smooth, float) - 40) * 1.5, 0, 255)  # crisp strokes on a black ground
        rows, columns = np.indices(large.shape)
        top, left = (int(round(13.5 - (large * at).sum() / large.sum())) for at in (rows, columns))
        image[top : top + 20, left : left + 20] = large
    labels = labels.astype(np.int64)
    split = train_test_split(images, labels, test_size=DIGITS_TEST, stratify=labels, random_state=0)
    train, test, train_labels, test_labels = split
    return train, train_labels, test, test_labels


def _collect(kinds: int, paint: Callable[[int, np.random.Generator], np.ndarray], seed: int) -> tuple[np.ndarray, ...]:
    """Paint every kind equally often, shuffled, for train and for test."""
    random = np.random.default_rng(seed)
    arrays = []
    for count in (PER_CLASS, PER_CLASS_TEST):
        labels = random.permutation(np.repeat(np.arange(kinds, dtype=np.int64), count))
        arrays += [np.stack([paint(label, random) for label in labels]), labels]
    return tuple(arrays)


class _Pen:
    """Draws shapes given in units of the picture (0 to 1, y down) through one random shift, size, slant and mirror."""

    def __init__(self, size: int, ground: Image.Image, random: np.random.Generator, mirror: bool, loose: float) -> None:
        self.size, self.image = size, ground
        self._canvas = ImageDraw.Draw(ground)
        wide, high = 1 + loose * random.uniform(-1.6, 0.6, 2)
        flip = -1 if mirror and random.random() < 0.5 else 1
        slant = loose * random.uniform(-0.6, 0.6, 2)
        self._turn = np.array([[wide * flip, slant[0]], [slant[1], high]])
        self._shift = 0.5 + loose * random.uniform(-0.4, 0.4, 2)

    def _place(self, points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
        placed = (np.asarray(points) - 0.5) @ self._turn.T + self._shift
        return [tuple(point) for point in placed * self.size * FINE]

    def polygon(self, colour: int | Colour, *points: tuple[float, float]) -> None:
        self._canvas.polygon(self._place(points), fill=colour)

    def line(self, colour: int | Colour, width: float, *points: tuple[float, float]) -> None:
        self._canvas.line(self._place(points), fill=colour, width=round(width * self.size * FINE), joint="curve")

    def ellipse(self, colour: int | Colour, x: float, y: float, across: float, down: float) -> None:
        angles = np.linspace(0, 2 * np.pi, 20, endpoint=False)
        self.polygon(colour, *zip(x + across * np.cos(angles), y + down * np.sin(angles), strict=True))

    def box(self, colour: int | Colour, left: float, top: float, right: float, bottom: float) -> None:
        self.polygon(colour, (left, top), (right, top), (right, bottom), (left, bottom))

    def pair(self, colour: int | Colour, *points: tuple[float, float]) -> None:
        """A polygon and its mirror image, in points (distance from the middle, y)."""
        for side in (-1, 1):
            self.polygon(colour, *[(0.5 + side * x, y) for x, y in points])

    def whole(self, colour: int | Colour, *points: tuple[float, float]) -> None:
        """The same, the two joined to one shape."""
        self.polygon(colour, *[(0.5 + x, y) for x, y in points], *[(0.5 - x, y) for x, y in reversed(points)])


# Garments, in grey on black: `tone` is the cloth's brightness, `seam` that of the lines on it.


def _top(pen: _Pen, tone: int, seam: int, sleeve: float, hem: float, half: float) -> None:
    """A garment for the trunk: sleeves down to `sleeve`, body down to `hem`, `half` as wide as that at the hem."""
    out = 0.30 if sleeve < 0.5 else 0.40
    pen.pair(tone, (0.1, 0.12), (0.22, 0.16), (out + 0.09, sleeve), (out - 0.03, sleeve + 0.05), (0.19, 0.38))
    pen.whole(tone, (0.12, 0.1), (0.22, 0.16), (0.18, 0.45), (half, hem))
    pen.pair(seam, (0.2, 0.2), (0.22, 0.2), (0.2, min(hem, sleeve)), (0.18, min(hem, sleeve)))


GARMENTS = ("T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot")


def _garment(pen: _Pen, kind: str, tone: int, seam: int) -> None:
    match kind:
        case "T-shirt":
            _top(pen, tone, seam, 0.36, 0.88, 0.19)
            pen.ellipse(0, 0.5, 0.09, 0.1, 0.06)
        case "trouser":
            pen.whole(tone, (0, 0.06), (0.14, 0.06), (0.2, 0.95), (0.05, 0.95), (0, 0.32))
            pen.line(seam, 0.02, (0.36, 0.12), (0.64, 0.12))
        case "pullover":
            _top(pen, tone, seam, 0.78, 0.86, 0.2)
            pen.ellipse(seam, 0.5, 0.11, 0.1, 0.05)
            pen.line(seam, 0.02, (0.31, 0.81), (0.69, 0.81))
        case "dress":
            pen.whole(tone, (0.1, 0.06), (0.08, 0.38), (0.2, 0.95))
            pen.ellipse(0, 0.5, 0.06, 0.06, 0.08)
            pen.line(seam, 0.03, (0.42, 0.38), (0.58, 0.38))
        case "coat":
            _top(pen, tone, seam, 0.8, 0.96, 0.22)
            pen.line(seam, 0.03, (0.5, 0.2), (0.5, 0.95))
            pen.polygon(seam, (0.4, 0.09), (0.6, 0.09), (0.5, 0.34))
        case "sandal":
            pen.polygon(tone, (0.05, 0.72), (0.5, 0.64), (0.94, 0.52), (0.84, 0.64), (0.5, 0.76), (0.06, 0.79))
            pen.box(tone, 0.85, 0.56, 0.95, 0.76)
            pen.line(seam, 0.05, (0.14, 0.7), (0.26, 0.52), (0.42, 0.66))
            pen.line(seam, 0.05, (0.62, 0.6), (0.8, 0.36), (0.92, 0.54))
        case "shirt":
            _top(pen, tone, seam, 0.74, 0.9, 0.19)
            pen.line(seam, 0.015, (0.5, 0.14), (0.5, 0.88))
            pen.pair(seam, (0, 0.2), (0.12, 0.08), (0.13, 0.18))
        case "sneaker":
            pen.polygon(
                tone, (0.05, 0.64), (0.3, 0.56), (0.52, 0.4), (0.62, 0.46), (0.9, 0.4), (0.95, 0.7), (0.05, 0.72)
            )
            pen.polygon(seam, (0.04, 0.69), (0.96, 0.67), (0.96, 0.75), (0.04, 0.76))
            for x in (0.36, 0.44, 0.52):
                pen.line(seam, 0.025, (x - 0.03, 0.52), (x + 0.06, 0.58))
        case "bag":
            pen.line(tone, 0.05, (0.3, 0.42), (0.34, 0.18), (0.66, 0.18), (0.7, 0.42))
            pen.polygon(tone, (0.12, 0.4), (0.88, 0.4), (0.93, 0.86), (0.07, 0.86))
            pen.line(seam, 0.03, (0.1, 0.54), (0.9, 0.54))
            pen.box(seam, 0.46, 0.5, 0.54, 0.6)
        case "ankle boot":
            pen.polygon(
                tone, (0.52, 0.12), (0.86, 0.1), (0.92, 0.84), (0.08, 0.84), (0.1, 0.7), (0.4, 0.6), (0.54, 0.46)
            )
            pen.polygon(
                seam, (0.07, 0.82), (0.64, 0.82), (0.66, 0.86), (0.92, 0.8), (0.93, 0.92), (0.66, 0.92), (0.07, 0.88)
            )
            pen.line(seam, 0.02, (0.54, 0.2), (0.88, 0.18))


def _garments() -> tuple[np.ndarray, ...]:
    def paint(label: int, random: np.random.Generator) -> np.ndarray:
        pen = _Pen(28, Image.new("L", (28 * FINE, 28 * FINE)), random, mirror=False, loose=0.17)
        tone = int(random.integers(90, 240))
        _garment(pen, GARMENTS[label], tone, int(tone * random.choice([0.45, 0.65, 1.25])))
        image = np.asarray(pen.image.reduce(FINE), float)
        rows, columns = np.indices(image.shape)
        weave = np.sin(random.uniform(0, 2.5) * rows + random.uniform(-1, 1) * columns + random.uniform(0, 6))
        cloth = 1 + random.uniform(0, 0.25) * weave + random.normal(0, random.uniform(0.02, 0.15), image.shape)
        return np.clip(image * cloth, 0, 255).astype(np.uint8)

    return _collect(len(GARMENTS), paint, seed=1)


# Scenes, in colour: `paint` is the thing's own, `dark` its shaded side.


def _face(pen: _Pen, paint: Colour) -> None:
    pen.ellipse(paint, 0.5, 0.95, 0.32, 0.3)
    pen.ellipse(paint, 0.5, 0.48, 0.3, 0.28)


def _beast(pen: _Pen, paint: Colour, dark: Colour, body: float, neck: float) -> None:
    """A four-legged animal from the side: `body` is how deep its trunk is, `neck` how high its head."""
    for x in (0.26, 0.34, 0.62, 0.68):
        pen.line(dark if x in (0.34, 0.62) else paint, 0.05, (x, 0.55), (x - 0.01, 0.92))
    pen.ellipse(paint, 0.46, 0.54, 0.27, body)
    pen.polygon(paint, (0.58, 0.5), (0.7, neck - 0.02), (0.8, neck - 0.03), (0.82, neck + 0.06), (0.72, 0.62))
    pen.polygon(paint, (0.76, neck - 0.02), (0.95, neck + 0.12), (0.9, neck + 0.17), (0.74, neck + 0.12))


def _thing(pen: _Pen, kind: str, paint: Colour, dark: Colour) -> None:
    match kind:
        case "airplane":
            pen.polygon(paint, (0.3, 0.3), (0.42, 0.28), (0.66, 0.5), (0.5, 0.52))
            pen.polygon(paint, (0.1, 0.3), (0.18, 0.3), (0.28, 0.48), (0.14, 0.52))
            pen.polygon(paint, (0.08, 0.46), (0.8, 0.44), (0.95, 0.53), (0.8, 0.6), (0.16, 0.56))
            pen.polygon(dark, (0.4, 0.55), (0.62, 0.55), (0.4, 0.78), (0.32, 0.78))
            pen.line(dark, 0.03, (0.25, 0.5), (0.8, 0.49))
        case "automobile":
            pen.polygon(paint, (0.24, 0.48), (0.36, 0.32), (0.66, 0.32), (0.78, 0.48))
            pen.polygon((170, 200, 215), (0.3, 0.47), (0.38, 0.36), (0.63, 0.36), (0.71, 0.47))
            pen.polygon(paint, (0.06, 0.52), (0.24, 0.46), (0.8, 0.46), (0.95, 0.54), (0.95, 0.7), (0.06, 0.7))
            for x in (0.25, 0.76):
                pen.ellipse((20, 20, 22), x, 0.7, 0.1, 0.1)
                pen.ellipse((150, 150, 150), x, 0.7, 0.04, 0.04)
        case "bird":
            pen.line((90, 65, 45), 0.04, (-0.3, 0.84), (1.3, 0.8))
            pen.polygon(dark, (0.3, 0.6), (0.04, 0.76), (0.1, 0.8), (0.42, 0.68))
            pen.ellipse(paint, 0.5, 0.56, 0.25, 0.17)
            pen.ellipse(paint, 0.72, 0.36, 0.12, 0.12)
            pen.polygon((235, 160, 40), (0.82, 0.32), (0.98, 0.39), (0.82, 0.42))
            pen.polygon(dark, (0.6, 0.5), (0.44, 0.66), (0.22, 0.58), (0.4, 0.46))
            pen.ellipse((10, 10, 10), 0.75, 0.33, 0.025, 0.025)
            pen.line((70, 50, 40), 0.03, (0.52, 0.72), (0.52, 0.82))
        case "cat":
            _face(pen, paint)
            pen.pair(paint, (0.28, 0.42), (0.28, 0.06), (0.06, 0.24))
            pen.pair((215, 150, 150), (0.24, 0.3), (0.25, 0.14), (0.14, 0.23))
            pen.pair(dark, (0.05, 0.22), (0.1, 0.22), (0.07, 0.33))
            for x in (0.37, 0.63):
                pen.ellipse((150, 190, 70), x, 0.44, 0.065, 0.05)
                pen.ellipse((10, 10, 10), x, 0.44, 0.02, 0.05)
            pen.pair((235, 235, 235), (0.1, 0.59), (0.38, 0.55), (0.1, 0.62))
            pen.polygon((200, 110, 110), (0.46, 0.55), (0.54, 0.55), (0.5, 0.6))
        case "deer":
            _beast(pen, paint, dark, 0.12, 0.3)
            for x in (0.7, 0.78):
                pen.line((225, 205, 170), 0.03, (0.75, 0.3), (x, 0.14), (x + 0.08, 0.03))
                pen.line((225, 205, 170), 0.03, (x, 0.14), (x - 0.09, 0.05))
            pen.ellipse((240, 235, 225), 0.2, 0.5, 0.045, 0.06)
        case "dog":
            _face(pen, paint)
            pen.pair(dark, (0.14, 0.22), (0.3, 0.22), (0.42, 0.62), (0.28, 0.66))
            for x in (0.38, 0.62):
                pen.ellipse((15, 10, 10), x, 0.4, 0.035, 0.035)
            pen.ellipse((225, 205, 180), 0.5, 0.6, 0.15, 0.15)
            pen.ellipse((15, 12, 12), 0.5, 0.54, 0.07, 0.05)
            pen.ellipse((215, 95, 100), 0.5, 0.72, 0.05, 0.07)
        case "frog":
            pen.pair(dark, (0.2, 0.55), (0.44, 0.6), (0.46, 0.76), (0.36, 0.84), (0.42, 0.9), (0.22, 0.88))
            pen.ellipse(paint, 0.5, 0.6, 0.3, 0.24)
            for x in (0.33, 0.67):
                pen.ellipse(paint, x, 0.36, 0.1, 0.1)
                pen.ellipse((235, 220, 120), x, 0.35, 0.06, 0.06)
                pen.ellipse((10, 10, 10), x, 0.35, 0.035, 0.025)
            pen.line(dark, 0.03, (0.28, 0.56), (0.5, 0.63), (0.72, 0.56))
        case "horse":
            _beast(pen, paint, dark, 0.17, 0.2)
            pen.line(dark, 0.07, (0.73, 0.18), (0.62, 0.34), (0.58, 0.46))
            pen.line(dark, 0.06, (0.22, 0.46), (0.12, 0.56), (0.12, 0.76))
        case "ship":
            pen.box((235, 235, 230), 0.26, 0.42, 0.68, 0.58)
            pen.box((235, 235, 230), 0.34, 0.3, 0.56, 0.44)
            pen.box(dark, 0.4, 0.14, 0.49, 0.32)
            pen.line((60, 60, 70), 0.02, (0.76, 0.56), (0.76, 0.2))
            pen.polygon(paint, (0.05, 0.56), (0.96, 0.54), (0.86, 0.76), (0.16, 0.76))
        case "truck":
            pen.box((225, 225, 220), 0.05, 0.2, 0.64, 0.68)
            pen.line((150, 150, 150), 0.02, (0.07, 0.44), (0.62, 0.44))
            pen.polygon(paint, (0.66, 0.34), (0.84, 0.34), (0.95, 0.52), (0.95, 0.72), (0.66, 0.72))
            pen.polygon((170, 200, 215), (0.72, 0.39), (0.82, 0.39), (0.89, 0.51), (0.72, 0.51))
            pen.box(dark, 0.05, 0.66, 0.95, 0.74)
            for x in (0.2, 0.38, 0.8):
                pen.ellipse((20, 20, 22), x, 0.76, 0.085, 0.085)


SKY, ROAD, GRASS, SEA = (150, 190, 230), (120, 118, 115), (95, 135, 65), (40, 85, 130)
ROOM, WOOD, POND = (165, 140, 115), (70, 95, 60), (55, 105, 85)
CARS = ((200, 40, 40), (40, 70, 170), (225, 225, 225), (35, 35, 40), (215, 180, 50), (60, 120, 80))
FURS = ((170, 115, 65), (110, 100, 95), (215, 190, 155), (60, 50, 45), (225, 222, 215))
# For each thing: what is behind it above and below, and its usual colours.
SCENES = {
    "airplane": (SKY, SKY, ((235, 235, 240), (190, 195, 205), (120, 130, 150))),
    "automobile": (SKY, ROAD, CARS),
    "bird": (SKY, WOOD, ((190, 70, 50), (70, 100, 170), (120, 95, 70), (225, 200, 90))),
    "cat": (ROOM, ROOM, FURS),
    "deer": (WOOD, GRASS, ((165, 110, 65), (140, 95, 60))),
    "dog": (ROOM, GRASS, FURS),
    "frog": (POND, POND, ((90, 160, 60), (125, 140, 60), (140, 110, 70))),
    "horse": (SKY, GRASS, ((120, 70, 40), (60, 45, 40), (200, 190, 180))),
    "ship": (SKY, SEA, CARS),
    "truck": (SKY, ROAD, CARS),
}


def _scenes() -> tuple[np.ndarray, ...]:
    def paint(label: int, random: np.random.Generator) -> np.ndarray:
        def vary(colour: Sequence[int]) -> Colour:
            varied = np.multiply(colour, random.uniform(0.75, 1.15)) + random.normal(0, 18, 3)
            return tuple(int(value) for value in np.clip(varied, 0, 255))

        kind = list(SCENES)[label]
        above, below, usual = SCENES[kind]
        ground = Image.new("RGB", (32 * FINE, 32 * FINE), vary(above))
        horizon = int(random.uniform(0.5, 0.75) * ground.height)
        ground.paste(vary(below), (0, horizon, ground.width, ground.height))
        pen = _Pen(32, ground, random, mirror=True, loose=0.3)
        colour = vary(usual[random.integers(len(usual))])
        _thing(pen, kind, colour, tuple(value * 6 // 10 for value in colour))
        light = np.linspace(*random.uniform(0.8, 1.15, 2), 32)[:, None, None]  # from top to bottom
        noise = random.normal(0, random.uniform(4, 16), (32, 32, 3))
        image = np.asarray(pen.image.reduce(FINE), float)
        return np.clip(image * light + noise, 0, 255).astype(np.uint8).transpose(2, 0, 1)

    return _collect(len(SCENES), paint, seed=2)
