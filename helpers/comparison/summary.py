"""What came out, for the first page of the report: an answer to each question of the assignments, and five findings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from helpers.comparison import duels, pairs, seeds
from helpers.comparison.claims import Answer
from helpers.comparison.duels import CENTER, CLASSICAL, CODES, COLOUR, DENOISING, GARMENTS, TRANSFER
from helpers.comparison.pairs import TestSet
from helpers.comparison.runs import Found, Measured, measure

MOST = 5  # findings: what a reader keeps in mind


@dataclass(frozen=True)
class Question:
    """A question of an assignment, and a sentence with the metrics (chapter/name) that answer it in its ``{}``."""

    name: str
    words: str
    section: str  # the label of the section that has the answer
    sentence: str
    metrics: tuple[str, ...]
    claim: str = ""  # the entry of reported.toml that answers it in the report

    @property
    def assignment(self) -> str:
        return self.name[0].lower()


def _of(chapter: str, *names: str) -> tuple[str, ...]:
    return tuple(f"{chapter}/{name}" for name in names)


QUESTIONS = [
    Question(
        "A Q1",
        "An autoencoder from scratch and with a library",
        "sec-training",
        "The test loss is {:.4f} from scratch and {:.4f} with PyTorch. A classifier is right on {:.1%} of the digits "
        "from its codes, on {:.1%} from as many principal components.",
        _of(CODES, "scratch.test_bce", "inbuilt.test_bce", "scratch.code_accuracy", "pca.code_accuracy"),
        "A.Q1.accuracy",
    ),
    Question(
        "A Q2",
        "A denoising autoencoder from scratch and with a library",
        "sec-restored",
        "Noisy digits have a PSNR of {:.2f} dB, restored from scratch {:.2f} dB, with PyTorch {:.2f} dB.",
        _of(DENOISING, "noisy.psnr", "scratch.psnr", "inbuilt.psnr"),
    ),
    Question(
        "A Q2",
        "AE and D-AE by accuracy and t-SNE",
        "sec-ae-dae",
        "From codes of noisy images the accuracy is {:.1%} with the D-AE and {:.1%} with the AE, from those of clean "
        "images {:.1%} and {:.1%}.",
        _of(
            DENOISING,
            *(f"{name}.{kind}_code_accuracy" for kind in ("noisy", "clean") for name in ("dae", "ae")),
        ),
    ),
    Question(
        "A Q2",
        "Softmax loss and center loss",
        "sec-center-accuracy",
        "On clean images the accuracy of the AE is {:.2%} with softmax loss and {:.2%} with center loss, that of the "
        "D-AE {:.2%} and {:.2%}.",
        _of(CENTER, *(f"{name}.{loss}.test_accuracy" for name in ("ae", "dae") for loss in ("softmax", "center"))),
    ),
    Question(
        "A bonus",
        "AE and D-AE on CIFAR-10",
        "sec-cifar-codes",
        "From codes the accuracy is {:.1%} with the AE, {:.1%} with the D-AE and {:.1%} with as many principal "
        "components.",
        _of(COLOUR, "ae.code_accuracy", "dae.code_accuracy", "pca.code_accuracy"),
    ),
    Question(
        "A Q3",
        "Methods without deep learning, on six classes of CIFAR-10",
        "sec-classical-methods",
        "The accuracy of a polynomial SVM on pixels is {:.1%}, that of an RBF SVM on HOG and colour {:.1%}, on patches "
        "learned without labels {:.1%}.",
        _of(CLASSICAL, *(f"{name}.test_accuracy" for name in ("svm_poly", "svm_rbf_hog", "svm_kmeans"))),
        "A.Q3.svm_poly.accuracy",
    ),
    Question(
        "A Q4",
        "Networks and these methods compared",
        "sec-comparison-discussion",
        "Accuracy on the same test images: CNN {:.1%}, RBF SVM on learned patches {:.1%}, feed-forward net "
        "{:.1%}, linear SVM {:.1%}.",
        _of(CLASSICAL, *(f"{name}.test_accuracy" for name in ("cnn", "svm_kmeans", "ffnn", "svm_linear"))),
        "A.Q2.cnn.accuracy",
    ),
    Question(
        "B Task 1",
        "A denoiser of digits",
        "sec-restored",
        "Noisy digits have a PSNR of {:.2f} dB, restored by the denoiser {:.2f} dB, by a filter (total variation) "
        "{:.2f} dB.",
        _of(DENOISING, "noisy.psnr", "conv.psnr", "tv.psnr"),
    ),
    Question(
        "B Task 2",
        "A CNN on Fashion-MNIST",
        "sec-fashion-answers",
        "The accuracy of our CNN is {:.2%}, that of Report B's, trained anew, {:.2%}.",
        _of(GARMENTS, "cnn.test_accuracy", "report_b_cnn.test_accuracy"),
        "B.T2.accuracy",
    ),
    Question(
        "B Task 3",
        "The denoiser's encoder, tuned on Fashion-MNIST",
        "sec-transfer-results",
        "Its accuracy is {:.2%}, that of the same network from random weights {:.2%}.",
        _of(TRANSFER, "encoder.test_accuracy", "random_init.test_accuracy"),
        "B.T3.accuracy",
    ),
    Question(
        "B Task 4",
        "The two compared, and other variations",
        "sec-transfer-limit",
        "The accuracy is {:.2%} behind the frozen denoiser, {:.2%} behind a trainable one and {:.2%} without any.",
        _of(TRANSFER, *(f"{name}.test_accuracy" for name in ("full_frozen", "full_trainable", "classifier_alone"))),
        "B.T4.full_frozen.accuracy",
    ),
]


@dataclass(frozen=True)
class WithSpread:
    """A measured value that a sentence has with the standard deviation over seeds, where several were run."""

    measured: Measured

    def __format__(self, spec: str) -> str:
        value, std = self.measured.value, self.measured.std
        if std is None:
            return format(value, spec)
        return f"{format(value, spec).removesuffix('%')} ± {format(std, spec)}"


def answer_rows(found: Found, answered: Mapping[str, Answer]) -> list[dict[str, str]]:
    """A row for every question: what it asks, the answer, the figure reported and ours, and where to read on."""
    rows = []
    for question in QUESTIONS:
        measured = [measure(path, None, found.runs) for path in question.metrics]
        values = [WithSpread(item) for item in measured if item]
        chapter = question.metrics[0].partition("/")[0]
        missing = f"Chapter {int(chapter[:2])} was not run."
        claim = answered[question.claim] if question.claim else None
        rows.append(
            {
                "assignment": question.assignment,
                "name": question.name,
                "question": question.words,
                "answer": question.sentence.format(*values) if len(values) == len(measured) else missing,
                "reported": claim.reported.printed if claim else "",
                "ours": claim.ours.text() if claim and claim.ours else "",
                "section": question.section,
            }
        )
    return rows


def note(found: Found) -> str:
    """What the numbers are; empty for one seed."""
    if len(found.seeds) < 2:
        return ""
    return f"Mean and standard deviation over {len(found.seeds)} seeds. The chapters show seed {found.first}."


def main_findings(found: Found, test_sets: Sequence[TestSet]) -> list[str]:
    """Sentences on pairs of models that the report is about: significant differences first, the largest on top.

    Where enough seeds were run it is the tests over the seeds that they tell, else those image by image.
    """
    if len(found.seeds) >= seeds.ENOUGH:
        tested = seeds.compare(found, duels.ALL)
        known = [(pair.significant, pair.difference.value, pair.sentence) for pair in tested]
    else:
        known = []
        for duel in duels.ALL:
            if places := pairs.on_same_images(test_sets, *duel):
                test_set, *both = places
                pair = test_set.pairs[min(both), max(both)]
                known.append((pair.significant, abs(pair.difference.value), pairs.sentence(*places)))
    known.sort(key=lambda entry: entry[:2], reverse=True)
    return [sentence for *_, sentence in known[:MOST]]


def tables(found: Found, answered: Mapping[str, Answer], test_sets: Sequence[TestSet]) -> dict[str, Any]:
    """For results.json: what the first page of the report says, and which results that is made of."""
    read = {f"{run.content['profile']}/seed-{run.seed}/{run.chapter}": run.digest for run in found.all}
    findings = main_findings(found, test_sets)
    return {"note": note(found), "answers": answer_rows(found, answered), "findings": findings, "read": read}
