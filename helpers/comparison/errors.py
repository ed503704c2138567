"""What the two reports got wrong, as computed sentences of chapter 8, in its order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from helpers import stats
from helpers.comparison import pairs
from helpers.comparison.claims import reported_values
from helpers.comparison.duels import CLASSICAL, CODES, GARMENTS, TRANSFER
from helpers.comparison.findings import joined
from helpers.comparison.pairs import TestSet
from helpers.comparison.runs import Found, fill_metrics, measure
from helpers.results import reported
from helpers.stats import Accuracy, Bounds


def softmax_floor(found: Found) -> str:
    """What of Report A's loss is the floor of any softmax decoder."""
    loss = reported_values()["A.Q1.train_loss"].mean
    names = ("softmax_decoder.floor", "scratch.train_bce")
    floor, sigmoid = (measure(f"{CODES}/{name}", None, found.runs) for name in names)
    if floor is None or sigmoid is None:
        return f"Its loss of {loss:.4f} has a floor that no training can pass."
    return (
        f"No such output has a loss below {floor.value:.4f} on the training images of this run, so of the "
        f"{loss:.4f} reported only {loss - floor.value:.4f} is due to the network. "
        f"With a sigmoid the loss is {sigmoid.value:.4f}."
    )


def code_baselines(found: Found) -> str:
    """What the classifier of codes reaches without a code that was learned."""
    stated = reported_values()["A.Q1.accuracy"].printed
    return joined(
        f"The report states {stated} for its code and nothing to compare it with.",
        fill_metrics(
            found,
            "Here one classifier reaches {} from principal components and {} from the pixels themselves.",
            f"{CODES}/pca.code_accuracy",
            f"{CODES}/pixels.code_accuracy",
        ),
    )


def repeated_log() -> str:
    """How much of the log in Report A's second section is that of the first."""
    first, second = (reported(f"A.{question}.train_log") for question in ("Q1", "Q2"))
    same = sum(a == b for a, b in zip(first, second, strict=True))
    minutes = [reported(f"A.{question}.train_minutes") for question in ("Q1", "Q2")]
    also = "The training time is the same, too" if minutes[0] == minutes[1] else "The training time differs"
    return (
        f"{same} of the {len(second)} training losses in that section are identical to those of Q1. {also}. "
        f"The table states {reported('A.Q2.epochs')} epochs, the log has {len(second)}."
    )


def counted_images(found: Found) -> str:
    """On how many images Report A's class-wise accuracies were counted."""
    names = ("reported_classical", "reported_cnn")
    classical, cnn = (measure(f"{CLASSICAL}/{name}.test_images", None, found.runs) for name in names)
    if classical is None or cnn is None:
        return "The class-wise accuracies of the classical methods and of the CNN fit different numbers of test images."
    return (
        "The class-wise accuracies are printed to eight decimals. They fit "
        f"{classical.value:,.0f} test images for the classical methods and {cnn.value:,.0f} for the CNN."
    )


def missing_activation(test_sets: Sequence[TestSet]) -> str:
    """Our CNN against Report A's."""
    return pairs.comparison_sentence(test_sets, CLASSICAL, "cnn", CLASSICAL, "report_a_cnn")


def unreported_net(found: Found) -> str:
    """How many of Report A's values on six classes are the feed-forward net's."""
    values = [key for key in reported_values() if key.startswith(("A.Q2", "A.Q3"))]
    own = sum("ffnn" in key or "feed" in key for key in values)
    return joined(
        f"Of the {len(values)} values that the report states for six classes, {own or 'none'} belong to it.",
        fill_metrics(found, "Ours has an accuracy of {}.", f"{CLASSICAL}/ffnn.test_accuracy"),
    )


def approximation(test_sets: Sequence[TestSet]) -> str:
    """The best classical method against the feed-forward net."""
    shallow = pairs.best(test_sets, CLASSICAL, "classical")
    contrary = pairs.ahead(test_sets, CLASSICAL, shallow, CLASSICAL, "ffnn")
    return joined(
        pairs.comparison_sentence(test_sets, CLASSICAL, shallow, CLASSICAL, "ffnn"),
        "That contradicts the reason." if contrary else "",
    )


@dataclass(frozen=True)
class CountedAccuracy:
    """A reported accuracy as a count of test images, with Wilson's interval."""

    printed: str
    hits: int
    count: int
    interval: Accuracy


def counted_accuracy(key: str) -> CountedAccuracy:
    """The entry of reported.toml. Raises ValueError when it does not say on how many images it was taken."""
    value = reported_values()[key]
    if value.test_images is None:
        raise ValueError(f"{key} has no test_images")
    hits = round(value.mean * value.test_images)
    return CountedAccuracy(value.printed, hits, value.test_images, stats.wilson(hits, value.test_images))


def separate_p(a: CountedAccuracy, b: CountedAccuracy) -> float:
    """The p-value of two accuracies as if they were of different test images."""
    return stats.two_proportions(a.hits, a.count, b.hits, b.count)


def no_intervals() -> str:
    """What two accuracies of Report A say once they have intervals."""
    svm, bayes = counted_accuracy("A.Q3.svm_linear.accuracy"), counted_accuracy("A.Q3.gaussian_nb.accuracy")
    p = separate_p(svm, bayes)
    verdict = "differ" if p < stats.ALPHA else "do not differ"
    return (
        f"On {svm.count:,} images {svm.printed} for the linear SVM means {svm.interval.low:.3f} to "
        f"{svm.interval.high:.3f}, and {bayes.printed} for naive Bayes {bayes.interval.low:.3f} to "
        f"{bayes.interval.high:.3f}: as results of separate tests they {verdict} significantly ({stats.p_text(p)})."
    )


def report_b_models() -> tuple[CountedAccuracy, CountedAccuracy, Bounds]:
    """Report B's CNN and its fine-tuned encoder, and the bounds of McNemar's p-value of the two."""
    cnn, encoder = counted_accuracy("B.T2.accuracy"), counted_accuracy("B.T3.accuracy")
    return cnn, encoder, stats.mcnemar_bounds(cnn.hits, encoder.hits, cnn.count)


def report_b_metrics() -> dict[str, float]:
    """The p-values of :func:`report_b_models`, by metric name."""
    cnn, encoder, bounds = report_b_models()
    return {
        "reported_b.unpaired_p": separate_p(cnn, encoder),
        "reported_b.mcnemar_least_p": bounds.least,
        "reported_b.mcnemar_most_p": bounds.most,
    }


def report_b_winner(test_sets: Sequence[TestSet]) -> str:
    """What Report B's two accuracies can say of which model is better."""
    cnn, encoder, bounds = report_b_models()
    overlap = "overlap" if encoder.interval.high > cnn.interval.low else "do not overlap"
    numbers = [f"{a.printed} ({a.interval.low:.4f} to {a.interval.high:.4f})" for a in (cnn, encoder)]
    parts = [
        f"The CNN has {numbers[0]}, the encoder from digits {numbers[1]}. The intervals {overlap}, and a test for "
        f"two separate sets of {cnn.count:,} images gives {stats.p_text(separate_p(cnn, encoder))}.",
        "But both models were tested on the same images, and McNemar's test needs the number of mistakes that they "
        f"share, of {cnn.count - cnn.hits} and {encoder.count - encoder.hits}. The report does not give it. "
        f"If they share as few as possible, {stats.p_text(bounds.most)}; "
        f"if as many as possible, {stats.p_text(bounds.least)}.",
    ]
    if bounds.enough is None:
        parts.append("No number of shared mistakes makes the difference significant.")
    else:
        parts.append(
            f"The p-value is below {stats.ALPHA:g} from {bounds.enough} shared mistakes on. Independent models would "
            f"share {bounds.by_chance:.0f}, and networks trained on the same images share far more. So the CNN is "
            "probably better, but the report does not show it."
        )
    shared = pairs.shared_mistakes(test_sets, GARMENTS, "report_b_cnn", TRANSFER, "encoder")
    parts.append("" if shared is None else f"Our two models share {shared}.")
    return joined(*parts)


def noisy_images(found: Found) -> str:
    """Report B's variation with noise against that without, and ours on both kinds of images."""
    noisy, clean = (counted_accuracy(f"B.T4.{name}.accuracy") for name in ("full_frozen_noisy", "full_frozen"))
    p = stats.p_text(separate_p(noisy, clean))
    return joined(
        f"The report states {noisy.printed} with noise and {clean.printed} without ({p}, as separate tests).",
        fill_metrics(
            found,
            "Ours has {} on noisy and {} on clean images.",
            *(f"{TRANSFER}/full_frozen_noisy.{kind}test_accuracy" for kind in ("", "clean_")),
        ),
    )
