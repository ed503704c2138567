"""What a notebook shows is in both formats, or the report is refused with one line that names the cell."""

import re
import unicodedata
from html import unescape

import pandas as pd
import pypdf
import pytest
from nbformat import v4
from test_report import FIGURE, code, drawing, notebook, refusal, save

from workflow.report.build import build
from workflow.report.printed import LONGEST_LINE, MOST_LETTERS, MOST_LINES, shorten

TABLE = "<table><tr><td>cell</td></tr></table>"
FRAME = pd.DataFrame({"a": range(100), "b": "gamma"})


def output(**data):
    """A code cell with one output; `text_html` stands for text/html."""
    return code("x()", v4.new_output("display_data", {mime.replace("_", "/"): text for mime, text in data.items()}))


def of(*mimes):
    """A code cell with one output in these representations."""
    return code("x()", v4.new_output("display_data", dict.fromkeys(mimes, "words")))


def html(text):
    return output(text_html=text, text_plain="  a\n0 1")


def words(text):
    """A text without white space and bullets, and with plain letters for those of formulas and ligatures."""
    return "".join(unicodedata.normalize("NFKC", text).replace("•", "").split())


def both(tmp_path, *cells):
    """The HTML of a notebook's text, and the words of both formats."""
    path, page, pdf = save(tmp_path, notebook("# T", *cells)), tmp_path / "report.html", tmp_path / "report.pdf"
    build([path], tmp_path / "report.toml", html=page, pdf=pdf)
    marked = page.read_text().split("</header>")[1].split("<script>")[0]
    shown = "".join(page.extract_text() for page in pypdf.PdfReader(pdf).pages)
    seen = re.sub(r"<annotation.*?</annotation>|<[^>]*>", "", marked, flags=re.DOTALL)
    return marked, words(unescape(seen)), words(shown)


# Each with what both formats must say, in this order; white space does not count.
MARKDOWN = {
    "math with spaces": ("a $ alpha $ b $gamma $ c $ delta$", "aalphabgammacdelta"),
    "math before a digit": (r"5$\times$10 and $x$2", "5×10andx2"),
    "prices": ("costs $5 and $6", "costs$5and$6"),
    "dollars in code": ("`$ x $`", "$ x $"),
    "math in text in math": (r"$\text{if $x$ is so}$", "ifxisso"),
    "math of two backslashes": (r"\\(alpha\\) \\[beta\\]", "alphabeta"),
    "display math in a paragraph": ("alpha\n$$\nbeta\n$$\ngamma", "alphabetagamma"),
    "an environment without dollars": ("alpha\n\\begin{align*}\nbeta &= c\n\\end{align*}\ngamma", "alphabeta=cgamma"),
    "tag": (r"$$ x \tag{first} $$", "x(first)"),
    "tag*": (r"$$ x \tag*{second} $$", "xsecond"),
    "tag of an environment": ("\\begin{equation}\nx = y \\tag{3}\n\\end{equation}", "x=y(3)"),
    "a tag that the text refers to": ("$$ x \\tag{third} $$ {#eq-a}\n\nSee @eq-a.", "x(third)SeeEquation(third)."),
    "pipes that are no table": ("| alpha | beta |", "|alpha|beta|"),
    "brackets": (
        "## The data\n\n[The data] [alpha]{.x} `beta`{.y} `gamma`{=html}",
        "[Thedata][alpha]{.x}beta{.y}gamma{=html}",
    ),
    "task list": ("- [ ] alpha\n- [x] beta", "beta"),
    "strikethrough, entities": ("~~alpha~~ beta&nbsp;gamma &amp; &lt;b&gt;", "alphabetagamma&<b>"),
    "footnote": ("alpha[^1]\n\n[^1]: beta", "beta"),
    "comment": ("alpha <!-- unseen --> beta", "alphabeta"),
    "code with options": ("```python title=x {1,3}\nalpha\nbeta\n```", "alphabeta"),
    "directive": ("```{note}\nalpha\n```", "alpha"),
    "code of a language that is one of our names": ("```source\nalpha\n```\n\n```cell-source\nbeta\n```", "alphabeta"),
}


def test_markdown_is_shown_as_in_jupyter(tmp_path):
    _, *texts = both(tmp_path, *[source for source, _ in MARKDOWN.values()])
    for name, (_, expected) in MARKDOWN.items():
        assert [words(expected) in text for text in texts] == [True, True], name
    assert not any("$$" in text or "\\" in text or "unseen" in text for text in texts)


@pytest.mark.parametrize(
    ("source", "marks"),
    [
        ("alpha:\n| a | b |\n|---|---|\n| 1 | 2 |", ["<p>alpha:</p>", "<table>"]),
        ("alpha\na | b\n--- | :-:\n1 | 2\n--- | ---\n3 | 4", ["<p>alpha</p>", "<table>"]),
        ("- alpha\n  | a |\n  |---|\n  | 1 |", ["<li>", "<table>", "</li>"]),
        ("> alpha\n> | a |\n> |---|\n> | 1 |", ["<blockquote>", "<table>", "</blockquote>"]),
        ("alpha\n- a\n- b", ["<p>alpha</p>", "<ul>"]),
        ("alpha\n1) a\n2) b", ["<p>alpha</p>", "<ol>"]),
        ("alpha\n```\na\n```\nbeta", ["<p>alpha</p>", "<pre>", "<p>beta</p>"]),
        ("alpha\n~~~\n$ a $\n~~~\nbeta", ["<p>alpha</p>", "<pre><code>$ a $", "<p>beta</p>"]),
        ("alpha\n***\nbeta", ["<p>alpha</p>", "<hr", "<p>beta</p>"]),
        ("alpha\n> beta", ["<p>alpha</p>", "<blockquote>"]),
        ("alpha\n\n    $ ls $ x", ["<pre><code>$ ls $ x"]),
    ],
)
def test_blocks_right_under_a_text_are_blocks(source, marks, tmp_path):
    page, *_ = both(tmp_path, source)
    assert re.search(".*".join(map(re.escape, marks)), page, re.DOTALL), page
    assert page.count("<table>") == sum("<table" in mark for mark in marks)


LACKING = """
script form iframe canvas object audio video embed input button select textarea math ruby main figure template noscript
dialog progress my-element
"""
AROUND = {
    "words": (f"<p>alpha</p>{TABLE}<p>beta <b>gamma</b></p>", "alphacellbetagamma"),
    "blocks": (f"<h2>alpha</h2><ul><li>beta<li>gamma</ul>{TABLE}<pre>delta\n</pre>", "alphabetagammacelldelta"),
    "a link": (f"{TABLE}<a href='https://example.org'>alpha</a> <code>beta</code>", "cellalphabeta"),
    "two tables": (f"{TABLE}between{TABLE}", "cellbetweencell"),
    "a caption": (f"{TABLE.replace('<tr>', '<caption>alpha</caption><tr>', 1)}beta", "alphacellbeta"),
    "a fold": (f"<details><summary>alpha</summary>{TABLE}</details>", "alphacell"),
    "names of the page": (
        f"<div id='main' class='works'><span class='equation'>alpha</span>{TABLE}</div>",
        "alphacell",
    ),
    "capitals": ("<TABLE><TR><TD>alpha</TD></TR></TABLE>beta", "alphabeta"),
    "a table in a table": (f"<table><tr><td>alpha{TABLE}</td></tr></table>", "alphacell"),
    "pandas": (FRAME._repr_html_(), "99gamma100rows×2columns"),
    "a style": (f"<style>#T td {{ color: red }}</style>{TABLE}", "cell"),
}


def test_words_around_a_table_are_kept_in_order(tmp_path):
    page, *texts = both(tmp_path, *[html(text) for text, _ in AROUND.values()])
    for name, (_, expected) in AROUND.items():
        assert [expected in text.replace("Table1.1", "") for text in texts] == [True, True], name
    assert "<strong>gamma</strong>" in page and '<a href="https://example.org">alpha</a>' in page
    assert not any("color" in text for text in texts)


@pytest.mark.parametrize("element", LACKING.split())
@pytest.mark.parametrize("beside", ["", TABLE])
def test_html_that_one_format_lacks_is_refused_by_name(element, beside, tmp_path, capsys):
    cell = html(f"{beside}<{element} src='a'>words</{element}>")
    assert f"cell 2: its HTML has <{element}>, which one format lacks" in refusal(
        save(tmp_path, notebook("# T", cell)), capsys
    )


OBJECT = "<IPython.core.display.X object>"


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        (output(text_html="<p>words</p>"), "shows text/html, which one format lacks"),
        (output(text_html="<p>words</p>", text_plain="Model()"), "shows text/html, text/plain, which"),
        (of("application/vnd.plotly.v1+json"), "shows application/vnd.plotly.v1+json, which one format lacks"),
        (of("application/vnd.plotly.v1+json", "text/plain"), "shows application/vnd.plotly.v1+json, text/plain"),
        (of("application/vnd.bokehjs_exec.v0+json", "text/html"), "shows application/vnd.bokehjs_exec.v0+json"),
        (of("application/vnd.vegalite.v5+json", "text/plain"), "shows application/vnd.vegalite.v5+json"),
        (of("application/json", "text/plain"), "shows application/json"),
        (of("application/javascript"), "shows application/javascript"),
        (of("application/pdf"), "shows application/pdf"),
        (of("text/vnd.mermaid", "text/plain"), "shows text/plain, text/vnd.mermaid"),
        (of("application/vnd.jupyter.widget-view+json", "text/plain"), "shows application/vnd.jupyter.widget-view"),
        (of("image/gif"), "the figure has no PNG"),
        (of("image/svg+xml"), "the figure has no PNG"),
        (output(text_plain="<IPython.lib.display.IFrame at 0x7f>"), "shows text/plain"),
        (html(f"<div>words{TABLE}</div></div>words"), "its table cannot be read"),
        (html("<table><caption>a<p>b</p></caption><tr><td>c</td></tr></table>"), "its table cannot be read"),
        (html(f"{TABLE}<img src='a'>"), "the figure has no PNG"),
        (html(f"{TABLE}<a href='a.html'>words</a>"), "the link to a.html leads out of the report"),
        (output(text_latex=r"\begin{tabular}{l} words \end{tabular}"), "write markdown instead of \\begin{tabular}"),
        (v4.new_raw_cell("words"), "a raw cell is for one format alone"),
        ("![words](attachment:a.png)", "an image in markdown has no number"),
        ("| ![words](a.png)", "an image in markdown has no number"),
        ("<details><summary>words</summary></details>", "write markdown instead of <details>"),
        ("```mermaid\nwords\n```", "a mermaid diagram is no figure here; draw it in a code cell"),
        (r"\begin{align} a \tag{1} \\ b \tag{2} \end{align}", r"one \tag of plain words fits a display equation"),
        (r"$x \tag{1}$", r"one \tag of plain words fits a display equation"),
        ("a[^1]\n\n[^1]: $$x \\tag{1}$$", r"one \tag of plain words fits a display equation"),
        (r"$$ x \nosuch $$", "Could not convert TeX math"),
        ("### words", "a heading of level 3 below one of level 1: write ##"),
    ],
)
def test_what_would_be_lost_is_refused_with_its_cell(cell, message, tmp_path, capsys):
    assert f"cell 2: {message}" in refusal(save(tmp_path, notebook("# T", cell)), capsys)


def test_a_caption_of_the_table_itself_is_not_replaced(tmp_path, capsys):
    cell = html(TABLE.replace("<tr>", "<caption>own</caption><tr>", 1))
    cell.source = "#| label: tbl-a\n#| tbl-cap: Given.\nx()"
    said = refusal(save(tmp_path, notebook("# T", "See @tbl-a.", cell)), capsys)
    assert said.endswith("cell 3: the table has a caption of its own: leave out that, or tbl-cap")


def test_an_unclosed_table_does_not_swallow_the_next(tmp_path, capsys):
    path = save(tmp_path, notebook("# T", html(f"<div>words{TABLE}"), html(TABLE)))
    assert "cell 2: its table cannot be read" in refusal(path, capsys)


@pytest.mark.parametrize(
    ("tex", "expected"),
    [
        (r"$\displaystyle alpha$", "alpha"),
        (r"\(alpha\) and \[beta\]", "alphaandbeta"),
        ("\\begin{align}\nalpha &= b \\\\[2pt]\nc &= d\n\\end{align}", "alpha=bc=d"),
        ("100% alpha", "100%alpha"),
    ],
)
def test_latex_is_set_also_where_other_forms_are_beside_it(tex, expected, tmp_path):
    for text in both(tmp_path, output(text_latex=tex, text_plain="otherwise", image_png=""))[1:]:
        assert expected in text and "otherwise" not in text


def test_a_picture_needs_no_other_form_of_itself(tmp_path):
    figure = drawing()
    figure.data["application/vnd.plotly.v1+json"] = {}
    page, *_ = both(tmp_path, "See @fig-a.", code(FIGURE, figure))
    assert "<svg" in page


def test_what_shows_nothing_needs_no_words(tmp_path):
    progress = {"application/vnd.jupyter.widget-view+json": {}, "text/plain": " 50%|##  | 1/2 [00:01<00:01, 1.0s/it]"}
    empty = code("x()", v4.new_output("display_data", {}), v4.new_output("display_data", progress))
    page, *_ = both(tmp_path, empty, v4.new_raw_cell(" "), "kept")
    assert "50%" not in page and "<p>kept</p>" in page


@pytest.mark.parametrize(
    ("printed", "expected"),
    [
        ("10 %\r20 %\rdone\n", "done"),
        ("abcdef\rX", "Xbcdef"),
        ("|\b/\b-\bready", "ready"),
        ("abc\b\bX", "aXc"),
        ("\b\bfirst\r\nsecond\r\n", "first\nsecond"),
        ("\x1b[31mred\x1b[0m\r\x1b[32mgr", "grd"),
        ("a" * LONGEST_LINE, "a" * LONGEST_LINE),
        ("a" * 300_000, f"{'a' * LONGEST_LINE} ... {300_000 - LONGEST_LINE} more letters"),
        ("a\n" * MOST_LINES, "\n".join("a" * MOST_LINES)),
        ("a\n" * (MOST_LINES + 3), "\n".join("a" * MOST_LINES) + "\n... 3 more lines"),
    ],
)
def test_printed_text_is_what_a_terminal_shows_and_no_more_than_a_page(printed, expected):
    assert shorten(printed) == expected


def test_many_long_lines_are_cut_as_a_whole():
    shown = shorten("\n".join(["a" * LONGEST_LINE] * 30)).split("\n")
    assert shown[-1] == f"... {31 - len(shown)} more lines"
    assert sum(map(len, shown[:-1])) == MOST_LETTERS


def test_a_line_of_300_kb_is_no_book(tmp_path):
    path, pdf = (
        save(tmp_path, notebook("# T", code("x()", v4.new_output("stream", text="ab " * 100_000)))),
        tmp_path / "r",
    )
    build([path], tmp_path / "report.toml", pdf=pdf)
    reader = pypdf.PdfReader(pdf)
    assert len(reader.pages) == len(reader.outline) + 2  # a page for each chapter, the cover and the contents
