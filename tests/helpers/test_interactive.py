"""What a chapter shows when it is run by hand, and that a report's run shows none of it."""

import json
import subprocess
import sys
from types import SimpleNamespace

import nbformat
import pytest
import yaml
from IPython.core.interactiveshell import InteractiveShell

from helpers import data, files, interactive, progress, results
from helpers.results import ROOT

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
PARTS = ("train", "validation", "test")
CHAPTERS = [path for path in NOTEBOOKS if path.stem[0].isdigit()]


@pytest.fixture
def by_hand(monkeypatch, tmp_path):
    """As if in JupyterLab, with an empty folder of reports; what is displayed."""
    displayed = []
    for module in (interactive, progress):
        monkeypatch.setattr(module, "is_live", lambda: True)
    for module in (interactive, results):
        monkeypatch.setattr(module, "ROOT", tmp_path)
    for name in ("notebooks", "workflow"):
        (tmp_path / name).symlink_to(ROOT / name)
    monkeypatch.setattr(interactive, "prepare", lambda: None)
    monkeypatch.setattr(interactive, "display", displayed.append)
    monkeypatch.setattr(progress, "tell", displayed.append)
    return displayed


def text(shown):
    return " ".join(getattr(item, "data", item) for item in shown)


@pytest.mark.parametrize("path", CHAPTERS, ids=[path.stem for path in CHAPTERS])
def test_a_chapter_says_what_it_needs_and_how_to_try_it_quickly(path, by_hand, monkeypatch):
    first, last = nbformat.read(path, 4).cells[1], nbformat.read(path, 4).cells[-1]
    assert first.metadata.tags == last.metadata.tags == ["remove-cell"]
    assert last.source == "run.beside_last()"
    monkeypatch.setattr(files, "locate", lambda name: [])
    said = eval(first.source.partition("\n\n")[2], {"interactive": interactive}).data
    entry = yaml.safe_load((ROOT / "workflow" / "chapters.yaml").read_text())[path.stem]
    assert all(f"{name} is not here" in said for name in entry.get("data", []))
    for needed in entry.get("needs", {}).values():
        number = needed[:2]
        assert f"{needed}` is needed and missing. `make report PROFILE=quick NOTEBOOKS={number}` makes it" in said
    assert "on a slow machine" in said
    quick = yaml.safe_load((ROOT / "notebooks" / "profiles" / "quick.yaml").read_text())[path.stem]
    words = said.partition("set ")[2].partition(" in the next cell")[0]
    given = dict(item.strip("`").split(" = ") for item in words.split(", `")) if words else {}
    assert given == {f"{part}_images": str(quick[f"{part}_images"]) for part in PARTS if quick}


def test_a_reports_run_shows_and_changes_nothing():
    assert interactive.introduce("05_fashion_cnn") is None
    record = results.Run("05_fashion_cnn", {"seed": 0}, "quick", ROOT / "nowhere", {})
    assert record.beside_last() is None


@pytest.mark.parametrize(("seconds", "words"), [(0.2, "1 second"), (40, "40 seconds"), (90.4, "90 seconds"),
                                                 (119, "2 minutes"), (3600, "60 minutes")])  # fmt: skip
def test_how_long_it_takes_here_is_what_its_reports_took(seconds, words, by_hand, tmp_path):
    assert "here it was not yet measured" in interactive.duration("01_a", 10)
    for seed, value in enumerate((seconds, seconds)):
        folder = tmp_path / f"reports/standard/seed-{seed}/01_a"
        folder.mkdir(parents=True)
        (folder / "results.json").write_text(json.dumps({"provenance": {"seconds": value}}))
    (tmp_path / "reports/standard/seed-2/01_a").mkdir(parents=True)
    (tmp_path / "reports/standard/seed-2/01_a/results.json").write_text("{")
    assert interactive.duration("01_a", 10) == f"about {words} with the values below, as measured here"


def test_weights_are_found_from_any_folder_and_by_hand_from_a_quick_report_too(by_hand, tmp_path, monkeypatch):
    named = "../reports/standard/seed-1/02_a/conv.safetensors"
    monkeypatch.chdir("/")
    standard = tmp_path / "reports/standard/seed-1/02_a/conv.safetensors"
    assert results.located(named) == standard
    assert results.remedy(standard).startswith("`make report PROFILE=quick NOTEBOOKS=02 SEED=1` makes it")
    for profile in ("quick", "interactive", "standard"):  # each is preferred to the one before it
        path = tmp_path / "reports" / profile / "seed-1/02_a/conv.safetensors"
        path.parent.mkdir(parents=True)
        path.touch()
        assert results.located(named) == path
    standard.unlink()
    monkeypatch.setattr(progress, "is_live", lambda: False)
    assert results.located(named) == standard  # a report's run takes what it was given
    assert results.located("/a/b") == results.Path("/a/b") and results.remedy(results.Path("/a/b")) == ""


def start(parameters):
    path = ROOT / "notebooks" / "01_autoencoder.ipynb"
    variables = results.parameter_defaults(path) | parameters
    made = SimpleNamespace(name="MNIST", sample=True, fingerprint="abc", md5s={})
    return results.start("01_autoencoder", variables, data=made)


def run(metrics, **parameters):
    """A whole run by hand."""
    begun = start(parameters)
    begun.metrics |= metrics
    begun.save()
    begun.save()  # the last cell, once more: it is not its own last run
    begun.beside_last()


def test_this_run_stands_beside_the_last_one(by_hand):
    run({"a": 1.0, "b": 2.0, "c": 3.0, "fit_seconds": 1.0})
    assert "The results are in reports/interactive/seed-0/01_autoencoder/" in text(by_hand)
    assert "This is the first run here" in text(by_hand)
    by_hand.clear()
    run({"a": 1.0, "b": 2.1, "c": 6.0, "fit_seconds": 9.0, "new": 7.0}, epochs=2, decay=False)
    said = text(by_hand)
    assert "Changed since the last run: `epochs` from 15 to 2, `decay` from True to False." in said
    cells = interactive.re.findall(r"<td[^>]*>([^<]*)</td>", said)
    assert cells == ["c", "3", "6", "+3", "b", "2", "2.1", "+0.1", "new", "", "7", ""]
    by_hand.clear()
    run({"a": 1.0, "b": 2.1, "c": 6.0, "fit_seconds": 5.0, "new": 7.0}, epochs=2, decay=False)
    assert "No parameter has changed." in text(by_hand) and "<td" not in text(by_hand)


def test_an_earlier_record_that_cannot_be_read_is_none(by_hand, tmp_path):
    run({"a": 1.0})
    (tmp_path / "reports/interactive/seed-0/01_autoencoder/results.json").write_text("{")
    by_hand.clear()
    run({"a": 1.0})
    assert "This is the first run here" in text(by_hand)


def test_edits_of_helpers_take_effect_and_labelled_outputs_can_be_jumped_to(monkeypatch):
    shell, displayed = InteractiveShell.instance(), []
    try:
        monkeypatch.setattr(interactive, "display", lambda state, raw: displayed.append(state["text/html"]))
        interactive.prepare()
        interactive.prepare()
        shell.run_cell("#| label: fig-a\n1;")
        shell.run_cell("1;")
        assert "IPython.extensions.autoreload" in shell.extension_manager.loaded
        expected = f'{progress.MARK}<a id="fig-a" data-jupyter-id="fig-a"></a></div>'
        assert displayed == [expected]
    finally:
        shell.events.unregister("pre_run_cell", interactive.show_anchor)
        InteractiveShell.clear_instance()


@pytest.mark.parametrize("size", [3, 5])
def test_a_size_that_is_more_than_there_is_said_once(size, monkeypatch):
    said = []
    monkeypatch.setattr(progress, "tell", said.append)
    data._announce_fewer.cache_clear()
    part = data.Split(data.torch.zeros(4, 2, 2), data.torch.arange(4) % 2)
    for _ in range(2):
        assert len(data.stratified_subset(part, size, seed=0, what="some_images")) == min(size, 4)
        assert data.first(size, of=part, what="some_images") == slice(min(size, 4))
    expected = ["some_images=5 is more than there are: all 4 are taken"] if size == 5 else []
    assert said == expected
    with pytest.raises(data.DataError, match=r"some_images=0 is no number of images"):
        data.first(0, of=part, what="some_images")


def test_a_missing_sweep_is_one_line_that_says_the_command(tmp_path):
    from helpers.comparison import sweep

    with pytest.raises(ValueError, match=r"there is no sweep at .*: `make sweep SWEEP=") as error:
        sweep.read(tmp_path / "runs.json")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=[path.stem for path in NOTEBOOKS])
def test_jupyter_shows_no_label_as_it_is_typed(path):
    for cell in nbformat.read(path, 4).cells:
        if cell.cell_type == "markdown":
            assert not interactive.re.search(r"\{#[\w-]+\}|@(?:fig|tbl|eq|sec|lst)-", cell.source)


def test_import_of_what_all_runs_import_is_light():
    code = "import sys; from helpers import progress; print({'torch', 'matplotlib', 'IPython'} & set(sys.modules))"
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout == "set()\n"
