"""Eleven thousand odd inputs: whatever they are, they are read, or refused with the module's own error in one line."""

import gzip
import hashlib
import json
import pickle
import struct
from dataclasses import replace

import nbformat
import numpy as np
import pytest
from conftest import notebook
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from helpers import files
from helpers.files import DataError
from helpers.sets import SETS
from workflow import chapters as entries
from workflow.parameters import ParameterError, declared, read_seed, resolve
from workflow.report.cells import read_outputs
from workflow.report.config import read_config
from workflow.report.errors import ReportError
from workflow.report.options import split_options
from workflow.sweep_file import read_sweep

pytestmark = pytest.mark.slow

CELL = """seed: int = 0  # chance
size: int = 16  # a whole number
rate: float = 0.1  # a fraction
name: str = 'a'  # a word
fast: bool = False  # yes or no
many: list[float] = [1.0]  # several
"""
ENTRIES = "01_maker: {memory_mb: 500, headline: size}\n02_taker: {memory_mb: 500, needs: {name: 01_maker/a}}\n"


def many(count):
    """So many examples; what a fixture gives lies in one folder, which every example writes anew."""
    return settings(max_examples=count, suppress_health_check=list(HealthCheck))


def refused_in_one_line(error, call):
    """Whether ``call`` was refused with ``error``, whose message is one line; any other error fails the test."""
    said = ""
    try:
        call()
    except error as caught:
        said = str(caught)
    assert len(said.splitlines()) < 2, said
    return bool(said)


# Odd values, and the words of real files among them, so that some reach deep.
NAMES = ["01_maker", "02_taker", "seed", "seeds", "notebooks", "curves", "size", "rate", "name", "fast", "many"]
NAMES += ["title", "author", "memory_mb", "needs", "data", "headline", "label", "fig-cap"]
ODD = [
    "",
    "a\nb",
    "1e-3",
    "é\u2028\ud7ff",
    "x" * 500,
    "~",
    "007",
    "[",
    0,
    1,
    -1,
    3,
    500,
    2**32,
    2**63,
    -(2**63),
    10**400,
]
ODD += [0.0, -0.0, 0.5, 1e308, 1e-320, float("nan"), float("inf")]
WORDS = st.sampled_from(NAMES)
SCALARS = st.sampled_from([*ODD, *NAMES]) | st.text(max_size=5)
LISTS = st.lists(SCALARS, max_size=3)
VALUES = SCALARS | LISTS | st.dictionaries(WORDS, SCALARS | LISTS, max_size=2)
MAPPINGS = st.dictionaries(WORDS, VALUES, max_size=3)
SYNTAX = st.text(st.sampled_from("{}[]:,-?&*!|>'\"#%@`~=<. \n\t\\eE+019axn_\x00\x85\ufeff\u2028é"), max_size=20)
NESTED = st.sampled_from(["[", "{a: ", "- ", "? ", "!", "&a [*a, "]).map(lambda mark: 400 * mark)
HOW = st.sampled_from([*["whole"] * 4, "cut", "mark", "twice", "latin-1", "utf-16", *["syntax"] * 3, "nested", "bytes"])


def as_yaml(value):
    """YAML of a value, in the form that it shares with JSON."""
    return json.dumps(value).replace("NaN", ".nan").replace("Infinity", ".inf")


@st.composite
def written(draw, sign):
    """Lines of names and values with a ``sign`` between, as bytes, often damaged: cut, say, or in another encoding."""
    how = draw(HOW)
    if how == "bytes":
        return draw(st.binary(max_size=40))
    text = "".join(f"{key}{sign}{as_yaml(value)}\n" for key, value in draw(MAPPINGS).items())
    if how in ("latin-1", "utf-16"):
        return f"{text}# é".encode(how, "replace")
    if how in ("cut", "mark", "syntax", "nested"):
        at = draw(st.integers(0, len(text)))
        extra = "" if how == "cut" else draw({"mark": st.characters(), "syntax": SYNTAX, "nested": NESTED}[how])
        text = text[:at] + extra + ("" if how == "cut" else text[at:])
    return (2 * text if how == "twice" else text).encode("utf-8", "surrogatepass")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Two chapters, their entries and a profile, in a folder of their own."""
    monkeypatch.setattr(entries, "NOTEBOOKS", tmp_path)
    monkeypatch.setattr(entries, "ENTRIES", tmp_path / "chapters.yaml")
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "quick.yaml").write_text("")
    (tmp_path / "chapters.yaml").write_text(ENTRIES)
    for name in ("01_maker", "02_taker"):
        (tmp_path / f"{name}.ipynb").write_text(json.dumps(notebook(("parameters", CELL))))
    return tmp_path


# Parameters

OWN = st.sampled_from(["seed", "size", "rate", "name", "fast", "many"])


@many(1200)
@given(changes=st.dictionaries(OWN | SCALARS, VALUES, max_size=2))
def test_values_of_parameters(folder, changes):
    def read():
        found = resolve(folder / "01_maker.ipynb", changes, "profile quick")
        kinds = {"seed": int, "size": int, "rate": float, "name": str, "fast": bool, "many": list}
        assert {name: type(value) for name, value in found.items()} == kinds
        json.dumps(found, allow_nan=False)

    refused_in_one_line(ParameterError, read)


@many(2400)
@given(text=st.text(max_size=6) | st.text("0123456789 +_e.-٣", max_size=12) | st.integers(0, 2**33).map(str))
def test_seeds(text):
    refused = refused_in_one_line(ParameterError, lambda: read_seed(text))
    plain = text.isascii() and text.isdecimal() and str(int(text)) == text and int(text) < 2**32
    assert refused != plain


@many(800)
@given(
    source=st.text(max_size=12)
    | st.text(st.sampled_from("as1:=[](){}',.#\n \\"), max_size=12).map("a: int = 1{}".format)
)
def test_cells_of_parameters(folder, source):
    (folder / "03_odd.ipynb").write_text(json.dumps(notebook(("parameters", source))))
    refused_in_one_line(ParameterError, lambda: declared(folder / "03_odd.ipynb"))


@many(400)
@given(content=st.binary(max_size=20) | VALUES.map(lambda value: json.dumps({"cells": [value]}).encode()))
def test_notebooks_that_are_none(folder, content):
    (folder / "03_odd.ipynb").write_bytes(content)
    assert refused_in_one_line(ParameterError, lambda: declared(folder / "03_odd.ipynb"))


# YAML


@many(700)
@given(content=written(": "))
def test_profiles(folder, content):
    (folder / "profiles" / "quick.yaml").write_bytes(content)
    refused_in_one_line(ParameterError, lambda: entries.chapters("quick"))


@many(500)
@given(content=written(": "))
def test_chapters(folder, content):
    (folder / "chapters.yaml").write_bytes(content)
    refused_in_one_line(ParameterError, lambda: entries.chapters("quick"))


@many(500)
@given(entry=st.dictionaries(st.sampled_from([*entries.KNOWN]), VALUES, max_size=2), memory=VALUES | st.just(500))
def test_entries_of_chapters(folder, entry, memory):
    content = {"01_maker": {"memory_mb": memory} | entry, "02_taker": {"memory_mb": 500}}
    (folder / "chapters.yaml").write_text(as_yaml(content))
    refused_in_one_line(ParameterError, lambda: entries.chapters("quick"))


@many(600)
@given(content=written(": "))
def test_sweep_files(folder, content):
    (folder / "trial.yaml").write_bytes(content)
    refused_in_one_line(ParameterError, lambda: read_sweep(folder / "trial.yaml", "quick", entries.chapters("quick")))


@many(500)
@given(grid=st.dictionaries(OWN, VALUES, max_size=2), seeds=VALUES | st.just([0]))
def test_grids(folder, grid, seeds):
    def read():
        sweep = read_sweep(folder / "trial.yaml", "quick", entries.chapters("quick"))
        names = {name for run in sweep.asked for name in run.folder.split("/")}
        assert all(len(name.encode()) < 256 for name in names), "no file system takes a longer name"

    (folder / "trial.yaml").write_text(as_yaml({"seeds": seeds, "notebooks": {"01_maker": grid}}))
    refused_in_one_line(ParameterError, read)


# The report


@many(900)
@given(content=written(" = "), assignment=WORDS)
def test_covers(folder, content, assignment):
    (folder / "report.toml").write_bytes(content)
    refused_in_one_line(ReportError, lambda: read_config(folder / "report.toml", assignment=assignment))


@many(800)
@given(content=written(": "))
def test_options_of_cells(content):
    lines = content.decode("utf-8", "replace").split("\n")
    source = "\n".join([*(f"#| {line}" for line in lines), "code"])
    refused_in_one_line(ReportError, lambda: split_options(source, "a.ipynb, cell 1"))


PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x02\0\0\0\x02"
MIMES = ["text/plain", "text/html", "text/markdown", "text/latex", "image/png", "image/svg+xml", "image/gif"]
SHOWN = ["<table", "<img>", "<IPython.core.display.HTML>", "|a|\n|-|", "\x1b[31m", "\r", '<svg width="1.2.3pt"']
TEXTS = st.sampled_from(SHOWN) | st.text(max_size=8)
PICTURES = st.sampled_from([PNG, PNG, PNG[:18], b"", b"GIF89a"]) | TEXTS.map(str.encode)
METADATA = st.dictionaries(st.just("image/png"), VALUES | st.fixed_dictionaries({"width": SCALARS}), max_size=1)


@st.composite
def outputs(draw):
    """An output of a cell as Jupyter's format has it, and the pictures that nbconvert extracts from it."""
    if draw(st.booleans()):
        return nbformat.v4.new_output("stream", name="stdout", text=draw(TEXTS)), {}
    data = draw(st.dictionaries(st.sampled_from(MIMES), TEXTS, max_size=3))
    pictures = {mime: draw(PICTURES) for mime in data if mime.startswith("image/")}
    metadata = draw(METADATA) | {"filenames": {mime: mime for mime in pictures}}
    return nbformat.v4.new_output("display_data", data=data, metadata=metadata), pictures


@many(700)
@given(made=st.lists(outputs(), max_size=2), options=st.dictionaries(st.sampled_from(["label", "tbl-cap"]), TEXTS))
def test_outputs_of_cells(made, options):
    shown = [output for output, _ in made]
    pictures = {name: content for _, found in made for name, content in found.items()}
    refused_in_one_line(ReportError, lambda: read_outputs(shown, options, "a.ipynb, cell 1", 1, pictures))


# Data: contents whose md5 is right, so that only the decoders can refuse them


def read_data(root, name, contents):
    """Read a set from ``contents``, by file, as if they were the right ones."""
    for file, content in contents.items():
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).write_bytes(content)
    known = SETS[name]
    md5s = known.md5s | {file: hashlib.md5(content).hexdigest() for file, content in contents.items()}
    SETS[name] = replace(known, md5s=md5s)
    try:
        images, labels, test_images, test_labels = files.read(name, list(contents), root)
        assert len(images) == len(labels) and len(test_images) == len(test_labels)
    finally:
        SETS[name] = known


def idx(sizes, values):
    return struct.pack(f">BBBB{len(sizes)}I", 0, 0, 8, len(sizes), *sizes) + values


SIZES = st.lists(st.sampled_from([0, 1, 2, 10, 28, 2**31, 2**32 - 1]), max_size=4)
GARBAGE = st.binary(max_size=20)
IDX = st.just(idx([2, 28, 28], bytes(2 * 784))) | st.just(idx([2], b"\1\2")) | GARBAGE | st.builds(idx, SIZES, GARBAGE)


@many(400)
@given(parts=st.lists(IDX, min_size=4, max_size=4), packed=st.sampled_from(["yes", "no", "cut"]))
def test_idx_files(tmp_path, parts, packed):
    contents = dict(zip(SETS["MNIST"].unpacked, parts, strict=True))
    if packed != "no":
        cut = -5 if packed == "cut" else None
        contents = {f"{file}.gz": gzip.compress(content)[:cut] for file, content in contents.items()}
    refused_in_one_line(DataError, lambda: read_data(tmp_path, "MNIST", contents))


ARRAYS = st.sampled_from(
    [np.zeros((2, 3072), np.uint8), np.zeros((2, 3072)), np.zeros((2, 7), np.uint8), np.zeros(3072, np.uint8)]
)
LABELS = st.just([1, 2]) | VALUES
BATCHES = st.fixed_dictionaries({"data": ARRAYS | VALUES, "labels": LABELS}) | VALUES


@many(400)
@given(batch=BATCHES.map(pickle.dumps), cut=st.integers(0, 9))
def test_cifar_batches(tmp_path, batch, cut):
    good = pickle.dumps({"data": np.zeros((2, 3072), np.uint8), "labels": [0, 9]})
    contents = dict.fromkeys(SETS["CIFAR10"].unpacked, good)
    contents[list(contents)[cut % 6]] = batch[: -cut if cut > 5 else None]
    refused_in_one_line(DataError, lambda: read_data(tmp_path, "CIFAR10", contents))


@many(200)
@given(content=st.binary(max_size=100))
def test_cifar_archives(tmp_path, content):
    assert refused_in_one_line(DataError, lambda: read_data(tmp_path, "CIFAR10", {SETS["CIFAR10"].archive: content}))
