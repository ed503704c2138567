"""Files that are no report of this project, or a damaged one: one line says what is wrong, whatever they are."""

import json
import os
import random
import zlib
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pikepdf
import pytest
from check_tools import copies  # noqa: F401
from nbformat import v4

from helpers import integrity
from workflow.check import reading
from workflow.check.findings import of_report
from workflow.report import places
from workflow.report.build import build


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Reports of one chapter, which no tree has."""
    folder = tmp_path_factory.mktemp("damaged")
    cells = [v4.new_markdown_cell("# First"), v4.new_code_cell("print(0.9125)", execution_count=1)]
    cells[1].outputs = [v4.new_output("stream", name="stdout", text="0.9125")]
    notebook = v4.new_notebook(cells=cells, metadata={"papermill": {"exception": None}})
    record = {"notebook": "01_first", "seed": 0, "profile": "quick", "parameters": {"seed": 0}}
    keys = ("assignment", "name", "question", "answer", "reported", "ours", "section")
    tables = {"answers": [dict.fromkeys(keys, "x")], "findings": ["x"], "read": {"quick/seed-0/01_first": "x"}}
    record |= {"metrics": {"cnn.test_accuracy": 0.9}, "series": {"cnn.loss": [2.0, 1.0]}, "tables": tables}
    labels = np.arange(10)
    np.savez_compressed(folder / "predictions.npz", labels=labels, cnn=np.eye(10)[np.minimum(labels, 8)])
    record |= {"provenance": {"sample_data": False, "data_md5": {}, "images": {"test": 10}}}
    (folder / "notebook.ipynb").write_text(json.dumps(notebook))
    (folder / "results.json").write_text(json.dumps(integrity.seal(record, {})))
    (folder / "report.toml").write_text('title = "Reports"\nauthor = "Ada"\n')
    files = {kind: folder / f"report.{kind}" for kind in ("html", "pdf")}
    build([folder / "notebook.ipynb"], folder / "report.toml", **files)
    return SimpleNamespace(folder=folder)


def refusal(path):
    with pytest.raises(reading.UnreadableError) as error:
        reading.read(path)
    assert "\n" not in str(error.value) and path.name in str(error.value)
    return str(error.value)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b" \n\n", "is empty"),
        (b"\x89PNG\r\n\x1a\n", "neither a PDF nor an HTML"),
        (b"Some words.", "neither a PDF nor an HTML"),
        (b"%PDF-1.7\n", "damaged PDF"),
        (b"%PDF-1.7\n%%EOF", "damaged PDF"),
        (b"<!DOCTYPE html><title>x</title>", "carries no evidence"),
        (b"<html>\xff\xfe</html>", "not UTF-8"),
    ],
)
def test_other_files_are_one_line(tmp_path, content, words):
    path = tmp_path / "report.pdf"
    path.write_bytes(content)
    assert words in refusal(path)


def test_no_file_a_folder_and_a_file_that_is_too_large(tmp_path, monkeypatch):
    assert "No such file" in refusal(tmp_path / "none.pdf")
    assert "is a folder" in refusal(tmp_path)
    (tmp_path / "large.html").write_text("<!doctype html>" + " " * 100)
    monkeypatch.setattr(reading, "LARGEST", 50)
    assert "no report of this project is so large" in refusal(tmp_path / "large.html")


def test_a_device_is_no_report(tmp_path):
    os.mkfifo(tmp_path / "pipe.pdf")
    assert "is no file" in refusal(tmp_path / "pipe.pdf")
    assert "is no file" in refusal(Path("/dev/zero"))


def test_what_a_terminal_would_obey_is_a_question_mark(tmp_path):
    path = tmp_path / "a\x1b[2Jb\nall holds.pdf"
    with pytest.raises(reading.UnreadableError) as error:
        reading.read(path)
    assert "a?[2Jb?all holds.pdf" in str(error.value)


def test_a_page_of_unclosed_marks_takes_no_time(copies):
    page = copies.html.read_text()
    for mark in ("<script ", "<h1 ", "<", '<figure id="'):
        copies.html.write_text(page.replace("</main>", mark * 50_000 + "</main>"))
        looked_at(copies.html)  # a pattern that looks ahead would take minutes


def test_a_pdf_without_evidence_or_with_a_password(tmp_path, built):
    with pikepdf.open(built.folder / "report.pdf") as document:
        del document.attachments["evidence.json"]
        document.save(tmp_path / "bare.pdf")
    assert "carries no evidence" in refusal(tmp_path / "bare.pdf")
    with pikepdf.open(built.folder / "report.pdf") as document:
        del document.attachments["01_first.json"]
        document.save(tmp_path / "half.pdf")
    assert "its evidence is damaged" in refusal(tmp_path / "half.pdf")
    with pikepdf.open(built.folder / "report.pdf") as document:
        document.save(tmp_path / "locked.pdf", encryption=pikepdf.Encryption(owner="a", user="b"))
    assert "locked by a password" in refusal(tmp_path / "locked.pdf")


def test_an_attachment_that_unpacks_to_very_much_is_refused(tmp_path, built, monkeypatch):
    with pikepdf.open(built.folder / "report.pdf") as document:
        document.attachments["evidence.json"] = pikepdf.AttachedFileSpec(
            document, b" " * 10**7, filename="evidence.json"
        )
        document.save(tmp_path / "bomb.pdf")
    assert (tmp_path / "bomb.pdf").stat().st_size < 10**6
    twice = zlib.compress(zlib.compress(b" " * 10**7))
    with pikepdf.open(built.folder / "report.pdf") as document:
        stream = document.attachments["evidence.json"].get_file().obj
        stream.write(twice, filter=pikepdf.Array([pikepdf.Name.FlateDecode] * 2))
        document.save(tmp_path / "twice.pdf", compress_streams=False)
    monkeypatch.setattr(reading, "LARGEST", 10**6)
    assert "too large" in refusal(tmp_path / "bomb.pdf")
    assert "its evidence is damaged" in refusal(tmp_path / "twice.pdf")


def with_evidence(path, text):
    page, _ = places.out_of_html(path.read_text())
    path.write_text(page.replace("</body>", f"{places.START}{text}{places.END}</body>"))


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "7", '"x"', "[" * 10**5, '{"format": 1}', '{"format": [1]}'])
def test_evidence_that_is_none_is_one_line(copies, text):
    with_evidence(copies.html, text)
    assert "evidence" in refusal(copies.html)


def test_markup_a_name_given_twice_or_another_place_is_no_evidence(copies):
    """What Python reads over, and a browser shows."""
    page, data = places.out_of_html(copies.html.read_text())
    for changed in (
        data.replace('"cover"', '"cover": "</script ><p>0.9999</p>", "cover"'),
        '{"format": 1, ' + data[1:],
    ):
        with_evidence(copies.html, changed)
        assert "its evidence is damaged" in refusal(copies.html)
    copies.html.write_text(page.replace("<main", f"{places.START}{data}{places.END}<main", 1))
    assert "carries no evidence" in refusal(copies.html)


def test_evidence_of_a_later_version_says_so(copies):
    with_evidence(copies.html, '{"format": 2}')
    assert "carries evidence of format 2; this version reads 1" in refusal(copies.html)


OTHERS = [None, [], {}, "x", -1, 1e400, 10**400, True, [[]], {"a": {}}, "\ud800"]


def test_a_value_of_another_kind_anywhere_in_evidence_is_a_finding_or_one_line(copies):
    """Any value that a record may have been edited to: never an error of Python's."""
    _, data = places.out_of_html(copies.html.read_text())
    chance = random.Random(0)
    for _ in range(400):
        whole = json.loads(data)
        there = whole
        while True:  # some place in it
            key = chance.choice(list(there) if isinstance(there, dict) else range(len(there)))
            inner = there[key]
            if not (isinstance(inner, dict | list) and inner) or chance.random() < 0.25:
                break
            there = inner
        there[key] = chance.choice(OTHERS)
        with_evidence(copies.html, json.dumps(whole).replace("<", "\\u003c"))
        said = looked_at(copies.html)
        assert said is None or "\n" not in said, (key, there[key])


def looked_at(path):
    """Look at a file as `make check` does: why it cannot be, or None."""
    try:
        of_report(reading.read(path))
    except reading.UnreadableError as error:
        return str(error)


@pytest.mark.parametrize("kind", ["html", "pdf"])
def test_a_file_that_breaks_off_or_has_other_bytes_is_one_line_or_a_finding(built, tmp_path, kind):
    whole, chance = (built.folder / f"report.{kind}").read_bytes(), random.Random(1)
    for number in range(30):
        content = bytearray(whole[: chance.randrange(len(whole))] if number % 2 else whole)
        for _ in range(20):
            content[chance.randrange(len(content))] = chance.randrange(256)
        path = tmp_path / f"{number}.{kind}"
        path.write_bytes(bytes(content))
        assert "\n" not in (looked_at(path) or "")
