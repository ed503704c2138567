"""The HTML in which a cell shows a figure to work, for JupyterLab; a report takes the content out of it again."""

from __future__ import annotations

import hashlib
from pathlib import Path

MARK = '<div class="live"'  # how such an output begins
SCRIPT, STYLE = (Path(__file__).with_name(name) for name in ("live.js", "live.css"))


def page(content: str) -> str:
    """A figure with script and style of its own; ``content`` is JSON, see :meth:`helpers.live.Live.content`."""
    name = f"live-{hashlib.sha256(content.encode()).hexdigest()[:16]}"
    script, style = SCRIPT.read_text("utf-8"), STYLE.read_text("utf-8")
    opened = f'openLive(document.getElementById("{name}"), {content});'
    return f'{MARK} id="{name}"></div><style>{style}</style><script>{{{script}\n{opened}}}</script>'


def content_of(html: str) -> str:
    """The content of such a figure."""
    return html.rpartition("openLive(")[2].partition(", ")[2].removesuffix(");}</script>")
