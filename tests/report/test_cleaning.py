"""What an author's texts may bring into a report: control characters are dropped, and code of any kind is only text."""

import re
from html import unescape

import pypdf
import pytest
from nbformat import v4
from test_report import CELLS, code, drawing, notebook, options, save, shown

from workflow.report.build import build
from workflow.report.cleaning import printable
from workflow.report.config import read_config

CONTROLS = [*map(chr, [*range(9), 0xB, 0xC, *range(0xE, 0x20), *range(0x7F, 0xA0)])]
OTHERS = [*"\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff\ufffe\uffff", "\ud800", "\udfff"]


def made(tmp_path, *cells, **overrides):
    """The text between the cover and the end of the HTML, and all words of the PDF."""
    path, html, pdf = save(tmp_path, notebook("# T", *cells)), tmp_path / "r.html", tmp_path / "r.pdf"
    build([path], tmp_path / "report.toml", html=html, pdf=pdf, overrides=overrides)
    pages = [" ".join(page.extract_text().split()) for page in pypdf.PdfReader(pdf).pages]
    return html.read_text().split("<main")[1].partition("</main>")[0], " ".join(pages)


@pytest.mark.parametrize("control", [*CONTROLS, *OTHERS])
def test_a_control_character_is_dropped(control):
    assert printable(f"a{control}b") == "ab"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("tab\t, line\r\n", "tab\t, line\r\n"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\ud83d\ude00", "😀"),
        ("\ude00\ud83d", ""),
        ("\u200d\u200e\u200f ­é क्ष", "\u200d\u200e\u200f ­é क्ष"),
        (["a\0", {"b": ("c", 1)}], ["a", {"b": ("c", 1)}]),
    ],
)
def test_everything_else_stays(text, left):
    assert printable(text) == left


def test_control_characters_go_from_every_place(tmp_path):
    dirt = "x\0\x01\x0c\x7f\x9b\u202e\ufffey"
    cells = [
        f"## {dirt}\n\n{dirt} @fig-a @tbl-a `{dirt}` &#1; &#x202e;",
        code(f"print('{dirt}')", v4.new_output("stream", name="stdout", text=f"\x1b[1m{dirt}\x1b[0m\x07")),
        code(options(label="fig-a", fig_cap=dirt, fig_alt=dirt), drawing()),
        code(options(label="tbl-a", tbl_cap=dirt), shown("text/html", f"<table><tr><th>{dirt}</th></tr></table>")),
        code("say()", shown("text/markdown", dirt)),
        code("1", v4.new_output("execute_result", {"text/plain": dirt}, execution_count=1)),
    ]
    html, pdf = made(tmp_path, *cells, title=dirt, author=dirt, roll=dirt)
    assert html.count("xy") > 10
    assert pdf.count("xy") > 8
    assert not re.search("[\0-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\ufffe]", html + pdf)


def test_halves_of_letters_in_options_become_letters(tmp_path):
    caption = '#| label: tbl-a\n#| tbl-cap: "\\ud83d\\ude00"\nx'
    html, pdf = made(tmp_path, "@tbl-a", code(caption, shown("text/html", CELLS)))
    assert "😀" in html
    assert "😀" in pdf


CODE = [
    "<script>alert(1)</script>",
    '<img src=x onerror="alert(1)">',
    '<svg onload="alert(1)">',
    r"\input{/etc/passwd}",
    r"\write18{ls}",
    r"\href{javascript:alert(1)}{x}",
    '#read("/etc/passwd")',
    '#import "x.typ"',
    "#eval(1)",
    "#sys.inputs",
    "${author}",
    "{{ author }}",
    "//x",
    "/*x",
]


@pytest.mark.parametrize("text", CODE)
def test_code_is_text_wherever_it_stands(text, tmp_path):
    given = {"title": text, "author": text, "roll": text, "course": text}
    printed = v4.new_output("stream", name="stdout", text=text)
    table = shown("text/html", f"<table><tr><th>{re.sub('<', '&lt;', text)}</th></tr></table>")
    html, pdf = made(tmp_path, text, f"`{text}`", code("p()", printed), table_cell := code("t()", table), **given)
    assert table_cell
    assert not re.search(r"<(script|img|svg|iframe)\b|<[^>]*\son\w+=", html)
    seen = re.sub(r"\s+|[“”\"]", "", pdf)
    assert seen.count(re.sub(r"\s+|\"", "", text)) >= 6
    assert "root:" not in html + pdf


@pytest.mark.parametrize(
    "target",
    ["javascript:alert(1)", "JavaScript:alert(1)", "&#106;avascript:alert(1)", "vbscript:x", "data:text/html,x"],
)
def test_a_link_that_is_code_prints_with_its_target(target, tmp_path):
    table = shown("text/html", f"<table><tr><th><a href='{target}' onclick='x'>cell</a></th></tr></table>")
    html, pdf = made(tmp_path, f"[words]({target}) [web](https://example.org)", code("t()", table))
    plain = target.replace("&#106;", "j")
    for text in (re.sub("<[^>]*>", "", html), pdf):
        assert f"words ({plain})" in text
        assert "cell" in text
    assert 'href="https://example.org"' in html
    assert not re.search(r'href="(?!#|https:)', html)


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ('`#read("x")`{=typst}', "{=typst}"),
        ("```{=html}\n<script>x</script>\n```", "<script>x</script>"),
        ("`<b>`{=html}", "<b>{=html}"),
    ],
)
def test_code_marked_as_raw_is_text(text, seen, tmp_path):
    html, pdf = made(tmp_path, text)
    assert seen in unescape(re.sub("<[^>]*>", "", html))
    assert seen in pdf
    assert not re.search("<(script|b)>", html)


@pytest.mark.parametrize(
    "text",
    [
        '[w]{.equation onclick="x"}', '[w]{typst:text:fill="read(1)" #main}', "[w]{.number}", "::: {.works}\nw\n:::",
        "::: {.map #here}\nw\n:::", "```{.source onclick=1}\nw\n```", "`w`{onclick=1}",
        "[w](https://example.org){onclick=x style='y'}",
        '| w |\n|---|\n| b |\n\n: C {#tbl-a typst:fill="red" onclick=x}\n\n@tbl-a',
    ],
)  # fmt: skip
def test_attributes_mean_nothing(text, tmp_path):
    html, pdf = made(tmp_path, text)
    assert "w" in pdf
    tags = " ".join(re.findall("<[^>]*>", html.partition("</header>")[2]))
    assert not re.search(r"onclick|typst|='y'|class=\"(equation|works|map)|id=\"(main|here)\"", tags)


@pytest.mark.parametrize(
    "hostile",
    [
        "<script>alert(1)</script>", "<foreignObject/>", '<path onclick="alert(1)"/>',
        *(f"<image href='{target}' width='9' height='9'/>" for target in ("file:///etc/passwd", "../a.png", "http://a.b/c")),
    ],
)  # fmt: skip
def test_a_picture_runs_nothing_and_reads_no_file(hostile, tmp_path):
    picture = drawing()
    picture.data["image/svg+xml"] = picture.data["image/svg+xml"].replace("</svg>", f"{hostile}</svg>")
    figure = code(options(label="fig-a", fig_cap="C", fig_alt="<script>"), picture)
    html, pdf = made(tmp_path, "@fig-a", figure)
    assert not re.search("<script|alert|passwd|a.b/c", html)
    assert "data:image/png" in html  # its pixels instead
    assert "Figure 1.1 C" in pdf


def test_the_cover_drops_control_characters(tmp_path):
    (tmp_path / "report.toml").write_text('title = "a\\u0001b\\u202e"\n')
    config = read_config(tmp_path / "report.toml", {"author": "\udcffA\x07da"})
    assert (config.title, config.author) == ("ab", "Ada")
