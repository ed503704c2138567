"""The computed sentences of chapter 8, as Markdown. Their numbers are measured or read from reported.toml."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from helpers import stats
from helpers.comparison import pairs
from helpers.comparison.claims import Answer, beaten_by_every_seed, classes_ahead, reported_values
from helpers.comparison.pairs import TestSet
from helpers.comparison.runs import Found, accuracy_by_seed, fill_metrics, measure
from helpers.palette import BY_CHAPTER, with_article
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

PHOTOGRAPH_DUELS: list[Duel] = [
    (CLASSICAL, "cnn", CLASSICAL, "report_a_cnn"),
    (CLASSICAL, "svm_kmeans", CLASSICAL, "svm_rbf_hog"),
    (CLASSICAL, "svm_rbf_hog", CLASSICAL, "ffnn"),
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
    parts = [f"This comparison reads the results of {chapters}: {names}{', on sample data' if found.sample else ''}."]
    absent = missing(found)
    parts.extend([f"Not run: {_listed(absent)}."] if absent else [])
    if len(found.seeds) > 1:
        parts.append(f"Seeds: {_listed(found.seeds)}.")
    else:
        parts.append("There is one seed, so intervals are those of single runs.")
    if found.left_out:
        parts.append(f"Left out, since settings, code, data or files differ: {_listed(found.left_out)}.")
    if found.original:
        parts.append(f"The reports' own settings were run for: {_listed(found.original)}.")
    else:
        parts.append("The profile `original`, with the reports' own settings, has not been run, so only untuned values")
        parts.append("are reproduced.")
    return "\n".join(parts)


def beaten_claims(answered: Mapping[str, Answer], counted: Mapping[str, int]) -> str:
    """How many claims are covered and beaten, how many by more than their interval, and which are not."""
    claims = [answer for answer in answered.values() if answer.reported.is_claim]
    parts = [
        f"The reports make {counted['claims.total']} claims. We have a result for {counted['claims.covered']} of them, "
        f"and {counted['claims.beaten']} are beaten."
    ]
    outside = [a.outside_interval for a in claims if a.verdict == "yes" and a.outside_interval is not None]
    if outside:
        share = f"{sum(outside)} of the {len(outside)} beaten claims"
        parts.append(f"For {share} with an interval, the reported value lies outside it.")
    behind = [(a.reported, a.ours) for a in claims if a.ours and a.verdict == "no"]
    if behind:
        texts = [f"{value.what} ({value.printed} against {ours.value:{ours.spec()}})" for value, ours in behind]
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
            lines.append(f"- {test_set.title}: no model is both faster and better than {_listed(front)}.")
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
        f"significantly, without Holm's correction {alone}. The chi-square version of "
        f"[the equation of McNemar's test](#eq-comparison-mcnemar) would change {changed or 'no'} uncorrected "
        f"{'verdict' if changed == 1 else 'verdicts'}."
    )


def duels(test_sets: Sequence[TestSet], models: Sequence[Duel], *, otherwise: str) -> str:
    """A sentence for each pair of models of which both were run, ``otherwise`` where there is none."""
    known = [d for d in models if pairs.place(test_sets, *d[:2]) and pairs.place(test_sets, *d[2:])]
    return "\n".join("- " + pairs.comparison_sentence(test_sets, *duel) for duel in known) or otherwise


def across_seeds(found: Found, answered: Mapping[str, Answer]) -> str:
    """How sure it is over the seeds which of two models is better, and which claims are beaten."""
    if len(found.seeds) < 2:
        return "One seed was run, so nothing is known of this; `make report SEED=1` runs another."
    beaten = [a for a in answered.values() if a.reported.is_claim and a.verdict == "yes"]
    always = sum(beaten_by_every_seed(a.reported, a.ours) for a in beaten if a.ours)
    lines = [f"Claims beaten by the mean over the seeds: {len(beaten)}. Beaten by every seed: {always}."]
    if len(found.seeds) < 5:
        lines.append("With so few seeds even a large difference may not be significant.")
    lines.append("")
    known = []
    for chapter_a, key_a, chapter_b, key_b in (*CODE_DUELS, *GARMENT_DUELS, *PHOTOGRAPH_DUELS):
        a, b = accuracy_by_seed(found, chapter_a, key_a), accuracy_by_seed(found, chapter_b, key_b)
        differences = [a[seed] - b[seed] for seed in sorted(a.keys() & b.keys())]
        if len(differences) > 1:
            names = (pairs.name_of(chapter_a, key_a), pairs.name_of(chapter_b, key_b))
            known.append((names, differences, " on noisy images" * key_a.endswith(".noisy")))
    corrected = stats.holm([stats.t_test(differences) for _, differences, _ in known])
    for ((one, other), differences, where), p in zip(known, corrected, strict=True):
        sign = 1 if sum(differences) >= 0 else -1
        first, second = (with_article(name) for name in ((one, other) if sign > 0 else (other, one)))
        spread, ahead = stats.mean(differences), sum(sign * value > 0 for value in differences)
        verdict = f"{first} beats {second}" if p < stats.ALPHA else f"{first} and {second} do not differ significantly"
        lines.append(
            f"- {stats.capitalised(verdict)}{where}: {100 * abs(spread.value):+.2f} ± {100 * spread.std:.2f} points, "
            f"ahead with {ahead} of {len(differences)} seeds, {stats.p_text(p)}."
        )
    return "\n".join(lines)


def report_a_order(test_sets: Sequence[TestSet], found: Found) -> str:
    """Report A's order (CNN, feed-forward net, classical methods) against ours, with the tests of its pairs."""
    shallow = pairs.best(test_sets, CLASSICAL, "classical")
    keys = {"CNN": "cnn", "feed-forward net": "ffnn", "classical": shallow or ""}
    places = {kind: pairs.place(test_sets, CLASSICAL, key) for kind, key in keys.items()}
    accuracies = {kind: place[0].models[place[1]].accuracy for kind, place in places.items() if place}
    if shallow is None or len(accuracies) < len(keys):
        return "The models on six classes were not run here, so there is no order of ours."
    ranked = sorted(accuracies, key=lambda kind: -accuracies[kind].value)
    order = "; ".join(f"{kind}, {accuracies[kind]}" for kind in ranked)
    holds = "holds" if ranked == list(keys) else "does not hold"
    lines = [f"Here the order is {order} (the best of five methods). Report A's order {holds}.", ""]
    for one, other in (("cnn", "ffnn"), ("cnn", shallow), ("ffnn", shallow), ("cnn", "report_a_cnn")):
        lines.append("- " + pairs.comparison_sentence(test_sets, CLASSICAL, one, CLASSICAL, other))
    return "\n".join([*lines, "", _order_by_seed(found, list(keys.values()))])


def _order_by_seed(found: Found, keys: Sequence[str]) -> str:
    measured = [measure(f"{CLASSICAL}/{key}.test_accuracy", None, found.runs) for key in keys]
    seeds = [item.seeds for item in measured if item]
    if len(seeds) < len(keys) or len(seeds[0]) < 2:
        return ""
    by_seed = zip(*seeds, strict=True)
    orders = [np.argsort([-value for value in values], kind="stable").tolist() for values in by_seed]
    return f"The order is the same in {orders.count(orders[0])} of {len(orders)} seeds."


# What the two reports got wrong, in the order of the chapter.


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
    return _joined(
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
    return _joined(
        f"Of the {len(values)} values that the report states for six classes, {own or 'none'} belong to it.",
        fill_metrics(found, "Ours has an accuracy of {}.", f"{CLASSICAL}/ffnn.test_accuracy"),
    )


def approximation(test_sets: Sequence[TestSet]) -> str:
    """The best classical method against the feed-forward net."""
    shallow = pairs.best(test_sets, CLASSICAL, "classical")
    contrary = pairs.ahead(test_sets, CLASSICAL, shallow, CLASSICAL, "ffnn")
    return _joined(
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
    return _joined(*parts)


def noisy_images(found: Found) -> str:
    """Report B's variation with noise against that without, and ours on both kinds of images."""
    noisy, clean = (counted_accuracy(f"B.T4.{name}.accuracy") for name in ("full_frozen_noisy", "full_frozen"))
    p = stats.p_text(separate_p(noisy, clean))
    return _joined(
        f"The report states {noisy.printed} with noise and {clean.printed} without ({p}, as separate tests).",
        fill_metrics(
            found,
            "Ours has {} on noisy and {} on clean images.",
            *(f"{TRANSFER}/full_frozen_noisy.{kind}test_accuracy" for kind in ("", "clean_")),
        ),
    )
