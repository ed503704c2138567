"""Tables as readers see them: formatted numbers, plain headings, no index."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import pandas as pd
from IPython.display import HTML


def table(rows: Sequence[Mapping[str, Any]] | pd.DataFrame, formats: Mapping[str, str] | None = None) -> HTML:
    """``rows`` as a table, one column per key, cells in the format of their column (such as ``".4f"`` or ``".2%"``).

    Numbers are set to the right, words to the left; None is an empty cell.
    """
    frame = pd.DataFrame(rows)
    texts, align = {}, {}
    for name, column in frame.items():
        spec = (formats or {}).get(name, "")
        texts[name] = ["" if value is None or value != value else _format(value, spec) for value in column]
        align[name] = "right" if all(isinstance(v, int | float) or v is None for v in column.tolist()) else "left"
    head = "".join(_cell("th", name, align[name]) for name in frame)
    rows_of_cells = ("".join(_cell("td", texts[name][i], align[name]) for name in frame) for i in range(len(frame)))
    body = "".join(f"<tr>{cells}</tr>" for cells in rows_of_cells)
    return HTML(f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>")


def _format(value: Any, spec: str) -> str:
    return str(value) if isinstance(value, str) else format(value, spec)


def _cell(tag: str, text: str, align: str) -> str:
    return f'<{tag} style="text-align:{align}">{escape(text)}</{tag}>'
