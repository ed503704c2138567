"""`make check`: what a report says is what its evidence has, and planted faults of every kind are found."""

import base64
import codecs
import json
import os
import re
import shutil
import subprocess
import sys
import zlib

import pikepdf
import pytest
from check_tools import built, check, copies, draw_over, off, rewrite  # noqa: F401
from conftest import ROOT

from workflow.check import rerun, sandbox
from workflow.check.findings import REPORT, of_report
from workflow.check.reading import read

pytestmark = pytest.mark.slow
KINDS = ["html", "pdf"]


def accuracy(built):
    record = json.loads((built.folder / "seed-0" / "01_first" / "results.json").read_text())
    return f"{record['metrics']['cnn.test_accuracy']:.4f}"


@pytest.mark.parametrize("kind", KINDS)
def test_a_report_as_it_was_built_holds(built, kind):
    status, said, found = check(built, built.folder / f"report.{kind}")
    assert (status, off(found)) == (0, set()) and "all holds" in said
    assert re.search(r"01_first +holds +record, answers, code, data, settings", said)
    page = (built.root / "reports" / "check" / f"quick-report.{kind}" / "check.html").read_text()
    assert "All holds." in page and not re.search(r"(?:src|href)=\"(?:https?:)?//", page)


def test_a_pdf_has_each_record_as_an_attachment_that_a_reader_can_open(built):
    with pikepdf.open(built.folder / "report.pdf") as document:
        names = set(document.attachments)
        record = json.loads(document.attachments["01_first.json"].get_file().read_bytes())
        listed = [str(spec.UF) for spec in document.Root.AF]
        assert all(spec.AFRelationship == "/Data" for spec in document.Root.AF)
    assert names == {"01_first.json", "02_second.json", "evidence.json"} == set(listed)
    assert record == json.loads((built.folder / "seed-0" / "01_first" / "results.json").read_text())


# ---- planted faults ----


def test_a_number_typed_over_in_the_html_is_named_with_the_right_one(built, copies):
    number = accuracy(built)
    page = copies.html.read_text()
    at = page.index(f"The accuracy is {number}")
    copies.html.write_text(page[:at] + page[at:].replace(number, "0.9999", 1))
    status, said, found = check(built, copies.html)
    assert status == 1 and ("the report", "pages") in off(found)
    assert f"0.9999 stands where the evidence has {number}" in said


def test_a_number_typed_over_in_the_pdf_is_found(built, copies):
    draw_over(copies.pdf, 3, "BT /Typed 10 Tf 80 700 Td (accuracy is 0.9999) Tj ET")
    status, said, found = check(built, copies.pdf)
    assert status == 1 and {("the report", "pages"), ("the report", "numbers")} == off(found)
    assert "page 4 was changed after the build" in said and "0.9999 (page 4)" in said


def test_numbers_that_were_exchanged_are_found(built, copies):
    page = copies.html.read_text()
    (one, other) = re.search(r"The accuracy is (\S+), and the PSNR (\S+) dB", page).groups()
    text = f"The accuracy is {one}, and the PSNR {other} dB"
    copies.html.write_text(page.replace(text, f"The accuracy is {other}, and the PSNR {one} dB", 1))
    status, said, found = check(built, copies.html)
    assert status == 1 and off(found) == {("the report", "pages")} and f"the evidence has {one}" in said


def test_a_swapped_figure_is_found_in_the_html(built, copies):
    page = copies.html.read_text()
    start = page.index('id="fig-first"')
    drawn = re.compile(r"<path d=\"[^\"]+\"")
    at = drawn.search(page, start)
    copies.html.write_text(page[: at.start()] + '<path d="M 0 0 L 100 100"' + page[at.end() :])
    status, said, found = check(built, copies.html)
    assert status == 1 and off(found) == {("the report", "pages")}
    assert "fig-first was changed" in said and "at what is drawn there" in said


def test_a_swapped_figure_is_found_in_the_pdf(built, copies):
    draw_over(copies.pdf, 3, "1 0 0 rg 100 300 200 200 re f")
    status, said, found = check(built, copies.pdf)
    assert status == 1 and off(found) == {("the report", "pages")}
    assert "page 4 was changed" in said and "at what is drawn there" in said


def test_pages_that_are_gone_are_named(built, copies):
    with pikepdf.open(copies.pdf, allow_overwriting_input=True) as document:
        del document.pages[-1]
        last = len(document.pages) + 1
        document.save(copies.pdf)
    status, said, _ = check(built, copies.pdf)
    assert status == 1 and f"page {last} is missing" in said


def free_text(document, page):
    """A note whose words lie over those of the page, the easiest way to change a PDF."""
    look = pikepdf.Stream(document, b"1 g 0 0 300 40 re f", Subtype=pikepdf.Name.Form, BBox=[0, 0, 300, 40])
    note = pikepdf.Dictionary(
        Type=pikepdf.Name.Annot,
        Subtype=pikepdf.Name.FreeText,
        Rect=[70, 680, 370, 720],
        Contents="0.9999",
        AP={"/N": look},
    )
    page.obj.Annots = pikepdf.Array([*page.obj.get("/Annots", []), document.make_indirect(note)])


PLANTED = {
    "cropped": lambda document, page: setattr(page.obj, "CropBox", pikepdf.Array([0, 0, 300, 300])),
    "turned": lambda document, page: setattr(page.obj, "Rotate", 90),
    "transparent": lambda document, page: page.add_resource(pikepdf.Dictionary(ca=0), pikepdf.Name.ExtGState),
    "laid over": free_text,
    "script": lambda document, page: setattr(
        document.Root, "OpenAction", pikepdf.Dictionary(S=pikepdf.Name.JavaScript, JS="app.alert(1)")
    ),
    "form": lambda document, page: setattr(document.Root, "AcroForm", pikepdf.Dictionary(Fields=[])),
    "layers": lambda document, page: setattr(document.Root, "OCProperties", pikepdf.Dictionary(OCGs=[])),
}


@pytest.mark.parametrize("way", PLANTED)
def test_what_changes_a_pdf_without_its_contents_is_found(copies, way):
    with pikepdf.open(copies.pdf, allow_overwriting_input=True) as document:
        PLANTED[way](document, document.pages[3])
        document.save(copies.pdf)
    holds = {finding.what: finding.holds for finding in of_report(read(copies.pdf)) if finding.subject == REPORT}
    assert [what for what in holds if not holds[what]] == ["pages"]


def test_a_chapter_without_its_record_is_found(built, copies):
    rewrite(copies.html, lambda whole: whole["chapters"].pop("02_second"), seal=["01_first"])
    _, said, found = check(built, copies.html)
    assert off(found) == {("the report", "run")} and "no record stands behind 02_second" in said


def test_a_name_that_is_not_on_the_cover_is_found(built, copies):
    rewrite(copies.html, lambda whole: whole["cover"].update(author="Somebody Else"), seal=["01_first"])
    _, said, found = check(built, copies.html)
    assert off(found) == {("the report", "cover")} and "Somebody Else" in said


def test_an_edited_result_is_found(built, copies):
    rewrite(copies.html, lambda whole: whole["chapters"]["01_first"]["results"]["metrics"].update({"cnn.psnr": 99.0}))
    status, _, found = check(built, copies.html)
    assert status == 1 and {("the report", "evidence"), ("01_first", "record")} == off(found)


def test_an_accuracy_that_was_edited_and_sealed_anew_is_not_that_of_the_answers(built, copies):
    change = {"cnn.test_accuracy": 0.9975}
    edit = lambda whole: whole["chapters"]["01_first"]["results"]["metrics"].update(change)  # noqa: E731
    rewrite(copies.html, edit, seal=["01_first"])
    status, said, found = check(built, copies.html)
    assert status == 1 and off(found) == {("01_first", "answers")}
    assert "cnn.test_accuracy says 0.9975" in said


def test_without_answers_an_accuracy_is_not_believed(built, copies):
    for answers in ({}, {"labels": base64.b64encode(zlib.compress(b"")).decode()}):
        rewrite(
            copies.html, lambda whole, a=answers: whole["chapters"]["01_first"].update(answers=a), seal=["01_first"]
        )
        _, said, found = check(built, copies.html)
        assert off(found) == {("01_first", "answers")} and "cnn.test_accuracy" in said


def test_sample_data_is_found(built, copies):
    def edit(whole):
        whole["chapters"]["02_second"]["results"]["provenance"]["sample_data"] = True

    rewrite(copies.html, edit, seal=["02_second"])
    _, said, found = check(built, copies.html)
    assert off(found) == {("02_second", "data")} and "sample data" in said


def test_a_file_of_data_that_is_another_is_named(built, copies):
    def edit(whole):
        files = whole["chapters"]["02_second"]["results"]["provenance"]["data_md5"]["MNIST"]
        files["MNIST/raw/t10k-labels-idx1-ubyte.gz"] = "0" * 32

    rewrite(copies.html, edit, seal=["02_second"])
    _, said, found = check(built, copies.html)
    assert off(found) == {("02_second", "data")} and "t10k-labels-idx1-ubyte.gz" in said


def test_a_chapter_of_a_foreign_seed_is_found(built, tmp_path):
    runs = [built.folder / "seed-0" / "01_first", built.folder / "seed-1" / "02_second"]
    notebooks, out = [str(run / "notebook.ipynb") for run in runs], tmp_path / "mixed.html"
    command = ["-m", "workflow.report.build", *notebooks, "--config", "reports/report.toml", f"--html={out}"]
    done = built.project.run(*command)
    assert done.returncode == 0, done.stderr
    status, said, found = check(built, out)
    assert status == 1 and off(found) == {("the report", "run")}
    assert "seed 0 (01_first); profile quick, seed 1 (02_second)" in said


def test_other_code_and_settings_are_named_file_by_file(built, copies):
    notebook = built.root / "notebooks" / "02_second.ipynb"
    helper = built.root / "helpers" / "palette.py"
    profile = built.root / "notebooks" / "profiles" / "quick.yaml"
    kept = {path: path.read_text() for path in (notebook, helper, profile)}
    try:
        helper.write_text(kept[helper].replace("return name if name.starts", "return name if not name or name.starts"))
        profile.write_text("02_second: {value: 0.75}\n")
        _, said, found = check(built, copies.pdf)
        assert off(found) == {("01_first", "code"), ("02_second", "code"), ("02_second", "settings")}
        assert "other than here: helpers/palette.py" in said and "value 0.5 (here 0.75)" in said
        notebook.unlink()
        _, said, found = check(built, copies.pdf)
        assert ("02_second", "code") in off(found) and "this tree has no such chapter" in said
    finally:
        for path, text in kept.items():
            path.write_text(text)


# ---- what is no fault ----


def test_notes_and_another_way_to_pack_the_file_change_nothing(built, copies):
    with pikepdf.open(copies.pdf, allow_overwriting_input=True) as document:
        names = pikepdf.Name
        note = pikepdf.Dictionary(
            Type=names.Annot, Subtype=names.Text, Contents="Well done: 0.12345", Rect=[9, 9, 30, 30]
        )
        page = document.pages[3].obj
        page.Annots = pikepdf.Array([*page.get("/Annots", []), document.make_indirect(note)])
        document.save(copies.pdf, compress_streams=False, object_stream_mode=pikepdf.ObjectStreamMode.disable)
    status, said, _ = check(built, copies.pdf)
    assert status == 0, said


def test_another_way_to_pack_pictures_and_pages_changes_nothing(built, copies):
    with pikepdf.open(copies.pdf, allow_overwriting_input=True) as document:
        document.save(copies.pdf, recompress_flate=True, linearize=True)
    status, said, _ = check(built, copies.pdf)
    assert status == 0, said


def test_lines_that_end_as_on_windows_and_a_mark_of_utf8_change_nothing(built, copies):
    copies.html.write_bytes(codecs.BOM_UTF8 + copies.html.read_bytes().replace(b"\n", b"\r\n"))
    status, said, _ = check(built, copies.html)
    assert status == 0, said


def test_the_same_build_gives_the_same_bytes(built, tmp_path):
    notebooks = [str(built.folder / "seed-0" / name / "notebook.ipynb") for name in ("01_first", "02_second")]
    made = []
    for name in ("a", "b"):
        files = [f"--html={tmp_path / name}.html", f"--pdf={tmp_path / name}.pdf"]
        command = ["-m", "workflow.report.build", *notebooks, "--config", "reports/report.toml", *files]
        assert built.project.run(*command, SOURCE_DATE_EPOCH="1700000000").returncode == 0
        made.append([(tmp_path / f"{name}.{kind}").read_bytes() for kind in KINDS])
    assert made[0] == made[1]


def test_a_report_of_a_sweep_holds(built):
    shutil.copy(ROOT / "notebooks" / "sweep.ipynb", built.root / "notebooks")
    done = built.project.report("--sweep", "seeds.yaml", "--format", "html")
    assert done.returncode == 0, done.stderr
    status, said, found = check(built, built.folder / "sweeps" / "seeds" / "report.html")
    assert (status, off(found)) == (0, set()), said


# ---- running again ----


def test_a_chapter_that_runs_again_gives_the_same_metrics(built):
    status, said, found = check(built, built.folder / "report.pdf", "--rerun", "1")
    assert (status, off(found)) == (0, set())
    (again,) = [finding for finding in found["findings"] if finding["what"] == "rerun"]
    assert again["subject"] == "01_first" and again["said"] == "2 of 2 metrics are equal"
    assert re.search(r"NOT shut off|no network", said)


def test_what_was_made_up_as_a_whole_is_found_by_running_it_again(built, copies):
    def edit(whole):
        whole["chapters"]["02_second"]["results"]["metrics"]["cnn.psnr"] = 29.5

    rewrite(copies.html, edit, seal=["02_second"])
    assert check(built, copies.html)[0] == 0
    status, said, found = check(built, copies.html, "--rerun", "all")
    assert status == 1 and off(found) == {("02_second", "rerun")} and "off: cnn.psnr 29.5, now 20.5" in said


def test_what_seeds_make_of_a_metric_is_noise(built, copies):
    def edit(whole):  # the seeds 0, 1 and 2 have 20.5, 20.51 and 20.52 dB
        whole["chapters"]["02_second"]["results"]["metrics"]["cnn.psnr"] = 20.53

    rewrite(copies.html, edit, seal=["02_second"])
    status, _, found = check(built, copies.html, "--rerun", "2")
    (again,) = [finding for finding in found["findings"] if finding["what"] == "rerun"]
    assert status == 0 and again["said"] == "1 of 2 metrics are equal; 1 within noise (cnn.psnr 20.53, now 20.5)"


def test_a_run_that_did_not_begin_proves_nothing(tmp_path, built):
    """What an earlier run has left, of another seed, or links that lead elsewhere, is none of this one."""
    record = json.loads((built.folder / "seed-1" / "01_first" / "results.json").read_text())
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "results.json").write_text(json.dumps(record))
    listed = tmp_path / "runs.json"
    listed.write_text(json.dumps({"runs": [{"notebook": "01_first", "folder": "a"}]}))
    assert rerun.finished(tmp_path, listed, {"01_first": record}) == {"01_first": record}
    assert rerun.finished(tmp_path, listed, {"01_first": record | {"seed": 0}}) == {}
    listed.write_text(
        json.dumps({"runs": [{"notebook": "01_first", "folder": str(built.folder / "seed-1" / "01_first")}]})
    )
    assert rerun.finished(tmp_path, listed, {"01_first": record}) == {}
    listed.unlink()
    os.mkfifo(listed)
    assert rerun.finished(tmp_path, listed, {"01_first": record}) == {}


def test_a_run_again_leaves_the_tree_as_it_was(built):
    before = {path: path.stat().st_mtime_ns for path in built.folder.rglob("*") if path.is_file()}
    assert check(built, built.folder / "report.html", "--rerun", "2")[0] == 0
    assert {path: path.stat().st_mtime_ns for path in built.folder.rglob("*") if path.is_file()} == before


def test_settings_of_the_report_are_those_that_run_again(built, copies):
    def edit(whole):
        record = whole["chapters"]["02_second"]["results"]
        record["parameters"]["value"] = 3.25
        record["metrics"]["cnn.psnr"] = 23.25

    rewrite(copies.html, edit, seal=["02_second"])
    _, said, found = check(built, copies.html, "--rerun", "2")
    assert off(found) == {("02_second", "settings")} and "value 3.25 (here 0.5)" in said


@pytest.mark.parametrize(("again", "words"), [("7", "has no chapter '07', only: 01_first, 02_second")])
def test_a_wrong_rerun_is_one_line(built, again, words):
    done = built.project.run("-m", "workflow.check", str(built.folder / "report.html"), "--rerun", again)
    assert done.returncode == 1 and words in done.stderr and done.stderr.count("\n") == 1


def test_what_runs_again_has_no_network_and_cannot_write_elsewhere(built, tmp_path):
    if sandbox.tool() != "bwrap":
        pytest.skip("bubblewrap does not work here, which shuts off files too")
    folder, outside = tmp_path / "in", tmp_path / "out"
    folder.mkdir(), outside.mkdir()
    code = (
        "import os, socket, pathlib\n"
        "print(len(os.listdir('/run')), 'sockets', os.getsid(0))\n"
        "pathlib.Path('mine').write_text('x')\n"
        f"try: pathlib.Path({str(outside / 'theirs')!r}).write_text('x')\n"
        "except OSError: print('no file')\n"
        "try: socket.create_connection(('192.0.2.1', 80), 2)\n"
        "except OSError as error: print('no network', error.errno)\n"
    )
    done = subprocess.run(sandbox.shut_off([sys.executable, "-c", code], folder), capture_output=True, text=True)
    assert "no file" in done.stdout and "no network 101" in done.stdout, done.stderr
    assert done.stdout.startswith("0 sockets") and f" {os.getsid(0)}\n" not in done.stdout
    assert (folder / "mine").exists() and not list(outside.iterdir())
