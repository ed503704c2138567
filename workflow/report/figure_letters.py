"""Letters of matplotlib's figures that become shapes: those of formulas in both formats, others in the PDF alone."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Sequence
from functools import cache
from html import unescape
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import typst
from fontTools.pens.svgPathPen import SVGPathPen
from fontTools.ttLib import TTFont

from workflow.report.errors import ReportError
from workflow.report.fonts import TAG, WORDS, folder
from workflow.report.letters import MARKS

SVG = "http://www.w3.org/2000/svg"
TEXT, SPAN, GROUP, PATH = (f"{{{SVG}}}{name}" for name in ("text", "tspan", "g", "path"))
LOST = re.compile("<tspan [^>]*>[^<]*¤".encode())  # what matplotlib draws for them
FORMULA = re.compile(rb"<tspan [^>]*font-family: '(?!DejaVu Sans')")
SIZE = re.compile(r"[\d.]+px")  # as matplotlib writes it
COLOUR = re.compile(r"#[0-9a-f]{6}")
SHIFTS = {"middle": 0.5, "end": 1.0}  # of a text to the left, in its widths


def with_shapes(svg: bytes, where: str) -> bytes:
    """A figure with shapes in place of those letters of its formulas that are not of DejaVu Sans.

    No page has their fonts, and some keep letters at numbers that are private, which PDF/A forbids. Raises ReportError
    for letters that matplotlib itself has lost.
    """
    if LOST.search(svg):
        mend = "make the words a text of their own, without $"
        raise ReportError(f"{where}: the figure has a text with a formula and letters that formulas lack: {mend}")
    return redrawn(svg, outlines) if FORMULA.search(svg) else svg


def with_typeset_words(svg: bytes, families: Sequence[str], fonts: typst.Fonts) -> bytes:
    """A figure with those words set by Typst that DejaVu Sans lacks letters of, or that have marks on letters.

    In a figure Typst would choose the fonts by itself, and PDF/A could not take marks.
    """

    def typeset(text: Element) -> list[Element] | None:
        words, size = (text.text or "").strip(), style_of(text)[0].get("font-size", "")
        ours = text.tag == TEXT and SIZE.fullmatch(size) and not is_plain(words)
        return set_words(text, words, families, fonts) if ours else None

    return svg if is_plain(words_of(svg)) else redrawn(svg, typeset)


def words_of(svg: bytes) -> str:
    """The words in a figure."""
    return unescape(TAG.sub(" ", " ".join(WORDS.findall(svg.decode()))))


def is_plain(words: str) -> bool:
    """Whether DejaVu Sans has all letters of the words, and no mark changes any."""
    return all(
        letter.isspace() or (ord(letter) in usual() and unicodedata.category(letter) not in MARKS)
        for letter in set(words)
    )


def redrawn(svg: bytes, draw: Callable[[Element], list[Element] | None]) -> bytes:
    """An SVG with what `draw` makes of its texts and their spans, which is None for one that stays."""
    ElementTree.register_namespace("", SVG)
    ElementTree.register_namespace("xlink", "http://www.w3.org/1999/xlink")
    try:
        root, changed = ElementTree.fromstring(svg), False
    except ElementTree.ParseError:
        return svg
    for parent in list(root.iter()):
        for text in parent.findall(TEXT):
            own = {name: value for name, value in text.attrib.items() if name not in ("x", "y")}
            shapes = Element(GROUP, {"style": "fill: #000000"} | own)
            for item in [text, *text.findall(SPAN)]:
                if (drawn := draw(item)) is not None:
                    shapes.extend(drawn)
                    (parent if item is text else text).remove(item)
            if len(shapes):
                parent.append(shapes)
                changed = True
    return ElementTree.tostring(root, encoding="utf-8", xml_declaration=True) if changed else svg


def style_of(text: Element) -> tuple[dict[str, str], bool, bool]:
    """The style of a text, and whether it is bold and slanted."""
    style = dict(re.findall(r"([\w-]+): ([^;]+)", text.get("style", "")))
    bold, slanted = style.get("font-weight") in ("bold", "700"), style.get("font-style") in ("italic", "oblique")
    return style, bold, slanted


def outlines(letters: Element) -> list[Element] | None:
    """The shapes of a formula's letters, each at its own x; None for those that stay text."""
    style, bold, slanted = style_of(letters)
    family, places = style.get("font-family", "").strip("'"), letters.get("x", "").split()
    path = files().get((family, bold, slanted))
    if letters.tag != SPAN or family == "DejaVu Sans" or not path or len(places) != len(letters.text or ""):
        return None
    with TTFont(path, lazy=True) as font:
        glyphs, names = font.getGlyphSet(), font.getBestCmap()
        scale = float(style["font-size"].removesuffix("px")) / font["head"].unitsPerEm
        drawn = []
        for x, letter in zip(places, letters.text or "", strict=True):
            glyphs[names.get(ord(letter), ".notdef")].draw(pen := SVGPathPen(glyphs))
            place = f"translate({x} {letters.get('y', '0')}) scale({scale:.6f} {-scale:.6f})"
            drawn.append(Element(PATH, {"transform": place, "d": pen.getCommands()}))
    return drawn


def set_words(text: Element, words: str, families: Sequence[str], fonts: typst.Fonts) -> list[Element]:
    """A text as Typst sets it, in place."""
    style, bold, slanted = style_of(text)
    look = {
        "font": f"({','.join(map(json.dumps, ['DejaVu Sans', *families]))})",
        "size": style["font-size"].replace("px", "pt"),
        "weight": "700" if bold else "400",
        "style": '"italic"' if slanted else '"normal"',
        "fill": f'rgb("{fill if COLOUR.fullmatch(fill := style.get("fill", "")) else "#000000"}")',
        "dir": "rtl" if right_to_left(words) else "ltr",
        "top-edge": "1em",  # the page ends at the baseline
        "bottom-edge": '"baseline"',
    }
    page = "#set page(width: auto, height: auto, margin: 0pt, fill: none)\n"
    page += f"#set text({', '.join(f'{key}: {value}' for key, value in look.items())})\n"
    page += f"#{json.dumps(words, ensure_ascii=False)}"
    made = typst.compile(page.encode(), font_paths=fonts, format="svg")
    drawn = ElementTree.fromstring(made)
    _, _, width, height = map(float, drawn.attrib["viewBox"].split())
    x = float(text.get("x", "0")) - SHIFTS.get(style.get("text-anchor", ""), 0) * width
    group = Element(GROUP, {"transform": f"translate({x:.4f} {float(text.get('y', '0')) - height:.4f})"})
    group.extend(drawn)
    return [group]


def right_to_left(text: str) -> bool:
    """Whether the first letter that has a direction is written from right to left, and so its paragraph is."""
    directions = map(unicodedata.bidirectional, text)
    return next((direction != "L" for direction in directions if direction in ("L", "R", "AL")), False)


@cache
def usual() -> set[int]:
    """The numbers of the letters of DejaVu Sans, in which figures are drawn."""
    with TTFont(folder("matplotlib") / "DejaVuSans.ttf", lazy=True) as font:
        return set(font.getBestCmap())


@cache
def files() -> dict[tuple[str, bool, bool], Path]:
    """matplotlib's fonts by family, and whether they are bold and slanted."""
    found = {}
    for path in sorted(folder("matplotlib").glob("*.ttf")):
        with TTFont(path, lazy=True) as font:
            family, style = (font["name"].getDebugName(number) or "" for number in (1, 2))
        found[family, "Bold" in style, style.endswith(("Italic", "Oblique"))] = path
    return found
