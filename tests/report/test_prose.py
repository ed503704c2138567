"""Numbers typed into prose: which are refused, by which line, and what may be written."""

from decimal import Decimal

import pytest
from test_report import code, drawing, notebook, options, refusal, save, shown

from workflow.report import prose
from workflow.report.build import build

TEXT = "let a code cell compute and show it, or, if it is no result, write it as math or code"
CAPTION = "let a code cell show it in the text, or, if it is no result, write it as math or code"
ALT = "let a code cell show it in the text, and describe here what every run shows"


@pytest.fixture(autouse=True)
def figures(monkeypatch):
    """What reported.toml has, for these tests."""
    monkeypatch.setattr(prose, "reported_values", lambda: tuple(map(Decimal, ("0.797", "0.95", "0.6676722", "0.0405"))))


@pytest.mark.parametrize(
    ("words", "number"),
    [
        ("It reaches 0.931.", "0.931"),
        ("It reaches 93 %.", "93 %"),
        ("Up to 93.1% here", "93.1%"),
        ("a gain of 3 percentage points", "3 percent"),
        ("by 12 per cent", "12 per cent"),
        ("lost .5 of it", ".5"),
        ("strokes of 2.5 px", "2.5"),
        ("in 1.5s, not 3x", "1.5"),
        ("1,234.5 images", "1,234.5"),
        ("below 1e-3", "1e-3"),
        ("from 0.1\N{EN DASH}0.2", "0.1"),
        ("emphasised **0.93**", "0.93"),
        ("split **93** %", "93 %"),
        ('so "0.93", it says', "0.93"),
        ("a note[^1]\n\n[^1]: of 0.93", "0.93"),
        ("## By 0.93", "0.93"),
        ("- an item\n- of 0.93", "0.93"),
        ("| a |\n|---|\n| 0.93 |", "0.93"),
        ("$0.5$ and 0.93", "0.93"),
        ("95 % of the images", ""),
        ("66.8 % or 0.668", ""),
        ("67 %", "67 %"),
        ("0.67", "0.67"),
        ("79.7 %, 79.7%, 0.797 and 79.70 percent", ""),
        ("0.7971", "0.7971"),
        ("0.04, 4 %", "0.04"),
        ("4.05 %", ""),
        ("a 90 % interval, a 99.9 % confidence interval and the 5 % level", ""),
        ("In 2015, 48,000 of 60,000 images, 28 by 28, 3 of 4. 5 layers", ""),
        ("see Section 3.2 of the paper, and Figures 1.2", ""),
        ("$0.93$, $$0.93$$ and `0.93`", ""),
        ("\\begin{align} 0.93 \\end{align}", ""),
        ("```\n0.93\n```\n\n    0.93 %", ""),
        ("[0.93](https://a.b/0.94) and https://a.b/v1.5", ""),
        ("torch 2.14.1 of 1.5.2030, CIFAR-10, v1.2, arXiv:1512.03385, commit 12e4567890", ""),
        ("<!-- 0.93 -->", ""),
    ],
)
def test_a_typed_result_is_found_and_nothing_else(words, number, tmp_path, capsys):
    path = save(tmp_path, notebook("# T", words))
    if number:
        assert refusal(path, capsys) == f"{path}, cell 2: {number} is typed into the text: {TEXT}"
    else:
        build([path], tmp_path / "report.toml", html=tmp_path / "report.html")


def figure(caption, alt):
    return code(options(label="fig-a", fig_cap=caption, fig_alt=alt), drawing())


TABLE = code(options(label="tbl-a", tbl_cap="At 93%."), shown("text/html", "<table><tr><td>1</td></tr></table>"))


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        (figure("At 0.93.", "a"), f"0.93 is typed into the caption: {CAPTION}"),
        (figure("A.", "At 93 %"), f"93 % is typed into the alt text: {ALT}"),
        (TABLE, f"93% is typed into the caption: {CAPTION}"),
    ],
)
def test_captions_and_alt_texts_are_prose(cell, said, tmp_path, capsys):
    path = save(tmp_path, notebook("# T", cell))
    assert refusal(path, capsys) == f"{path}, cell 2: {said}"


def test_what_code_computes_may_say_numbers(tmp_path):
    computed = code("say()", shown("text/markdown", "It reaches 93.1 %."))
    table = code("show()", shown("text/html", "<table><tr><td>0.931</td></tr></table>"))
    build([save(tmp_path, notebook("# T", computed, table))], tmp_path / "report.toml", html=tmp_path / "report.html")


def test_the_values_of_the_two_reports_may_be_written(monkeypatch):
    monkeypatch.undo()
    assert Decimal("0.797") in prose.reported_values()
    assert prose.typed("Report A states 79.7 %, a loss of 0.668 and 6.38 minutes.") == ""
