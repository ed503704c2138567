"""Fonts inside the page, so that formulas and figures look alike on every machine: only the letters that are used."""

from __future__ import annotations

import base64
import importlib.util
import io
import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path

from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont

FORMULA = re.compile(r"<math\b.*?</math>", re.DOTALL)
WORDS = re.compile(r"<text\b.*?</text>", re.DOTALL)
TAG = re.compile(r"<[^>]*>")
# The fonts of figures: weight, style, and a pattern of the CSS that a page with that font has.
LOOKS = {
    "DejaVuSans": ("normal", "normal", ""),
    "DejaVuSans-Bold": ("bold", "normal", "font-weight: (?:bold|[6-9]00)"),
    "DejaVuSans-Oblique": ("normal", "italic", "font-style: (?:oblique|italic)"),
}


def faces(page: str) -> Iterator[str]:
    """The @font-face rules that a page needs for its formulas and for the words of its figures."""
    if formulas := FORMULA.findall(page):
        letters = words(formulas)
        if any("<msqrt" in formula or "<mroot" in formula for formula in formulas):
            letters.add("√")  # which a browser draws by itself
        # A browser sets a lone letter in italics, which are letters of their own.
        yield face("STIX Two Math", folder("ziamath") / "STIXTwoMath-Regular.ttf", letters | set(map(italic, letters)))
    if drawn := WORDS.findall(page):
        letters, marks = words(drawn), " ".join(drawn)
        for name, (weight, style, sign) in LOOKS.items():
            if re.search(sign, marks):
                path = folder("matplotlib") / f"{name}.ttf"
                yield face("DejaVu Sans", path, letters, f"font-weight:{weight};font-style:{style};")


def folder(package: str) -> Path:
    """Where an installed package keeps its fonts; the package is not imported."""
    place = {"matplotlib": "mpl-data/fonts/ttf", "ziamath": "fonts"}.get(package, "")
    found = importlib.util.find_spec(package)
    assert found
    assert found.origin
    return Path(found.origin).parent / place


def words(marked: list[str]) -> set[str]:
    """The letters of marked-up texts."""
    return set(unescape(TAG.sub("", "".join(marked))))


def italic(letter: str) -> str:
    """The mathematical italic of a Latin or Greek letter, another character as it is."""
    for first, last, start in (("A", "Z", 0x1D434), ("a", "z", 0x1D44E), ("Α", "Ω", 0x1D6E2), ("α", "ω", 0x1D6FC)):
        if first <= letter <= last:
            return "\N{PLANCK CONSTANT}" if letter == "h" else chr(start + ord(letter) - ord(first))
    return letter


def face(family: str, path: Path, letters: set[str], look: str = "") -> str:
    """An @font-face rule with the glyphs of `letters`, and the larger ones that formulas make of them."""
    options = Options(flavor="woff", layout_features=["*"], drop_tables=["FFTM"])
    with TTFont(path, lazy=True) as font:
        subsetter = Subsetter(options)
        subsetter.populate(text="".join(sorted(letters)))
        subsetter.subset(font)
        font.flavor = "woff"
        font.save(file := io.BytesIO())
    data = base64.b64encode(file.getvalue()).decode()
    return f'@font-face{{font-family:"{family}";{look}src:url(data:font/woff;base64,{data})}}'
