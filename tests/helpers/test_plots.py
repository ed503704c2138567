"""Every figure can be drawn from small inputs, also at their edges, with its words as text."""

import io

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from helpers import calibration, classifier_plots, diagrams, plots, tables
from helpers.training import History

HISTORY = History(loss=[1, 0.5], accuracy=[0.6, 0.8], validation_loss=[0.9, 0.6], validation_accuracy=[0.7, 0.75])
P = torch.eye(4)[torch.arange(40) % 4] * 0.6 + 0.1
PICTURES = torch.randint(0, 256, (40, 28, 28), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
RELIABLE = {"as trained": calibration.reliability(P, torch.arange(40) % 4)}
X = torch.rand(10, 784, generator=torch.Generator().manual_seed(0))
LABELS = torch.arange(40) % 4
DRAWN = {
    "images": lambda: plots.image_rows({"clean": X, "noisy": X[:4]}, columns=list("abcdefghij")),
    "layers": lambda: diagrams.autoencoder([784, 32, 2, 32, 784], encoder_layers=2),
    "losses": lambda: plots.loss_curves(
        {"scratch": [1.0], "inbuilt": [1.0]}, [0.0, 1e-7], {"scratch": 1, "inbuilt": 2}
    ),
    "confusion": lambda: plots.confusion_matrices({"scratch": torch.eye(3).long()}, "abc"),
    "classes": lambda: plots.class_accuracies({"reported": [0.9, 0.8], "pca": [0.7, 1.0]}, "ab"),
    "maps": lambda: plots.code_maps({"ae": np.random.default_rng(0).normal(size=(40, 2))}, LABELS, "abcd"),
    "softmax": lambda: plots.softmax_loss([0.7, 0.68], floor=0.64, uniform=0.87, reported=0.67),
    "weights": lambda: plots.weight_pictures({"ae": X, "dae": -X}),
    "denoising": lambda: diagrams.denoising_autoencoder(X[0], X[1], X[2]),
    "learning": lambda: plots.learning_curves({"conv": {"training": [1, 0.5], "validation": [1, 0.6]}}, ylabel="loss"),
    "training": lambda: classifier_plots.learning_curves({"seed_cnn": HISTORY, "cnn": HISTORY}),
    "answers": lambda: classifier_plots.answers(
        {"right": torch.arange(6), "wrong": torch.arange(0)}, PICTURES, P, LABELS, ["T-shirt/top", "b", "c", "d"]
    ),
    "reliability": lambda: classifier_plots.reliability_diagrams({"seed_cnn": RELIABLE, "cnn": RELIABLE}),
    "few labels": lambda: classifier_plots.accuracy_by_labels(
        [20, 100], {name: torch.rand(2, 3) for name in ("pretrained", "frozen", "random")}, reference=0.9
    ),
    "levels": lambda: plots.level_curves({"dB": {"noisy": [float("nan"), 9.0]}}, [0.0, 0.5], trained=0.5),
}


@pytest.mark.parametrize("name", DRAWN)
def test_a_figure_fits_the_page_and_keeps_its_text(name):
    figure = DRAWN[name]()
    assert figure.get_size_inches()[0] <= plots.WIDTH
    svg = io.StringIO()
    figure.savefig(svg, format="svg")
    plt.close(figure)
    assert "<text" in svg.getvalue()


def test_tables_format_align_and_escape():
    html = tables.table([{"a<b": "x & y", "n": 0.123456}, {"a<b": None, "n": None}], {"n": ".2f"}).data
    assert "a&lt;b" in html and "x &amp; y" in html and ">0.12<" in html and html.count("<td") == 4
    counts = tables.table([{"n": 3, "on": True}, {"n": None}], {"n": ",d"}).data
    assert '<td style="text-align:right">3<' in counts and '<td style="text-align:left">True<' in counts
    assert '<td style="text-align:right">0.12' in html and '<td style="text-align:left">x' in html
