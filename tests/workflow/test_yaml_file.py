"""YAML: numbers are what they look like, and what is wrong is one line with its number."""

import pytest

from workflow.yaml_file import Document, ParameterError


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("1e-3", 0.001),
        ("1E5", 100000.0),
        ("-2.5e+3", -2500.0),
        (".5", 0.5),
        ("3.", 3.0),
        ("007", 7),
        ("010", 10),
        ("+3", 3),
        ("true", True),
        ("FALSE", False),
        ("~", None),
        ("1:30", "1:30"),
        ("1_000", "1_000"),
        ("no", "no"),
        ("on", "on"),
        ("e3", "e3"),
        ("'1e-3'", "1e-3"),
    ],
)
def test_numbers_and_words_are_what_they_look_like(written, value):
    document = Document(f"a: {written}", "file.yaml")
    found = document.value(document.root)["a"]
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("a: 1\na: 2", 2, "'a' is given twice"),
        ("a:\n  b: 1\n  'b': 2", 3, "'b' is given twice"),
        ("a:\n\tb: 1", 2, "indent with spaces"),
        ("a: 1\nb: [", 2, "not YAML"),
        ("a: 1\nb: \x07", 2, "special characters are not allowed"),
        ("a: 1\nb: *c", 2, "undefined alias"),
        ("a: &b [*b]", 1, "recursive"),
        ("a: " + "[" * 5000, 1, "nested too deep"),
        ("a: " + "{b: " * 400 + "1" + "}" * 400, 1, "nested too deep"),
        ("a: !!float ''", 1, "no value"),
        ("a: !!int one", 1, "no value"),
        ("a: " + "9" * 5000, 1, "no value"),
        ('a: "\\UFFFFFFFF"', 1, "not YAML"),
        ("--- 1\n--- 2", 2, "another document"),
        ("!!python/object:os.system {}", 1, "could not determine a constructor"),
    ],
)
def test_what_is_wrong_is_one_line_with_its_number(text, line, words):
    def read():
        document = Document(text, "file.yaml")
        return document.value(document.root)

    with pytest.raises(ParameterError) as caught:
        read()
    assert str(caught.value).startswith(f"file.yaml:{line}: ") and words in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("content", "line"), [("a: 1\nb: é".encode("latin-1"), 2), ("a: 1".encode("utf-16"), 1), (b"\xff", 1)]
)
def test_a_file_that_is_not_utf_8_says_where_and_what_helps(tmp_path, content, line):
    (tmp_path / "file.yaml").write_bytes(content)
    with pytest.raises(ParameterError, match=rf"file.yaml:{line}: not UTF-8 \(.*\): save it as that"):
        Document.read(tmp_path / "file.yaml")


def test_the_mark_of_some_editors_at_the_start_does_no_harm(tmp_path):
    (tmp_path / "file.yaml").write_text("a: 1\r\nb: 2\r\n", encoding="utf-8-sig", newline="")
    document = Document.read(tmp_path / "file.yaml")
    assert document.value(document.root) == {"a": 1, "b": 2}
