"""The pairs of models that the report is about, of all that could be compared."""

from __future__ import annotations

CODES, DENOISING, CENTER, COLOUR = "01_autoencoder", "02_denoising", "03_center_loss", "04_cifar10_bonus"
GARMENTS, TRANSFER, CLASSICAL = "05_fashion_cnn", "06_transfer", "07_classical_baselines"

Duel = tuple[str, str, str, str]  # chapter and key of one model, chapter and key of another
CODE_DUELS: list[Duel] = [
    (CODES, "scratch", CODES, "pca"),
    (CODES, "scratch", CODES, "inbuilt"),
    (CODES, "contrastive", CODES, "scratch"),
    (CENTER, "ae.center", CENTER, "ae.softmax"),
    (CENTER, "ae.center.noisy", CENTER, "ae.softmax.noisy"),
    (CENTER, "dae.center", CENTER, "dae.softmax"),
    (CENTER, "dae.center.noisy", CENTER, "dae.softmax.noisy"),
    (CENTER, "planar.center", CENTER, "planar.softmax"),
    (DENOISING, "dae.noisy", DENOISING, "ae.noisy"),
    (COLOUR, "ae.hidden_layer", COLOUR, "pca.hidden_layer"),
    (COLOUR, "dae.hidden_layer", COLOUR, "ae.hidden_layer"),
]
GARMENT_DUELS: list[Duel] = [
    (GARMENTS, "cnn", TRANSFER, "encoder"),
    (GARMENTS, "cnn", GARMENTS, "report_b_cnn"),
    (GARMENTS, "report_b_cnn", GARMENTS, "svm_hog"),
    (TRANSFER, "encoder", TRANSFER, "random_init"),
    (TRANSFER, "same_domain", TRANSFER, "encoder"),
    (TRANSFER, "encoder", TRANSFER, "full_frozen"),
    (TRANSFER, "full_frozen", TRANSFER, "full_trainable"),
]
PHOTOGRAPH_DUELS: list[Duel] = [
    (CLASSICAL, "cnn", CLASSICAL, "ffnn"),
    (CLASSICAL, "cnn", CLASSICAL, "report_a_cnn"),
    (CLASSICAL, "svm_kmeans", CLASSICAL, "report_a_cnn"),
    (CLASSICAL, "svm_kmeans", CLASSICAL, "svm_rbf_hog"),
    (CLASSICAL, "svm_rbf_hog", CLASSICAL, "ffnn"),
]
ALL = [*CODE_DUELS, *GARMENT_DUELS, *PHOTOGRAPH_DUELS]
