"""`make results`: the README's table is what reports/results.json says, and that is of runs of one commit."""

import json

import pytest
from conftest import ROOT

from workflow import results_table
from workflow.engine import Stop
from workflow.results_table import END, HEADLINES, KEPT, README, START, collect, table, written


def leave(root, seed=0, profile="standard", **provenance):
    """Finished runs of all headlines' chapters, with accuracies of 0.9 and a little more for each seed."""
    known = {"sample_data": False, "data": {}, "git": "c" * 40, "dirty": False, "hardware": {"processor": "A chip"}}
    for chapter in {path.partition("/")[0] for path in HEADLINES}:
        names = [path.partition("/")[2] for path in HEADLINES if path.startswith(f"{chapter}/")]
        metrics = dict.fromkeys(names, 0.9 + seed / 100) | {"cnn.fit_seconds": 61.0 + 100 * (seed == 0)}
        metrics["conv.seconds_per_epoch"], series = 50.0 + seed, {"conv.train_bce": [0.3, 0.2, 0.1]}
        record = {"notebook": chapter, "seed": seed, "profile": profile, "parameters": {}, "metrics": metrics}
        folder = root / "reports" / profile / f"seed-{seed}" / chapter
        folder.mkdir(parents=True)
        (folder / "results.json").write_text(
            json.dumps(record | {"tables": {}, "series": series, "provenance": known | provenance})
        )


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setattr(results_table, "ROOT", tmp_path)
    return tmp_path


def test_the_headlines_are_means_over_the_seeds_beside_what_the_reports_state(root):
    for seed in range(3):
        leave(root, seed)
    kept = collect("standard")
    cnn = kept["metrics"]["05_fashion_cnn/cnn.test_accuracy"]
    assert kept["commit"] == "c" * 40 and (cnn["mean"], cnn["n"]) == (pytest.approx(0.91), 3)
    assert cnn["std"] == pytest.approx(0.01) and cnn["seconds"] == 61  # the median: one run may have been disturbed
    assert kept["metrics"]["02_denoising/conv.psnr"]["seconds"] == 3 * 51
    assert "0.95 (A), 383 s |" in table(kept)
    row = next(line for line in table(kept).splitlines() if line.startswith("| garments, CNN "))
    assert "0.91" in row and "± 0.01" in row and "(B)" in row and row.endswith("| 61 s |")
    assert table(kept).endswith("Mean and standard deviation over 3 seeds.\nSeconds: the median, on one core (A chip).")
    assert "reproduced" not in table(kept)


def test_what_the_reports_own_settings_gave_has_a_column_once_they_were_run(root):
    leave(root)
    leave(root, profile="original", git="e" * 40)
    kept = collect("standard")
    lines = table(kept).splitlines()
    assert lines[0] == "| what | reported | reproduced | ours | trained in |"
    assert {line.count("|") for line in lines if line.startswith("|")} == {6}
    assert lines[-2] == "One seed, with its 95 % interval. Reproduced: with the reports' own settings."
    again = {path: metric["reproduced"] for path, metric in kept["metrics"].items()}
    psnr, contrastive = again["02_denoising/conv.psnr"], again["01_autoencoder/contrastive.code_accuracy"]
    assert (psnr["mean"], psnr["n"], psnr["profile"], psnr["commit"]) == (0.9, 1, "original", "e" * 40)
    assert contrastive is None  # no report has such a model


def test_what_is_reproduced_is_refused_too_when_files_were_changed(root):
    leave(root)
    leave(root, profile="original", dirty=True)
    with pytest.raises(Stop, match="not of one commit"):
        collect("standard")


def test_the_table_is_made_of_the_numbers_themselves(root):
    for seed in range(3):
        leave(root, seed)
    kept = collect("standard")
    before = table(kept)
    kept["metrics"]["05_fashion_cnn/cnn.test_accuracy"]["std"] = 0.02
    assert table(kept) != before and "± 0.02" in table(kept)


@pytest.mark.parametrize(
    ("provenance", "words"),
    [
        ({"sample_data": True}, "sample data"),
        ({"dirty": True}, "not of one commit"),
        ({"git": None}, "not of one commit"),
    ],
)
def test_what_must_not_stand_in_the_readme_is_refused(root, provenance, words):
    leave(root, **provenance)
    with pytest.raises(Stop, match=words):
        collect("standard")


def test_runs_of_two_commits_are_refused_and_a_chapter_not_run_is_named(root):
    with pytest.raises(Stop, match="no finished run of 01_autoencoder, 02_denoising"):
        collect("standard")
    leave(root)
    leave(root, 1, git="d" * 40)
    with pytest.raises(Stop, match="not of one commit"):
        collect("standard")


def test_the_readme_gets_another_table_between_its_marks():
    assert written(f"a\n{START}\n\nold\n\n{END}\nb", "new") == f"a\n{START}\n\nnew\n\n{END}\nb"
    with pytest.raises(Stop, match="no place for the table"):
        written("a", "new")


def test_the_readme_and_the_kept_results_agree():
    kept = json.loads(KEPT.read_text(encoding="utf-8"))
    between = README.read_text(encoding="utf-8").partition(START)[2].partition(END)[0]
    assert between.strip() == table(kept)
    assert kept["profile"] == "standard" and set(kept["metrics"]) == set(HEADLINES) and ROOT in KEPT.parents
