"""The whole path on tiny notebooks: what runs, what is skipped, what a failure leaves. Each test builds on the last."""

import json
import os
import shutil

import nbformat
import pytest
from snakemake.persistence.file import FilePersistence

pytestmark = pytest.mark.slow

SETUP = """
from helpers import data, results
mnist = data.load("MNIST", seed=seed, test=20)
run = results.start({name!r}, globals(), data=mnist)
"""
MAKER = [
    ("markdown", "# The maker"),
    ("parameters", "seed: int = 0  # all randomness\nvalue: float = 1.5  # what it measures\n"),
    ("code", SETUP.format(name="01_maker")),
    ("code", "import torch\nrun.metrics['a.value'] = value + seed\nrun.save_weights('part', {'w': torch.ones(2)})"),
    ("code", "run.save()"),
]
# The others write their own records: torch would need seconds to start.
RECORD = """
import json, os, pathlib
from helpers import files
folder = pathlib.Path(os.environ["REPORT_FOLDER"])
def save(name, metrics, **parameters):
    (folder / "predictions.npz").write_bytes(b"")
    found = dict(sample_data=True, data=dict(MNIST="sample"))
    record = dict(notebook=name, seed=seed, profile="quick", parameters=parameters, metrics=metrics, provenance=found)
    (folder / os.environ["REPORT_RECORD"]).write_text(json.dumps(record))
"""
TAKER = [
    ("markdown", "# The taker"),
    ("parameters", "seed: int = 0  # all randomness\npart: str = ''  # weights of the maker\n"),
    ("code", RECORD),
    ("code", "from safetensors.numpy import load_file\nsave('02_taker', {'w': float(load_file(part)['w'].sum())})"),
]
LONER = [
    ("markdown", "# The loner"),
    ("parameters", "seed: int = 0  # all randomness\n"),
    ("code", RECORD + "save('03_loner', {})"),
]
JUDGE = [
    ("markdown", "# The judge"),
    ("parameters", "seed: int = 0  # whose\nchapters: list[str] = []  # which\nprofile: str = 'standard'  # of what\n"),
    (
        "code",
        RECORD
        + """
from helpers import listings
names = listings.Listing  # what it depends on
paths = [path for name in chapters for path in folder.parents[1].glob(f"seed-*/{name}/results.json")]
found = [json.loads(path.read_text()) for path in paths]
count = lambda key: len({run[key] for run in found})
save("08_comparison", {"chapters": count("notebook"), "seeds": count("seed")}, chapters=chapters, profile=profile)
""",
    ),
]
CHAPTERS = """
01_maker: {assignments: [a], data: [MNIST], produces: [part.safetensors], memory_mb: 500}
02_taker: {data: [MNIST], needs: {part: 01_maker/part.safetensors}, memory_mb: 500}
03_loner: {assignments: [a, b], data: [MNIST], memory_mb: 500}
08_comparison: {reads: results, memory_mb: 500}
"""
NAMES = ["01_maker", "02_taker", "03_loner", "08_comparison"]


def result(project, name):
    return project.root / "reports" / "quick" / "seed-0" / name / "results.json"


def ran(project, action):
    """Which chapters ``action`` ran anew, and its result."""
    before = {name: result(project, name).stat().st_mtime_ns for name in NAMES if result(project, name).exists()}
    done = action()
    now = {name: result(project, name).stat().st_mtime_ns for name in NAMES if result(project, name).exists()}
    return [name for name in now if now[name] != before.get(name)], done


@pytest.fixture(scope="module")
def first(project, tmp_path_factory):
    """A project after its first report, and a copy of all its files."""
    for name, cells in zip(NAMES, (MAKER, TAKER, LONER, JUDGE), strict=True):
        project.write_notebook(name, *cells)
    project.write("workflow/chapters.yaml", CHAPTERS)
    done = project.report()
    assert done.returncode == 0, done.stderr
    kept = tmp_path_factory.mktemp("kept") / "project"
    shutil.copytree(project.root, kept, symlinks=True)
    return project, kept


@pytest.fixture
def finished(first):
    """The project as its first report has left it, whatever another test did to it."""
    project, kept = first
    shutil.rmtree(project.root)
    shutil.copytree(kept, project.root, symlinks=True)
    return project


def test_everything_is_there_after_the_first_run(finished):
    folder = finished.root / "reports" / "quick"
    for name in ("report.html", "report.pdf", "results.csv"):
        assert (folder / name).stat().st_size > 0
    for name in NAMES:
        run = folder / "seed-0" / name
        assert {"notebook.ipynb", "results.json", "predictions.npz", "benchmark.tsv"} <= set(os.listdir(run))
        assert not [file for file in os.listdir(run) if "partial" in file or "running" in file]
    assert json.loads(result(finished, "02_taker").read_text())["metrics"]["w"] == 2
    assert "01_maker,0,a.value,1.5" in (folder / "results.csv").read_text()


def test_provenance_without_a_git_checkout(finished):
    provenance = json.loads(result(finished, "01_maker").read_text())["provenance"]
    assert provenance["git"] is None and provenance["dirty"] is None
    assert provenance["threads"] == 1 and provenance["sample_data"] is True


def test_nothing_runs_again_when_nothing_changed(finished):
    assert ran(finished, finished.report)[0] == []


def test_a_notebook_that_was_only_opened_and_saved_does_not_run_again(finished):
    path = finished.root / "notebooks" / "01_maker.ipynb"
    content = json.loads(path.read_text())
    content["cells"][2]["execution_count"] = 7
    path.write_text(json.dumps(content, indent=2))
    assert ran(finished, finished.report)[0] == []


def test_a_report_built_without_the_workflow_refuses_what_other_code_has_run(finished):
    folder, changed = finished.root / "reports" / "quick", ["notebooks/03_loner.ipynb", "helpers/files.py"]
    former = {page: page.read_bytes() for page in (folder / "report.html", folder / "report.pdf")}
    kept = {path: (finished.root / path).read_text() for path in changed}
    finished.write("notebooks/03_loner.ipynb", kept["notebooks/03_loner.ipynb"].replace("The loner", "The lonely"))
    finished.write("helpers/files.py", kept["helpers/files.py"] + "\nprint(end='')\n")
    command = ["-m", "workflow.report.build", str(folder / "seed-0" / "03_loner" / "notebook.ipynb")]
    command += ["--config", "reports/report.toml", "--html", str(folder / "report.html")]
    done = finished.run(*command, "--pdf", str(folder / "report.pdf"))
    for path, text in kept.items():
        finished.write(path, text)
    what = "03_loner was run with other code than is here (notebook and helpers changed)"
    assert (done.returncode, done.stderr) == (1, f"error: {what}: run `make report`, which runs it again\n")
    assert all(page.read_bytes() == content for page, content in former.items())
    done = finished.run(*command)
    assert done.returncode == 0, done.stderr


def test_a_profile_entry_reruns_its_chapter_and_what_needs_it(finished):
    finished.write("notebooks/profiles/quick.yaml", "01_maker: {value: 2}\n")
    names, done = ran(finished, finished.report)
    assert done.returncode == 0, done.stderr
    assert names == ["01_maker", "02_taker", "08_comparison"]
    assert json.loads(result(finished, "01_maker").read_text())["parameters"]["value"] == 2.0


def test_a_record_of_the_data_that_was_cut_short_is_made_anew(finished):
    record = finished.root / "reports" / "data" / "seen.json"
    former = record.read_text()
    record.write_text("")
    names, done = ran(finished, finished.report)
    assert done.returncode == 0 and names == [], done.stderr
    assert record.read_text() == former


def test_a_report_that_is_refused_leaves_the_last_one(finished):
    pages = [finished.root / "reports" / "quick" / f"report.{ending}" for ending in ("html", "pdf")]
    former = [page.read_bytes() for page in pages]
    finished.write_notebook("03_loner", *LONER, ("markdown", "It is right in 12.34 % of all cases."))
    done = finished.report()
    assert done.returncode == 1 and done.stderr.count("12.34 % is typed into the text") == 1
    assert [page.read_bytes() for page in pages] == former


def test_a_refused_pdf_leaves_the_new_html_and_the_next_report_tries_again(finished):
    html, pdf = (finished.root / "reports" / "quick" / f"report.{ending}" for ending in ("html", "pdf"))
    former = pdf.read_bytes()
    finished.write_notebook("03_loner", *LONER, ("markdown", "No font has \ue000."))
    for _ in range(2):
        done = finished.report()
        assert done.returncode == 1 and "(report.html is made, report.pdf is of an earlier build)" in done.stderr
        assert "03_loner/notebook.ipynb, cell 5: the PDF cannot have" in done.stderr and "U+E000" in done.stderr
        assert "No font has \ue000." in html.read_text() and pdf.read_bytes() == former
    finished.write_notebook("03_loner", *LONER)
    assert finished.report().returncode == 0
    assert "No font has" not in html.read_text() and pdf.read_bytes() != former


def test_a_changed_reference_is_in_the_next_report(finished):
    finished.write_notebook("03_loner", *LONER, ("markdown", "Read Knuth (1984)."))
    page = finished.root / "reports" / "quick" / "report-03.html"
    for title in ("Literate Programming", "Another Title"):
        work = "@article{knuth, author={Knuth, Donald E.}, year={1984}, title={{%s}}, journal={J}}\n"
        finished.write("notebooks/references.bib", work % title)
        done = finished.report("--format", "html", "--notebooks", "03")
        assert done.returncode == 0, done.stderr
        assert title in page.read_text()


def test_part_of_the_report_with_another_cover_lies_beside_the_whole(finished):
    folder = finished.root / "reports" / "quick"
    whole = [(folder / name).read_bytes() for name in ("report.html", "report.pdf")]
    names, done = ran(finished, lambda: finished.report("--notebooks", "3", "--author", "Ada # 1", "--roll", "007"))
    assert done.returncode == 0, done.stderr
    assert names == [] and "report-03.html and report-03.pdf" in done.stdout and "the cover says" not in done.stdout
    assert [(folder / name).read_bytes() for name in ("report.html", "report.pdf")] == whole
    page = (folder / "report-03.html").read_text()
    assert "The loner" in page and "The maker" not in page and "Ada # 1" in page and "007" in page
    assert "Chapter 3" in page or 'class="number">3<' in page  # its number in the whole


def test_a_helper_that_no_chapter_imports_reruns_nothing_and_one_that_some_do_reruns_these(finished):
    for path, expected in (("helpers/transfer.py", []), ("helpers/listings.py", ["08_comparison"])):
        finished.write(path, (finished.root / path).read_text() + "\nprint(end='')\n")
        names, done = ran(finished, finished.report)
        assert done.returncode == 0, done.stderr
        assert names == expected


def test_one_format_alone_leaves_the_other_as_it_was(finished):
    folder = finished.root / "reports" / "quick"
    (folder / "report.html").unlink()
    former = (folder / "report.pdf").stat().st_mtime_ns
    names, done = ran(finished, lambda: finished.report("--format", "html"))
    assert done.returncode == 0, done.stderr
    assert names == [] and (folder / "report.html").exists()
    assert (folder / "report.pdf").stat().st_mtime_ns == former
    assert "report.html, results.csv" in done.stdout


def test_one_assignment_has_its_own_chapters_files_and_cover(finished):
    folder = finished.root / "reports" / "quick"
    whole = (folder / "report.html").read_bytes()
    names, done = ran(finished, lambda: finished.report("--assignment", "b", "--format", "html"))
    assert done.returncode == 0, done.stderr
    page = (folder / "report-b.html").read_text()
    assert names == [] and "The loner" in page and "The maker" not in page and "Denoising and Transfer" in page
    assert (folder / "report.html").read_bytes() == whole


def test_a_comparison_reads_the_chapters_of_its_report(finished):
    for wanted, chapters in (("02 08", 1), ("08", 3)):
        names, done = ran(finished, lambda wanted=wanted: finished.report("--notebooks", wanted))
        assert done.returncode == 0, done.stderr
        assert names == ["08_comparison"]
        record = json.loads(result(finished, "08_comparison").read_text())
        assert record["metrics"] == {"chapters": chapters, "seeds": 1} and record["provenance"]["sample_data"] is True
        assert record["parameters"]["profile"] == "quick"


def test_files_that_were_changed_by_hand_are_named_and_their_chapters_run_again(finished):
    def change(file, new):
        path = finished.root / "reports" / "quick" / "seed-0" / file
        path.write_bytes(new(path.read_bytes()))

    numbers = {path: path.read_bytes() for path in (finished.root / "reports" / "quick").rglob("results.csv")}
    change("01_maker/part.safetensors", lambda content: content[:-1] + b"x")
    change("02_taker/notebook.ipynb", lambda content: content + b"\n")
    change(
        "03_loner/results.json", lambda content: content.replace(b'"metrics": {}', b'"metrics": {"accuracy": 0.9999}')
    )
    names, done = ran(finished, finished.report)
    assert done.returncode == 0 and names == NAMES, done.stderr
    for which in ("01_maker/part.safetensors", "02_taker/notebook.ipynb", "03_loner/results.json"):
        assert f"{which} was changed after its run: {which.partition('/')[0]} seed 0 runs again" in done.stderr
    result(finished, "02_taker").with_name("notebook.ipynb").unlink()
    change("03_loner/results.json", lambda content: content[:-20])
    names, done = ran(finished, finished.report)
    assert done.returncode == 0 and names == NAMES[1:], done.stderr
    assert "02_taker/notebook.ipynb is missing" in done.stderr and "03_loner/results.json is damaged" in done.stderr
    assert all(path.read_bytes() == content for path, content in numbers.items())


@pytest.fixture
def notes(finished):
    """What Snakemake notes of the outputs of a chapter, and how to make it forget or take back that a run has ended."""

    class Notes(FilePersistence):
        def files(self, name):
            outputs = ["results.json", "predictions.npz", *(["part.safetensors"] if name == "01_maker" else [])]
            return [f"reports/quick/seed-0/{name}/{file}" for file in outputs]

        def take_back(self, name):
            for file in self.files(name):
                self._mark_incomplete(file, None)

        def forget(self, name):
            for file in self.files(name):
                self._delete_record(file)

    return Notes(path=finished.root / ".snakemake")


def test_a_run_whose_end_snakemake_did_not_see_is_kept(finished, notes):
    for forgotten in (["01_maker", "03_loner"], []):  # it was the first run of the chapter, or a later one
        (finished.root / ".snakemake" / "incomplete" / "odd").touch()
        for name in ("01_maker", "03_loner"):
            notes.take_back(name)
        for name in forgotten:
            notes.forget(name)
        for arguments in ([], ["--dry"], []):
            names, done = ran(finished, lambda arguments=arguments: finished.report(*arguments))
            assert done.returncode == 0 and names == [], done.stderr
    left = [path.name for path in (finished.root / ".snakemake" / "incomplete").rglob("*") if path.is_file()]
    assert left == ["odd"]


@pytest.mark.parametrize("how", ["take_back", "forget"])
def test_but_not_one_whose_settings_are_others_by_now(finished, notes, how):
    getattr(notes, how)("01_maker")
    finished.write("notebooks/profiles/quick.yaml", "01_maker: {value: 9}\n")
    names, done = ran(finished, finished.report)
    assert done.returncode == 0 and names == ["01_maker", "02_taker", "08_comparison"], done.stderr
    assert json.loads(result(finished, "01_maker").read_text())["metrics"]["a.value"] == 9


def test_without_snakemakes_notes_what_changed_runs_and_no_more(finished):
    shutil.rmtree(finished.root / ".snakemake")
    names, done = ran(finished, finished.report)
    assert done.returncode == 0 and names == [], done.stderr
    shutil.rmtree(finished.root / ".snakemake")
    notebook = finished.root / "notebooks" / "03_loner.ipynb"
    notebook.write_text(notebook.read_text().replace("The loner", "The hermit"))
    names, done = ran(finished, finished.report)
    assert done.returncode == 0 and names == ["03_loner", "08_comparison"], done.stderr


def test_a_changed_result_of_a_chapter_not_asked_for_is_in_no_table(finished):
    path = result(finished, "02_taker")
    path.write_bytes(path.read_bytes().replace(b'"w": 2', b'"w": 9999'))
    done = finished.report("--notebooks", "03")
    table = (finished.root / "reports" / "quick" / "results.csv").read_text()
    assert "02_taker/results.json was changed after its run, and is left out of results.csv" in done.stderr
    assert "01_maker,0,a.value" in table and "02_taker" not in table


def test_a_comparison_is_redone_when_another_seed_has_been_run(finished):
    for seed, lost in ((1, False), (2, True)):
        done = finished.report("--seed", str(seed), "--notebooks", "03")
        assert done.returncode == 0, done.stderr
        if lost:
            shutil.rmtree(finished.root / ".snakemake")
        names, done = ran(finished, finished.report)
        assert done.returncode == 0, done.stderr
        assert names == ["08_comparison"]
        metrics = json.loads(result(finished, "08_comparison").read_text())["metrics"]
        assert metrics == {"chapters": 3, "seeds": seed + 1}
        assert ran(finished, finished.report)[0] == []


def test_a_dry_run_says_what_would_run_and_how_long_and_runs_nothing(finished):
    for name, seconds in {"01_maker": 600, "02_taker": 60, "08_comparison": 60}.items():
        result(finished, name).with_name("benchmark.tsv").write_text(f"s\tmax_rss\n{seconds}\t1\n")
    finished.write("notebooks/profiles/quick.yaml", "01_maker: {value: 9}\n")
    names, done = ran(finished, lambda: finished.report("--dry"))
    assert done.returncode == 0 and names == [], done.stderr
    said = {line.partition("  ")[0]: line.partition("  ")[2].strip() for line in done.stdout.splitlines()}
    assert said["03_loner seed 0"] == "up to date" and said["01_maker seed 0"] == "would run, about 10 minutes"
    assert "about 12 minutes on the " in done.stdout  # one behind the other


def test_a_dry_run_does_not_count_a_run_on_the_sample_as_one_on_real_data(finished):
    names, done = ran(finished, lambda: finished.report("--dry", DATA="real"))
    assert done.returncode == 1 and names == [] and "train-images-idx3-ubyte" in done.stderr


@pytest.mark.parametrize(
    ("profile", "arguments", "words"),
    [
        ("01_maker: {valeu: 2}\n", [], "no parameter 'valeu'"),
        ("09_none: {}\n", [], "09_none"),
        ("{}\n", ["--notebooks", "7"], "no chapter starts with '7'"),
        ("{}\n", ["--seed", "x"], "SEED must be a whole number"),
        ("{}\n", ["--seed", "007"], "SEED=007: write SEED=7"),
        ("{}\n", ["--seed", "٣"], "SEED must be a whole number"),
        ("01_maker: {value: 1}\n01_maker: {value: 2}\n", [], "quick.yaml:2: not YAML: '01_maker' is given twice"),
        ("{}\n", ["--format", "doc"], "FORMAT must be html, pdf or both"),
        ("{}\n", ["--assignment", "c"], "there is no 'c', only: a, b"),
        ("{}\n", ["--assignment", "a", "--notebooks", "01"], "give one of them"),
        ("{}\n", ["--profile", "quik"], "there is no profile 'quik'"),
        ("{}\n", ["--on", "slurm"], "ON is for sweeps"),
    ],
)
def test_bad_settings_are_one_line_before_anything_runs(finished, profile, arguments, words):
    finished.write("notebooks/profiles/quick.yaml", profile)
    names, done = ran(finished, lambda: finished.report(*arguments))
    assert done.returncode == 1 and names == []
    assert words in done.stderr and len(done.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("", "1: 01_maker must say at least how much it may hold"),
        ("{minutes: 3}", "1: 01_maker must say at least how much it may hold"),
        ("{memory_mb: 400, produce: [a]}", "1: 01_maker has no 'produce', only: assignments"),
        ("{memory_mb: 400, reads: result}", "1: 01_maker can read `results` alone, not 'result'"),
        ("{memory_mb: ]", "1: not YAML: "),
    ],
)
def test_a_bad_entry_of_a_chapter_is_one_line_before_anything_runs(finished, entry, words):
    others = CHAPTERS[CHAPTERS.index("02_") :]
    finished.write("workflow/chapters.yaml", f"01_maker: {entry}\n{others}")
    names, done = ran(finished, finished.report)
    assert done.returncode == 1 and names == []
    assert f"workflow/chapters.yaml:{words}" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize("required", [{"DATA": "real"}, {"DATA_DIR": "/nowhere"}])
def test_required_real_data_that_is_missing_is_one_line(finished, required):
    finished.write("notebooks/profiles/quick.yaml", "01_maker: {value: 2}\n")
    names, done = ran(finished, lambda: finished.report(**required))
    assert done.returncode == 1 and names == []
    assert "train-images-idx3-ubyte" in done.stderr and len(done.stderr.strip().splitlines()) == 1


def test_a_second_run_in_the_same_folder_is_kept_out(finished):
    import fcntl

    with (finished.root / "reports" / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = finished.report()
    assert done.returncode == 1 and "another `make report`" in done.stderr


def test_a_failure_is_named_stops_the_report_but_no_other_chapter_and_the_next_run_goes_on(finished):
    page = finished.root / "reports" / "quick" / "report.html"
    before = page.read_bytes()
    finished.write_notebook("01_maker", *MAKER[:3], ("code", "1 / 0"), *MAKER[3:])
    finished.write_notebook("03_loner", *LONER, ("markdown", "More."))
    names, done = ran(finished, finished.report)
    assert done.returncode == 1
    # Cell 3 as it was written: papermill put its own before it.
    assert "error: 01_maker failed in cell 4: ZeroDivisionError: division by zero" in done.stderr
    assert "03_loner" in names
    assert not result(finished, "01_maker").exists()
    kept = nbformat.read(result(finished, "01_maker").with_name("notebook.ipynb"), 4)
    assert any(output.output_type == "error" for cell in kept.cells for output in cell.get("outputs", []))
    assert page.read_bytes() == before
    finished.write_notebook("01_maker", *MAKER)
    names, done = ran(finished, finished.report)
    assert done.returncode == 0, done.stderr
    assert names == ["01_maker", "02_taker", "08_comparison"]


def test_real_data_that_appears_reruns_everything(finished):
    manifest = finished.root / "reports" / "data" / "MNIST.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"sample": False, "fingerprint": "real"}))
    # What matters here is that the workflow sees another manifest; that workflow.data writes one is tested elsewhere.
    done = finished.run(
        "-m",
        "snakemake",
        "-s",
        "workflow/Snakefile",
        "--dry-run",
        "--quiet",
        "rules",
        "--config",
        "profile=quick",
        "seed=0",
    )
    assert done.returncode == 0, done.stderr
    for name in NAMES:
        assert f"chapter_{name}" in done.stdout + done.stderr
