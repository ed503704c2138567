"""The report as a tagged PDF, set by Typst with its own fonts and those of the figures."""

from __future__ import annotations

import io
import json
import re
import shutil
import tempfile
from pathlib import Path

import pikepdf
import typst

from workflow.report import evidence, pandoc
from workflow.report.book import Book
from workflow.report.cells import Picture
from workflow.report.config import Config, build_time
from workflow.report.errors import ReportError
from workflow.report.figure_letters import right_to_left, with_typeset_words, words_of
from workflow.report.fonts import folder as folder_of
from workflow.report.letters import NoFont, describe, fonts_for
from workflow.report.pandoc import Blocks, Inlines, Node

TEMPLATE = Path(__file__).parent / "templates" / "report.typ"
# The template's names are behind `report.`: pandoc's formulas have words of their own.
PREAMBLE = f'#import "{TEMPLATE.name}"\n#import "{TEMPLATE.name}": horizontalrule, sect\n#show: report.book\n'
# Symbols that Typst has renamed, and pandoc has not.
OLD_NAMES = re.compile(r"\b(dot|minus|times)\.circle\b")
MARK = "// part "  # and its number, before each part of the book: errors of Typst's are found by it
WIDEST = 80  # letters of code in a line, so that a little space is left for its indentation


def render(book: Book, config: Config) -> bytes:
    """The whole PDF; raises ReportError with the letter that no font has, or Typst's words, when it cannot be set."""

    def change(node: Node) -> Node | list[Node] | None:
        return typst_node(node, book)

    arguments = ["-t", "typst", "--wrap=none", "--syntax-highlighting=idiomatic"]
    text: Blocks = []
    for at, part in enumerate(book.parts):
        text += [pandoc.raw_block("typst", f"{MARK}{at}"), *part.blocks]
    ordered = [*book.opening, pandoc.raw_block("typst", "#report.contents"), *text, *book.closing]
    body = book.write(pandoc.walk(ordered, change), {}, arguments)
    source = PREAMBLE + OLD_NAMES.sub(r"\1.o", body)
    cover = vars(config) | {"facts": book.facts, "sample": book.sample}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copy(TEMPLATE, folder)
        families = give_fonts(folder / "fonts", body, book, config)
        fonts = typst.Fonts(False, True, [folder / "fonts"])
        for key, picture in book.pictures.items():
            drawn = with_typeset_words(vectors(picture), families, fonts) or picture.png
            (folder / image_name(key, picture)).write_bytes(drawn)
        (folder / "main.typ").write_text(source, encoding="utf-8")
        given = {"cover": json.dumps(cover), "fonts": json.dumps(families)}
        try:
            compiler = typst.Compiler(folder / "main.typ", folder, fonts, sys_inputs=given)
            # Accessible (PDF/UA) and for archives (PDF/A-3, which may have files attached).
            now = int(build_time().timestamp())
            made = compiler.compile(format="pdf", pdf_standards=["ua-1", "a-3a"], timestamp=now)
        except typst.TypstError as error:
            cause = first_cause(error.diagnostic)
            said = " ".join([cause.partition("\n")[0], *re.findall(r"= hint: (.*)", cause)])
            raise ReportError(f"{place_of_error(cause, source, book)}the PDF cannot be set: {said}") from None
    assert isinstance(made, bytes)
    return made


def give_fonts(fonts: Path, body: str, book: Book, config: Config) -> list[str]:
    """Fill a folder with all fonts but Typst's own; the names of those for letters that the usual ones lack.

    The usual ones are those in which figures are drawn. Raises ReportError for a letter that no font has.
    """
    unwanted = shutil.ignore_patterns("LastResort*", "*.txt", "*.TXT")  # the first hides missing letters behind boxes
    shutil.copytree(folder_of("matplotlib"), fonts, ignore=unwanted)
    try:
        drawn = [words_of(picture.svg) for picture in book.pictures.values()]
        more = fonts_for("\n".join([body, *vars(config).values(), *drawn]), fonts)
    except NoFont as error:
        letter = error.args[0]
        raise ReportError(f"{place_of(letter, book, config)}: the PDF cannot have {describe(letter)}") from None
    for path in {font.path for font in more} - {str(path) for path in fonts.iterdir()}:
        shutil.copy(path, fonts)
    return [font.family for font in more]


def place_of(letter: str, book: Book, config: Config) -> str:
    """Where a letter stands: a cell, which a code cell is only where nothing else has it, or what the cover says."""
    for key, text in vars(config).items():
        if letter in text:
            return f"the cover's {key} (report.toml{f', {key.upper()}=' if key in ('author', 'roll') else ''})"
    for part in sorted(book.parts, key=lambda part: part.kind == "code"):
        drawn = words_of(part.picture.svg) if part.picture else ""
        if letter in json.dumps(part.blocks, ensure_ascii=False) + drawn:
            return part.where
    return "the closing chapters"


def first_cause(diagnostic: str) -> str:
    """Of Typst's errors the first that does not only follow from others, as a label that was not reached does."""
    errors = re.split(r"^error: ", diagnostic, flags=re.MULTILINE)[1:] or [diagnostic]
    return next((error for error in errors if "does not exist in the document" not in error), errors[0])


def place_of_error(diagnostic: str, source: str, book: Book) -> str:
    """Give `notebook.ipynb, cell 3: ` for an error of Typst's in the text, a formula or a picture, else nothing."""
    if where := book.cell_of_formula(diagnostic.replace("\\\\", "\\"), '("{}",'):
        return where
    if found := re.search(r"main\.typ:(\d+)", diagnostic):
        marks = re.findall(rf"^{MARK}(\d+)$", "\n".join(source.splitlines()[: int(found[1])]), re.MULTILINE)
        return f"{book.parts[int(marks[-1])].where}: " if marks else ""
    if found := re.search(r"(picture-\d+)\.(?:svg|png)", diagnostic):
        return next((f"{part.where}: " for part in book.parts if part.picture is book.pictures[found[1]]), "")
    return ""


def pack(pdf: bytes, proof: evidence.Evidence) -> bytes:
    """The same document with its evidence attached, and its thousands of small objects (the tags above all) compressed.

    That makes it about a quarter smaller.
    """
    packed = io.BytesIO()
    with pikepdf.open(io.BytesIO(pdf)) as document:
        # Typst writes the default, false, which poppler takes for an error.
        if "/Suspects" in document.Root.MarkInfo:
            del document.Root.MarkInfo["/Suspects"]
        evidence.into_pdf(document, proof)
        document.save(packed, object_stream_mode=pikepdf.ObjectStreamMode.generate, deterministic_id=True)
    return packed.getvalue()


def vectors(picture: Picture) -> bytes:
    """The SVG of a picture; nothing for one that leads out of itself, whose pixels are shown instead."""
    return b"" if re.search(rb"""href=["'](?!#|data:image/)""", picture.svg) else picture.svg


def image_name(key: str, picture: Picture) -> str:
    """The file of a picture: vectors where there are any."""
    return f"{key}.svg" if vectors(picture) else f"{key}.png"


def quote(text: str) -> str:
    """A Typst string."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def wrap(before: str, inlines: Inlines, after: str) -> Inlines:
    """Inlines between two pieces of Typst source."""
    return [pandoc.raw("typst", before), *inlines, pandoc.raw("typst", after)]


def typst_node(node: Node, book: Book) -> Node | list[Node] | None:
    """A node with what pandoc's Typst writer leaves out: numbers, alt texts of figures and formulas; without code."""

    def change(inner: Node) -> Node | list[Node] | None:
        return typst_node(inner, book)

    kind, contents = node["t"], node.get("c", [])
    if kind == "Header" and right_to_left(pandoc.plain(contents[2])):
        # Marks of direction: what ends the title belongs to it, and the page number in the contents does not.
        return pandoc.header(
            contents[0], contents[1][0], [*pandoc.walk(contents[2], change), pandoc.string("\u200f\u200e")]
        )
    if kind in ("Para", "Plain") and right_to_left(pandoc.plain(contents)):
        return {"t": kind, "c": wrap("#text(dir: rtl)[", pandoc.walk(contents, change), "]")}
    if kind == "Math":
        return wrap(f"#report.formula({quote(contents[1].strip())}, ", [node], ")")
    if kind == "Span" and "equation" in contents[0][1]:
        (label, _, keys), (math,) = contents
        before = f"#report.display({quote(math['c'][1].strip())}, {quote(dict(keys).get('number', ''))}, "
        return wrap(before, [math], f") <{label}>" if label else ")")
    if kind == "Span" and "number" in contents[0][1]:
        return wrap("#report.number[", contents[1], "]")
    if kind == "Figure":
        (label, classes, _), (_, caption), body = contents
        words = pandoc.walk(caption[0]["c"], change)
        if "listing" in classes:
            before = pandoc.paragraph(wrap(f"#report.listing(<{label}>, [", words, "])["))
            return [before, *pandoc.walk(body, change), pandoc.raw_block("typst", "]")]
        key = body[0]["c"][0]["c"][2][0]
        picture = book.pictures[key]
        image, width = quote(image_name(key, picture)), f"{picture.points:.2f}pt"
        before = f"#report.picture({image}, {quote(picture.alt)}, {width}, <{label}>)["
        return pandoc.paragraph(wrap(before, words, "]"))
    if kind == "Table":
        caption, table = contents[1][1], {"t": "Table", "c": pandoc.walk(contents, change)}
        before = f"#report.{'captioned' if caption else 'bare'}["
        return [pandoc.raw_block("typst", before), table, pandoc.raw_block("typst", "]")]
    if kind == "Div" and "folded output" in contents[0][1]:
        return pandoc.walk(contents[1], change)
    if kind == "Div" and "works" in contents[0][1]:
        return [block for work in contents[1] for block in pandoc.walk([work], change)]
    if kind == "Div" and "csl-entry" in contents[0][1]:
        (label, _, _), blocks = contents
        return [pandoc.raw_block("typst", "#report.work["), *blocks, pandoc.raw_block("typst", f"] <{label}>")]
    if kind == "CodeBlock":
        # Typst breaks a line only between words: words wider than the page are given a place to break at, which is no
        # new line, since that would end a string and its colour.
        code = {"t": "CodeBlock", "c": [contents[0], re.sub(rf"\S{{{WIDEST}}}", "\\g<0>\u200b", contents[1])]}
        return [] if "cell source" in contents[0][1] else code
    return None
