"""`make results`: the headlines of the finished runs, in reports/results.json and as a table in the README.

Both are committed, so that a reader without a machine sees them. No number is typed: the reported ones come from
helpers/reported.toml, ours from the runs of one commit, on real data; reproduced are those of the profile `original`.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from helpers.results import ROOT, reported, write_json, write_text
from workflow import environment
from workflow.engine import Stop, guarded

if TYPE_CHECKING:
    from helpers.comparison.claims import Answer
    from helpers.comparison.runs import Found, Measured, RunRecord

KEPT = ROOT / "reports" / "results.json"
README = ROOT / "README.md"
START, END = "<!-- made by `make results` -->", "<!-- end -->"
HEADLINES = {  # the metric (chapter/name), and what it is
    "01_autoencoder/scratch.code_accuracy": "digits from 16 numbers, the autoencoder from scratch",
    "01_autoencoder/contrastive.code_accuracy": "the same, a contrastive code",
    "02_denoising/scratch.psnr": "noisy digits restored, from scratch (dB)",
    "02_denoising/conv.psnr": "noisy digits restored, convolutional (dB)",
    "02_denoising/unet.psnr": "the same, a U-Net (dB)",
    "03_center_loss/ae.center.test_accuracy": "digits, the AE's encoder with center loss",
    "03_center_loss/planar.center.test_accuracy": "digits from 2 numbers, a small CNN with center loss",
    "04_cifar10_bonus/ae.code_accuracy": "photographs of ten classes from 256 numbers",
    "05_fashion_cnn/cnn.test_accuracy": "garments, CNN",
    "05_fashion_cnn/svm_hog.test_accuracy": "the same, RBF SVM on HOG",
    "06_transfer/encoder.test_accuracy": "garments, the denoiser's encoder",
    "06_transfer/full_frozen.test_accuracy": "garments, the whole denoiser, frozen",
    "06_transfer/full_frozen_noisy.test_accuracy": "the same, with noise",
    "07_classical_baselines/cnn.test_accuracy": "photographs of six classes, CNN",
    "07_classical_baselines/svm_rbf_hog.test_accuracy": "the same, RBF SVM on HOG and colour",
    "07_classical_baselines/svm_kmeans.test_accuracy": "the same, RBF SVM on patches learned without labels",
    "07_classical_baselines/svm_poly.test_accuracy": "the same, polynomial SVM on pixels",
}
LOSSES = ("train_bce", "train_mse", "loss", "cross_entropy")  # series that have a value for every epoch
HEAD = ["what", "reported", "reproduced", "ours", "trained in"]


def collect(profile: str) -> dict[str, Any]:
    """The headlines of the finished runs of a profile, as results.json keeps them: over all seeds of the same code.

    Raises Stop for a headline that has not been run, sample data, or runs that are not of one commit.
    """
    from helpers.comparison.claims import answers
    from helpers.comparison.runs import measure, read  # which import torch

    found = read(ROOT / "reports" / profile, seed=0)
    if missing := sorted({path.partition("/")[0] for path in HEADLINES} - set(found.runs)):
        raise Stop(f"no finished run of {', '.join(missing)} in reports/{profile}: `make report PROFILE={profile}`")
    if found.sample:
        raise Stop("the runs are of sample data: `make report DATA=real` first")
    metrics = {}
    claims = {answer.reported.metric: answer for answer in answers(found).values() if answer.reported.is_claim}
    for path in HEADLINES:
        chapter, _, metric = path.partition("/")
        took = [seconds for run in found.runs[chapter] if (seconds := trained_in(run, metric.rpartition(".")[0]))]
        metrics[path] = {
            **kept_of(measure(path, None, found.runs)),
            "seconds": round(statistics.median(took), 1) if took else None,
            "reproduced": reproduced(path, claims.get(path), found),
        }
    records = [run for path in HEADLINES for run in found.runs[path.partition("/")[0]]]
    hardware = records[0].provenance["hardware"]
    return {"profile": profile, "commit": commit_of(records), "hardware": hardware, "metrics": metrics}


def reproduced(path: str, claim: Answer | None, found: Found) -> dict[str, Any] | None:
    """The same with the reports' own settings, and which runs that is of; None where there is nothing of theirs."""
    from helpers.comparison.claims import reproduced_of, with_their_settings

    again = claim.reproduced if claim else reproduced_of(path, found)
    if again is None:
        return None
    runs = with_their_settings(claim.reported, found) if claim else found.original
    records = runs[path.partition("/")[0]]
    return {**kept_of(again), "profile": records[0].content["profile"], "commit": commit_of(records)}


def trained_in(run: RunRecord, model: str) -> float | None:
    """The seconds that the training of a model took, None where its chapter has not timed it."""
    measured = run.metrics.get(f"{model}.fit_seconds")
    epoch = run.metrics.get(f"{model}.seconds_per_epoch")
    losses = [
        values for name, values in run.content["series"].items() if name in {f"{model}.{loss}" for loss in LOSSES}
    ]
    return epoch * len(losses[0]) if measured is None and epoch and losses else measured


def kept_of(measured: Measured | None) -> dict[str, Any]:
    """What results.json has of a value."""
    assert measured
    n = len(measured.seeds)
    return {"mean": measured.value, "std": measured.std, "n": n, "low": measured.low, "high": measured.high}


def text(kept: Mapping[str, Any]) -> str:
    """The same as the table has it: with its deviation, or with its interval where there is one seed."""
    from helpers.comparison.runs import Measured

    measured = Measured([kept["mean"]], None, kept["low"], kept["high"], kept["std"])
    return measured.text(".2f")


def commit_of(records: Sequence[RunRecord]) -> str:
    """The commit that runs are of. Raises Stop when there are several, or files were changed since."""
    commits: set[str] = {run.provenance["git"] for run in records}
    if len(commits) > 1 or None in commits or any(run.provenance["dirty"] for run in records):
        raise Stop("the runs are not of one commit without changes: commit, then run them again")
    return commits.pop()


def table(kept: Mapping[str, Any]) -> str:
    """The README's table of what results.json keeps, and how to read it."""
    from helpers.comparison.claims import reported_values

    stated = {value.metric: value for value in reported_values().values() if value.is_claim and value.metric}
    rows = [HEAD, ["---"] * len(HEAD)]
    for path, ours in kept["metrics"].items():
        report = stated.get(path)
        said = f"{report.printed} ({report.key[0]})" if report else "–"
        said += f", {60 * reported(report.minutes):.0f} s" if report and report.minutes else ""
        again = text(ours["reproduced"]) if ours["reproduced"] else "–"
        took = f"{ours['seconds']:.0f} s" if ours["seconds"] else "–"
        rows.append([HEADLINES[path], said, again, f"**{text(ours)}**", took])
    if not any(ours["reproduced"] for ours in kept["metrics"].values()):
        rows = [[*row[:2], *row[3:]] for row in rows]
    return "\n".join([*(f"| {' | '.join(row)} |" for row in rows), "", how_to_read(kept)])


def how_to_read(kept: Mapping[str, Any]) -> str:
    """What stands in the table: over how many seeds, with which interval, on which machine."""
    again = [ours["reproduced"] for ours in kept["metrics"].values() if ours["reproduced"]]
    counts = sorted({value["n"] for value in [*kept["metrics"].values(), *again]})
    several = [count for count in counts if count > 1]
    if not several:
        spread = "One seed, with its 95 % interval."
    else:
        seeds = str(several[0]) if len(several) == 1 else f"{several[0]} to {several[-1]}"
        spread = f"Mean and standard deviation over {seeds} seeds{'; of one seed its 95 % interval' * (1 in counts)}."
    theirs = " Reproduced: with the reports' own settings." * bool(again)
    return f"{spread}{theirs}\nSeconds: the median, on one core ({kept['hardware']['processor']})."


def written(readme: str, made: str) -> str:
    """The README with another table between its two marks. Raises Stop when it lacks them."""
    before, start, rest = readme.partition(START)
    _, end, after = rest.partition(END)
    if not (start and end):
        raise Stop(f"README.md has no place for the table: the lines {START} and {END}")
    return f"{before}{start}\n\n{made}\n\n{end}{after}"


def make(profile: str) -> int:
    """Write both files."""
    kept = collect(profile)
    write_json(KEPT, kept)
    write_text(README, written(README.read_text(encoding="utf-8"), table(kept)))
    print(table(kept))
    print(f"{KEPT.relative_to(ROOT)} and {README.relative_to(ROOT)} are of commit {kept['commit'][:10]} now")
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the table of the profile that the command line names; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m workflow.results_table", description=__doc__.splitlines()[0])
    parser.add_argument("--profile", default="standard")
    options = parser.parse_args(arguments)
    return guarded("make results", lambda: make(options.profile))


if __name__ == "__main__":
    environment.enter()
    sys.exit(main())
