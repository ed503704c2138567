"""The one error of this package."""

from __future__ import annotations


class ReportError(ValueError):
    """Why no report was made, in one line for the person who can mend it."""


def first_line(error: Exception) -> str:
    """The first line of a message, which may have many or none."""
    return str(error).partition("\n")[0]
