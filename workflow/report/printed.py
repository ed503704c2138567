"""Printed text as a terminal shows it, and no more of it than a reader wants."""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate

from nbconvert.filters import strip_ansi

MOST_LINES = 40  # of one output: a report is read, not scrolled
MOST_LETTERS = 5000  # of one output, about a printed page
LONGEST_LINE = 1000  # letters


def shorten(text: str) -> str:
    """Printed text without the codes of terminals; of what is too long, the beginning and how much more there is."""
    lines = [cut(overwritten(line)) for line in strip_ansi(text).rstrip().split("\n")]
    fitting = bisect_right([*accumulate(map(len, lines))], MOST_LETTERS)
    shown = lines[: min(MOST_LINES, fitting)]
    more = len(lines) - len(shown)
    return "\n".join(shown + ([f"... {more} more lines"] if more else []))


def overwritten(line: str) -> str:
    """A line as it stands in the end: a carriage return goes back to its beginning, a backspace by one letter."""
    if "\r" not in line and "\b" not in line:
        return line
    letters: list[str] = []
    at = 0
    for letter in line:
        if letter in "\r\b":
            at = 0 if letter == "\r" else max(at - 1, 0)
        else:
            letters[at : at + 1] = [letter]
            at += 1
    return "".join(letters)


def cut(line: str) -> str:
    """The beginning of a line that is too long, and how much more there is."""
    more = len(line) - LONGEST_LINE
    return f"{line[:LONGEST_LINE]} ... {more} more letters" if more > 0 else line
