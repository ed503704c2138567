"""Fonts for letters that the PDF's own fonts lack: Noto's for the world's scripts, else what the system has.

Each is given to Typst only where the report has such letters, so that all others are the same on every machine.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import typst
from fontTools import unicodedata as scripts
from fontTools.ttLib import TTFont

from workflow.report.fonts import folder

EAST_ASIAN = {"Han": "SC", "Bopomofo": "SC", "Hangul": "KR", "Hiragana": "JP", "Katakana": "JP"}
IN_COLOUR = {"CBDT", "COLR", "sbix", "SVG "}  # tables of fonts whose letters are pictures, which PDF/A does not take
MARKS = {"Mn", "Mc", "Me", "Cf"}  # kinds of characters that belong to the letter before them
VARIANTS = "\ufe0e\ufe0f"  # ask for an emoji in black or in colour; fonts need not have them


class NoFont(LookupError):
    """No font here has the letter that is the error's argument."""


def fonts_for(text: str, own: Path) -> list[typst.FontInfo]:
    """The fonts that a text needs besides Typst's and those in the folder `own`; raises NoFont with a letter.

    Letters of a script that Noto has a font for are set in it, since other fonts may have them without the shapes that
    they take together. Whether the others can be shown is asked of Typst, whose own fonts are inside of it.
    """
    wanted = sorted(clusters(text))
    chosen = {font.family: font for script in set(map(script_of, "".join(wanted))) for font in of_script(script)}
    for family in sorted(family for family in chosen if "CJK" in family)[1:]:
        del chosen[family]  # each has all letters; kana ask for Japan's shapes of them, hangul for Korea's
    fonts = typst.Fonts(False, True, [own])
    compiler = typst.Compiler(font_paths=fonts)
    candidates = [*noto(), *regular_first(font for font in fonts.fonts() if font.path), *installed()]
    for cluster in wanted:
        needed = {ord(letter) for letter in cluster if unicodedata.category(letter) != "Cf" and letter not in VARIANTS}
        if any(needed <= letters_of(font) for font in chosen.values()) or shows(compiler, cluster):
            continue
        private = any(unicodedata.category(letter) == "Co" for letter in cluster)  # which PDF/A forbids
        font = next((font for font in candidates if needed <= letters_of(font)), None)
        if private or not font:
            raise NoFont(next((letter for letter in cluster if not shows(compiler, letter)), cluster[-1]))
        chosen[font.family] = font
    return sorted(chosen.values(), key=lambda font: font.family)


def clusters(text: str) -> set[str]:
    """The letters of a text beyond Latin-1, each with the marks that follow it."""
    found: set[str] = set()
    for stretch in re.findall(r"[\0-\xff]?[^\0-\xff]+", text):
        now = ""
        for letter in stretch:
            if now.strip() and unicodedata.category(letter) in MARKS:
                now += letter
            else:
                found.add(now)
                now = letter
        found.add(now)
    return {cluster for cluster in found if not cluster.isascii()}


def script_of(letter: str) -> str:
    """The Unicode name of a letter's script, such as Devanagari; Common for what all scripts share."""
    return str(scripts.script_name(scripts.script(letter)))


def of_script(script: str) -> list[typst.FontInfo]:
    """Noto's font of a script, none where it has no font of its own."""
    family = f"Noto Sans CJK {EAST_ASIAN[script]}" if script in EAST_ASIAN else f"Noto Sans {script}"
    return [font for font in noto() if font.family == family]


def shows(compiler: typst.Compiler, letter: str) -> bool:
    """Whether Typst can show a letter with the compiler's fonts."""
    try:
        compiler.compile(f"#{json.dumps(letter, ensure_ascii=False)}".encode(), format="pdf", pdf_standards=["a-3a"])
    except typst.TypstError:
        return False
    return True


@cache
def noto() -> list[typst.FontInfo]:
    """Noto's fonts that come with the environment, those for emoji and symbols first."""
    found = typst.Fonts(False, False, [folder("manimgx_fonts"), folder("manimgx_fonts_cjk")]).fonts()
    upright = [font for font in found if font.style == "normal"]
    first = ("Emoji", "Symbols", "Sans")
    return sorted(upright, key=lambda font: (not font.family.endswith(first), "CJK" in font.family, font.family))


@cache
def installed() -> list[typst.FontInfo]:
    """The system's fonts."""
    return regular_first(font for font in typst.Fonts(True, False).fonts() if font.path)


def regular_first(fonts: Iterable[typst.FontInfo]) -> list[typst.FontInfo]:
    """Fonts in one order everywhere."""
    return sorted(fonts, key=lambda font: (abs(font.weight - 400), font.style != "normal", font.family, font.path))


@cache
def letters_of(font: typst.FontInfo) -> set[int]:
    """The numbers of the letters that a font draws with lines; none for a font in colour, or one that is broken."""
    try:
        with TTFont(font.path, fontNumber=font.index, lazy=True) as file:
            return set() if IN_COLOUR & set(file.keys()) else set(file.getBestCmap() or {})
    except Exception:  # fontTools raises errors of many types for a broken file
        return set()


def describe(letter: str) -> str:
    """A letter in words, and what helps when no font has it."""
    name = unicodedata.name(letter, "without a name")
    named = f"{letter} (U+{ord(letter):04X} {name})"
    if unicodedata.category(letter) in ("Co", "Cn"):
        return f"{named}, which is no letter of Unicode's: write it otherwise"
    script = script_of(letter)
    kind = "symbols" if script in ("Common", "Inherited") else script
    return f"{named}, which no font here has: install one that has it, such as Noto's for {kind}"
