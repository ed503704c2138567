"""The computed sentences of chapter 8, as Markdown. Their numbers are measured or read from reported.toml."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from helpers import stats
from helpers.comparison import pairs, seeds
from helpers.comparison.claims import Answer, beaten_by_every_seed, classes_ahead
from helpers.comparison.duels import CLASSICAL, Duel
from helpers.comparison.pairs import TestSet
from helpers.comparison.runs import Found, measure
from helpers.palette import BY_CHAPTER
from helpers.results import reported


def joined(*sentences: str) -> str:
    """The sentences that are not empty, with spaces between them."""
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
        parts.append(f"Seeds: {_listed(found.seeds)}. The tables have means and standard deviations over them.")
        parts.append(
            f"Tests image by image are of seed {found.first}, as are the numbers in the chapters; whether another"
        )
        parts.append("seed would tell the same is asked in [the section on seeds](#sec-comparison-seeds).")
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
    judged = [p for a in claims if a.verdict == "yes" and (p := a.chance_of_images) is not None]
    if judged:
        parts.append(
            f"Of the {len(judged)} that are accuracies, {sum(p < stats.ALPHA for p in judged)} are beaten by more than "
            "the choice of test images explains (two proportions, p < 0.05)."
        )
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
    """Which claims are beaten by every seed, and how much the tests over the seeds can tell."""
    if len(found.seeds) < 2:
        return "One seed was run, so nothing is known of this; `make report SEED=1` runs another."
    beaten = [a for a in answered.values() if a.reported.is_claim and a.verdict == "yes"]
    always = sum(beaten_by_every_seed(a.reported, a.ours) for a in beaten if a.ours)
    few = "With so few seeds even a large difference may not be significant." * (len(found.seeds) < seeds.ENOUGH)
    return joined(
        f"Claims beaten by the mean over the seeds: {len(beaten)}. Beaten by every seed: {always}.",
        few,
    )


def report_a_order(test_sets: Sequence[TestSet], found: Found) -> str:
    """Report A's order (CNN, feed-forward net, classical methods) against ours, with the tests of its pairs."""
    shallow = pairs.best(test_sets, CLASSICAL, "classical")
    keys = {"CNN": "cnn", "feed-forward net": "ffnn", "classical": shallow or ""}
    places = {kind: pairs.place(test_sets, CLASSICAL, key) for kind, key in keys.items()}
    accuracies = {kind: place[0].models[place[1]].accuracy for kind, place in places.items() if place}
    if shallow is None or len(accuracies) < len(keys):
        return "The models on six classes were not run here, so there is no order of ours."
    ranked = sorted(accuracies, key=lambda kind: -accuracies[kind].value)
    best = {"classical": f" (the best: {pairs.name_of(CLASSICAL, shallow)})"}
    order = "; ".join(f"{kind}{best.get(kind, '')}, {accuracies[kind]}" for kind in ranked)
    holds = "holds" if ranked == list(keys) else "does not hold"
    lines = [f"Here the order is {order}. Report A's order {holds}.", ""]
    for one, other in (("cnn", "ffnn"), ("cnn", shallow), ("ffnn", shallow), ("cnn", "report_a_cnn")):
        lines.append("- " + pairs.comparison_sentence(test_sets, CLASSICAL, one, CLASSICAL, other))
    return "\n".join([*lines, "", _order_by_seed(found, list(keys.values()))])


def _order_by_seed(found: Found, keys: Sequence[str]) -> str:
    measured = [measure(f"{CLASSICAL}/{key}.test_accuracy", None, found.runs) for key in keys]
    accuracies = [item.seeds for item in measured if item]
    if len(accuracies) < len(keys) or len(accuracies[0]) < 2:
        return ""
    by_seed = zip(*accuracies, strict=True)
    orders = [np.argsort([-value for value in values], kind="stable").tolist() for values in by_seed]
    return f"The order is the same in {orders.count(orders[0])} of {len(orders)} seeds."
