"""How long runs should take, which must start first, and what is told of it."""

import json
from types import SimpleNamespace

import pytest

from workflow import forecast
from workflow.chapters import chapters
from workflow.progress import Progress


def chapter(name, seconds, *needed, compares=False):
    known = {"data": ["MNIST"], "headline": None}
    return SimpleNamespace(name=name, seconds=seconds, needed=list(needed), compares=compares, **known)


class Run:
    """A run of a chapter, with as much as the forecast asks of one."""

    def __init__(self, of, *needs, profile="standard"):
        self.chapter, self.name, self.profile = of, of.name, profile
        self.where = f"reports/{profile}/seed-0"
        self.folder = f"{self.where}/{of.name}"
        self.needs = {str(number): needed for number, needed in enumerate(needs)}

    def file(self, name):
        return f"{self.folder}/{name}"

    def __str__(self):
        return self.name


def benchmark(root, run, seconds):
    path = root / run.file("benchmark.tsv")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"s\tmax_rss\n{seconds}\t1\n")


@pytest.fixture
def root(tmp_path, monkeypatch):
    """An empty folder in the place of the project's."""
    monkeypatch.setattr(forecast, "ROOT", tmp_path)
    monkeypatch.setattr("workflow.progress.ROOT", tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "1 second"), (40.4, "40 seconds"), (100, "2 minutes"), (540, "9 minutes"), (9000, "2.5 hours")],
)
def test_durations_are_said_in_words(seconds, words):
    assert forecast.words(seconds) == words


def test_the_longest_chain_is_first_and_not_the_longest_chapter(root):
    known = {
        "a": chapter("a", 100),
        "b": chapter("b", 100, "a"),
        "c": chapter("c", 150),
        "z": chapter("z", 10, compares=True),
    }
    assert forecast.priorities(known, "standard") == {"a": 200, "b": 100, "c": 150, "z": 10}


def test_benchmarks_decide_when_all_chapters_have_one(root):
    known = {"a": chapter("a", 100), "b": chapter("b", 1)}
    benchmark(root, Run(known["b"]), 500)
    assert forecast.priorities(known, "standard") == {"a": 100, "b": 1}
    benchmark(root, Run(known["a"]), 40)
    assert forecast.priorities(known, "standard") == {"a": 40, "b": 500}


def test_the_chain_to_the_transfer_starts_first_in_this_report(root):
    order = forecast.priorities(chapters("standard"), "standard")
    assert max(order, key=order.get) == "01_autoencoder" and order["02_denoising"] > order["06_transfer"]


def test_an_estimate_is_a_benchmark_else_what_is_known_of_the_standard_profile(root):
    run, quick = Run(chapter("a", 100)), Run(chapter("a", 100), profile="quick")
    assert forecast.estimate(run) == 100 and forecast.estimate(quick) is None
    benchmark(root, quick, 7)
    benchmark(root, run, 80)
    assert forecast.estimate(run) == 80 and forecast.estimate(quick) == 7


@pytest.mark.parametrize(("sample", "seconds"), [(True, 600 * forecast.SHARE + forecast.START), (False, 600)])
def test_on_the_sample_a_run_is_expected_to_be_short(root, sample, seconds):
    run, quick = Run(chapter("a", 600)), Run(chapter("a", 600), profile="quick")
    (root / "reports" / "data").mkdir(parents=True)
    (root / "reports" / "data" / "MNIST.json").write_text(json.dumps({"sample": sample}))
    assert forecast.estimate(run) == seconds < 601 and forecast.estimate(quick) is None
    benchmark(root, run, 80)
    assert forecast.estimate(run) == 80


@pytest.mark.parametrize(("ran", "now", "known"), [(True, False, False), (False, True, False), (False, False, True)])
def test_runs_on_the_sample_say_nothing_of_runs_on_real_data(root, ran, now, known):
    other, run = Run(chapter("a", 600)), Run(chapter("a", 600))
    other.where = "reports/standard/seed-1"
    other.folder = f"{other.where}/a"
    benchmark(root, other, 50)
    record = root / other.file("results.json")
    record.write_text(json.dumps({"provenance": {"sample_data": ran}}))
    (root / "reports" / "data").mkdir(parents=True)
    (root / "reports" / "data" / "MNIST.json").write_text(json.dumps({"sample": now}))
    assert (forecast.estimate(run) == 50) == known
    assert forecast.priorities({"a": run.chapter}, "standard") == {"a": 50 if known else 600}
    record.write_text("{")  # cannot be read: better than nothing
    assert forecast.estimate(run) == 50


def test_the_standard_report_on_the_sample_is_expected_to_take_minutes(root):
    found = chapters("standard").values()
    seconds = [chapter.seconds * forecast.SHARE + forecast.START for chapter in found if chapter.data]
    assert 120 < sum(seconds) / 2 < 300  # on two cores


def test_runs_wait_for_what_they_need_and_for_a_free_core():
    a, c, z = (Run(chapter(name, 0, compares=name == "z")) for name in "acz")
    b = Run(chapter("b", 0), a)
    seconds = {a.folder: 4, b.folder: 5, c.folder: 6, z.folder: 1}
    assert forecast.makespan([a, b, c, z], seconds, cores=1) == 16
    assert forecast.makespan([a, b, c, z], seconds, cores=2) == 10  # c beside a and b, then z
    assert forecast.makespan([b], seconds, cores=2) == 5  # a is done
    assert forecast.makespan([], seconds, cores=2) == 0
    many = [Run(chapter(str(number), 0)) for number in range(200)]
    assert forecast.makespan(many, {run.folder: 3 for run in many}, cores=2) == 300


def test_progress_tells_what_is_done_and_how_long_the_rest_takes(root, monkeypatch, capsys):
    monkeypatch.setattr("workflow.progress.makespan", lambda runs, seconds, cores: sum(seconds.values()))
    a, b, c = (Run(chapter(name, 600)) for name in "abc")
    progress = Progress([a, b, c], unit="chapter")
    progress({"event": "todo", "jobs": {"chapter_a": 1, "chapter_b": 1, "report": 1}})
    progress({"event": "started", "outputs": [a.file("results.json")]})
    benchmark(root, a, 300)  # twice as fast as expected
    progress({"event": "finished", "outputs": [a.file("results.json")]})
    progress({"event": "failed", "outputs": [b.file("results.json")]})
    progress({"event": "finished", "outputs": ["reports/standard/report.html"]})
    assert capsys.readouterr().out.splitlines() == [
        "1 of 3 chapters is done, 2 are left, about 20 minutes to go",
        "a  300 s  (2 of 3 chapters done, about 5 minutes to go)",
        "b  failed",
    ]


def test_on_a_cluster_no_time_is_told(root, capsys):
    a, b = (Run(chapter(name, 600)) for name in "ab")
    Progress([a, b], unit="run", cores=None)({"event": "todo", "jobs": {"chapter_a": 1}})
    assert capsys.readouterr().out == "1 of 2 runs is done, 1 is left\n"


def test_of_a_new_profile_nothing_is_told_before_a_chapter_has_run(root, monkeypatch, capsys):
    monkeypatch.setattr("workflow.progress.makespan", lambda runs, seconds, cores: sum(seconds.values()))
    a, b = (Run(chapter(name, 600), profile="quick") for name in "ab")
    progress = Progress([a, b], unit="chapter")
    progress({"event": "todo", "jobs": {"chapter_a": 1, "chapter_b": 1}})
    benchmark(root, a, 40)
    progress({"event": "finished", "outputs": [a.file("results.json")]})
    assert capsys.readouterr().out.splitlines() == [
        "0 of 2 chapters are done, 2 are left",
        "a  40 s  (1 of 2 chapters done, about 40 seconds to go)",
    ]
