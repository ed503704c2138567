"""Would the same model win if both were trained again? Pairs of models compared over the seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from helpers import stats
from helpers.comparison import pairs
from helpers.comparison.duels import Duel
from helpers.comparison.runs import Found, accuracy_by_seed
from helpers.palette import with_article

ENOUGH = 5  # seeds; with fewer even a large difference may not be significant once it is corrected


@dataclass(frozen=True)
class SeedPair:
    """Two models, the first the better one on average.

    ``differences`` are those of their accuracies, by seed; ``p`` is the p-value of Student's paired t test, corrected
    over all pairs that were tested together.
    """

    first: str
    second: str
    noisy: bool
    differences: list[float]
    p: float

    @property
    def significant(self) -> bool:
        return self.p < stats.ALPHA

    @property
    def difference(self) -> stats.Mean:
        return stats.mean(self.differences)

    @property
    def ahead(self) -> int:
        """With how many seeds the first is better."""
        return sum(value > 0 for value in self.differences)

    @property
    def sentence(self) -> str:
        """Which one is better, by how much, with how many seeds, and whether significantly."""
        one, other = with_article(self.first), with_article(self.second)
        verdict = f"{one} beats {other}" if self.significant else f"{one} and {other} do not differ significantly"
        return (
            f"{stats.capitalised(verdict)}{' on noisy images' * self.noisy}: {100 * self.difference.value:+.2f} ± "
            f"{100 * self.difference.std:.2f} points, ahead with {self.ahead} of {len(self.differences)} seeds, "
            f"{stats.p_text(self.p)}."
        )


def compare(found: Found, duels: Sequence[Duel]) -> list[SeedPair]:
    """The pairs of which both models were run with two seeds or more, tested together (Student 1908, Holm 1979)."""
    known: list[SeedPair] = []
    for chapter_a, key_a, chapter_b, key_b in duels:
        a, b = accuracy_by_seed(found, chapter_a, key_a), accuracy_by_seed(found, chapter_b, key_b)
        differences = [a[seed] - b[seed] for seed in sorted(a.keys() & b.keys())]
        if len(differences) > 1:
            first, second = pairs.name_of(chapter_a, key_a), pairs.name_of(chapter_b, key_b)
            if sum(differences) < 0:
                first, second, differences = second, first, [-value for value in differences]
            known.append(SeedPair(first, second, key_a.endswith(".noisy"), differences, stats.t_test(differences)))
    corrected = stats.holm([pair.p for pair in known])
    return [replace(pair, p=p) for pair, p in zip(known, corrected, strict=True)]


def rows(found: Found, duels: Sequence[Duel]) -> list[dict[str, str]]:
    """Rows of a table of these pairs, or one that says that there is one seed."""
    made = [
        {
            "better on average": pair.first + " (noisy images)" * pair.noisy,
            "than": pair.second,
            "points": f"{100 * pair.difference.value:.2f} ± {100 * pair.difference.std:.2f}",
            "ahead": f"{pair.ahead} of {len(pair.differences)}",
            "p": stats.p_text(pair.p).removeprefix("p = ").removeprefix("p "),
            "": "significant" if pair.significant else "",
        }
        for pair in compare(found, duels)
    ]
    return made or [{"better on average": "One seed was run."}]
