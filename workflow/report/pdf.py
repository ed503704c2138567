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

from workflow.report import pandoc
from workflow.report.book import Book
from workflow.report.cells import Picture
from workflow.report.config import Config, build_time
from workflow.report.errors import ReportError
from workflow.report.fonts import folder as folder_of
from workflow.report.pandoc import Inlines, Node

TEMPLATE = Path(__file__).parent / "templates" / "report.typ"
# The template's names are behind `report.`: pandoc's formulas have words of their own.
PREAMBLE = f'#import "{TEMPLATE.name}"\n#import "{TEMPLATE.name}": horizontalrule, sect\n#show: report.book\n'
# Symbols that Typst has renamed, and pandoc has not.
OLD_NAMES = re.compile(r"\b(dot|minus|times)\.circle\b")
WIDEST = 80  # letters of code in a line, so that a little space is left for its indentation


def render(book: Book, config: Config) -> bytes:
    """The whole PDF; raises ReportError with Typst's words when it cannot be set."""

    def change(node: Node) -> Node | list[Node] | None:
        return typst_node(node, book)

    arguments = ["-t", "typst", "--wrap=none", "--syntax-highlighting=idiomatic"]
    text = book.blocks[len(book.opening) :]
    ordered = [*book.opening, pandoc.raw_block("typst", "#report.contents"), *text]
    body = book.write(pandoc.walk(ordered, change), {}, arguments)
    cover = vars(config) | {"facts": book.facts, "sample": book.sample}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copy(TEMPLATE, folder)
        for key, picture in book.pictures.items():
            (folder / image_name(key, picture)).write_bytes(picture.svg or picture.png)
        main = folder / "main.typ"
        main.write_text(PREAMBLE + OLD_NAMES.sub(r"\1.o", body), encoding="utf-8")
        try:
            compiler = typst.Compiler(main, folder, [copy_fonts(folder)], True, {"cover": json.dumps(cover)})
            # Accessible (PDF/UA) and for archives (PDF/A).
            made = compiler.compile(format="pdf", pdf_standards=["ua-1", "a-2a"], timestamp=build_time())
        except typst.TypstError as error:
            where = book.cell_of_formula(error.diagnostic.replace("\\\\", "\\"), '("{}",')
            raise ReportError(f"{where}the PDF cannot be set: {' '.join([error.message, *error.hints])}") from None
    assert isinstance(made, bytes)
    return pack(made)


def pack(pdf: bytes) -> bytes:
    """The same document, with its thousands of small objects (the tags above all) compressed: about a quarter less."""
    packed = io.BytesIO()
    with pikepdf.open(io.BytesIO(pdf)) as document:
        # Typst writes the default, false, which poppler takes for an error.
        if "/Suspects" in document.Root.MarkInfo:
            del document.Root.MarkInfo["/Suspects"]
        document.save(packed, object_stream_mode=pikepdf.ObjectStreamMode.generate, deterministic_id=True)
    return packed.getvalue()


def copy_fonts(folder: Path) -> Path:
    """The fonts in which figures are drawn, without the one that hides missing letters behind boxes."""
    fonts = folder / "fonts"
    shutil.copytree(folder_of("matplotlib"), fonts, ignore=shutil.ignore_patterns("LastResort*", "*.txt", "*.TXT"))
    return fonts


def image_name(key: str, picture: Picture) -> str:
    """The file of a picture: vectors where there are any."""
    return f"{key}.svg" if picture.svg else f"{key}.png"


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
