"""Tables as readers see them: formatted numbers, plain headings, no index."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from numbers import Real
from typing import Any

from IPython.display import HTML

SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def table(rows: Sequence[Mapping[str, Any]], formats: Mapping[str, str] | None = None) -> HTML:
    """``rows`` as a table, one column per key, cells in the format of their column (such as ``".4f"`` or ``".2%"``;
    ``".1e"`` writes powers of ten as such).

    Columns of numbers are set to the right, others to the left; None is an empty cell, as is a key that a row lacks.
    """
    names = list(dict.fromkeys(name for row in rows for name in row))
    columns = {name: [row.get(name) for row in rows] for name in names}
    align = {name: "right" if all(map(_is_number, cells)) else "left" for name, cells in columns.items()}
    texts = {name: [_text(cell, (formats or {}).get(name, "")) for cell in cells] for name, cells in columns.items()}
    head = "".join(_cell("th", name, align[name]) for name in names)
    lines = ("".join(_cell("td", texts[name][i], align[name]) for name in names) for i in range(len(rows)))
    body = "".join(f"<tr>{cells}</tr>" for cells in lines)
    return HTML(f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>")


def power_of_ten(value: float, digits: int = 1) -> str:
    """``value`` with ``digits`` decimals and its power of ten written as such: ``2.2 × 10⁻⁷``; zero is ``0``."""
    if value == 0:
        return "0"
    mantissa, exponent = f"{value:.{digits}e}".split("e")
    return f"{mantissa} × 10{str(int(exponent)).translate(SUPERSCRIPTS)}"


def _is_number(value: Any) -> bool:
    return value is None or (isinstance(value, Real) and not isinstance(value, bool))


def _text(value: Any, spec: str) -> str:
    if value is None or value != value:  # NaN
        return ""
    if isinstance(value, str):
        return value
    return power_of_ten(value, int(spec[1:-1])) if spec.endswith("e") else format(value, spec)


def _cell(tag: str, text: str, align: str) -> str:
    return f'<{tag} style="text-align:{align}">{escape(text)}</{tag}>'
