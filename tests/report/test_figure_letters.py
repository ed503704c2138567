"""Words and formulas in figures: all of matplotlib's alphabets, and all scripts, in both formats."""

import base64
import io
import re
import warnings

import matplotlib
import pypdf
import pytest
from matplotlib.figure import Figure
from nbformat import v4
from test_report import code, notebook, options, save

from workflow.report.build import build
from workflow.report.errors import ReportError
from workflow.report.figure_letters import with_shapes, with_typeset_words

ALPHABETS = ["rm", "it", "bf", "cal", "bb", "frak", "scr", "sf", "tt", "bfit", "normal"]
SETS = ["dejavusans", "dejavuserif", "cm", "stix", "stixsans"]
LARGE = r"$\sqrt{\frac{\mathcal{L}^2}{\mathbb{R}}} \hat{x} \int_0^1 \left(\frac{a}{b}\right) \sum_i \oint \vec{v}$"
NOT_TEXT = r"<tspan[^>]*font-family: '(?!DejaVu Sans')"


def figure(*lines, fontset="dejavusans"):
    """A display_data output with a figure whose title has these lines."""
    data, rules = {}, {"svg.fonttype": "none", "svg.hashsalt": "r", "mathtext.fontset": fontset}
    with matplotlib.rc_context(rules), warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*missing from font")  # the SVG has the words, and no glyphs
        drawn = Figure(figsize=(4, 1 + 0.2 * len(lines)))
        drawn.subplots().set_title("\n".join(lines))
        for kind, mime in (("png", "image/png"), ("svg", "image/svg+xml")):
            drawn.savefig(file := io.BytesIO(), format=kind, dpi=60, bbox_inches="tight")
            data[mime] = (base64.b64encode if kind == "png" else bytes)(file.getvalue()).decode()
    return v4.new_output("display_data", data)


def made(tmp_path, output):
    """The HTML and the PDF of a chapter with a figure."""
    cell = code(options(label="fig-a", fig_cap="C.", fig_alt="A"), output)
    path = save(tmp_path, notebook("# T\n\n@fig-a", cell))
    build([path], tmp_path / "report.toml", html=tmp_path / "r.html", pdf=tmp_path / "r.pdf")
    return (tmp_path / "r.html").read_text(), pypdf.PdfReader(tmp_path / "r.pdf")


@pytest.mark.parametrize("fontset", SETS)
def test_every_alphabet_of_formulas_prints_in_both_formats(fontset, tmp_path):
    lines = [rf"$\math{name}{{ABCLRNZbdegk0179}}$" for name in ALPHABETS]
    output = figure(*lines, LARGE, fontset=fontset)
    html, reader = made(tmp_path, output)
    svg = html.split('aria-label="A"')[1].split("</svg>")[0]
    assert not re.search(NOT_TEXT, svg)
    assert svg.count("<path") > 40
    assert not re.search("[\ue000-\uf8ff]", svg)
    assert len(reader.pages) > 2


def test_a_letter_becomes_the_shape_that_its_font_has_at_its_place():
    svg = figure(r"$\mathcal{L}$").data["image/svg+xml"].encode()
    drawn = with_shapes(svg, "").decode()
    x, y = re.search(r"<tspan x=\"([\d.]+)\" y=\"([-\d.]+)\"[^>]*STIXNonUnicode", svg.decode()).groups()
    shape = re.search(rf'<path transform="translate\({x} {re.escape(y)}\) scale\((\S+) -\1\)" d="(M[^"]+Z)"', drawn)
    points = float(re.search(r"font-size: ([\d.]+)px[^>]*STIXNonUnicode", svg.decode())[1])
    assert float(shape[1]) == pytest.approx(points / 1000)  # of a font with 1000 units to the em
    assert "fill: #000000" in drawn


@pytest.mark.parametrize("words", ["plain words", "Ångström ∑ → Привет", r"$x^2 + \alpha$"])
def test_a_figure_of_dejavu_sans_stays_as_it_is(words):
    svg = figure(words).data["image/svg+xml"].encode()
    assert with_shapes(svg, "") is svg
    assert with_typeset_words(svg, [], None) is svg


@pytest.mark.parametrize("broken", [b"", b"no svg", b"<svg><text><tspan font-family: 'cmr10'", "<svg>क".encode()])
def test_what_is_no_svg_stays_as_it_is(broken):
    assert with_shapes(broken, "") == with_typeset_words(broken, [], None) == broken


@pytest.mark.parametrize("words", ["क्षत्रिय", "தமிழ்", "ที่นี่", "中文", "مرحبا!", "😀 1️⃣ ❤️", "x\u0301 a\u200db"])
def test_words_of_other_scripts_are_drawn_in_the_pdf_and_stay_words_in_the_html(words, tmp_path):
    html, reader = made(tmp_path, figure(words, "plain"))
    assert words in html.split('aria-label="A"')[1].split("</svg>")[0]
    text = reader.pages[2].extract_text()
    assert "plain" in text
    assert words not in text  # shapes


@pytest.mark.parametrize("words", [r"$x$ 中文", r"$\hat{x}$ ไทย", r"$\mathbb{R}$ क्षत्रिय", r"$\mathcal{L}$ 👍"])
def test_letters_that_matplotlib_loses_beside_a_formula_are_refused(words, tmp_path):
    with pytest.raises(ReportError, match="cell 2: the figure has a text with a formula and letters"):
        made(tmp_path, figure(words))


@pytest.mark.parametrize("style", ["", "fill: red", "font-size: 2em", "font-size: 12px; fill: url(#a)"])
def test_words_of_a_figure_that_is_not_matplotlibs_print(style, tmp_path):
    output = figure("plain")
    text = f'<text style="{style}" x="9" y="20">中文</text></svg>'
    output.data["image/svg+xml"] = output.data["image/svg+xml"].replace("</svg>", text)
    html, _ = made(tmp_path, output)
    assert "中文" in html


def test_drawn_words_keep_their_colour_and_their_place(tmp_path):
    import typst

    style = "font-size: 20px; font-family: 'DejaVu Sans'; fill: #a1b2c3"
    body = f'<text style="{style}; text-anchor: {{}}" x="100" y="50" transform="rotate(-90 100 50)">मन</text>'
    places = []
    for anchor in ("start", "middle", "end"):
        svg = f'<svg xmlns="http://www.w3.org/2000/svg">{body.format(anchor)}</svg>'.encode()
        drawn = with_typeset_words(svg, ["Noto Sans Devanagari"], typst.Fonts(False, True, [])).decode()
        assert 'fill="#a1b2c3"' in drawn
        assert 'transform="rotate(-90 100 50)"' in drawn
        x, y = map(float, re.search(r"translate\((\S+) (\S+)\)", drawn).groups())
        assert y == pytest.approx(30)  # 20 above the baseline, where the page of the words begins
        places.append(x)
    assert places[0] == 100
    assert places[0] - places[1] == pytest.approx(places[1] - places[2], abs=0.01)
    assert places[2] < 80
