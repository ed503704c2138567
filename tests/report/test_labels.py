"""Labels that Jupyter hides and references that it shows as words: a report reads them as it reads pandoc's own."""

import re

import pytest
from test_report import CELLS, code, drawing, notebook, options, refusal, save, shown

from workflow.report.build import build
from workflow.report.dialect import for_pandoc
from workflow.report.source import faults

FIGURE = code(options(label="fig-a", fig_cap="A.", fig_alt="a"), drawing())
TABLE = code(options(label="tbl-a", tbl_cap="A."), shown("text/html", CELLS))
LISTING = code('#| label: lst-a\n#| lst-cap: "A."\nx = 1')
LABELS = '# T\n\n## S <a id="sec-s"></a>\n\n$$ x $$ <a id="eq-a"></a>'


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ('## A <a id="sec-a"></a>', "## A {#sec-a}"),
        ('# A $x$ `b` <a id="a-2"></a>  \nwords', "# A $x$ `b` {#a-2}  \nwords"),
        ('> ### A <a id="sec-a"></a>', "> ### A {#sec-a}"),
        ('$$ x $$ <a id="eq-a"></a>', "$$ x $$ {#eq-a}"),
        ('so that $$\nx $$\n<a id="eq-a"></a>, where', "so that $$\nx $$\n{#eq-a}, where"),
        (r'\\[ x \\] <a id="eq-a"></a>', r"\\[ x \\] {#eq-a}"),
        (r'\begin{align} x \end{align} <a id="eq-a"></a>', r"\begin{align} x \end{align} {#eq-a}"),
        (': C <a id="tbl-a"></a>', ": C {#tbl-a}"),
    ],
)
def test_an_anchor_is_the_label_of_what_it_stands_behind(typed, read):
    assert for_pandoc(typed) == read


@pytest.mark.parametrize(
    "typed",
    [
        '`## A <a id="sec-a"></a>`',
        '```\n## A <a id="sec-a"></a>\n```',
        'text\n\n    ## A <a id="sec-a"></a>',
        '<!-- $$ x $$ <a id="eq-a"></a> -->',
        'a text <a id="sec-a"></a>',
        '## A <a id="sec-a"></a> and more',
        '$$ x $$ <a id="sec-a"></a>',
        '## A <a id="sec-a" onclick="x()"></a>',
        '## A <a id="sec-a">b</a>',
        '## A <a id="1"></a>',
        '## A <a href="x" id="sec-a"></a>',
    ],
)
def test_nothing_else_becomes_a_label(typed):
    assert for_pandoc(typed) == typed


def test_a_label_in_the_wrong_place_is_refused_by_its_name(tmp_path, capsys):
    said = refusal(save(tmp_path, notebook("# T", 'A text <a id="sec-a"></a> goes on.')), capsys)
    assert said.endswith('cell 2: <a id="sec-a"></a> stands behind no heading and no display equation')


@pytest.mark.parametrize(
    ("words", "label", "number"),
    [
        ("Figure", "fig-a", "Figure 1.1"),
        ("the figure", "fig-a", "Figure 1.1"),
        ("The figure of all\n*codes*", "fig-a", "Figure 1.1"),
        ("Table", "tbl-a", "Table 1.1"),
        ("the table of $x$", "tbl-a", "Table 1.1"),
        ("Listing", "lst-a", "Listing 1.1"),
        ("The listing", "lst-a", "Listing 1.1"),
        ("Equation", "eq-a", "Equation (1.1)"),
        ("the equations above", "eq-a", "Equation (1.1)"),
        ("Section", "sec-s", "Section 1.1"),
        ("the section on S", "sec-s", "Section 1.1"),
        ("the code", "lst-a", "the code"),
        ("table", "tbl-a", "table"),
        ("the tablecloth", "tbl-a", "the tablecloth"),
        ("our figure", "fig-a", "our figure"),
    ],
)
def test_a_link_that_says_what_it_leads_to_reads_as_its_number(words, label, number, tmp_path):
    everything = "[Figure](#fig-a), [Table](#tbl-a), [Listing](#lst-a), [Equation](#eq-a)."
    text = f"{everything} Written: [{words}](#{label})."
    computed = code("say()", shown("text/markdown", f"Computed: [{words}](#{label})."))
    html = tmp_path / "report.html"
    cells = notebook(LABELS, text, FIGURE, TABLE, LISTING, computed)
    build([save(tmp_path, cells)], tmp_path / "report.toml", html=html)
    page = " ".join(re.sub(r"<[^>]+>", "", html.read_text()).replace("\N{NO-BREAK SPACE}", " ").split())
    assert f"Written: {number}." in page and f"Computed: {number}." in page


def test_both_ways_of_writing_make_the_same_page(tmp_path, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")  # fonts have the time in them
    pages = []
    for old in (False, True):
        text = f"{LABELS}\n\nSee [Figure](#fig-a), [the equation](#eq-a) and [Section](#sec-s)."
        if old:
            text = re.sub(r"\[[\w ]+\]\(#([\w-]+)\)", r"@\1", re.sub(r'<a id="([\w-]+)"></a>', r"{#\1}", text))
        html = tmp_path / str(old) / "report.html"
        path = save(html.parent, notebook(text, FIGURE))
        build([path], html.parent / "report.toml", html=html)
        pages.append(html.read_text())
    assert pages[0] == pages[1]


def test_a_reference_that_leads_nowhere_and_a_label_without_one_are_refused(tmp_path, capsys):
    said = refusal(save(tmp_path / "a", notebook("# T", "[the figure](#fig-b)")), capsys)
    assert said.endswith("cell 2: the link to #fig-b points nowhere")
    path = save(tmp_path / "b", notebook("# T", '$$ x $$ <a id="eq-a"></a>'))
    said = refusal(path, capsys)
    assert "cell 2: nothing refers to @eq-a" in said
    assert ["nothing refers to @eq-a" in line for line in faults([path])] == [True]
