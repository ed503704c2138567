"""Every figure can be drawn from small inputs, also at their edges, with its words as text."""

import io

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from helpers import metrics, palette, plots, tables
from helpers.figures import autoencoders, center_loss, garments
from helpers.training import History

HISTORY = History(loss=[1, 0.5], accuracy=[0.6, 0.8], validation_loss=[0.9, 0.6], validation_accuracy=[0.7, 0.75])
P = torch.eye(4)[torch.arange(40) % 4] * 0.6 + 0.1
PICTURES = torch.randint(0, 256, (40, 28, 28), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
RELIABLE = {"as trained": metrics.reliability(P, torch.arange(40) % 4)}
X = torch.rand(10, 784, generator=torch.Generator().manual_seed(0))
LABELS = torch.arange(40) % 4
DRAWN = {
    "images": lambda: plots.image_rows({"clean": X, "noisy": X[:4]}, columns=list("abcdefghij")),
    "samples": lambda: plots.class_samples({"a": X[:4], "b": X[4:8]}),
    "layers": lambda: autoencoders.autoencoder([784, 32, 2, 32, 784], encoder_layers=2),
    "losses": lambda: autoencoders.loss_curves(
        {"scratch": [1.0], "inbuilt": [1.0]}, [0.0, 1e-7], {"scratch": 1, "inbuilt": 2}
    ),
    "confusion": lambda: plots.confusion_matrices({"scratch": torch.eye(3).long()}, "abc"),
    "classes": lambda: autoencoders.class_accuracies({"reported": [0.9, 0.8], "pca": [0.7, 1.0]}, "ab"),
    "maps": lambda: plots.code_maps({"ae": np.random.default_rng(0).normal(size=(40, 2))}, LABELS, "abcd"),
    "softmax": lambda: autoencoders.softmax_loss([0.7, 0.68], floor=0.64, uniform=0.87, reported=0.67),
    "weights": lambda: autoencoders.weight_pictures({"ae": X, "dae": -X}),
    "denoising": lambda: autoencoders.denoising_autoencoder(X[0], X[1], X[2]),
    "learning": lambda: plots.learning_curves({"conv": {"training": [1, 0.5], "validation": [1, 0.6]}}, ylabel="loss"),
    "training": lambda: garments.learning_curves({"report_b_cnn": HISTORY, "cnn": HISTORY}),
    "answers": lambda: garments.answers(
        {"right": torch.arange(6), "wrong": torch.arange(0)}, PICTURES, P, LABELS, ["T-shirt/top", "b", "c", "d"]
    ),
    "reliability": lambda: garments.reliability_diagrams({"report_b_cnn": RELIABLE, "cnn": RELIABLE}),
    "few labels": lambda: garments.accuracy_by_labels(
        [20, 100], {name: torch.rand(2, 3) for name in ("pretrained", "frozen", "random")}, reference=0.9
    ),
    "levels": lambda: autoencoders.level_curves({"dB": {"noisy": [float("nan"), 9.0]}}, [0.0, 0.5], trained=0.5),
}


CURVE = metrics.Verification(np.array([0, 0.01, 1]), np.array([0, 0.8, 1]), 0.9)
DRAWN |= {
    "planar": lambda: center_loss.planar_codes(
        {"softmax": torch.randn(40, 2), "center": torch.randn(40, 2)},
        {"softmax": torch.zeros(4, 2), "center": torch.zeros(4, 2)},
        LABELS,
        "abcd",
    ),
    "verification": lambda: center_loss.verification_curves({"clean": {"ae.softmax": CURVE, "dae.center": CURVE}}),
    "strip": lambda: plots.placeholder("nothing to draw"),
}


@pytest.mark.parametrize("name", DRAWN)
def test_a_figure_fits_the_page_and_keeps_its_text(name):
    figure = DRAWN[name]()
    assert figure.get_size_inches()[0] <= plots.WIDTH
    svg = io.StringIO()
    figure.savefig(svg, format="svg")
    plt.close(figure)
    assert "<text" in svg.getvalue()


def test_verification_curves_name_their_axes_and_models():
    axis = DRAWN["verification"]().axes[0]
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("false positive rate", "true positive rate")
    assert [line.get_label() for line in axis.lines] == ["AE, softmax loss", "D-AE, center loss"]
    plt.close("all")


ONE = History(loss=[1], accuracy=[0.6], validation_loss=[0.9], validation_accuracy=[0.7])
ONE_EPOCH = {
    "autoencoders": lambda: autoencoders.loss_curves(
        {"scratch": [1], "inbuilt": [1]}, [0.1], {"scratch": 1, "inbuilt": 2}
    ),
    "softmax": lambda: autoencoders.softmax_loss([0.7], floor=0.64, uniform=0.87, reported=0.67),
    "learning": lambda: plots.learning_curves({"conv": {"training": [1], "validation": [1]}}, ylabel="loss"),
    "training": lambda: garments.learning_curves({"report_b_cnn": ONE, "cnn": ONE}),
}


@pytest.mark.parametrize("name", ONE_EPOCH)
def test_a_training_of_one_epoch_is_seen_above_that_epoch(name):
    figure = ONE_EPOCH[name]()
    figure.draw_without_rendering()
    for axis in [axis for axis in figure.axes if axis.get_xlabel() == "epoch"]:
        ticks = [at for at in axis.get_xticks() if axis.get_xlim()[0] <= at <= axis.get_xlim()[1]]
        assert ticks == [1]
        points = [line for line in axis.lines if len(line.get_xdata()) == 1]
        assert points and all(line.get_marker() == "o" for line in points)
    assert any(axis.get_xlabel() == "epoch" for axis in figure.axes)
    plt.close(figure)


def test_a_band_reaches_from_the_least_to_the_most_around_the_mean():
    figure, axis = plt.subplots()
    plots.mean_with_range(axis, [1, 10], [[1, 2, 6], [4, 4, 4]], colour=palette.BLUE, label="a")
    band = axis.collections[0].get_paths()[0].vertices
    assert list(axis.lines[0].get_ydata()) == [3, 4] and (band[:, 1].min(), band[:, 1].max()) == (1, 6)
    plt.close(figure)


def test_every_model_with_a_colour_has_one_that_is_printable_and_names_are_not_keys():
    assert all(len(colour) == 7 and colour[0] == "#" for colour in palette.MODELS.values())
    assert plots.name_of("inbuilt") == "PyTorch" and plots.name_of("report_a_cnn") == "Report A's CNN"
    assert plots.name_of("report_b_cnn") == "Report B's CNN" and plots.name_of("unknown") == "unknown"


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [(2.23e-7, 1, "2.2 × 10⁻⁷"), (3.4e-16, 0, "3 × 10⁻¹⁶"), (0.0, 1, "0"), (-1.5e3, 1, "-1.5 × 10³")],
)
def test_powers_of_ten_are_written_as_such(value, digits, text):
    assert tables.power_of_ten(value, digits) == text
    assert f">{text}<" in tables.table([{"n": value}], {"n": f".{digits}e"}).data


def test_tables_format_align_and_escape():
    html = tables.table([{"a<b": "x & y", "n": 0.123456}, {"a<b": None, "n": None}], {"n": ".2f"}).data
    assert "a&lt;b" in html and "x &amp; y" in html and ">0.12<" in html and html.count("<td") == 4
    counts = tables.table([{"n": 3, "on": True}, {"n": None}], {"n": ",d"}).data
    assert '<td style="text-align:right">3<' in counts and '<td style="text-align:left">True<' in counts
    assert '<td style="text-align:right">0.12' in html and '<td style="text-align:left">x' in html
