"""Source code as a chapter shows it: that of the very function or class that runs."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from textwrap import dedent
from typing import Any


class Listing:
    """Source code; JupyterLab colours it, and the report sets it as a numbered listing."""

    def __init__(self, source: str):
        self.source = source

    def __repr__(self) -> str:
        return self.source

    def _repr_markdown_(self) -> str:
        return f"```python\n{self.source}\n```"


def listing(thing: Callable[..., Any]) -> Listing:
    """The source of a function, a method or a class, as the kernel has imported it."""
    return Listing(dedent(inspect.getsource(thing)).strip())
