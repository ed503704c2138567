"""The gate in front of every run: only declared parameters, only their types, and one line that says what is wrong."""

import json

import numpy as np
import pytest
import torch
from conftest import notebook

from workflow.parameters import ParameterError, declared, read_profile, read_seed, resolve

CELL = "seed: int = 0  # all randomness\nrate: float = 0.1\nname: str = 'a'\n"
CELL += "fast: bool = False\nsizes: list[int] = [1, 2]\n"


@pytest.fixture
def chapter(tmp_path):
    def make(source=CELL, kind="parameters"):
        path = tmp_path / "01_tiny.ipynb"
        path.write_text(json.dumps(notebook(("markdown", "# Tiny"), (kind, source))))
        return path

    return make


def test_the_cell_is_read(chapter):
    parameters = declared(chapter())
    assert list(parameters) == ["seed", "rate", "name", "fast", "sizes"]
    assert parameters["seed"].help == "all randomness"
    assert parameters["sizes"].default == [1, 2]


def test_a_profile_changes_what_it_names_and_nothing_else(chapter):
    values = resolve(chapter(), {"rate": 1, "sizes": [4]}, "profile quick")
    assert values == {"seed": 0, "rate": 1.0, "name": "a", "fast": False, "sizes": [4]}
    assert type(values["rate"]) is float


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"epoch": 3}, "no parameter 'epoch'"),
        ({"seed": 1.5}, "seed must be of type int"),
        ({"seed": True}, "seed must be of type int"),
        ({"seed": "1"}, "seed must be of type int"),
        ({"fast": 1}, "fast must be of type bool"),
        ({"name": None}, "name must be of type str"),
        ({"sizes": 3}, r"sizes must be a list\[int\]"),
        ({"sizes": [1, "2"]}, "sizes must be of type int"),
        ({"sizes": []}, "sizes needs at least one value"),
        ({"rate": float("nan")}, "rate must be a finite number"),
        ({"rate": float("inf")}, "rate must be a finite number"),
        ({"rate": 10**400}, "rate is too large"),
        ({"sizes": [2**70]}, "sizes is too large"),
        ({"seed": -1}, "a seed is a whole number, 0 or more"),
        ({"seed": 2**32}, "a seed is at most 4294967295"),
        ({"a\nb": 1}, "no parameter"),
        ({7: 1}, "no parameter 7"),
        ({"name": ["long"] * 1000}, "name must be of type str"),
    ],
)
def test_unknown_names_and_wrong_types_are_refused(chapter, changes, words):
    with pytest.raises(ParameterError, match=words) as error:
        resolve(chapter(), changes, "profile quick")
    assert "\n" not in str(error.value) and "profile quick" in str(error.value)


@pytest.mark.parametrize(
    ("name", "least"),
    [
        ("train_images", 10),
        ("map_images", 10),
        ("epochs", 1),
        ("conv_epochs", 1),
        ("batch_size", 2),
        ("few_batch_size", 2),
        ("code_size", 1),
        ("free_numbers", 0),
        ("draws", 1),
        ("few_steps", 0),
    ],
)
def test_impossible_sizes_are_refused_before_anything_runs(chapter, name, least):
    path = chapter(f"{name}: int = 64\n")
    assert resolve(path, {name: least}, "profile quick") == {name: least}
    for wrong in (least - 1, -64):
        with pytest.raises(ParameterError, match=f"{name} must be {least} or more, not {wrong}"):
            resolve(path, {name: wrong}, "profile quick")


def test_a_count_in_a_list_is_not_negative(chapter):
    with pytest.raises(ParameterError, match="sizes must be 0 or more, not -1"):
        resolve(chapter(), {"sizes": [3, -1]}, "profile quick")


@pytest.mark.parametrize(
    "line",
    [
        "seed = 0",
        "seed: int",
        "seed: int = 1 + f()",
        "seed: dict = {}",
        "seed: int = 'a'",
        "seed: int = ",
        "seed: int = {[]: 1}",
        "seed: int = 0\0",
        "seed: int = " + "(" * 500,
        "sizes: list[int] = [1,",
    ],
)
def test_anything_but_a_plain_annotated_literal_is_refused(chapter, line):
    with pytest.raises(ParameterError) as error:
        declared(chapter(line))
    assert "01_tiny.ipynb" in str(error.value) and len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("007", "SEED=007: write SEED=7, without zeros in front"),
        ("00", "SEED=00: write SEED=0, without"),
        ("٣", "SEED must be a whole number"),
        ("²", "SEED must be a whole number"),
        ("1 2", "SEED must be a whole number, 0 or more, such as SEED=1, not '1 2'"),
        ("1e3", "SEED must be a whole number"),
        ("-1", "SEED must be a whole number"),
        ("+1", "SEED must be a whole number"),
        ("", "SEED must be a whole number"),
        ("1\n", "SEED must be a whole number"),
        ("4294967296", "SEED: a seed is at most 4294967295"),
        ("9" * 5000, "SEED: a seed is at most 4294967295"),
    ],
)
def test_seeds_that_are_not_plain_numbers_are_refused_with_the_mend(text, words):
    with pytest.raises(ParameterError) as error:
        read_seed(text)
    assert str(error.value).startswith(words) and len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize("seed", [0, 7, 10, 2**32 - 1])
def test_seeds_from_which_numpy_and_pytorch_can_begin(seed):
    assert read_seed(str(seed)) == seed
    np.random.seed(seed)
    torch.manual_seed(seed)


def test_a_notebook_without_the_cell_is_refused(chapter):
    with pytest.raises(ParameterError, match="exactly one"):
        declared(chapter(kind="code"))


def test_no_notebook_and_no_json_are_told(tmp_path):
    with pytest.raises(ParameterError, match="there is no notebook"):
        declared(tmp_path / "no.ipynb")
    for text in ("{", "[]", '{"cells": 3}', '{"cells": [3]}', '{"cells": [{"metadata": 1}]}', "[" * 100_000):
        (tmp_path / "bad.ipynb").write_text(text)
        with pytest.raises(ParameterError, match="not a notebook"):
            declared(tmp_path / "bad.ipynb")


def test_a_number_is_read_as_it_is_written(tmp_path):
    (tmp_path / "quick.yaml").write_text("01_tiny: {rate: 1e-3, epochs: 010}")
    assert read_profile(tmp_path / "quick.yaml") == {"01_tiny": {"rate": 0.001, "epochs": 10}}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("- a", "must map"),
        ("a: 3", "must map"),
        ("a: {seed: 3}", "a profile cannot set the seed"),
        ("3", "must map"),
        ("a: [", "not YAML"),
        ("a: {b: 1}\na: {b: 2}", "'a' is given twice"),
        ("a: {b: 1, b: 2}", "'b' is given twice"),
    ],
)
def test_a_bad_profile_file_is_told(tmp_path, text, words):
    path = tmp_path / "quick.yaml"
    path.write_text(text)
    with pytest.raises(ParameterError, match=words):
        read_profile(path)


def test_an_unknown_profile_lists_the_known_ones(tmp_path):
    (tmp_path / "quick.yaml").write_text("")
    with pytest.raises(ParameterError, match="there are: quick"):
        read_profile(tmp_path / "quik.yaml")
