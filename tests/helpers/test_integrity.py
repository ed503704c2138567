"""A run's files are told from those that somebody has changed."""

import json

import pytest

from helpers import integrity

RECORD = {"metrics": {"accuracy": 0.1, "ü": 1e-300}, "provenance": {"seconds": 1.5}}


@pytest.fixture
def folder(tmp_path):
    """A run with two files besides its record."""
    (tmp_path / "weights.safetensors").write_bytes(b"weights")
    (tmp_path / "notebook.ipynb").write_bytes(b"notebook")
    files = {path.name: integrity.digest(path) for path in tmp_path.iterdir()}
    (tmp_path / "results.json").write_text(json.dumps(integrity.seal(RECORD, files), indent=1))
    return tmp_path


def test_what_a_run_has_left_is_fine_however_it_is_laid_out(folder):
    record = integrity.read(folder / "results.json")
    assert record["metrics"] == RECORD["metrics"] and list(record["provenance"]["files"]) == [
        "notebook.ipynb",
        "weights.safetensors",
    ]
    (folder / "results.json").write_text(json.dumps(record, ensure_ascii=False))
    (folder / "benchmark.tsv").write_text("not the run's")
    integrity.check_run(folder, sealed=True)


@pytest.mark.parametrize(
    ("file", "change", "words"),
    [
        ("results.json", lambda text: text.replace(b"0.1", b"0.9999"), "results.json was changed after its run"),
        ("results.json", lambda text: text.replace(b"accuracy", b"loss"), "results.json was changed after its run"),
        ("results.json", lambda text: text[:30], "results.json is damaged"),
        ("results.json", lambda text: b"7", "results.json is damaged"),
        ("results.json", lambda text: b"\xff", "results.json is damaged"),
        ("weights.safetensors", lambda text: b"weighty", "weights.safetensors was changed after its run"),
        ("notebook.ipynb", lambda text: b"", "notebook.ipynb was changed after its run"),
        ("notebook.ipynb", None, "notebook.ipynb is missing"),
    ],
)
def test_what_was_changed_is_named(folder, file, change, words):
    if change is None:
        (folder / file).unlink()
    else:
        (folder / file).write_bytes(change((folder / file).read_bytes()))
    with pytest.raises(integrity.ChangedError, match=words):
        integrity.check_run(folder)
    with pytest.raises(integrity.ChangedError, match=words):
        integrity.check(folder / file) if file != "results.json" else integrity.read(folder / file)


def test_a_record_without_digests_has_nothing_to_compare_unless_it_must(folder):
    (folder / "results.json").write_text(json.dumps(RECORD))
    (folder / "notebook.ipynb").write_bytes(b"other")
    integrity.check_run(folder)
    integrity.check(folder / "notebook.ipynb")
    with pytest.raises(integrity.ChangedError, match="has no digests"):
        integrity.check_run(folder, sealed=True)


def test_a_file_without_a_record_beside_it_has_nothing_to_compare(tmp_path):
    (tmp_path / "weights.safetensors").write_bytes(b"weights")
    integrity.check(tmp_path / "weights.safetensors")
