"""Colours and display names: one file, so that a model looks the same and is called the same in every figure.

Imports nothing of the project. A key is a model's name in results.json.
"""

from __future__ import annotations

import re

INK, PALE, GRID = "#222222", "#9a9a9a", "#e5e5e5"  # text; axes and baselines; lines behind the data
RIGHT, WRONG = "#1a7f37", "#b3261e"  # answers of a classifier

# Okabe & Ito 2008: told apart by colour-blind readers.
BLUE, VERMILION, GREEN, PINK, ORANGE, SKY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"
GREY = "#7F7F7F"
LINES = (BLUE, VERMILION, GREEN, PINK, ORANGE, SKY, GREY, INK)  # for curves that are no model of MODELS
REPORTED = PINK  # whatever a report states, in every chapter

# Paul Tol's muted scheme, and black: ten classes.
CLASSES = ("#CC6677", "#332288", "#DDCC77", "#117733", "#88CCEE", "#882255", "#44AA99", "#999933", "#AA4499", "#333333")


class Colours(dict[str, str]):
    """Colours by model. A model that has none takes one of LINES when it is first drawn, each the next."""

    def __missing__(self, model: str) -> str:
        colour = self[model] = LINES[len(self) % len(LINES)]
        return colour


MODELS = Colours()
MODELS |= {
    "scratch": BLUE,
    "inbuilt": VERMILION,
    "conv": ORANGE,
    "contrastive": ORANGE,
    "unet": PINK,
    "ae": SKY,
    "dae": BLUE,
    "pca": GREEN,
    "gaussian": GREEN,
    "pixels": GREY,
    "noisy": GREY,
    "reported": REPORTED,
    # Chapter 3: the colour says which encoder a model started from, the line style which loss it was trained on.
    **{f"ae.{loss}": SKY for loss in ("before", "softmax", "center")},
    **{f"dae.{loss}": BLUE for loss in ("before", "softmax", "center")},
    # Chapters 5 to 7
    "report_a_cnn": REPORTED,
    "report_b_cnn": REPORTED,
    "cnn": BLUE,
    "ffnn": GREEN,
    "encoder": BLUE,
    "full_frozen": VERMILION,
    "full_trainable": ORANGE,
    "full_frozen_noisy": PINK,
    "random_init": GREY,
    "same_domain": GREEN,
    "encoder_frozen": VERMILION,
    "classifier_alone": GREEN,
    "pretrained": BLUE,
    "frozen": VERMILION,
    "random": GREY,
}

GARMENT_MODELS = {  # chapters 5 and 6
    "svm_hog": "RBF SVM on HOG",
    "report_b_cnn": "Report B's CNN",
    "cnn": "our CNN",
    "encoder": "encoder from digits",
    "random_init": "encoder from random weights",
    "same_domain": "encoder from garments",
    "encoder_frozen": "encoder from digits, frozen",
    "full_frozen": "frozen denoiser",
    "full_trainable": "trainable denoiser",
    "full_frozen_noisy": "frozen denoiser, noise",
    "classifier_alone": "classifier alone",
}
PHOTOGRAPH_MODELS = {  # chapter 7, in the order of its figures
    "svm_linear": "linear SVM",
    "svm_poly": "polynomial SVM",
    "logistic": "logistic regression",
    "gaussian_nb": "naive Bayes",
    "svm_rbf_hog": "RBF SVM on HOG + colour",
    "svm_kmeans": "RBF SVM on learned patches",
    "ffnn": "feed-forward net",
    "report_a_cnn": "Report A's CNN",
    "cnn": "our CNN",
}
ENCODERS = {"ae": "AE", "dae": "D-AE"}
LOSSES = {"before": "before", "softmax": "softmax loss", "center": "center loss"}  # chapter 3
NAMES = {
    "scratch": "scratch",
    "inbuilt": "PyTorch",
    "pca": "PCA",
    "pixels": "raw pixels",
    "reported": "Report A",
    "conv": "convolutional",
    "contrastive": "contrastive",
    "unet": "U-Net",
    **ENCODERS,
    "nlm": "non-local means",
    "tv": "total variation",
    "gaussian": "Gaussian",
    **{f"{key}.{loss}": f"{name}, {words}" for key, name in ENCODERS.items() for loss, words in LOSSES.items()},
    **GARMENT_MODELS,
    **PHOTOGRAPH_MODELS,
    "pretrained": "fine-tuned",
    "frozen": "frozen",
    "random": "random weights",
}

# Chapter 8 sets models of all chapters side by side, where "scratch" alone would not say what it is.
BY_CHAPTER = {
    "01_autoencoder": {
        "scratch": "scratch AE code",
        "inbuilt": "PyTorch AE code",
        "pca": "PCA code",
        "pixels": "raw pixels",
        "contrastive": "contrastive code",
    },
    "02_denoising": {
        "ae.clean": "AE code, read again",
        "ae.noisy": "AE code",
        "dae.clean": "D-AE code",
        "dae.noisy": "D-AE code",
    },
    "03_center_loss": {
        f"{key}.{loss}": f"{name}, {LOSSES[loss]}"
        for key, name in (ENCODERS | {"planar": "planar net"}).items()
        for loss in ("softmax", "center")
    },
    "04_cifar10_bonus": {
        f"{key}.{kind}": f"{reader} on {NAMES[key]} code"
        for key in ("pca", "ae", "dae")
        for kind, reader in (("linear", "linear layer"), ("hidden_layer", "hidden layer"))
    },
    "05_fashion_cnn": GARMENT_MODELS,
    "06_transfer": GARMENT_MODELS | {"full_frozen_noisy_on_clean": "frozen denoiser, noise in training alone"},
    "07_classical_baselines": PHOTOGRAPH_MODELS,
}
DATA_SETS = {"MNIST": "MNIST", "FashionMNIST": "Fashion-MNIST", "CIFAR10": "CIFAR-10"}
FAMILIES = {
    "classical": VERMILION,
    "feed-forward": GREEN,
    "convolutional": BLUE,
    "reported": REPORTED,
    "code": ORANGE,
}
SETTLED, OPEN = "#cfe3f2", "#f1f1f1"  # a pair of models whose difference is significant, and one whose is not


def with_article(name: str) -> str:
    """A model's name inside a sentence: "the feed-forward net", but "our CNN"; "the AE with center loss"."""
    name = re.sub(r", (\w+ loss)$", r" with \1", name)
    return name if name.startswith(("our ", "Report ", "raw ", "logistic ", "naive ")) else f"the {name}"
