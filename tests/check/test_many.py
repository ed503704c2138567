"""`make compare` and `make recheck`: two sets of results side by side, and a folder of submissions."""

import csv
import json
import os
import re
import shutil

import pytest
from check_tools import built, copies, rewrite  # noqa: F401

from helpers import integrity

pytestmark = pytest.mark.slow


# ---- compare ----


def compare(built, a, b):
    done = built.project.run("-m", "workflow.check.compare", str(a), str(b))
    page = built.root / "reports" / "compare.html"
    return done, page.read_text() if page.exists() else ""


def record(built, seed, name="01_first"):
    return json.loads((built.folder / f"seed-{seed}" / name / "results.json").read_text())


def changed(built, tmp_path, **metrics):
    """A copy of seed 0 of the first chapter with other metrics, sealed."""
    kept = record(built, 0)
    kept["metrics"] |= metrics
    kept["parameters"]["value"] = 4.5
    kept[integrity.OWN] = integrity.own(kept)
    folder = tmp_path / "branch" / "01_first"
    folder.mkdir(parents=True)
    (folder / "results.json").write_text(json.dumps(kept))
    return tmp_path / "branch"


def test_what_is_beyond_noise_comes_first(built, tmp_path):
    accuracy = record(built, 0)["metrics"]["cnn.test_accuracy"]
    branch = changed(built, tmp_path, **{"cnn.psnr": 24.5, "cnn.test_accuracy": accuracy + 0.005})
    done, page = compare(built, built.folder / "seed-0", branch)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert "1 beyond noise, 1 within noise, 1 time" in lines
    assert any(line.startswith("beyond noise  01_first cnn.psnr: 20.5, 24.5, noise") for line in lines)
    assert "differs  value: 0.5 against 4.5 (all)" in lines and "only A has 02_second" in lines
    verdicts = re.findall(r">(beyond noise|within noise)</td>", page)
    assert verdicts == ["beyond noise", "within noise"]
    assert "3 seeds" in page  # noise is known from the seeds beside


def test_curves_lie_over_each_other_in_one_file_without_a_network(built):
    _, page = compare(built, built.folder / "seed-0", built.folder / "seed-1")
    assert page.count("<svg") == 2 and 'aria-label="Curves of 01_first, A and B in each panel: cnn.loss"' in page
    assert not re.search(r"(?:src|href)=\"(?!#)", page.replace("xlink:href", "")) and "<script" not in page


def test_the_same_is_equal_and_a_report_stands_for_its_folder(built):
    done, page = compare(built, built.folder / "report.pdf", built.folder / "seed-0")
    assert done.returncode == 0 and "4 equal, 2 time" in done.stdout and "All 4 metrics are equal." in page
    done, _ = compare(built, built.folder, built.folder / "report.html")  # three seeds against one of them
    assert done.returncode == 0 and "seed: 0, 1, 2 against 0" in done.stdout and "beyond" not in done.stdout


def test_what_was_edited_is_said(built, tmp_path):
    branch = changed(built, tmp_path)
    path = branch / "01_first" / "results.json"
    path.write_text(path.read_text().replace("20.5", "20.75"))
    done, page = compare(built, branch, built.folder / "seed-0")
    assert "was changed after its run" in done.stdout and "was changed after its run" in page


@pytest.mark.parametrize(
    ("a", "words"),
    [
        ("", "A and B say what"),
        ("nothing", "A: cannot read nothing"),
        ("helpers", "has no results.json"),
        ("reports/report.toml", "neither a PDF nor an HTML"),
        ("alien", "have no chapter in common"),
    ],
)
def test_what_cannot_be_compared_is_one_line(built, a, words):
    alien = built.root / "alien"
    alien.mkdir(exist_ok=True)
    (alien / "results.json").write_text(json.dumps(record(built, 0) | {"notebook": "09_alien"}))
    done, _ = compare(built, a, built.folder / "seed-0")
    assert done.returncode == 1 and words in done.stderr and done.stderr.count("\n") == 1


# ---- recheck ----


def recheck(built, folder, *more):
    done = built.project.run("-m", "workflow.check.recheck", str(folder), *more)
    out = built.root / "reports" / "recheck" / folder.name.replace(" ", "_")
    table = out / "recheck.csv"
    rows = {row["who"]: row for row in csv.DictReader(table.open(encoding="utf-8"))} if table.exists() else {}
    return done, rows, out


@pytest.fixture
def handed_in(built, tmp_path):
    """A folder with submissions of all kinds."""
    folder = tmp_path / "round 1"
    for who in ("ann", "ben o'k {x}", "-cara", "empty"):
        (folder / who).mkdir(parents=True)
    shutil.copy(built.folder / "report.pdf", folder / "ann" / "report.pdf")
    (folder / "ann" / "notes.pdf").write_bytes(b"%PDF-1.4 other")
    shutil.copy(built.folder / "report.html", folder / "ben o'k {x}" / "my report.html")
    (folder / "-cara" / "report.pdf").write_text("not a PDF")
    shutil.copy(built.folder / "report.html", folder / "dora.html")
    page = (folder / "dora.html").read_text()
    (folder / "dora.html").write_text(page.replace("The accuracy is 0.", "The accuracy is 1.", 1))
    (folder / "README.txt").write_text("what the course's system adds")
    (folder / "fay.zip").write_bytes(b"PK")
    (folder / "gil").symlink_to(built.root)
    return folder


def test_each_submission_is_checked_and_a_broken_one_stops_no_other(built, handed_in):
    done, rows, out = recheck(built, handed_in)
    assert done.returncode == 0, done.stderr
    assert {who: row["verdict"] for who, row in rows.items()} == {
        "'-cara": "off",  # a sign in front, so that no program takes it for a formula
        "ann": "holds",
        "ben o'k {x}": "holds",
        "dora": "off",
        "empty": "off",
    }
    assert "neither a PDF nor an HTML" in rows["'-cara"]["what differs"]
    assert "there is no report in it" in rows["empty"]["what differs"]
    assert rows["ann"]["author"] == "Your Name" and "(5 of 5)" in done.stdout
    assert "nothing in it is executed" in done.stdout
    assert "left out: fay.zip (unpack it)" in done.stdout and "left out: gil (a link or a device)" in done.stdout
    page = (out / "recheck.html").read_text()
    assert all((out / link).exists() for link in re.findall(r'href="([^"]+)"', page)) and page.count("sheet.html") == 5


def test_what_is_checked_already_is_kept_and_what_changed_is_checked_again(built, handed_in):
    recheck(built, handed_in)
    done, _, _ = recheck(built, handed_in, "--dry")
    assert "5 submissions: 0 would be checked, 5 are up to date" in done.stdout
    shutil.copy(built.folder / "report.pdf", handed_in / "-cara" / "report.pdf")
    done, _, _ = recheck(built, handed_in, "--dry")
    assert "5 submissions: 1 would be checked, 4 are up to date" in done.stdout
    done, rows, _ = recheck(built, handed_in)
    assert rows["'-cara"]["verdict"] == "holds" and "(1 of 1)" in done.stdout
    shutil.copy(built.folder / "report.html", handed_in / "alan.html")  # before all others
    done, _, _ = recheck(built, handed_in, "--dry")
    assert "6 submissions: 1 would be checked, 5 are up to date" in done.stdout


def test_odd_names_and_answers_stop_no_other(built, tmp_path):
    """A name that is no text, and evidence whose answers are none."""
    folder = tmp_path / "odd"
    folder.mkdir()
    for name in (b"caf\xe9.html", b"fine.html", b"x.html"):
        shutil.copy(built.folder / "report.html", os.path.join(os.fsencode(folder), name))

    def edit(whole):
        whole["chapters"]["01_first"]["results"]["tables"]["answers"] = ["x", {"name": ["A"]}, {"name": "A Q1"}]
        whole["cover"]["author"] = "=1+1"

    rewrite(folder / "x.html", edit, seal=["01_first"])
    done, rows, _ = recheck(built, folder)
    assert done.returncode == 0 and "Traceback" not in done.stderr, done.stderr
    assert [row["verdict"] for row in rows.values()] == ["holds", "holds", "off"] and rows["x"]["author"] == "'=1+1"


def test_a_copy_of_the_bundle_runs_its_own_code_again(built, tmp_path):
    """The student's chapter gives another number than the report says."""
    own = tmp_path / "round 2" / "eve"
    for part in ("helpers", "workflow", "notebooks"):
        shutil.copytree(built.root / part, own / part, ignore=shutil.ignore_patterns("__pycache__"))
    (own / "reports" / "quick").mkdir(parents=True)
    shutil.copy(built.root / "reports" / "report.toml", own / "reports")
    shutil.copy(built.folder / "report.html", own / "reports" / "quick")
    notebook = own / "notebooks" / "01_first.ipynb"
    notebook.write_text(notebook.read_text().replace("20 + value", "40 + value"))
    done, rows, _ = recheck(built, tmp_path / "round 2", "--rerun", "1")
    assert done.returncode == 0 and rows["eve"]["verdict"] == "off", done.stderr
    assert rows["eve"]["what differs"] == "01_first: off: cnn.psnr 20.5, now 40.5; 1 of 2 metrics are equal"
    assert re.search(r"what RERUN runs: .*(no network|NOT shut off)", done.stdout)


def test_gradescope_and_the_sheet_have_points_questions_and_findings(built, handed_in):
    _, _, out = recheck(built, handed_in)
    results = json.loads(next(out.glob("dora-*/results.json")).read_text())
    tests = {test["name"]: test for test in results["tests"]}
    assert results["score"] == 0 and tests["the report: pages"]["status"] == "failed"
    assert tests["01_first: record"]["status"] == "passed" and tests["A Q1"]["max_score"] > 0
    assert all("score" not in test for test in results["tests"])
    sheet = next(out.glob("dora-*/sheet.html")).read_text()
    assert "A Q1" in sheet and "was changed after the build" in sheet and "Marks" in sheet


@pytest.mark.parametrize(("folder", "words"), [("", "SUBMISSIONS says where"), ("none", "is no folder")])
def test_a_wrong_folder_is_one_line(built, folder, words):
    done = built.project.run("-m", "workflow.check.recheck", folder)
    assert done.returncode == 1 and words in done.stderr and done.stderr.count("\n") == 1


def test_points_that_are_none_are_one_line(built, tmp_path):
    cover = built.root / "reports" / "report.toml"
    kept = cover.read_text()
    cover.write_text('title = "T"\n[points]\n"A Q1" = "many"\n')
    done, _, _ = recheck(built, tmp_path)
    cover.write_text(kept)
    assert done.returncode == 1 and "the points of A Q1 are a number" in done.stderr and done.stderr.count("\n") == 1


def test_a_folder_without_submissions_is_one_line(built, tmp_path):
    done, _, _ = recheck(built, tmp_path)
    assert done.returncode == 1 and "has no submission in it" in done.stderr
