"""`make chapter`: a chapter that runs at once and makes a report, beside all others; names that it refuses."""

import json
import shutil

import pytest
from conftest import ROOT, Project

# Tests of the list of all chapters, as it is in this folder.
ASK_FOR_ALL = (
    "tests/workflow/test_report_parts.py",
    "tests/workflow/test_forecast.py",
    "tests/helpers/test_comparison.py",
)


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """A copy of the project with all its chapters and one more, what listed them before, and what was said."""
    made = Project(tmp_path_factory.mktemp("own"))
    for folder in ("notebooks", "tests"):
        shutil.copytree(ROOT / folder, made.root / folder, dirs_exist_ok=True)
    before = (ROOT / "workflow" / "chapters.yaml").read_text(encoding="utf-8")
    made.write("workflow/chapters.yaml", before)
    shutil.copy(ROOT / "pyproject.toml", made.root)
    made.before, made.done = before, new(made, "99_my_own")
    return made


def new(project, name):
    return project.run("-m", "workflow.new_chapter", name)


def contents(project):
    """Every notebook, and every file that says what is run."""
    return {path: path.read_bytes() for path in project.root.rglob("*") if path.suffix in (".ipynb", ".yaml")}


def test_it_writes_a_notebook_and_an_entry_and_keeps_the_others(own):
    assert own.done.returncode == 0 and "make report PROFILE=quick NOTEBOOKS=99" in own.done.stdout, own.done.stderr
    after = (own.root / "workflow" / "chapters.yaml").read_text()
    assert after.startswith(own.before) and after.count("99_my_own:") == 1
    text = (own.root / "notebooks" / "99_my_own.ipynb").read_text()
    assert "chapter-" not in text and "00_chapter" not in text and '<a id=\\"eq-99-my-own-network\\"></a>' in text
    json.loads(text)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("", "_mine, not ''"),
        ("9_mine", "two digits, _ and small letters"),
        ("mine", "two digits"),
        ("10_Mine", "two digits"),
        ("10_mine/x", "two digits"),
        ("../10_mine", "two digits"),
        ("10_mine.ipynb", "two digits"),
        ("05_mine", "there is 05_fashion_cnn already: take another number, such as "),
        ("99_my_own", "there is 99_my_own already"),
        ("99_another", "there is 99_my_own already"),
    ],
)
def test_a_bad_or_taken_name_is_one_line_and_changes_nothing(own, name, said):
    before = contents(own)
    done = new(own, name)
    assert done.returncode == 1 and said in done.stderr and len(done.stderr.splitlines()) == 1
    assert contents(own) == before


def test_a_broken_list_of_chapters_is_one_line(project):
    project.write("workflow/chapters.yaml", "01_none: {memory_mb: 1}\n")
    project.write("notebooks/profiles/standard.yaml", "")
    done = new(project, "02_mine")
    assert done.returncode == 1 and "workflow/chapters.yaml:1: there is no notebook" in done.stderr
    assert not (project.root / "notebooks" / "02_mine.ipynb").exists()


@pytest.mark.slow
def test_its_report_is_made_on_the_sample_and_the_comparison_takes_it(own):
    done = own.report("--notebooks", "08 99", DATA="sample")
    assert done.returncode == 0, done.stderr
    folder = own.root / "reports" / "quick"
    page = (folder / "report-08-99.html").read_text()
    assert "A new chapter" in page and (folder / "report-08-99.pdf").stat().st_size
    metrics = json.loads((folder / "seed-0" / "99_my_own" / "results.json").read_text())["metrics"]
    assert metrics["network.test_accuracy"] > metrics["linear.test_accuracy"] > 0.8
    compared = json.loads((folder / "seed-0" / "08_comparison" / "results.json").read_text())["metrics"]
    assert compared["chapters"] == 1


@pytest.mark.slow
def test_the_tests_of_the_other_chapters_do_not_mind_it(own):
    collected = own.run("-m", "pytest", "-n", "0", "--collect-only", "tests/workflow/test_chapters.py")
    assert collected.returncode == 0 and "08_comparison" in collected.stdout and "99" not in collected.stdout
    ran = own.run("-m", "pytest", "-n", "0", "-m", "not slow", *ASK_FOR_ALL)
    assert ran.returncode == 0, ran.stdout
