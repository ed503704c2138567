"""The gate in front of every run: only declared parameters, only their types, and one line that says what is wrong."""

import json

import pytest
from conftest import notebook

from workflow.parameters import ParameterError, declared, read_profile, resolve

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
    ],
)
def test_unknown_names_and_wrong_types_are_refused(chapter, changes, words):
    with pytest.raises(ParameterError, match=words) as error:
        resolve(chapter(), changes, "profile quick")
    assert "\n" not in str(error.value) and "profile quick" in str(error.value)


@pytest.mark.parametrize("line", ["seed = 0", "seed: int", "seed: int = 1 + f()", "seed: dict = {}", "seed: int = 'a'"])
def test_anything_but_a_plain_annotated_literal_is_refused(chapter, line):
    with pytest.raises(ParameterError):
        declared(chapter(line))


def test_a_notebook_without_the_cell_is_refused(chapter):
    with pytest.raises(ParameterError, match="exactly one"):
        declared(chapter(kind="code"))


def test_no_notebook_and_no_json_are_told(tmp_path):
    with pytest.raises(ParameterError, match="there is no notebook"):
        declared(tmp_path / "no.ipynb")
    (tmp_path / "bad.ipynb").write_text("{")
    with pytest.raises(ParameterError, match="not a notebook"):
        declared(tmp_path / "bad.ipynb")


@pytest.mark.parametrize(("text", "words"), [("- a", "must map"), ("a: 3", "must map"), ("a: [", "not YAML")])
def test_a_bad_profile_file_is_told(tmp_path, text, words):
    path = tmp_path / "quick.yaml"
    path.write_text(text)
    with pytest.raises(ParameterError, match=words):
        read_profile(path)


def test_an_unknown_profile_lists_the_known_ones(tmp_path):
    (tmp_path / "quick.yaml").write_text("")
    with pytest.raises(ParameterError, match="there are: quick"):
        read_profile(tmp_path / "quik.yaml")
