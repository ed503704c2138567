"""The computed sentences of chapter 8, as Markdown. Their numbers are measured or read from reported.toml."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from helpers import stats
from helpers.comparison import pairs
from helpers.comparison.claims import (
    Answer,
    Found,
    ReportedValue,
    classes_ahead,
    fill_metrics,
    measure,
    reported_values,
)
from helpers.comparison.pairs import TestSet
from helpers.palette import BY_CHAPTER
from helpers.results import reported
from helpers.stats import Accuracy, Bounds

CODES, DENOISING, CENTER, COLOUR = "01_autoencoder", "02_denoising", "03_center_loss", "04_cifar10_bonus"
GARMENTS, TRANSFER, CLASSICAL = "05_fashion_cnn", "06_transfer", "07_classical_baselines"
Duel = tuple[str, str, str, str]  # chapter and key of one model, chapter and key of another
CODE_DUELS: list[Duel] = [
    (CODES, "scratch", CODES, "pca"),
    (CODES, "scratch", CODES, "inbuilt"),
    (CENTER, "ae.center", CENTER, "ae.softmax"),
    (CENTER, "dae.center", CENTER, "dae.softmax"),
    (DENOISING, "dae.noisy", DENOISING, "ae.noisy"),
    (COLOUR, "ae.hidden_layer", COLOUR, "pca.hidden_layer"),
    (COLOUR, "dae.hidden_layer", COLOUR, "ae.hidden_layer"),
]
GARMENT_DUELS: list[Duel] = [
    (GARMENTS, "cnn", TRANSFER, "encoder"),
    (GARMENTS, "cnn", GARMENTS, "report_b_cnn"),
    (TRANSFER, "encoder", TRANSFER, "random_init"),
    (TRANSFER, "encoder", TRANSFER, "full_frozen"),
    (TRANSFER, "full_frozen", TRANSFER, "full_trainable"),
]


def _joined(*sentences: str) -> str:
    return " ".join(sentence for sentence in sentences if sentence)


def _listed(items: Iterable[object]) -> str:
    return ", ".join(map(str, items))


def missing(found: Found) -> list[str]:
    """The chapters without results."""
    return [chapter for chapter in BY_CHAPTER if chapter not in found.runs]


def what_was_read(found: Found) -> str:
    """Which chapters, seeds and settings this comparison is of."""
    names = _listed(f"`{name}`" for name in found.runs) or "none"
    chapters = "1 chapter" if len(found.runs) == 1 else f"{len(found.runs)} chapters"
    parts = [f"Results of {chapters} were found: {names}{', on sample data' if found.sample else ''}."]
    absent = missing(found)
    parts.append(f"Not among them: {_listed(absent)}." if absent else "None is missing.")
    if len(found.seeds) > 1:
        parts.append(f"Seeds: {_listed(found.seeds)}.")
    else:
        parts.append("There is one seed, so intervals are those of single runs.")
    if found.left_out:
        parts.append(f"Left out, since settings, code or data differ: {_listed(found.left_out)}.")
    if found.original:
        parts.append(f"The reports' own settings were run for: {_listed(found.original)}.")
    else:
        parts.append("The profile `original`, with the reports' own settings, has not been run.")
        parts.append("So this chapter reproduces only what was left untuned.")
    return "\n".join(parts)


def beaten_claims(answered: Mapping[str, Answer], counted: Mapping[str, int]) -> str:
    """How many claims are covered and beaten, how many by more than their interval, and which are not."""
    claims = [answer for answer in answered.values() if answer.reported.is_claim]
    parts = [
        f"The reports make {counted['claims.total']} claims. We have a result for {counted['claims.covered']} of them, "
        f"and {counted['claims.beaten']} are beaten."
    ]
    intervals = [a for a in claims if a.verdict == "yes" and a.ours and a.ours.low is not None]
    outside = [a for a in intervals if not a.ours.low <= a.reported.mean <= a.ours.high]
    if intervals:
        share = f"{len(outside)} of the {len(intervals)} beaten claims"
        parts.append(f"In {share} with an interval, the reported value lies outside of it.")
    behind = [answer for answer in claims if answer.verdict == "no"]
    if behind:
        texts = [f"{a.reported.what} ({a.reported.printed} against {a.ours.value:.4f})" for a in behind]
        parts.append(f"Not beaten: {'; '.join(texts)}.")
    elif counted["claims.covered"]:
        parts.append("Every covered claim is beaten.")
    uncovered = [f"{a.reported.what}: {a.reported.uncovered}" for a in claims if a.reported.uncovered]
    if uncovered:
        parts.append(f"Not covered: {'; '.join(uncovered)}.")
    return "\n".join(parts)


def f_scores(answered: Mapping[str, Answer]) -> str:
    """In how many classes our two models of Report B have the better F-score, and which class is the hardest."""
    classes, sentences = reported("B.classes"), []
    for task, model in (("T2", "CNN"), ("T3", "encoder")):
        answer = answered[f"B.{task}.f1"]
        if answer.ours is None or answer.ours.classes is None:
            continue
        ours = answer.ours.classes
        hardest = min(range(len(ours)), key=ours.__getitem__)
        same = hardest == min(range(len(ours)), key=answer.reported.values.__getitem__)
        ahead = classes_ahead(answer.reported, answer.ours)
        sentences.append(
            f"On Fashion-MNIST our {model} beats Report B's F-score in {ahead} of {len(ours)} classes. Its hardest is "
            f"{classes[hardest]} ({ours[hardest]:.3f}), {'as' if same else 'unlike'} in the report."
        )
    return " ".join(sentences) or "Neither model of Report B was run here, so the tables hold reported values alone."


def pareto_fronts(test_sets: Sequence[TestSet]) -> str:
    """Of each test set the models that none is both quicker and better than."""
    lines = []
    for test_set in test_sets:
        front = [f"{m.name} ({m.fit_seconds:.1f} s, {m.accuracy.value:.1%})" for m in pairs.unbeaten(test_set.models)]
        if front:
            lines.append(f"- {test_set.title}: nothing is both quicker and better than {_listed(front)}.")
    return "\n".join(lines) or "No training was timed in the results read."


def pair_counts(test_sets: Sequence[TestSet]) -> dict[str, int]:
    """The number of pairs of models, and of those that differ significantly after Holm's correction."""
    tested = [pair for test_set in test_sets for pair in test_set.pairs.values()]
    return {"pairs.total": len(tested), "pairs.significant": sum(pair.significant for pair in tested)}


def tested_pairs(test_sets: Sequence[TestSet]) -> str:
    """How many pairs differ significantly, and what the correction and the asymptotic test change."""
    tested = [pair for test_set in test_sets for pair in test_set.pairs.values()]
    alone = sum(pair.exact < stats.ALPHA for pair in tested)
    changed = sum((pair.exact < stats.ALPHA) != (pair.asymptotic < stats.ALPHA) for pair in tested)
    count = pair_counts(test_sets)
    return (
        f"Of the {count['pairs.total']} pairs on {len(test_sets)} test sets, {count['pairs.significant']} differ "
        f"significantly. Without Holm's correction {alone} would. "
        f"By the chi-square of @eq-comparison-mcnemar {changed or 'no'} uncorrected verdicts would be different."
    )


def duels(test_sets: Sequence[TestSet], models: Sequence[Duel], *, otherwise: str) -> str:
    """A sentence for each pair of models of which both were run, ``otherwise`` where there is none."""
    known = [d for d in models if pairs.place(test_sets, *d[:2]) and pairs.place(test_sets, *d[2:])]
    return "\n".join("- " + pairs.comparison_sentence(test_sets, *duel) for duel in known) or otherwise


def report_a_order(test_sets: Sequence[TestSet], found: Found) -> str:
    """Report A's order (CNN, feed-forward net, classical methods) against ours, with the tests of its pairs."""
    shallow = pairs.best(test_sets, CLASSICAL, "classical")
    keys = {"CNN": "cnn", "feed-forward net": "ffnn", "classical": shallow or ""}
    places = {kind: pairs.place(test_sets, CLASSICAL, key) for kind, key in keys.items()}
    if shallow is None or not all(places.values()):
        return "The models on six classes were not run here, so there is no order of ours."
    accuracies = {kind: place[0].models[place[1]].accuracy for kind, place in places.items()}
    ranked = sorted(accuracies, key=lambda kind: -accuracies[kind].value)
    order = "; ".join(f"{kind}, {accuracies[kind]}" for kind in ranked)
    holds = "holds" if ranked == list(keys) else "does not hold"
    lines = [f"Here the order is {order}; the classical method is the best of five. Report A's order {holds}.", ""]
    for one, other in (("cnn", "ffnn"), ("cnn", shallow), ("ffnn", shallow), ("cnn", "report_a_cnn")):
        lines.append("- " + pairs.comparison_sentence(test_sets, CLASSICAL, one, CLASSICAL, other))
    return "\n".join([*lines, "", _order_by_seed(found, list(keys.values()))])


def _order_by_seed(found: Found, keys: Sequence[str]) -> str:
    measured = [measure(f"{CLASSICAL}/{key}.test_accuracy", None, found.runs) for key in keys]
    if not all(measured) or len(measured[0].seeds) < 2:
        return ""
    by_seed = zip(*(item.seeds for item in measured), strict=True)
    orders = [np.argsort([-value for value in values], kind="stable").tolist() for values in by_seed]
    return f"The order is the same in {orders.count(orders[0])} of {len(orders)} seeds."


# What the two reports got wrong, in the order of the chapter.


def softmax_floor(found: Found) -> str:
    """What of Report A's loss is the floor of any softmax decoder."""
    loss = reported_values()["A.Q1.train_loss"].mean
    names = ("softmax_decoder.floor", "scratch.train_bce")
    floor, sigmoid = (measure(f"{CODES}/{name}", None, found.runs) for name in names)
    if floor is None or sigmoid is None:
        return f"Its loss of {loss:.4f} has a floor under it that no training can break."
    return (
        f"No such output can cost less than {floor.value:.4f} a pixel on the training images of this run, so of the "
        f"{loss:.4f} reported only {loss - floor.value:.4f} is due to the network. "
        f"A sigmoid comes to {sigmoid.value:.4f}."
    )


def code_baselines(found: Found) -> str:
    """What the classifier of codes reaches without a code that was learned."""
    stated = reported_values()["A.Q1.accuracy"].printed
    return _joined(
        f"The {stated} from its codes stands alone.",
        fill_metrics(
            found,
            "The same classifier comes to {} from principal components and to {} from the pixels themselves.",
            f"{CODES}/pca.code_accuracy",
            f"{CODES}/pixels.code_accuracy",
        ),
    )


def repeated_log() -> str:
    """How much of the log in Report A's second section is that of the first."""
    first, second = (reported(f"A.{question}.train_log") for question in ("Q1", "Q2"))
    same = sum(a == b for a, b in zip(first, second, strict=True))
    minutes = [reported(f"A.{question}.train_minutes") for question in ("Q1", "Q2")]
    also = "and so is the training time" if minutes[0] == minutes[1] else "but not the training time"
    return (
        f"{same} of the {len(second)} training losses in that section are those of Q1, digit by digit, {also}. "
        f"Its table states {reported('A.Q2.epochs')} epochs, its log has {len(second)}."
    )


def counted_images(found: Found) -> str:
    """On how many images Report A's class-wise accuracies were counted."""
    names = ("reported_classical", "reported_cnn")
    sizes = [measure(f"{CLASSICAL}/{name}.test_images", None, found.runs) for name in names]
    if not all(sizes):
        return "The class-wise accuracies of the classical methods and of the CNN fit different numbers of test images."
    return (
        "Printed to eight decimals, the class-wise accuracies tell what they were counted on: "
        f"{sizes[0].value:,.0f} images for the classical methods, {sizes[1].value:,.0f} for the CNN."
    )


def missing_activation(test_sets: Sequence[TestSet]) -> str:
    """Our CNN against Report A's."""
    return pairs.comparison_sentence(test_sets, CLASSICAL, "cnn", CLASSICAL, "report_a_cnn")


def unreported_net(found: Found) -> str:
    """How many of Report A's values on six classes are the feed-forward net's."""
    values = [key for key in reported_values() if key.startswith(("A.Q2", "A.Q3"))]
    own = sum("ffnn" in key or "feed" in key for key in values)
    return _joined(
        f"Of the {len(values)} values that the report states on six classes, {own or 'none'} belong to it.",
        fill_metrics(found, "Ours comes to {}.", f"{CLASSICAL}/ffnn.test_accuracy"),
    )


def approximation(test_sets: Sequence[TestSet]) -> str:
    """The best classical method against the feed-forward net."""
    shallow = pairs.best(test_sets, CLASSICAL, "classical")
    contrary = pairs.ahead(test_sets, CLASSICAL, shallow, CLASSICAL, "ffnn")
    return _joined(
        pairs.comparison_sentence(test_sets, CLASSICAL, shallow, CLASSICAL, "ffnn"),
        "The order itself contradicts the reason." if contrary else "",
    )


@dataclass(frozen=True)
class SeparateTests:
    """Two reported accuracies as if of different test images: their intervals and the pooled z-test."""

    values: tuple[ReportedValue, ReportedValue]
    hits: tuple[int, int]
    intervals: tuple[Accuracy, Accuracy]
    p: float


def separate_tests(key_a: str, key_b: str) -> SeparateTests:
    """The test of two entries of reported.toml that say on how many images they were taken."""
    values = tuple(reported_values()[key] for key in (key_a, key_b))
    hits = tuple(round(value.mean * value.test_images) for value in values)
    intervals = tuple(stats.wilson(h, value.test_images) for h, value in zip(hits, values, strict=True))
    p = stats.two_proportions(hits[0], values[0].test_images, hits[1], values[1].test_images)
    return SeparateTests(values, hits, intervals, p)


def no_intervals() -> str:
    """What two accuracies of Report A say once they have intervals."""
    test = separate_tests("A.Q3.svm_linear.accuracy", "A.Q3.gaussian_nb.accuracy")
    (svm, bayes), (one, other) = test.values, test.intervals
    verdict = "differ" if test.p < stats.ALPHA else "do not differ"
    return (
        f"On {svm.test_images:,} images {svm.printed} for the linear SVM means {one.low:.3f} to {one.high:.3f}, and "
        f"{bayes.printed} for naive Bayes {other.low:.3f} to {other.high:.3f}: as results of separate tests they "
        f"{verdict} significantly ({stats.p_text(test.p)})."
    )


def report_b_bounds() -> tuple[SeparateTests, Bounds]:
    """Report B's CNN against its fine-tuned encoder: as separate tests, and the bounds of McNemar's p-value."""
    test = separate_tests("B.T2.accuracy", "B.T3.accuracy")
    return test, stats.mcnemar_bounds(*test.hits, test.values[0].test_images)


def report_b_metrics() -> dict[str, float]:
    """The p-values of :func:`report_b_bounds`, by metric name."""
    test, bounds = report_b_bounds()
    names = ("unpaired_p", "mcnemar_least_p", "mcnemar_most_p")
    return {f"reported_b.{name}": p for name, p in zip(names, (test.p, bounds.least, bounds.most), strict=True)}


def report_b_winner(test_sets: Sequence[TestSet]) -> str:
    """What Report B's two accuracies can say of which model is better."""
    test, bounds = report_b_bounds()
    (cnn, encoder), (one, other) = test.values, test.intervals
    count = cnn.test_images
    overlap = "overlap" if other.high > one.low else "do not overlap"
    wrong = [count - hits for hits in test.hits]
    parts = [
        f"{cnn.printed} ({one.low:.4f} to {one.high:.4f}) stands against {encoder.printed} ({other.low:.4f} to "
        f"{other.high:.4f}): the intervals {overlap}, and a test for two separate sets of {count:,} images gives "
        f"{stats.p_text(test.p)}.",
        "But both models met the same images, and McNemar's test needs the number of mistakes that they share, of "
        f"{wrong[0]} and {wrong[1]}; the report does not say. If they share as few as possible, it gives "
        f"{stats.p_text(bounds.most)}; if as many as possible, {stats.p_text(bounds.least)}.",
    ]
    if bounds.enough is None:
        parts.append("No number of shared mistakes makes the difference significant.")
    else:
        parts.append(
            f"It is below {stats.ALPHA:g} from {bounds.enough} shared mistakes on; independent models would share "
            f"{bounds.by_chance:.0f}. Networks that learn from the same images share far more, so the CNN is probably "
            "better, but the report cannot know."
        )
    shared = pairs.shared_mistakes(test_sets, GARMENTS, "report_b_cnn", TRANSFER, "encoder")
    parts.append("" if shared is None else f"Our models of these two kinds share {shared}.")
    return _joined(*parts)


def noisy_images(found: Found) -> str:
    """Report B's variation with noise against that without, and ours on both kinds of images."""
    test = separate_tests("B.T4.full_frozen_noisy.accuracy", "B.T4.full_frozen.accuracy")
    noisy, clean = test.values
    return _joined(
        f"It states {noisy.printed} with noise and {clean.printed} without ({stats.p_text(test.p)} as separate tests).",
        fill_metrics(
            found,
            "Ours comes to {} on noisy and to {} on clean images.",
            *(f"{TRANSFER}/full_frozen_noisy.{kind}test_accuracy" for kind in ("", "clean_")),
        ),
    )
