"""Which models were tried on the same test images, and which of them differ by more than chance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from torch import Tensor

from helpers import stats
from helpers.comparison.claims import Record
from helpers.figures.classical import NAMES as CLASSICAL
from helpers.figures.garments import GARMENTS
from helpers.stats import Accuracy, Difference

# What readers call a model, by chapter and its name in predictions.npz.
NAMES = {
    "01_autoencoder": {
        "scratch": "AE code by hand",
        "inbuilt": "inbuilt AE code",
        "pca": "PCA code",
        "pixels": "raw pixels",
    },
    "02_denoising": {
        "ae.clean": "AE code, read again",
        "ae.noisy": "AE code",
        "dae.clean": "D-AE code",
        "dae.noisy": "D-AE code",
    },
    "03_center_loss": {
        "ae.softmax": "AE with softmax loss",
        "ae.center": "AE with center loss",
        "dae.softmax": "D-AE with softmax loss",
        "dae.center": "D-AE with center loss",
        "planar.softmax": "planar net, softmax loss",
        "planar.center": "planar net, center loss",
    },
    "04_cifar10_bonus": {
        f"{key}.{kind}": f"{reader} on {name} code"
        for key, name in (("pca", "PCA"), ("ae", "AE"), ("dae", "D-AE"))
        for kind, reader in (("linear", "linear layer"), ("hidden_layer", "hidden layer"))
    },
    "05_fashion_cnn": GARMENTS,
    "06_transfer": GARMENTS | {"full_frozen_noisy_on_clean": "frozen denoiser, noise in training"},
    "07_classical_baselines": CLASSICAL,
}
SETS = {"MNIST": "MNIST", "FashionMNIST": "Fashion-MNIST", "CIFAR10": "CIFAR-10"}
SHALLOW = ("svm_rbf_hog", "svm_poly", "svm_linear", "logistic", "gaussian_nb")


def name_of(chapter: str, model: str) -> str:
    """What readers call a model; a name that nobody has thought of is taken apart into words."""
    known = NAMES.get(chapter, {})
    return known.get(model) or known.get(model.removesuffix(".noisy")) or model.replace(".", ", ").replace("_", " ")


def called(name: str) -> str:
    """A model's name as a sentence needs it: "the feed-forward net", but "our CNN" and "naive Bayes"."""
    return name if name.startswith(("our ", "Report ", "raw ", "logistic ", "naive ")) else f"the {name}"


@dataclass(frozen=True)
class Model:
    """A model's class probabilities [N, C] on a test set."""

    chapter: str
    key: str
    probabilities: Tensor
    accuracy: Accuracy
    fit_seconds: float | None

    @property
    def name(self) -> str:
        return name_of(self.chapter, self.key)

    @property
    def called(self) -> str:
        """The name in a sentence, with its article."""
        return called(self.name)

    @property
    def family(self) -> str:
        """classical, feed-forward or convolutional, for models that see pixels; code for those that read codes."""
        if self.chapter < "05":
            return "code"
        if self.key in SHALLOW:
            return "classical"
        return "feed-forward" if self.key == "ffnn" else "reported" if self.key == "seed_cnn" else "convolutional"


@dataclass(frozen=True)
class Pair:
    """The test of two models on one test set; ``corrected`` is Holm's p-value within all pairs of the set."""

    only_a: int
    only_b: int
    exact: float
    asymptotic: float
    corrected: float
    difference: Difference

    @property
    def significant(self) -> bool:
        return self.corrected < stats.ALPHA


@dataclass(frozen=True)
class TestSet:
    """Models on the same test images, best first, and the tests of all pairs of them, by their places."""

    data: str
    noisy: bool
    title: str
    labels: Tensor
    models: list[Model]
    pairs: dict[tuple[int, int], Pair]

    def find(self, chapter: str, key: str) -> int | None:
        """The place of a model, None where it was not run."""
        places = [i for i, model in enumerate(self.models) if (model.chapter, model.key) == (chapter, key)]
        return places[0] if places else None


TestSet.__test__ = False  # no test case, whatever its name says


def test_sets(runs: Mapping[str, Sequence[Record]]) -> list[TestSet]:
    """The test sets of the first run of every chapter, with all pairs of two models or more tested.

    Two chapters share a test set when they read the same data and have the same labels in the same order. Models on
    images with noise (``name.noisy``, ``name_noisy``) stand in a set of their own, each chapter's in another: it draws
    its own noise.
    """
    groups: list[tuple[str, str, Tensor, list[Model]]] = []
    for records in runs.values():
        record = records[0]
        labels = record.predictions.get("labels")
        data = "".join(f"{name} {mark}" for name, mark in record.provenance.get("data", {}).items())
        for key, probabilities in record.predictions.items():
            if key == "labels" or labels is None or len(probabilities) != len(labels):
                continue
            seconds = record.metrics.get(f"{key}.fit_seconds")
            model = Model(record.chapter, key, probabilities, stats.accuracy(probabilities, labels), seconds)
            noise = record.chapter if key.endswith((".noisy", "_noisy")) else ""
            same = [g for g in groups if g[:2] == (data, noise) and g[2].equal(labels)]
            if not same:
                groups.append((data, noise, labels, []))
            (same or groups[-1:])[0][3].append(model)
    return [_tested(data.split()[0], noise, labels, models) for data, noise, labels, models in groups]


test_sets.__test__ = False


def _tested(data: str, noise: str, labels: Tensor, models: list[Model]) -> TestSet:
    models = sorted(models, key=lambda model: -model.accuracy.value)
    places = list(combinations(range(len(models)), 2))
    counts = [stats.only_one_right(models[i].probabilities, models[j].probabilities, labels) for i, j in places]
    exact = [stats.mcnemar_exact(*count) for count in counts]
    pairs = {
        place: Pair(
            *count,
            p,
            stats.mcnemar_asymptotic(*count),
            corrected,
            stats.paired_difference(*count, len(labels)),
        )
        for place, count, p, corrected in zip(places, counts, exact, stats.holm(exact), strict=True)
    }
    classes = len(labels.unique())
    with_noise = f", with the noise of chapter {int(noise[:2])}" if noise else ""
    title = f"{SETS.get(data, data)}{with_noise}: {len(labels):,} test images of {classes} classes"
    return TestSet(data, bool(noise), title, labels, models, pairs)


def sentence(test_set: TestSet, one: int, other: int) -> str:
    """Which of two models is ahead, by how much, and whether chance would explain it."""
    i, j = sorted((one, other))
    first, second, pair = test_set.models[i], test_set.models[j], test_set.pairs[i, j]
    where = " on noisy images" * test_set.noisy
    numbers = f"{first.accuracy.value:.2%} against {second.accuracy.value:.2%}, {pair.difference}"
    test = f"corrected {stats.chance(pair.corrected)}"
    if not pair.significant and pair.exact < stats.ALPHA:
        test = f"{stats.chance(pair.exact)} by itself, {test}"
    if pair.significant:
        return f"{first.called[0].upper()}{first.called[1:]} is ahead of {second.called}{where}: {numbers}, {test}."
    return f"Between {first.called} and {second.called} nothing is settled{where}: {numbers}, {test}."


def place(test_sets: Sequence[TestSet], chapter: str, key: str) -> tuple[TestSet, int] | None:
    """The test set of a model, and its place there; None where it was not run."""
    for test_set in test_sets:
        if (found := test_set.find(chapter, key)) is not None:
            return test_set, found
    return None


def best(test_sets: Sequence[TestSet], chapter: str, family: str) -> str | None:
    """The key of the best model of a family in a chapter; None where there is none."""
    models = [m for s in test_sets for m in s.models if m.chapter == chapter and m.family == family]
    return max(models, key=lambda model: model.accuracy.value).key if models else None


def said(test_sets: Sequence[TestSet], chapter_a: str, key_a: str | None, chapter_b: str, key_b: str | None) -> str:
    """:func:`sentence` on two models, or that they were not both run on the same images."""
    one, other = place(test_sets, chapter_a, key_a or ""), place(test_sets, chapter_b, key_b or "")
    if one and other and one[0] is other[0]:
        return sentence(one[0], one[1], other[1])
    words = [
        called(name_of(chapter, key)) if key else "a model" for chapter, key in ((chapter_a, key_a), (chapter_b, key_b))
    ]
    return f"{words[0][0].upper()}{words[0][1:]} and {words[1]} were not both run on the same images."


def ahead(test_sets: Sequence[TestSet], chapter_a: str, key_a: str | None, chapter_b: str, key_b: str) -> bool:
    """Whether the first of two models is ahead by more than chance on the same images; False where one was not run."""
    one, other = place(test_sets, chapter_a, key_a or ""), place(test_sets, chapter_b, key_b)
    together = one and other and one[0] is other[0]
    return bool(together and one[1] < other[1] and one[0].pairs[one[1], other[1]].significant)


def shared_mistakes(test_sets: Sequence[TestSet], chapter_a: str, key_a: str, chapter_b: str, key_b: str) -> int | None:
    """How many images both of two models get wrong; None where they were not both run on the same images."""
    one, other = place(test_sets, chapter_a, key_a), place(test_sets, chapter_b, key_b)
    if not (one and other and one[0] is other[0]):
        return None
    wrong = [where[0].models[where[1]].probabilities.argmax(1) != where[0].labels for where in (one, other)]
    return int((wrong[0] & wrong[1]).sum())


def unbeaten(models: Sequence[Model]) -> list[Model]:
    """The models that no other outdoes in both accuracy and seconds of training, quickest first."""
    timed = sorted((m for m in models if m.fit_seconds), key=lambda m: (m.fit_seconds, -m.accuracy.value))
    kept: list[Model] = []
    for model in timed:
        if not kept or model.accuracy.value > kept[-1].accuracy.value:
            kept.append(model)
    return kept
