"""`make chapter`: a chapter that runs at once and makes a report, beside all others; names that it refuses."""

import json
import shutil

import pytest
from conftest import ROOT, Project


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """A copy of the project with all its chapters, to which one is added."""
    made = Project(tmp_path_factory.mktemp("own"))
    for folder in ("notebooks", "tests"):
        shutil.copytree(ROOT / folder, made.root / folder, dirs_exist_ok=True)
    shutil.copy(ROOT / "workflow" / "chapters.yaml", made.root / "workflow")
    shutil.copy(ROOT / "pyproject.toml", made.root)
    for path in [*made.root.glob("notebooks/09*"), *made.root.glob("notebooks/[1-9]*")]:  # a reader's own
        path.unlink()
    return made


def new(project, name):
    return project.run("-m", "workflow.new_chapter", name)


def contents(project):
    """Every notebook, and every file that says what is run."""
    return {path: path.read_bytes() for path in project.root.rglob("*") if path.suffix in (".ipynb", ".yaml")}


def test_it_writes_a_notebook_and_an_entry_and_keeps_the_others(own):
    before = (own.root / "workflow" / "chapters.yaml").read_text()
    done = new(own, "09_my_own")
    assert done.returncode == 0 and "make report PROFILE=quick NOTEBOOKS=09" in done.stdout, done.stderr
    after = (own.root / "workflow" / "chapters.yaml").read_text()
    assert after.startswith(before) and after.count("09_my_own:") == 1
    text = (own.root / "notebooks" / "09_my_own.ipynb").read_text()
    assert "chapter-" not in text and "00_chapter" not in text and "{#eq-09-my-own-network}" in text
    json.loads(text)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("", "such as NAME=10_mine, not ''"),
        ("9_mine", "two digits, _ and small letters"),
        ("mine", "two digits"),
        ("10_Mine", "two digits"),
        ("10_mine/x", "two digits"),
        ("../10_mine", "two digits"),
        ("10_mine.ipynb", "two digits"),
        ("05_mine", "there is 05_fashion_cnn already: take another number, such as 10"),
        ("09_my_own", "there is 09_my_own already"),
        ("09_another", "there is 09_my_own already"),
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
    done = own.report("--notebooks", "08 09", DATA="sample")
    assert done.returncode == 0, done.stderr
    folder = own.root / "reports" / "quick"
    assert (folder / "report-08-09.pdf").stat().st_size and "A new chapter" in (
        folder / "report-08-09.html"
    ).read_text()
    metrics = json.loads((folder / "seed-0" / "09_my_own" / "results.json").read_text())["metrics"]
    assert metrics["network.test_accuracy"] > metrics["linear.test_accuracy"] > 0.8
    compared = json.loads((folder / "seed-0" / "08_comparison" / "results.json").read_text())["metrics"]
    assert compared["chapters"] == 1


@pytest.mark.slow
def test_the_tests_of_the_other_chapters_do_not_mind_it(own):
    collected = own.run("-m", "pytest", "-n", "0", "--collect-only", "tests/workflow/test_chapters.py")
    assert collected.returncode == 0 and "08_comparison" in collected.stdout and "09" not in collected.stdout
    ran = own.run("-m", "pytest", "-n", "0", "-m", "not slow", "tests/workflow", "tests/helpers/test_comparison.py")
    assert ran.returncode == 0, ran.stdout
