"""Reading runs, intervals from predictions, the rule of beaten, and tables that say what is missing."""

import json
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest
import torch

from helpers import integrity, palette, results, stats
from helpers.comparison import claims, findings, runs, tables
from helpers.comparison.runs import Measured
from helpers.sets import SETS


def leave(root, chapter, *, profile="quick", seed=0, metrics=None, tables=None, predictions=None, **changes):
    """Write what a finished run of ``chapter`` leaves; ``changes`` are of its record."""
    folder = root / profile / f"seed-{seed}" / chapter
    folder.mkdir(parents=True)
    provenance = {"sample_data": False, "notebook_sha256": "a", "helpers_sha256": "b", "data": {"MNIST": "real"}}
    content = {"notebook": chapter, "seed": seed, "profile": profile, "parameters": {"seed": seed, "epochs": 2}}
    content |= {"metrics": metrics or {}, "series": {}, "tables": tables or {}}
    content["parameters"] |= changes.pop("parameters", {})
    content["provenance"] = provenance | changes
    (folder / "results.json").write_text(json.dumps(content))
    if predictions:
        np.savez(folder / "predictions.npz", **predictions)


def read(root, **options):
    return runs.read(root / "quick", seed=0, **options)


def stated(value, better="higher", **changes):
    value = [Decimal(v) for v in value] if isinstance(value, list) else Decimal(value)
    return claims.ReportedValue("B.T2.accuracy", value, "accuracy", "Report B", "test", better, **changes)


def test_seeds_of_the_same_thing_are_read_together_and_others_are_named(tmp_path):
    leave(tmp_path, "02_b", seed=0, parameters={"ae": "../reports/quick/seed-0/01_a/ae.safetensors"})
    leave(tmp_path, "02_b", seed=2, parameters={"ae": "../reports/quick/seed-2/01_a/ae.safetensors"})
    leave(tmp_path, "02_b", seed=1, parameters={"epochs": 3})
    leave(tmp_path, "02_b", seed=3, data={"MNIST": "sample-1"}, sample_data=True)
    leave(tmp_path, "08_comparison")
    found = read(tmp_path)
    assert [run.seed for run in found.runs["02_b"]] == [0, 2] == found.seeds and list(found.runs) == ["02_b"]
    assert found.left_out == ["02_b of seed 1", "02_b of seed 3"] and not found.sample
    assert [run.seed for run in runs.read(tmp_path / "quick", seed=1).runs["02_b"]] == [1]


def test_a_run_whose_files_were_changed_is_left_out_and_named(tmp_path):
    for seed in (0, 1, 2):
        leave(tmp_path, "02_b", seed=seed, metrics={"x": 0.1}, predictions={"labels": np.zeros(3)})
        path = tmp_path / "quick" / f"seed-{seed}" / "02_b" / "results.json"
        files = {"predictions.npz": integrity.digest(path.with_name("predictions.npz"))}
        path.write_text(json.dumps(integrity.seal(json.loads(path.read_text()), files), indent=2 * seed))
    better = tmp_path / "quick" / "seed-1" / "02_b" / "results.json"
    better.write_text(better.read_text().replace("0.1", "0.9999"))
    np.savez(tmp_path / "quick" / "seed-2" / "02_b" / "predictions.npz", labels=np.ones(3))
    found = read(tmp_path)
    assert found.seeds == [0] and found.left_out == [
        "02_b of seed 1 (results.json was changed after its run)",
        "02_b of seed 2 (predictions.npz was changed after its run)",
    ]


def test_only_the_chapters_asked_for_are_read(tmp_path):
    leave(tmp_path, "01_a", sample_data=True)
    leave(tmp_path, "02_b")
    assert list(read(tmp_path, chapters=["02_b"]).runs) == ["02_b"]
    everything = read(tmp_path)
    assert everything.sample and everything.fingerprint != read(tmp_path, chapters=["02_b"]).fingerprint


def test_runs_of_the_original_settings_stand_beside_if_they_are_of_the_same_data(tmp_path):
    leave(tmp_path, "01_a", metrics={"x": 1})
    leave(tmp_path, "02_b")
    leave(tmp_path, "01_a", profile="original", metrics={"x": 2})
    leave(tmp_path, "02_b", profile="original", data={"MNIST": "sample-1"})
    leave(tmp_path, "03_c", profile="original")
    found = read(tmp_path)
    assert list(found.original) == ["01_a"] and found.left_out == ["02_b of the profile original"]
    assert runs.measure("01_a/x", None, found.original).value == 2
    own = runs.read(tmp_path / "original", seed=0)
    assert own.original == own.runs


def test_nothing_there_is_no_error(tmp_path):
    found = read(tmp_path)
    assert found.runs == {} and found.original == {} and not found.sample and found.seeds == []
    counts = claims.counts(claims.answers(found))
    assert counts["claims.total"] >= 25 and counts["claims.covered"] == counts["claims.beaten"] == 0


def test_one_run_has_the_interval_of_its_images_and_several_seeds_have_their_spread(tmp_path):
    labels = torch.arange(40) % 2
    right = torch.nn.functional.one_hot(labels, 2).float() * 0.8 + 0.1
    wrong = right.flip(1)
    probabilities = torch.cat([right[:30], wrong[30:]])
    losses = -probabilities[torch.arange(40), labels].log()
    metrics = {"cnn.test_accuracy": 0.75, "cnn.test_loss": losses.mean().item(), "cnn.val_accuracy": 0.75}
    leave(tmp_path, "05_a", metrics=metrics, predictions={"cnn": probabilities, "labels": labels})
    found = read(tmp_path)
    accuracy = runs.measure("05_a/cnn.test_accuracy", None, found.runs)
    expected = stats.wilson(30, 40)
    assert (accuracy.value, accuracy.low, accuracy.high) == (0.75, expected.low, expected.high)
    assert accuracy.text() == f"0.75 ({expected.low:.2f} to {expected.high:.2f})"
    loss, spread = runs.measure("05_a/cnn.test_loss", None, found.runs), stats.mean(losses.tolist())
    assert (loss.low, loss.high) == pytest.approx((spread.low, spread.high))
    assert runs.measure("05_a/cnn.val_accuracy", None, found.runs).low is None
    leave(tmp_path, "05_a", seed=1, metrics=metrics | {"cnn.test_accuracy": 0.85})
    several = runs.measure("05_a/cnn.test_accuracy", None, read(tmp_path).runs)
    assert several.value == pytest.approx(0.8) and several.std == pytest.approx(0.05 * 2**0.5)
    assert several.text() == "0.80 ± 0.07"


def test_an_accuracy_of_other_images_than_were_kept_has_no_interval(tmp_path):
    leave(tmp_path, "05_a", metrics={"x.test_accuracy": 0.755}, predictions={"labels": torch.zeros(40)})
    measured = runs.measure("05_a/x.test_accuracy", None, read(tmp_path).runs)
    assert measured.low is None and measured.text() == "0.7550"


def test_tables_are_measured_by_class(tmp_path):
    for seed, recall in enumerate(([0.5, 1.0], [0.7, 1.0])):
        leave(tmp_path, "05_a", seed=seed, tables={"cnn.per_class": {"recall": recall}})
    measured = runs.measure("05_a/cnn.per_class", "recall", read(tmp_path).runs)
    assert measured.classes == pytest.approx([0.6, 1.0]) and measured.seeds == pytest.approx([0.75, 0.85])
    assert runs.measure("05_a/none", "recall", read(tmp_path).runs) is None
    assert runs.measure(None, None, read(tmp_path).runs) is None


@pytest.mark.parametrize(
    ("printed", "better", "ours", "expected"),
    [
        ("0.95", "higher", 0.9549, False),  # may be what was rounded to 0.95
        ("0.95", "higher", 0.9551, True),
        ("0.9500", "higher", 0.9501, True),
        ("0.9500", "higher", 0.95, False),
        ("0.48", "lower", 0.476, False),
        ("0.48", "lower", 0.474, True),
        (["0.9", "0.7"], "higher", 0.86, True),
        (["0.9", "0.7"], "higher", 0.84, False),
    ],
)
def test_beaten_is_beyond_rounding(printed, better, ours, expected):
    assert claims.beaten(stated(printed, better), Measured([ours])) is expected


def test_the_mean_over_seeds_decides_and_classes_are_counted():
    assert not claims.beaten(stated("0.90"), Measured([0.99, 0.80]))
    measured = Measured([0.8], classes=[0.96, 0.64])
    assert claims.classes_ahead(stated(["0.9", "0.7"]), measured) == 1


def test_a_verdict_for_every_case():
    claim = claims.Answer(stated("0.90", metric="05_a/x"), Measured([0.95]), None)
    assert claim.verdict == "yes"
    assert replace(claim, ours=Measured([0.85])).verdict == "no" and replace(claim, ours=None).verdict == "not run"
    assert replace(claim, ours=None, reported=stated("0.90", uncovered="why")).verdict == "not covered"
    assert replace(claim, reported=replace(claim.reported, split="training")).verdict == "not counted"


def test_a_sentence_is_filled_only_with_all_its_numbers(tmp_path):
    leave(tmp_path, "05_a", metrics={"x": 0.5})
    assert runs.fill_metrics(read(tmp_path), "{} it is.", "05_a/x") == "0.5000 it is."
    assert runs.fill_metrics(read(tmp_path), "{} and {}.", "05_a/x", "05_a/y") == ""


def test_every_task_has_rows_and_every_claim_stands_in_one(tmp_path):
    found = read(tmp_path)
    answered = claims.answers(found)
    rows = [row for task in tables.TASKS for row in tables.task_rows(task, answered, found)]
    stated = [row for row in rows if "reported" in row]
    assert len(stated) == claims.counts(answered)["claims.total"]
    assert {row["ours"] for row in stated} == {"not run"}
    # Where nothing is stated and nothing was run, one row says so.
    assert [row for row in rows if row not in stated] == 3 * [{"quantity": tables.NOTHING}]


def test_only_models_that_a_report_has_are_reproduced(tmp_path):
    metrics = {"unet.psnr": 21.0, "conv.psnr": 20.0}
    leave(tmp_path, "02_denoising", metrics=metrics)
    leave(tmp_path, "02_denoising", profile="original", metrics=metrics)
    found = read(tmp_path)
    rows = {row["quantity"]: row["reproduced"] for row in tables.task_rows("B.T1", claims.answers(found), found)}
    assert rows == {"PSNR of the U-Net (dB)": "—", "PSNR of the convolutional denoiser (dB)": "20.00"}


def test_report_bs_tables_hold_both_models_and_both_sides(tmp_path):
    metrics = {"cnn.test_accuracy": 0.93, "cnn.train_loss": 0.1}
    scores = {key: [0.5] * 10 for key in ("precision", "recall", "f1")}
    leave(tmp_path, "05_fashion_cnn", metrics=metrics, tables={"cnn.per_class": scores})
    answered = claims.answers(read(tmp_path))
    first, *_ = rows = tables.last_epoch_rows(answered)
    assert first["CNN, reported"] == "0.9160" and first["CNN, ours"] == "0.9300"
    assert first["encoder, reported"] == "0.9085" and first["encoder, ours"] == "not run" and len(rows) == 6
    shirts, *_, last = rows = tables.per_class_rows(answered)
    assert shirts["CNN P"] == "85.81 / 50.00" and shirts["encoder F"] == "85.01 / —" and len(rows) == 11
    assert last["class"] == "mean" and last["CNN R"] == "91.60 / 50.00"
    found = read(tmp_path)
    claim, *_ = tables.task_rows("B.T2", answered, found)
    assert claim["better"] == "yes" and findings.missing(found) == [
        name for name in palette.BY_CHAPTER if name != "05_fashion_cnn"
    ]


def test_the_classes_of_report_b_are_those_of_the_data_set():
    assert results.reported("B.classes") == list(SETS["FashionMNIST"].classes)
