"""Letters of the world's scripts: set in a font that shapes them, or refused with letter, place and mend."""

from types import SimpleNamespace

import pandas as pd
import pypdf
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from nbformat import v4
from test_figure_letters import figure
from test_report import code, notebook, options, save, shown

from workflow.report import letters, pdf
from workflow.report.build import build, main
from workflow.report.errors import ReportError
from workflow.report.figure_letters import right_to_left
from workflow.report.fonts import folder

# A word of each script, and what the name of its font in a PDF has in it.
SCRIPTS = {
    "अभिषेक क्षत्रिय": "NotoSansDevanagari", "বাংলা": "NotoSansBengali", "தமிழ்": "NotoSansTamil",
    "తెలుగు": "NotoSansTelugu", "ಕನ್ನಡ": "NotoSansKannada", "മലയാളം": "NotoSansMalayalam",
    "ગુજરાતી": "NotoSansGujarati", "ਪੰਜਾਬੀ": "NotoSansGurmukhi", "ଓଡ଼ିଆ": "NotoSansOriya",
    "සිංහල": "NotoSansSinhala", "ภาษาไทย": "NotoSansThai", "ລາວ": "NotoSansLao", "မြန်မာ": "NotoSansMyanmar",
    "ខ្មែរ": "NotoSansKhmer", "አማርኛ": "NotoSansEthiopic", "ქართული": "NotoSansGeorgian", "مرحبا": "NotoSansArabic",
    "中文漢字": "NotoSansCJKsc", "かな漢字": "NotoSansCJKjp", "한국어": "NotoSansCJKkr", "😀👍🏽🇮🇳": "NotoEmoji",
    "1️⃣": "NotoEmoji", "Привет": "LibertinusSerif", "Ελληνικά": "LibertinusSerif", "Tiếng Việt": "LibertinusSerif",
    "שלום": "", "→ ✓ ∑": "", "x⃗": "",
}  # fmt: skip
TIBETAN = "\N{TIBETAN LETTER KA}"
FIGURE = {"label": "fig-a", "fig_alt": "A"}


def made(tmp_path, content, **overrides):
    """The PDF of a notebook, and the text of its HTML."""
    path = save(tmp_path, content)
    html, out = tmp_path / "r.html", tmp_path / "r.pdf"
    build([path], tmp_path / "report.toml", html=html, pdf=out, overrides=overrides)
    return pypdf.PdfReader(out), html.read_text()


def fonts_of(page):
    return {font.get_object()["/BaseFont"].split("+")[1] for font in page["/Resources"].get("/Font", {}).values()}


@pytest.mark.parametrize(("word", "font"), SCRIPTS.items())
def test_a_word_is_set_in_a_font_of_its_script(word, font, tmp_path):
    reader, page = made(tmp_path, notebook("# T", word, f"`{word}` **{word}**"), author=word, title=word)
    for number in (0, 2):
        assert any(name.startswith(font) for name in fonts_of(reader.pages[number])) or not font
        assert not any(name.startswith("NewCM10") for name in fonts_of(reader.pages[number]))  # it shapes nothing
    assert page.count(word) > 4
    assert (reader.metadata.author, reader.metadata.title) == (word, word)


def test_all_scripts_print_at_once_everywhere(tmp_path):
    words = ", ".join(SCRIPTS)
    table = pd.DataFrame({word: [word] for word in SCRIPTS}).to_html()
    content = notebook(
        f"# {words}",
        f"## {words}\n\nSee @fig-a and @tbl-a. {words}\n\n`{words}`",
        code(f"print('{words}')", v4.new_output("stream", name="stdout", text=words)),
        code(options(label="fig-a", fig_cap=words, fig_alt=words), figure(*SCRIPTS)),
        code(options(label="tbl-a", tbl_cap=words), shown("text/html", table)),
    )
    cover = dict.fromkeys(("title", "subtitle", "author", "roll", "course", "institution"), words)
    _, page = made(tmp_path, content, **cover)
    assert page.count("क्षत्रिय") > 12


def test_a_report_of_usual_letters_has_the_usual_fonts(tmp_path):
    assert letters.fonts_for("Ångström naïve → ∑ Привет α ✓ “x” – …", folder("matplotlib")) == []


def test_each_letter_keeps_its_marks():
    assert letters.clusters("a, क्षि x⃗ é 1️⃣") == {"क्", "षि", "x⃗", "1️⃣"}


@pytest.mark.parametrize(
    ("text", "answer"),
    [("שלום abc", True), ("1. مرحبا", True), ("abc שלום", False), ("…", False), ("", False), ("ไทย", False)],
)
def test_a_paragraph_begins_where_its_first_letter_does(text, answer):
    assert right_to_left(text) is answer


def test_arabic_begins_at_the_right_and_ends_with_its_full_stop(tmp_path):
    reader, page = made(tmp_path, notebook("# T", "abc", "مرحبا بالعالم."))
    places = {}

    def visit(text, cm, tm, *_):
        if text.strip():
            places[text.strip()] = tm[4] * cm[0] + cm[4]

    reader.pages[2].extract_text(visitor_text=visit)
    assert places["abc"] < 100
    assert max(places.values()) > 400
    assert "unicode-bidi: plaintext" in page


@pytest.mark.parametrize(
    ("content", "overrides", "place"),
    [
        (notebook("# T", f"See {TIBETAN}."), {}, "notebook.ipynb, cell 2"),
        (notebook("# T", "x", f"## {TIBETAN}"), {}, "notebook.ipynb, cell 3"),
        (notebook("# T", code("p()", shown("text/plain", TIBETAN))), {}, "notebook.ipynb, cell 2"),
        (notebook("# T\n\n@fig-a", code(options(**FIGURE, fig_cap="C"), figure(TIBETAN))), {}, "cell 2"),
        (notebook("# T\n\n@fig-a", code(options(**FIGURE, fig_cap=TIBETAN), figure("x"))), {}, "cell 2"),
        (notebook("# T"), {"author": f"A {TIBETAN}"}, "the cover's author (report.toml, AUTHOR=)"),
        (notebook("# T"), {"course": TIBETAN}, "the cover's course (report.toml)"),
    ],
)
def test_a_letter_that_no_font_has_is_named_with_its_place_and_the_mend(
    content, overrides, place, tmp_path, monkeypatch
):
    monkeypatch.setattr(letters, "installed", list)
    with pytest.raises(ReportError) as error:
        made(tmp_path, content, **overrides)
    said = str(error.value)
    assert f"{place}: the PDF cannot have {TIBETAN} (U+0F40 TIBETAN LETTER KA)" in said
    assert "install one that has it, such as Noto's for Tibetan" in said
    assert TIBETAN in (tmp_path / "r.html").read_text()  # the HTML is made
    assert said.endswith("(r.html is made)")


@pytest.mark.parametrize("letter", ["\ue000", "\U000f0000", "\u0378"])
def test_what_is_no_letter_of_unicode_is_to_be_written_otherwise(letter, tmp_path, monkeypatch):
    monkeypatch.setattr(letters, "installed", list)
    with pytest.raises(ReportError, match=r"cell 2: the PDF cannot have .*which is no letter of Unicode's"):
        made(tmp_path, notebook("# T", f"x {letter} y"))


def test_a_letter_that_only_folded_code_has_is_no_matter(tmp_path, monkeypatch):
    monkeypatch.setattr(letters, "installed", list)
    made(tmp_path, notebook("# T", code(f"x = '{TIBETAN}'")))


def test_a_font_of_the_system_is_used_for_what_is_lacking(tmp_path, monkeypatch):
    pen = TTGlyphPen(None)
    for draw, point in ((pen.moveTo, (0, 0)), (pen.lineTo, (0, 500)), (pen.lineTo, (500, 0))):
        draw(point)
    pen.closePath()
    font = FontBuilder(1000)
    font.setupGlyphOrder([".notdef", "ka"])
    font.setupCharacterMap({ord(TIBETAN): "ka"})
    font.setupGlyf(dict.fromkeys([".notdef", "ka"], pen.glyph()))
    font.setupHorizontalMetrics(dict.fromkeys([".notdef", "ka"], (600, 0)))
    font.setupHorizontalHeader(ascent=800, descent=-200)
    font.setupNameTable({"familyName": "Of The System", "styleName": "Regular", "psName": "OfTheSystem"})
    font.setupOS2()
    font.setupPost()
    font.save(tmp_path / "system.ttf")
    found = SimpleNamespace(family="Of The System", path=str(tmp_path / "system.ttf"), index=0)
    monkeypatch.setattr(letters, "letters_of", letters.letters_of.__wrapped__)
    monkeypatch.setattr(letters, "installed", lambda: [found])
    reader, _ = made(tmp_path, notebook("# T", f"See {TIBETAN}."))
    assert "OfTheSystem" in fonts_of(reader.pages[2])


def test_a_refused_pdf_leaves_the_new_html_and_the_former_pdf_and_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(letters, "installed", list)
    path = save(tmp_path, notebook("# T", f"See {TIBETAN}."))
    html, out = tmp_path / "report.html", tmp_path / "report.pdf"
    for file in (html, out):
        file.write_text("former")
    assert main([str(path), "--config", str(tmp_path / "report.toml"), "--html", str(html), "--pdf", str(out)]) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert said.endswith("(report.html is made, report.pdf is of an earlier build)\n")
    assert f"See {TIBETAN}." in html.read_text()
    assert out.read_text() == "former"


@pytest.mark.parametrize(
    ("diagnostic", "place"),
    [
        ("error: no\n  ┌─ main.typ:3:6\n", "b.ipynb, cell 2: "),
        ("error: no\n  ┌─ main.typ:1:1\n", ""),
        ("error: no\n  ┌─ picture-1.svg:1:0\n", "c.ipynb, cell 3: "),
        ("error: no", ""),
    ],
)
def test_an_error_of_typsts_is_led_back_to_its_cell(diagnostic, place):
    picture = object()
    parts = [SimpleNamespace(where=where, picture=None) for where in ("a.ipynb, cell 1", "b.ipynb, cell 2")]
    parts += [SimpleNamespace(where="c.ipynb, cell 3", picture=picture)]
    book = SimpleNamespace(parts=parts, pictures={"picture-1": picture}, cell_of_formula=lambda *_: "")
    assert pdf.place_of_error(diagnostic, "#import\n// part 1\n#text", book) == place
