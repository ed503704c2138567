"""Small pages of tables that open without a network: check.html, compare.html, the sheet and recheck's table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

from workflow.check.reading import plain

STYLE = Path(__file__).with_name("page.css")
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def page(title: str, *body: str) -> str:
    """A whole page; ``title`` is text, ``body`` is HTML."""
    title = escape(plain(title))
    head = (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<title>{title}</title>\n'
        f"<style>\n{STYLE.read_text(encoding='utf-8')}</style>\n</head>\n"
    )
    parts = "\n".join(part for part in body if part)
    return f"{head}<body>\n<main>\n<h1>{title}</h1>\n{parts}\n</main>\n</body>\n</html>\n"


def paragraph(text: str, kind: str = "") -> str:
    """A paragraph of text, perhaps with a class."""
    return f"<p{named(kind)}>{escape(plain(text))}</p>"


def heading(text: str) -> str:
    """A heading below the page's title."""
    return f"<h2>{escape(text)}</h2>"


def cell(text: str, kind: str = "", link: str = "") -> str:
    """A cell of a table, perhaps with a class, or as a link."""
    inside = f'<a href="{escape(link)}">{escape(plain(text))}</a>' if link else escape(plain(text))
    return f"<td{named(kind)}>{inside}</td>"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], name: str) -> str:
    """A table of cells; ``name`` says to a screen reader what scrolls when it is too wide."""
    top = "".join(f'<th scope="col">{escape(head)}</th>' for head in heads)
    lines = "\n".join(f"<tr>{''.join(row)}</tr>" for row in rows)
    box = f'<div class="scroll" role="group" tabindex="0" aria-label="{escape(name)}">'
    return f"{box}\n<table>\n<thead><tr>{top}</tr></thead>\n<tbody>\n{lines}\n</tbody>\n</table>\n</div>"


def named(kind: str) -> str:
    """A class as an attribute."""
    return f' class="{escape(kind)}"' if kind else ""
