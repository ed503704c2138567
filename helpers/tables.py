"""Tables as readers see them: formatted numbers, plain headings, no index."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    head = "".join(f'<th style="text-align:{align[name]}">{_escape(name)}</th>' for name in frame)
    body = "".join(
        "<tr>" + "".join(f'<td style="text-align:{align[name]}">{_escape(texts[name][i])}</td>' for name in frame) + "</tr>"
        for i in range(len(frame))
    )
    return HTML(f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>")


def _format(value: Any, spec: str) -> str:
    return str(value) if isinstance(value, str) else format(value, spec)


def _escape(text: object) -> str:
    return str(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
