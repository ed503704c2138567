"""Rows of the comparison's tables: a table for each task, and Report B's two tables of two models side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from helpers.comparison.claims import Answer, classes_ahead, is_added, reproduced_of
from helpers.comparison.runs import Found, Measured, measure
from helpers.results import reported

MISSING = "not run"
NOTHING = "The report states no value, and the chapter was not run."


@dataclass(frozen=True)
class Task:
    """Contents of a task's table: reported values by the start of their keys, names of unreported metrics by path."""

    keys: tuple[str, ...] = ()
    unreported: Mapping[str, str] | None = None


def _metrics(chapter: str, **names: str) -> dict[str, str]:
    return {f"{chapter}/{metric.replace('__', '.')}": words for metric, words in names.items()}


TASKS = {
    "A.Q1": Task(
        ("A.Q1.",),
        _metrics(
            "01_autoencoder",
            inbuilt__code_accuracy="accuracy from the PyTorch autoencoder's codes",
            contrastive__code_accuracy="accuracy from contrastive codes",
            pca__code_accuracy="accuracy from PCA codes",
            pixels__code_accuracy="accuracy from raw pixels",
        ),
    ),
    "A.Q2": Task(
        (),
        _metrics(
            "02_denoising",
            scratch__psnr="PSNR of the scratch D-AE (dB)",
            inbuilt__psnr="PSNR of the PyTorch D-AE (dB)",
            ae__noisy_code_accuracy="accuracy on noisy images from AE codes",
            dae__noisy_code_accuracy="accuracy on noisy images from D-AE codes",
        )
        | _metrics(
            "03_center_loss",
            ae__softmax__test_accuracy="accuracy of the AE, softmax loss",
            ae__center__test_accuracy="accuracy of the AE, center loss",
            dae__softmax__test_accuracy="accuracy of the D-AE, softmax loss",
            dae__center__test_accuracy="accuracy of the D-AE, center loss",
            planar__softmax__test_accuracy="accuracy from 2 numbers, softmax loss",
            planar__center__test_accuracy="accuracy from 2 numbers, center loss",
        ),
    ),
    "A.bonus": Task(
        (),
        _metrics(
            "04_cifar10_bonus",
            pca__code_accuracy="accuracy from PCA codes",
            ae__code_accuracy="accuracy from AE codes",
            dae__code_accuracy="accuracy from D-AE codes",
            ae__psnr="PSNR on noisy images, AE (dB)",
            dae__psnr="PSNR on noisy images, D-AE (dB)",
        ),
    ),
    "A.Q3": Task(
        ("A.Q2.cnn.", "A.Q3."),
        _metrics(
            "07_classical_baselines",
            ffnn__test_accuracy="accuracy of the feed-forward net",
            svm_rbf_hog__test_accuracy="accuracy of the RBF SVM on HOG + colour",
            svm_kmeans__test_accuracy="accuracy of the RBF SVM on learned patches",
            majority__test_accuracy="accuracy of naming the most frequent class",
        ),
    ),
    "B.T1": Task(
        (),
        _metrics(
            "02_denoising",
            noisy__psnr="PSNR of the noisy images (dB)",
            median__psnr="PSNR after a median filter (dB)",
            tv__psnr="PSNR after total variation (dB)",
            conv__psnr="PSNR of the convolutional denoiser (dB)",
            unet__psnr="PSNR of the U-Net (dB)",
        ),
    ),
    "B.T2": Task(
        ("B.T2.",),
        _metrics(
            "05_fashion_cnn",
            svm_hog__test_accuracy="accuracy of the RBF SVM on HOG",
            cnn__calibration_error="calibration error of the CNN",
        ),
    ),
    "B.T3": Task(
        ("B.T3.",),
        _metrics(
            "06_transfer",
            random_init__test_accuracy="accuracy of the encoder from random weights",
            same_domain__test_accuracy="accuracy of the encoder from garments",
        ),
    ),
    "B.T4": Task(
        ("B.T4.",),
        _metrics(
            "06_transfer",
            full_frozen_noisy__clean_test_accuracy="accuracy of the frozen denoiser, noise in training alone",
        ),
    ),
}


def _spec(words: str) -> str:
    return ".2f" if "dB" in words else ".4f"


def task_rows(task: str, answered: Mapping[str, Answer], found: Found) -> list[dict[str, str]]:
    """Rows of the table of one of TASKS: reported, reproduced, ours, and whether ours is better."""
    keys, unreported = TASKS[task].keys, TASKS[task].unreported or {}
    rows = [_row(answer) for key, answer in answered.items() if key.startswith(keys) and answer.reported.is_claim]
    for path, words in unreported.items():
        ours, again = measure(path, None, found.runs), reproduced_of(path, found)
        if ours is None and again is None:
            continue  # neither stated nor run: the row would say nothing
        cells = [item.text(_spec(words)) if item else MISSING for item in (again, ours)]
        cells[0] = "—" if is_added(path) else cells[0]
        row = {"quantity": words, "reported": "no figure", "reproduced": cells[0], "ours": cells[1], "better": ""}
        rows.append(row)
    return rows or [{"quantity": NOTHING}]


def _row(answer: Answer) -> dict[str, str]:
    value, ours = answer.reported, answer.ours
    text = MISSING if ours is None else ours.text()
    if ours and ours.classes:
        text += f", ahead in {classes_ahead(value, ours)} of {len(ours.classes)}"
    again = "—" if value.reproduced is None else MISSING if answer.reproduced is None else answer.reproduced.text()
    return {
        "quantity": value.what,
        "reported": value.printed,
        "reproduced": again,
        "ours": text,
        "better": "" if answer.verdict == MISSING else answer.verdict,
    }


def _short(measured: Measured | None) -> str:
    return MISSING if measured is None else f"{measured.value:{measured.spec()}}"


def last_epoch_rows(answered: Mapping[str, Answer]) -> list[dict[str, str]]:
    """Rows of Report B's first table of Task 4: both models' accuracies and losses, reported and ours."""
    what = {
        "accuracy": "test accuracy",
        "test_loss": "test loss",
        "train_accuracy": "training accuracy, last epoch",
        "train_loss": "training loss, last epoch",
        "val_accuracy": "validation accuracy, last epoch",
        "val_loss": "validation loss, last epoch",
    }
    return [
        {"": words}
        | {
            f"{model}, {whose}": answered[f"B.{task}.{key}"].reported.printed
            if whose == "reported"
            else _short(answered[f"B.{task}.{key}"].ours)
            for task, model in (("T2", "CNN"), ("T3", "encoder"))
            for whose in ("reported", "ours")
        }
        for key, words in what.items()
    ]


def per_class_rows(answered: Mapping[str, Answer]) -> list[dict[str, str]]:
    """Rows of Report B's second table: precision, recall and F1 by class in percent, reported / ours, and the means."""
    columns = {
        f"{model} {short}": answered[f"B.{task}.{key}"]
        for task, model in (("T2", "CNN"), ("T3", "encoder"))
        for key, short in (("precision", "P"), ("recall", "R"), ("f1", "F"))
    }
    rows = [
        {"class": word} | {name: _pair(float(a.reported.values[k]), _class(a, k)) for name, a in columns.items()}
        for k, word in enumerate(reported("B.classes"))
    ]
    means = {name: _pair(a.reported.mean, a.ours.value if a.ours else None) for name, a in columns.items()}
    return [*rows, {"class": "mean"} | means]


def _class(answer: Answer, k: int) -> float | None:
    return answer.ours.classes[k] if answer.ours and answer.ours.classes else None


def _pair(theirs: float, ours: float | None) -> str:
    return f"{100 * theirs:.2f} / " + ("—" if ours is None else f"{100 * ours:.2f}")
