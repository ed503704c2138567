"""Models that were tested on the same images, McNemar's test of every pair of them, and sentences on the pairs."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from torch import Tensor

from helpers import stats
from helpers.comparison.runs import RunRecord
from helpers.palette import BY_CHAPTER, DATA_SETS, with_article
from helpers.stats import Accuracy, Difference, capitalised, percent_spec

SHALLOW = ("svm_hog", "svm_rbf_hog", "svm_kmeans", "svm_poly", "svm_linear", "logistic", "gaussian_nb")
REPORTED_CNNS = ("report_a_cnn", "report_b_cnn")


def name_of(chapter: str, model: str) -> str:
    """A model's display name; a key that the palette does not have is split into words."""
    known = BY_CHAPTER.get(chapter, {})
    return known.get(model) or known.get(model.removesuffix(".noisy")) or model.replace(".", ", ").replace("_", " ")


@dataclass(frozen=True)
class Model:
    """A model's class probabilities [N, C] on a test set, and how long its training took: the median over the seeds."""

    chapter: str
    key: str
    probabilities: Tensor
    accuracy: Accuracy
    fit_seconds: float | None

    @property
    def name(self) -> str:
        return name_of(self.chapter, self.key)

    @property
    def with_article(self) -> str:
        return with_article(self.name)

    @property
    def family(self) -> str:
        """classical, feed-forward, convolutional or reported for models that see pixels; code for readers of codes."""
        if self.chapter < "05":
            return "code"
        if self.key in SHALLOW:
            return "classical"
        if self.key == "ffnn":
            return "feed-forward"
        return "reported" if self.key in REPORTED_CNNS else "convolutional"


@dataclass(frozen=True)
class Pair:
    """Two models on one test set: discordant counts, p-values of both McNemar tests, the exact one after Holm's
    correction over all pairs of the set, and the difference of the accuracies.
    """

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
    """Models on the same test images, best first, and all pairs of them by their places in that list."""

    data: str
    noisy: bool
    title: str
    labels: Tensor
    models: list[Model]
    pairs: dict[tuple[int, int], Pair]

    def find(self, chapter: str, key: str) -> int | None:
        """The place of a model in ``models``, None if it was not run."""
        places = [i for i, model in enumerate(self.models) if (model.chapter, model.key) == (chapter, key)]
        return places[0] if places else None


TestSet.__test__ = False  # type: ignore[attr-defined]  # keeps pytest from collecting it


def test_sets(runs: Mapping[str, Sequence[RunRecord]]) -> list[TestSet]:
    """The test sets of the first run of every chapter, each with all pairs of its models tested.

    Two chapters share a test set when their data and their labels, in order, are the same. Models on noisy images
    (``name.noisy``, ``name_noisy``) have a test set for each chapter, since every chapter draws its own noise.
    """
    groups: list[tuple[str, str, Tensor, list[Model]]] = []
    for records in runs.values():
        record = records[0]
        labels = record.predictions.get("labels")
        data = "".join(f"{name} {mark}" for name, mark in record.provenance.get("data", {}).items())
        for key, probabilities in record.predictions.items():
            if key == "labels" or labels is None or len(probabilities) != len(labels):
                continue
            took = [r.metrics[f"{key}.fit_seconds"] for r in records if f"{key}.fit_seconds" in r.metrics]
            seconds = statistics.median(took) if took else None
            model = Model(record.chapter, key, probabilities, stats.accuracy(probabilities, labels), seconds)
            noise = record.chapter if key.endswith((".noisy", "_noisy")) else ""
            same = [g for g in groups if g[:2] == (data, noise) and g[2].equal(labels)]
            if not same:
                groups.append((data, noise, labels, []))
            (same or groups[-1:])[0][3].append(model)
    return [_tested(data.split()[0], noise, labels, models) for data, noise, labels, models in groups]


test_sets.__test__ = False  # type: ignore[attr-defined]


def _tested(data: str, noise: str, labels: Tensor, models: list[Model]) -> TestSet:
    models = sorted(models, key=lambda model: -model.accuracy.value)
    places = list(combinations(range(len(models)), 2))
    counts = [stats.discordant_counts(models[i].probabilities, models[j].probabilities, labels) for i, j in places]
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
    title = f"{DATA_SETS.get(data, data)}{with_noise}: {len(labels):,} test images of {classes} classes"
    return TestSet(data, bool(noise), title, labels, models, pairs)


def sentence(test_set: TestSet, one: int, other: int) -> str:
    """Which of two models is better, by how much, and whether significantly."""
    i, j = sorted((one, other))
    first, second, pair = test_set.models[i], test_set.models[j], test_set.pairs[i, j]
    where = " on noisy images" * test_set.noisy
    spec = percent_spec([first.accuracy, second.accuracy])
    numbers = f"{first.accuracy.value:{spec}} against {second.accuracy.value:{spec}}, {pair.difference}"
    test = f"corrected {stats.p_text(pair.corrected)}"
    if not pair.significant and pair.exact < stats.ALPHA:
        test = f"{stats.p_text(pair.exact)} by itself, {test}"
    name = capitalised(first.with_article)
    if pair.significant:
        return f"{name} beats {second.with_article}{where}: {numbers}, {test}."
    return f"{name} and {second.with_article} do not differ significantly{where}: {numbers}, {test}."


def place(test_sets: Sequence[TestSet], chapter: str, key: str) -> tuple[TestSet, int] | None:
    """The test set of a model and its place there, None if it was not run."""
    for test_set in test_sets:
        if (found := test_set.find(chapter, key)) is not None:
            return test_set, found
    return None


def best(test_sets: Sequence[TestSet], chapter: str, family: str) -> str | None:
    """The key of the most accurate model of a family in a chapter, None if there is none."""
    models = [m for s in test_sets for m in s.models if m.chapter == chapter and m.family == family]
    return max(models, key=lambda model: model.accuracy.value).key if models else None


def on_same_images(
    test_sets: Sequence[TestSet], chapter_a: str, key_a: str | None, chapter_b: str, key_b: str | None
) -> tuple[TestSet, int, int] | None:
    """The test set that has both models, and their places there; None if none has."""
    one, other = place(test_sets, chapter_a, key_a or ""), place(test_sets, chapter_b, key_b or "")
    if one is None or other is None or one[0] is not other[0]:
        return None
    return one[0], one[1], other[1]


def comparison_sentence(
    test_sets: Sequence[TestSet], chapter_a: str, key_a: str | None, chapter_b: str, key_b: str | None
) -> str:
    """:func:`sentence` on two models, or that they were not both run on the same images."""
    if (found := on_same_images(test_sets, chapter_a, key_a, chapter_b, key_b)) is not None:
        return sentence(*found)
    models = ((chapter_a, key_a), (chapter_b, key_b))
    one, other = (with_article(name_of(chapter, key)) if key else "a model" for chapter, key in models)
    return f"{capitalised(one)} and {other} were not both run on the same images."


def ahead(test_sets: Sequence[TestSet], chapter_a: str, key_a: str | None, chapter_b: str, key_b: str) -> bool:
    """Whether the first of two models is significantly better on the same images; False if one was not run."""
    if (found := on_same_images(test_sets, chapter_a, key_a, chapter_b, key_b)) is None:
        return False
    test_set, one, other = found
    return one < other and test_set.pairs[one, other].significant


def shared_mistakes(test_sets: Sequence[TestSet], chapter_a: str, key_a: str, chapter_b: str, key_b: str) -> int | None:
    """The number of images that both models get wrong; None if they were not both run on the same images."""
    if (found := on_same_images(test_sets, chapter_a, key_a, chapter_b, key_b)) is None:
        return None
    test_set, *places = found
    wrong = [test_set.models[k].probabilities.argmax(1) != test_set.labels for k in places]
    return int((wrong[0] & wrong[1]).sum())


def unbeaten(models: Sequence[Model]) -> list[Model]:
    """The Pareto front of accuracy and seconds of training, quickest first."""
    timed = sorted((m for m in models if m.fit_seconds), key=lambda m: (m.fit_seconds, -m.accuracy.value))
    kept: list[Model] = []
    for model in timed:
        if not kept or model.accuracy.value > kept[-1].accuracy.value:
            kept.append(model)
    return kept
