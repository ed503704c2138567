"""What only the PDF has: its standards, lists, floats and page boxes, on one sample built once."""

import re

import pandas as pd
import pypdf
import pytest
from test_report import code, drawing, notebook, options, save, shown, structure

from workflow.report import pdf
from workflow.report.build import build

FIGURE = "Two lines that fall. The second falls, as Guo et al. (2017) say, behind $x$."
WIDE, LONG = "Twelve columns. None is left out.", "Ninety rows."


def sample():
    """A chapter with a figure, a table wider and one longer than a page, and what it cites."""
    wide = pd.DataFrame({f"uncommonly named column {at}": ["some words that could be broken"] * 2 for at in range(12)})
    long = pd.DataFrame({"row": [f"row {at}" for at in range(90)], "value": range(1000, 1090)})
    short = pd.DataFrame({"row": ["alone"], "value": [7]})
    return notebook(
        "# Sample\n\nSee @fig-lines, @tbl-wide, @tbl-long, @eq-sum and [the end](#sec-end) (Kingma and Ba, 2015).",
        code(options(label="fig-lines", fig_cap=FIGURE, fig_alt="Two falling lines"), drawing()),
        "$$ \\hat{\\mathcal{L}} = \\sum_i \\sqrt{\\frac{a_i}{b}} \\in \\mathbb{R} $$ {#eq-sum}\n\n" + "Words. " * 600,
        code(options(label="tbl-wide", tbl_cap=WIDE), shown("text/html", wide.to_html(index=False))),
        code(options(label="tbl-long", tbl_cap=LONG), shown("text/html", long.to_html(index=False))),
        code("plain()", shown("text/html", short.to_html(index=False))),
        code("def say():\n    return '" + "x" * 200 + "'"),
        "## The end {#sec-end}\n\n- an item\n- another\n\n<https://example.org/a>",
    )


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The sample as a PDF; the paths of the notebook and of the PDF."""
    folder = tmp_path_factory.mktemp("pdf")
    path = save(folder, sample())
    build([path], folder / "report.toml", pdf=folder / "report.pdf")
    return path, folder / "report.pdf"


@pytest.fixture(scope="module")
def reader(made):
    return pypdf.PdfReader(made[1])


@pytest.fixture(scope="module")
def pages(reader):
    """The words of every page."""
    return [" ".join(page.extract_text().split()) for page in reader.pages]


def widths(font):
    """The width of every glyph of a font, in thousandths of its size."""
    found, waiting = {}, [*font["/DescendantFonts"][0].get_object()["/W"]]
    while waiting:
        first, second = waiting.pop(0), waiting.pop(0).get_object()
        if isinstance(second, list):
            found |= dict(enumerate(map(float, second), start=int(first)))
        else:
            found |= dict.fromkeys(range(int(first), int(second) + 1), float(waiting.pop(0)))
    return found


def runs(page):
    """(x, y) of both ends of every run of text on a page."""
    fonts = {name: widths(font.get_object()) for name, font in page["/Resources"].get("/Font", {}).items()}
    ends, state = [], {}

    def visit(operator, operands, cm, tm):
        if operator == b"Tf":
            state["font"], state["size"] = fonts[operands[0]], float(operands[1])
        if operator not in (b"Tj", b"TJ"):
            return
        length = 0
        for item in operands[0] if operator == b"TJ" else operands:
            if isinstance(item, int | float):
                length -= item
            else:
                letters = item.original_bytes
                pairs = zip(letters[::2], letters[1::2], strict=True)
                length += sum(state["font"].get(256 * high + low, 1000) for high, low in pairs)
        for along in (0, length * state["size"] / 1000):
            x, y = along * tm[0] + tm[4], along * tm[1] + tm[5]
            ends.append((x * cm[0] + y * cm[2] + cm[4], x * cm[1] + y * cm[3] + cm[5]))

    page.extract_text(visitor_operand_before=visit)
    return ends


def test_no_text_leaves_the_page(reader):
    for page in reader.pages:
        ends = runs(page)
        assert ends
        assert all(0 <= x <= page.mediabox.width and 0 <= y <= page.mediabox.height for x, y in ends)


def test_tables_and_code_stay_within_the_text(reader, pages):
    margin = 25 / 25.4 * 72 - 6  # a full stop and the space behind it may hang out
    for words in ("column 11", "row 89", "def say"):
        page = reader.pages[max(at for at, text in enumerate(pages) if words in text)]
        across = [x for x, _ in runs(page)]
        assert min(across) > margin
        assert max(across) < float(page.mediabox.width) - margin


def test_a_word_of_code_that_is_broken_stays_one_string():
    words = "say('" + "x" * 200 + "')"
    block = pdf.typst_node({"t": "CodeBlock", "c": [["", ["python"], []], words]}, None)["c"][1]
    assert "\n" not in block
    assert block.replace("\u200b", "") == words
    assert block.count("\u200b") == 2


def test_it_says_that_it_is_accessible_and_lasting(reader):
    about = reader.trailer["/Root"]["/Metadata"].get_object().get_data().decode()
    for name, value in (("pdfuaid:part", "1"), ("pdfaid:part", "3"), ("pdfaid:conformance", "A")):
        assert re.search(rf"<{name}>{value}</{name}>", about)
    assert reader.trailer["/Root"]["/Lang"] == "en-GB"


def test_every_caption_and_description_is_there(reader, pages):
    text = " ".join(pages)
    for caption in ("Figure 1.1 " + FIGURE.split("$")[0], "Table 1.1 " + WIDE, "Table 1.2 " + LONG):
        assert caption.strip() in text
    tags = structure(reader)
    assert ("/Figure", "Two falling lines") in tags
    assert sum(tag == "/Caption" for tag, _ in tags) == 3
    assert r"\hat{\mathcal{L}} = \sum_i \sqrt{\frac{a_i}{b}} \in \mathbb{R}" in [alt for _, alt in tags]


def test_the_contents_are_chapters_and_sections_on_one_page(pages):
    assert pages[1].startswith("Two <Studies> #1 R-42 Contents 1 Sample")
    assert "1.1 The end" in pages[1] and "Code" in pages[1]
    assert not re.search(r"Figures|Tables|Two lines that fall", pages[1])
    assert "Contents" not in pages[2]


def test_nothing_is_left_unresolved(pages):
    assert not re.search(r"\?\?|@(fig|tbl|eq|sec)-|\{#|#\||report\.", " ".join(pages))


def test_every_link_leads_somewhere(reader):
    inner, outer = [], []
    for page in reader.pages:
        for link in page.get("/Annots", []):
            link = link.get_object()
            assert link["/Subtype"] == "/Link"
            assert link["/Contents"]
            (outer if "/A" in link else inner).append(link["/A"]["/URI"] if "/A" in link else link["/Dest"])
    numbers = {page.indirect_reference.idnum for page in reader.pages}
    named = reader.named_destinations
    for target in inner:
        page, _, _, y, _ = named[target].dest_array if isinstance(target, str) else target.get_object()
        assert page.idnum in numbers
        assert 0 <= y <= 842
    assert {"https://example.org/a", "https://arxiv.org/abs/1412.6980"} <= set(outer)
    assert len(inner) >= 10


def test_a_long_table_is_torn_and_repeats_its_head(pages):
    torn = [text for text in pages if re.search(r"row \d", text)]
    assert len(torn) > 1
    assert all("row value" in text for text in torn)
    assert all(any(f"row {at} {1000 + at}" in text for text in torn) for at in range(90))


def test_a_small_figure_stands_where_it_is_spoken_of(pages):
    opening = next(at for at, text in enumerate(pages) if "1 Sample See" in text)
    assert re.search(r"1 Sample See Figure .*Figure 1\.1 Two lines.* Words\.", pages[opening])


def test_a_high_figure_goes_to_the_bottom_while_the_text_flows_on(tmp_path):
    high = drawing("png")  # without an SVG its size is that of its pixels
    high["metadata"]["image/png"] = {"width": 600, "height": 400}
    content = notebook(
        "# High\n\n" + "Before. " * 385 + "\n\nSee @fig-high.",
        code(options(label="fig-high", fig_cap="It is high.", fig_alt="Two falling lines"), high),
        "After. " * 500,
    )
    build([save(tmp_path, content)], tmp_path / "report.toml", pdf=tmp_path / "report.pdf")
    texts = [" ".join(page.extract_text().split()) for page in pypdf.PdfReader(tmp_path / "report.pdf").pages]
    opening = next(at for at, text in enumerate(texts) if "1 High Before." in text)
    assert re.search(r"See Figure 1\.1\. After\.", texts[opening])
    assert texts[opening + 1].index("After.") < texts[opening + 1].index("Figure 1.1 It is high.")


def test_poppler_finds_no_fault_in_the_marks(reader):
    assert reader.trailer["/Root"]["/MarkInfo"] == {"/Marked": True}


def test_its_small_objects_are_compressed(made):
    assert made[1].read_bytes().count(b"/ObjStm") >= 1
