"""The results of a sweep as rows, words and curves; and the chapter on it, in a report of tiny notebooks."""

import json
import shutil

import pytest
from conftest import ROOT
from test_sweep import CHAPTERS, GRID, MAKER, TAKER

from helpers.comparison import sweep as sweeps
from helpers.figures import sweep as sweep_plots


@pytest.fixture
def sweep(tmp_path, monkeypatch):
    """Two notebooks: one of three sizes and two kinds with two seeds, one that only the seed changes."""
    monkeypatch.setattr(sweeps, "ROOT", tmp_path)
    runs = []
    for seed in (3, 4):
        for kind in ("x", "y"):
            for size in (16, 2, 4):
                runs.append(("01_grid", seed, {"kind": kind, "size": [size]}, {"a.error": size + seed, "b.error": 1.0}))
        runs.append(("02_plain", seed, {}, {"score": 0.5}))
    listed = []
    for number, (notebook, seed, setting, metrics) in enumerate([*runs, ("02_plain", 5, {}, None)]):
        listed.append({"notebook": notebook, "seed": seed, "folder": f"run-{number}", "settings": setting})
        if metrics:
            (tmp_path / f"run-{number}").mkdir()
            record = {"metrics": metrics, "provenance": {"sample_data": seed == 4}}
            (tmp_path / f"run-{number}" / "results.json").write_text(json.dumps(record))
    curves = {"01_grid": ["a.error", "b.error"], "02_plain": ["score"]}
    about = {"sweep": "a_trial", "profile": "quick", "axes": ["kind", "size"], "curves": curves, "runs": listed}
    (tmp_path / "runs.json").write_text(json.dumps(about))
    return sweeps.read(tmp_path / "runs.json")


def test_runs_are_read_and_missing_ones_counted(sweep):
    assert (sweep.title, sweep.seeds, sweep.notebooks) == ("a trial", [3, 4], ["01_grid", "02_plain"])
    assert len(sweep.runs) == 14 and sweep.missing == 1 and sweep.sample
    assert sweeps.varied(sweep) == "`kind` (x, y) and `size` (2, 4, 16)"
    with pytest.raises(KeyError, match="02_plain has no metric size, only: score"):
        sweep.of("02_plain", "size")


def test_a_row_has_mean_spread_and_interval_over_the_seeds(sweep):
    rows = sweeps.spread_rows(sweep)
    assert len(rows) == 2 * 6 + 1
    assert [row["size"] for row in rows[:3]] == ["2", "4", "16"] and rows[0]["kind"] == "x"
    assert (rows[0]["mean"], rows[0]["seeds"]) == (5.5, 2) and rows[0]["std"] == pytest.approx(0.5**0.5)
    assert rows[-1]["metric"] == "score" and rows[-1]["std"] == 0
    assert "`a.error` of 01_grid" in sweeps.spread_words(sweep) and f"{0.5**0.5 / 5.5:.2%}" in sweeps.spread_words(
        sweep
    )


def test_one_seed_has_no_spread(sweep):
    alone = sweeps.Sweep("", [run for run in sweep.runs if run.seed == 3], 0, sweep.curves, 3)
    assert {row["std"] for row in sweeps.spread_rows(alone)} == {None}
    assert sweeps.spread_words(alone) == "There is one seed, so nothing can be said of chance."


def test_numbers_run_along_the_axis_and_words_have_panels(sweep):
    x, y, plain = sweep_plots.curves(sweep).axes
    assert [axis.get_title("left") for axis in (x, y, plain)] == ["kind x", "kind y", "02_plain"]
    assert list(x.lines[0].get_xdata()) == [2, 4, 16] and list(x.lines[0].get_ydata()) == [5.5, 7.5, 19.5]
    assert x.get_xlabel() == "size" and x.get_ylim() == y.get_ylim()
    assert [text.get_text() for text in x.get_legend().get_texts()] == ["a", "b"]
    assert list(plain.lines[0].get_ydata()) == [0.5, 0.5] and plain.get_ylabel() == "score"


def test_without_curves_the_figure_says_so(sweep):
    bare = sweeps.Sweep("", sweep.runs, 0, {}, 3)
    assert "no curves" in sweep_plots.curves(bare).axes[0].texts[0].get_text() and sweeps.spread_rows(bare) == []


@pytest.mark.slow
def test_the_report_of_a_sweep_ends_with_a_chapter_on_it(project):
    shutil.copy(ROOT / "notebooks" / "sweep.ipynb", project.root / "notebooks")
    project.write_notebook("01_maker", *MAKER)
    project.write_notebook("02_taker", *TAKER)
    project.write("workflow/chapters.yaml", CHAPTERS.replace("03_breaker: {memory_mb: 400}", ""))
    project.write("grid.yaml", GRID)
    done = project.report("--sweep", "grid.yaml")
    assert done.returncode == 0, done.stderr
    folder = project.root / "reports" / "quick" / "sweeps" / "grid"
    page = (folder / "report.html").read_text()
    titles = ("The maker", "What changes when it is run again")
    assert all(title in page for title in titles) and page.index(titles[0]) < page.index(titles[1])
    assert "8 finished runs of 01_maker, 02_taker, with the seeds 0, 1" in " ".join(page.split())
    assert (folder / "report.pdf").stat().st_size > 0 and "report.html, report.pdf" in done.stdout
    refused = project.report("--sweep", "grid.yaml", "--seed", "3")
    assert refused.returncode == 1 and "SWEEP says which notebooks and seeds" in refused.stderr
