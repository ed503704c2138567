"""The report exporters, on small notebooks made by hand: what a reader must find, and what must never be built."""

import base64
import errno
import io
import json
import os
import re
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from unittest.mock import Mock

import matplotlib
import nbformat
import pandas as pd
import pypdf
import pytest
from conftest import ROOT
from matplotlib.figure import Figure
from nbformat import v4

from helpers.listings import listing
from workflow.report import config
from workflow.report.build import build, main
from workflow.report.errors import ReportError
from workflow.report.exporters import HTMLReport, PDFReport
from workflow.report.numbering import Numbering

CONFIG = 'title = "Two <Studies> #1"\nauthor = "Ada"\nroll = "R-42"\ncourse = "Deep Learning"\ndate = "1 May 2030"\n'
AUTHOR = r'<b>#x $y @z \ "q"'
ALT = 'Two lines that fall, "quoted" & <tagged>'


def drawing(*formats: str) -> nbformat.NotebookNode:
    """A display_data output with one real, tiny figure, as png and svg unless told otherwise."""
    data, figure = {}, Figure(figsize=(3, 2))
    figure.subplots().set_title("drawn words")
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "report"}):
        for kind in formats or ("png", "svg"):
            figure.savefig(file := io.BytesIO(), format=kind, dpi=60)
            png = kind == "png"
            data["image/png" if png else "image/svg+xml"] = (base64.b64encode if png else bytes)(
                file.getvalue()
            ).decode()
    return v4.new_output("display_data", data, metadata={"image/png": {"width": 288, "height": 192}})


def code(source: str, *outputs: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """An executed code cell."""
    return v4.new_code_cell(source, execution_count=1, outputs=list(outputs))


def shown(mime: str, text: str) -> nbformat.NotebookNode:
    """An output with one representation."""
    return v4.new_output("display_data", {mime: text})


def options(**words: str) -> str:
    """A cell source that starts with `#|` options."""
    return "".join(f"#| {key.replace('_', '-')}: {json.dumps(text)}\n" for key, text in words.items()) + "draw()"


def notebook(*cells: nbformat.NotebookNode | str) -> nbformat.NotebookNode:
    """An executed notebook; plain text stands for a markdown cell."""
    cells = [v4.new_markdown_cell(cell) if isinstance(cell, str) else cell for cell in cells]
    return v4.new_notebook(cells=cells, metadata={"papermill": {"exception": None}})


def save(folder: Path, content: nbformat.NotebookNode, **provenance: object) -> Path:
    """Write a notebook and a config, with results.json when there is something to say; the path of the notebook."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.toml").write_text(CONFIG)
    nbformat.write(content, folder / "notebook.ipynb")
    if provenance:
        results = {"notebook": folder.name, "seed": 7, "profile": "full", "provenance": provenance}
        (folder / "results.json").write_text(json.dumps(results))
    return folder / "notebook.ipynb"


def refusal(path: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """The one line that says why no report is made of a saved notebook; the former report stays as it was."""
    former = [path.with_name("report.html"), path.with_name("report.pdf")]
    for file in former:
        file.write_text("former")
    arguments = ["--config", path.with_name("report.toml"), "--html", former[0], "--pdf", former[1]]
    assert main([str(path), *map(str, arguments)]) == 1
    assert [file.read_text() for file in former] == ["former", "former"]
    line = capsys.readouterr().err
    assert line.startswith("error: ")
    assert line.count("\n") == 1
    return line.removeprefix("error: ").strip()


def first_chapter() -> nbformat.NotebookNode:
    """A chapter with everything a chapter may have."""
    wide = pd.DataFrame({f"metric number {at}": [at + 0.12345, -at - 0.5] for at in range(13)}, index=["r 1", "r 2"])
    named = pd.DataFrame({"loss": [0.5, 12.25], "kind": ["a", "b"]}, index=pd.Index(["x", "y"], name="model"))
    return notebook(
        "# Autoencoders",
        code("seed = 3\nprint('hello')", v4.new_output("stream", name="stderr", text="noise of a progress bar")),
        "## The data {#sec-data}\n\nSee @fig-codes, [@tbl-layers; @eq-bce] and @sec-other, not a@b.org or `@fig-x`.\n"
        "- one $x^2$ item\n- two[^1]\n\n[^1]: A footnote.\n\n$$ a = \\frac{b}{c} \\odot \\acute{d} $$ {#eq-bce}\n\n"
        "\\begin{align} c &= d \\\\ e &= f \\end{align}",
        code(options(label="fig-codes", fig_cap="Codes of $z$, see @eq-bce.", fig_alt=ALT), drawing()),
        "### Finer\n\n@tbl-wide is wide.",
        code(options(label="tbl-layers", tbl_cap="The layers."), shown("text/html", named.to_html())),
        code(options(label="tbl-wide", tbl_cap="A wide one."), shown("text/html", wide.to_html())),
        code("loop()", v4.new_output("stream", name="stdout", text="".join(f"line {at}\n" for at in range(60)))),
        code("say()", shown("text/markdown", "Computed: **0.25**, as @tbl-layers says.")),
    )


def second_chapter() -> nbformat.NotebookNode:
    """A chapter whose figure has no vectors."""
    return notebook(
        code("parameters = 1"),  # papermill puts them above the title when no cell is tagged for them
        "# Denoising {#sec-other}\n\n## Again\n\nBack to @fig-codes; @fig-noise is new. "
        "Another footnote.[^1]\n\n[^1]: Of the same name.",
        code(options(label="fig-noise", fig_cap="Noise.", fig_alt="Grey noise"), drawing("png")),
    )


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """Both formats of a two-chapter report on sample data."""
    folder = tmp_path_factory.mktemp("report")
    facts = {"git": "abcdef1234567", "dirty": False, "device": "cpu", "threads": 2, "seconds": 75.4}
    told = {"hardware": {"processor": "Tube", "memory_gb": 8.5}, "data_md5": {"MNIST": {"MNIST/raw/a.gz": "0f" * 16}}}
    paths = [
        save(folder / "ae", first_chapter(), sample_data=True, peak_memory_mb=1234.5, **facts, **told),
        save(folder / "dn", second_chapter(), sample_data=False, **facts),
    ]
    html, pdf = folder / "report.html", folder / "report.pdf"
    build(paths, folder / "ae" / "report.toml", html=html, pdf=pdf, overrides={"author": AUTHOR})
    pages = [page.extract_text().replace("\xa0", " ") for page in pypdf.PdfReader(pdf).pages]
    return {"paths": paths, "html": html.read_text().replace("\xa0", " "), "pdf": pypdf.PdfReader(pdf), "pages": pages}


def structure(reader: pypdf.PdfReader) -> list[tuple[str, str]]:
    """(tag, alternative text) of every structure element of a PDF."""
    found, waiting = [], [reader.trailer["/Root"]["/StructTreeRoot"]]
    while waiting:
        node = waiting.pop().get_object()
        if isinstance(node, list):
            waiting += node
        elif isinstance(node, dict):
            found.append((str(node.get("/S", "")), str(node.get("/Alt", ""))))
            waiting += [node["/K"]] if "/K" in node else []
    return found


def test_captions_and_references_read_alike_in_both_formats(report):
    words = re.sub(r"<[^>]+>", "", report["html"].split("<main", 1)[1].split("<script>")[0])
    for text in (" ".join(" ".join(report["pages"]).split()), " ".join(words.split())):
        assert "See Figure 1.1, Table 1.1, Equation (1.1) and Chapter 2, not a@b.org or @fig-x." in text
        for caption in ("Table 1.1 The layers.", "Table 1.2 A wide one.", "Figure 2.1 Noise.", "Figure 1.1 Codes of"):
            assert caption in text
        assert "Computed: 0.25, as Table 1.1 says." in text
        assert "Back to Figure 1.1; Figure 2.1 is new." in text
        assert "A footnote." in text
        assert "Of the same name." in text
        assert not re.search(r"@(fig|tbl|eq|sec)-(?!x)|\?\?|\{#|#\|", text)
    assert 'href="#fig-codes"' in report["html"]
    assert 'id="fig-codes"' in report["html"]


def test_pdf_has_an_outline_and_contents_with_true_pages(report):
    reader, waiting, outline = report["pdf"], [*report["pdf"].outline], {}
    while waiting:
        entry = waiting.pop(0)
        if isinstance(entry, list):
            waiting = entry + waiting
        else:
            outline[entry.title] = reader.get_destination_page_number(entry)
    assert list(outline)[:5] == ["1 Autoencoders", "1.1 The data", "1.1.1 Finer", "2 Denoising", "2.1 Again"]
    noise = max(at for at, text in enumerate(report["pages"]) if "Figure 2.1 Noise." in text)
    listed = int(re.search(r"2\.1 Again[ .\u2060]*(\d+)", report["pages"][1])[1])
    assert noise == outline["2.1 Again"] == listed - 1
    assert "Finer" not in report["pages"][1]


def test_pdf_is_tagged_and_accessible(report):
    root = report["pdf"].trailer["/Root"]
    assert root["/MarkInfo"]["/Marked"]
    assert root["/ViewerPreferences"]["/DisplayDocTitle"]
    assert root["/Lang"].startswith("en")
    assert (report["pdf"].metadata.title, report["pdf"].metadata.author) == ("Two <Studies> #1", AUTHOR)
    assert b"pdfuaid" in root["/Metadata"].get_object().get_data()
    tags = structure(report["pdf"])
    assert {"/H1", "/H2", "/Table", "/TH", "/L", "/Figure", "/Formula", "/Link"} <= {tag for tag, _ in tags}
    assert {ALT, "Grey noise"} <= {alt for tag, alt in tags if tag == "/Figure"}
    assert all(alt for tag, alt in tags if tag in ("/Figure", "/Formula"))


def test_pdf_embeds_every_font_and_keeps_figures_as_vectors(report):
    pages = report["pdf"].pages
    fonts = [font.get_object() for page in pages for font in page["/Resources"].get("/Font", {}).values()]
    described = [part.get_object()["/FontDescriptor"] for font in fonts for part in font["/DescendantFonts"]]
    assert described
    assert all("/FontFile2" in font or "/FontFile3" in font for font in described)
    assert any("drawn words" in text for text in report["pages"])  # text of the SVG
    assert sum(len(page.images) for page in pages) == 1  # the figure that is only a PNG


def test_wide_table_stays_on_the_page(report):
    page = report["pdf"].pages[next(at for at, text in enumerate(report["pages"]) if "12.1234" in text)]
    edges = []
    page.extract_text(
        visitor_text=lambda text, cm, tm, *_: edges.extend([tm[4] * cm[0] + cm[4]] if text.strip() else [])
    )
    assert min(edges) > 70
    assert max(edges) < float(page.mediabox.width) - 76


def test_code_is_folded_in_html_and_not_in_the_text_of_the_pdf(report):
    assert report["html"].count('<details class="code">') == 8
    assert "Show all code" in report["html"]
    assert not any("seed = 3" in text for text in report["pages"])


def lists(tmp_path, *cells):
    """Both formats of a chapter whose text speaks of its listing, as text."""
    path = save(tmp_path, notebook("# T\n\nSee @lst-a.", *cells))
    build([path], tmp_path / "report.toml", html=tmp_path / "r.html", pdf=tmp_path / "r.pdf")
    pages = [" ".join(page.extract_text().split()) for page in pypdf.PdfReader(tmp_path / "r.pdf").pages]
    return (tmp_path / "r.html").read_text(), pages


LISTED = "#| label: lst-a\n#| lst-cap: How it is done.\n"


def test_a_cell_with_the_words_of_a_listing_shows_its_code_in_the_text(tmp_path):
    source = LISTED + "def double(x):\n    return 2 * x  # twice"
    html, pages = lists(tmp_path, code(source, shown("text/markdown", "What it found.")))
    text = next(text for text in pages if "See Listing" in text)
    assert "Listing 1.1 How it is done. def double(x): return 2 * x # twice What it found." in text
    assert sum("def double" in text for text in pages) == 1  # not again at the end
    assert re.search(r'<a href="#lst-a"[^>]*>Listing\s1\.1</a>', html)
    figure = html.split('<figure id="lst-a"')[1].split("</figure>")[0]
    assert "double" in figure and "How it is done." in figure
    assert '<details class="code">' not in html


def test_a_listing_of_a_helper_has_its_source_as_it_was_imported(tmp_path):
    made = listing(Numbering.count)
    html, pages = lists(tmp_path, code(LISTED + "listing(f)", shown("text/markdown", made._repr_markdown_())))
    text = next(text for text in pages if "See Listing" in text)
    assert "How it is done. def count(self, prefix: str) -> str:" in text and "listing(f)" not in text
    assert html.count('<details class="code">') == 1  # the cell that asked for it
    assert made._repr_markdown_().startswith("```python\ndef count(self")  # indented no more


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        (code("#| label: lst-a\nx = 1"), "a listing has both a label that begins with lst- and lst-cap"),
        (code("#| lst-cap: C.\nx = 1"), "a listing has both a label that begins with lst- and lst-cap"),
        (code("#| label: tbl-a\n#| lst-cap: C.\nx = 1"), "a listing has both a label"),
        (code(LISTED), "has the options of a listing, but shows no code"),
        (code(LISTED + "x = 1\n" * 56), "the listing has 56 lines, and a page 55: show less of the code"),
    ],
)
def test_a_listing_that_is_none_or_too_long_is_refused(cell, message, tmp_path, capsys):
    assert f"cell 2: {message}" in refusal(save(tmp_path, notebook("# T\n\nSee @lst-a.", cell)), capsys)


def test_output_is_capped_and_noise_is_dropped(report):
    for text in (report["html"], "".join(report["pages"])):
        assert "... 20 more lines" in text
        assert not re.search("line 40|progress bar", text)


def test_html_needs_nothing_else_and_describes_its_images(report):
    html = report["html"]
    sources = re.findall(r"<(?:img|script|link|iframe|source|video)\b[^>]*?\b(?:src|href)=[\"']?([^\"'> ]*)", html)
    assert len(sources) == 1
    assert sources[0].startswith("data:image/png;base64,")
    assert not re.search(r"url\((?!data:)|@import", html.split("<style>")[1].split("</style>")[0])
    assert 'aria-label="Two lines that fall, &quot;quoted&quot; &amp; &lt;tagged&gt;" width="288"' in html
    assert '<html lang="en">' in html
    assert "<title>Two &lt;Studies&gt; #1</title>" in html
    assert html.count("<math") >= 4
    assert "<figcaption>" in html
    assert 'class="skip"' in html


def test_cover_is_literal_and_sample_data_is_marked_everywhere(report):
    assert "&lt;b&gt;#x $y @z \\ &quot;q&quot;" in report["html"]
    assert AUTHOR in report["pages"][0]
    assert all("SAMPLE DATA, not for submission" in text for text in [*report["pages"], report["html"]])
    assert "profile full · seed 7 · commit abcdef1234" in report["pages"][0]
    assert all(text in report["pages"][-1] for text in ("How this was run", "1 min 15 s", "1,234 MB"))


def test_the_closing_appendix_reads_alike_in_both_formats(report):
    words = " ".join(re.sub(r"<[^>]+>", " ", report["html"].split("How this was run")[-1]).split())
    for text in (words, " ".join(report["pages"][-1].split())):
        for line in ("ae — 7 full cpu 2 1 min 15 s 1,234 MB", "dn — 7 full cpu 2 1 min 15 s —"):
            assert line in text
        for line in ("Processor Tube ae", "Memory 8.5 GB ae", f"MNIST/raw/a.gz {'0f' * 16}"):
            assert line in text


def test_numbers_stand_right_and_split_heads_are_joined(report):
    table = report["html"].split('id="tbl-layers"')[1].split("</table>")[0]
    assert re.findall(r"<th[^>]*>([^<]*)</th>", table)[:3] == ["model", "loss", "kind"]
    assert 'text-align: right;">12.25' in table
    assert 'text-align: right;">b' not in table


def test_same_bytes_twice(report, tmp_path, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    (tmp_path / "report.toml").write_text('title = "T"')
    made = []
    for name in ("a", "b"):
        html, pdf = tmp_path / f"{name}.html", tmp_path / f"{name}.pdf"
        build(report["paths"], tmp_path / "report.toml", html=html, pdf=pdf)
        made.append((html.read_bytes(), pdf.read_bytes()))
    assert made[0] == made[1]
    assert b"14 November 2023" in made[0][0]


FIGURE = options(label="fig-a", fig_cap="A.", fig_alt="a")
BLANK = options(label="fig-a", fig_cap=" ", fig_alt=" ")
OF_ITSELF = options(label="fig-a", fig_cap="This is @fig-a.", fig_alt="a")
TABLE = options(label="tbl-a", tbl_cap="A.")
CELLS = "<table><tr><td>a</td></tr></table>"
MEND = "speak of it in the text, or leave it out"
JPEG, IN_HTML = shown("image/jpeg", "/9j/"), shown("text/html", "<img src='a'>")
RICH = v4.new_output("display_data", data={"text/html": "<b>a</b>", "text/plain": "<IPython.core.display.HTML object>"})
FAILED = v4.new_output("error", ename="ValueError", evalue="first\nnot enough rows", traceback=[])
SILENT = v4.new_notebook(cells=[v4.new_markdown_cell("# T")], metadata={"papermill": {"exception": True}})
UNRUN = v4.new_notebook(cells=[v4.new_markdown_cell("# T"), v4.new_code_cell("1")])


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (notebook("# T\n\nsee @fig-b"), "cell 1: the reference @fig-b points nowhere"),
        (notebook("# T", "[a](#b)"), "cell 2: the link to #b points nowhere"),
        (notebook("# T", code(FIGURE, drawing()), code(FIGURE, drawing())), "cell 3: the label fig-a is used twice"),
        (notebook("# T", code("x()", FAILED)), "cell 2: the run failed with not enough rows"),
        (SILENT, "the run failed"),
        (UNRUN, "never executed"),
        (notebook("no title"), "cell 1: a chapter begins with `# Chapter title`"),
        (notebook("# T", "# U"), "cell 2: a chapter has one `# Chapter title`"),
        (notebook("# T", code("draw()", drawing())), "cell 2: the figure has no label, fig-cap, fig-alt"),
        (notebook("# T", code(options(label="fig-a", fig_alt="a"), drawing())), "cell 2: the figure has no fig-cap"),
        (notebook("# T", code(options(label="fig-a", fig_cap="A"), drawing())), "cell 2: the figure has no fig-alt"),
        (notebook("# T", code(BLANK, drawing())), "cell 2: the figure has no fig-cap, fig-alt"),
        (notebook("# T", code(FIGURE, JPEG)), "cell 2: the figure has no PNG; draw it with matplotlib"),
        (notebook("# T", code("draw()", IN_HTML)), "cell 2: the figure has no PNG; draw it with matplotlib"),
        (notebook("# T", "![a](a.png)"), "cell 2: an image in markdown has no number; draw it in a code cell"),
        (notebook("# T", code(FIGURE, drawing())), f"cell 2: nothing refers to @fig-a: {MEND}"),
        (notebook("# T", code(TABLE, shown("text/html", CELLS))), f"cell 2: nothing refers to @tbl-a: {MEND}"),
        (notebook("# T", "| a |\n|---|\n| b |\n\n: C {#tbl-a}"), f"cell 2: nothing refers to @tbl-a: {MEND}"),
        (notebook("# T", "$$x$$ {#eq-a}", "`@eq-a`"), f"cell 2: nothing refers to @eq-a: {MEND}"),
        (notebook("# T", code(OF_ITSELF, drawing())), f"cell 2: nothing refers to @fig-a: {MEND}"),
        (notebook("# T", "[^1]: A note that nothing leads to."), "cell 2: Note with key '1' defined at line"),
        (notebook("# T", code(FIGURE)), "cell 2: has the options of a figure, but draws none"),
        (notebook("# T", code(options(label="tbl-a", tbl_cap="A."))), "cell 2: has the options of a table"),
        (notebook("# T", code(options(label="tbl-a"))), "cell 2: the table has no tbl-cap"),
        (notebook("# T", code(FIGURE, drawing(), drawing())), "cell 2: draws 2 figures"),
        (notebook("# T", code("#| fig-cap: a: b\nx")), "cell 2: cannot read the #| options"),
        (
            notebook("# T", code("#| label: lst-a\n#| label: lst-b\nx")),
            "cell 2: cannot read the #| options ('label' is",
        ),
        (notebook("# T", code("#| 1: a\n#| b: c\nx")), "cell 2: unknown #| option 1"),
        (notebook("# T", code("#| fig-atl: a\nx")), "cell 2: unknown #| option 'fig-atl'"),
        (notebook("# T", "```python\nx", "after"), "cell 2: a code fence is not closed"),
        (notebook("# T", "::: {.note}\nx", "after"), "cell 2: Div at line"),
        (notebook("# T\n\n[^1]\n\n[^1]: a", "[^1]: b"), "cell 2: Duplicate note reference"),
        (notebook("# T", "::: {.note}\nx", ":::\n\ny"), "cell 2: a ::: block ends in another cell"),
        (notebook("# T", "<div>\n\nx", "</div>"), "cell 2: write markdown instead of <div>"),
        (notebook("# T", "---\nIt reaches 12.34 %.\n---"), "cell 2: 12.34 % is typed into the text"),
        (notebook("# T", "## S {#main}"), "cell 2: the label main is used twice (the page has it)"),
        (notebook("# T", code("x()", shown("text/html", "</div>" + CELLS))), "cell 2: its table cannot be read"),
        (notebook("# T", code("x()", RICH)), "cell 2: shows text/html, text/plain, which one format lacks"),
        (notebook("# T", "a <b>c</b>"), "cell 2: write markdown instead of <b>"),
        (notebook("# T", r"fine $x$, bad $\nosuch{x}$"), "cell 2: Could not convert TeX math"),
    ],
)
def test_what_must_not_become_a_report(broken, message, tmp_path, capsys):
    path = save(tmp_path, broken)
    said = refusal(path, capsys)
    assert message in said
    assert str(path) in said


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "No such file"),
        ("title = ", "not TOML"),
        ('title = "T"\nautor = "A"', "unknown key 'autor'"),
        ("title = 3", "write title ="),
        ('title = "T"\n[a]\nautor = "A"', "unknown key 'autor'"),
        ('author = "A"', "has no title"),
        ('title = "T"\n"a\\nb" = "A"', "unknown key 'a\\nb'"),
        ("title = " + "[" * 5000, "nested too deep"),
    ],
)
def test_bad_config_is_one_line(text, message, tmp_path, capsys):
    path, config = save(tmp_path, notebook("# T")), tmp_path / "other.toml"
    if text is not None:
        config.write_text(text)
    assert main([str(path), "--config", str(config), "--html", str(tmp_path / "report.html")]) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert message in error
    assert error.count("\n") == 1


NOW = int(datetime(2030, 7, 1, 11, tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    ("zone", "epoch", "day"),
    [
        ("Etc/GMT+12", "", "30 June 2030"),  # twelve hours behind UTC
        ("UTC", "", "1 July 2030"),
        ("Etc/GMT-14", "", "2 July 2030"),  # fourteen before it
        ("Etc/GMT-14", str(NOW), "1 July 2030"),
        ("Etc/GMT+12", str(NOW), "1 July 2030"),
    ],
)
def test_the_date_is_the_users_day_or_that_of_a_repeatable_build(zone, epoch, day, tmp_path, monkeypatch):
    class Now(datetime):
        @classmethod
        def now(cls, tz=None):
            return cls.fromtimestamp(NOW, tz)

    monkeypatch.setenv("TZ", zone)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", epoch)
    monkeypatch.setattr(config, "datetime", Now)
    time.tzset()
    try:
        (tmp_path / "report.toml").write_text('title = "T"')
        assert config.read_config(tmp_path / "report.toml").date == day
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize("epoch", ["soon", "1.5", "9" * 30])
def test_a_time_that_is_none_is_one_line(epoch, tmp_path, monkeypatch, capsys):
    path = save(tmp_path, notebook("# T"))
    (tmp_path / "report.toml").write_text('title = "T"')
    monkeypatch.setenv("SOURCE_DATE_EPOCH", epoch)
    assert refusal(path, capsys).startswith(f"SOURCE_DATE_EPOCH: '{epoch}' is no number of seconds since 1970")


def test_a_full_disk_leaves_the_former_file(tmp_path, monkeypatch):
    path, out = save(tmp_path, notebook("# T")), tmp_path / "out" / "report.html"
    out.parent.mkdir()
    out.write_text("former")

    monkeypatch.setattr(os, "replace", Mock(side_effect=OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))))
    with pytest.raises(ReportError, match=r"cannot write .*No space left"):
        build([path], tmp_path / "report.toml", html=out)
    assert out.read_text() == "former"
    assert [item.name for item in out.parent.iterdir()] == ["report.html"]


def test_nbconvert_exporters_make_one_chapter(tmp_path):
    path, config = str(save(tmp_path, notebook("# Alone", "Words."))), str(tmp_path / "report.toml")
    html, about = HTMLReport(config_file=config).from_filename(path)
    pdf, _ = PDFReport(config_file=config).from_filename(path)
    assert "Alone" in html
    assert about["output_extension"] == ".html"
    assert pdf.startswith(b"%PDF")


def test_a_formula_that_only_one_format_lacks_names_its_cell(tmp_path):
    path = save(tmp_path, notebook("# T", r"$$\begin{Vmatrix} 1 \end{Vmatrix}$$"))
    with pytest.raises(ReportError, match="cell 2: the PDF cannot be set: expected exactly one character"):
        build([path], tmp_path / "report.toml", pdf=tmp_path / "report.pdf")


@pytest.mark.parametrize(("given", "listed"), [("n = 2.0\nkind = 'a'", 1), ("n = 3", 2), ("n = 2\nfile = 'x'", 2)])
def test_parameters_are_listed_again_only_when_they_are_others(given, listed, tmp_path):
    declared, injected = code("n: int = 2  # how many\nkind: str = 'a'"), code(f"# Parameters\n{given}")
    declared.metadata["tags"], injected.metadata["tags"] = ["parameters"], ["injected-parameters"]
    path, html = save(tmp_path, notebook("# T", declared, injected)), tmp_path / "report.html"
    build([path], tmp_path / "report.toml", html=html)
    assert html.read_text().count('<details class="code">') == listed


def test_a_table_without_a_label_can_be_referred_to_by_its_number(tmp_path):
    table = code(options(tbl_cap="A."), shown("text/html", CELLS))
    path, html = save(tmp_path, notebook("# T", table, "As @tbl-1-1 shows.")), tmp_path / "report.html"
    build([path], tmp_path / "report.toml", html=html, pdf=tmp_path / "report.pdf")
    page = html.read_text()
    assert 'href="#tbl-1-1"' in page
    assert 'id="tbl-1-1"' in page


def test_what_is_referred_to_in_any_way_is_kept(tmp_path):
    computed = code("say()", shown("text/markdown", "As @fig-a shows."))
    figure = code(options(label="fig-a", fig_cap="By @eq-a.", fig_alt="a"), drawing())
    content = notebook("# T", "$$x$$ {#eq-a}\n\n$$y$$", figure, computed, code(TABLE, shown("text/html", CELLS)))
    content.cells.append(v4.new_markdown_cell("## S {#sec-s}\n\nA [table](#tbl-a)."))
    build([save(tmp_path, content)], tmp_path / "report.toml", html=tmp_path / "report.html")


def test_building_starts_without_torch():
    check = "import sys, workflow.report.build; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], cwd=ROOT).returncode == 0


def test_the_package_itself_imports_nothing():
    check = "import sys, workflow.report; sys.exit('nbconvert' in sys.modules or 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], cwd=ROOT).returncode == 0
