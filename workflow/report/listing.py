"""The closing appendix of the PDF: the method's code that the text does not show."""

from __future__ import annotations

import ast
import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from workflow.digests import HELPERS, reached
from workflow.report import pandoc
from workflow.report.book import Book
from workflow.report.chapters import Chapter
from workflow.report.pandoc import Blocks

METHOD: dict[str, list[str]] = tomllib.loads(Path(__file__).with_name("code.toml").read_text(encoding="utf-8"))
WHERE = (
    "Here is what the method needs and the text does not show, without docstrings. All cells of all chapters are in "
    "the HTML report, and all code is in `notebooks/` and `helpers/`; the table of runs has the hash of what each "
    "chapter ran."
)


def code_appendix(book: Book) -> Blocks:
    """The cells that define something for later ones, by notebook, and the definitions of code.toml that are used."""
    listed: Blocks = []
    for chapter in book.chapters:
        title = f"notebooks/{chapter.run['notebook']}.ipynb" if chapter.run else Path(chapter.name).name
        listed += section(title, cells_that_define(chapter))
    shown = {part.text for part in book.parts if part.kind == "listing"}
    used = definitions_used(book.chapters)
    for name, wanted in METHOD.items():
        sources = [source_of(HELPERS / name, word) for word in wanted if word in used.get(HELPERS / name, ())]
        listed += section(f"helpers/{name}", [without_docstrings(source) for source in sources if source not in shown])
    if not listed:
        return []
    (opening,) = pandoc.read_pieces([WHERE], ["the appendix of code"])
    return [pandoc.header(1, "report-code", [pandoc.string("Code")]), *opening, *listed]


def section(title: str, texts: Sequence[str]) -> Blocks:
    """Pieces of code under a heading, nothing for none."""
    if not texts:
        return []
    heading = pandoc.header(2, f"code-{re.sub(r'[^a-z0-9]+', '-', title.lower())}", [pandoc.string(title)])
    code = {"t": "CodeBlock", "c": [["", ["python"], []], "\n\n\n".join(texts)]}
    return [heading, pandoc.raw_block("typst", "#report.finer["), code, pandoc.raw_block("typst", "]")]


def cells_that_define(chapter: Chapter) -> list[str]:
    """The code of cells that define functions or classes and show nothing: what others of the chapter build on."""
    counts = Counter(part.cell for part in chapter.parts)
    alone = [part for part in chapter.parts if part.kind == "code" and counts[part.cell] == 1 and not part.hidden]
    return [part.text for part in alone if re.search(r"^(class|def) ", part.text, re.MULTILINE)]


def definitions_used(chapters: Iterable[Chapter]) -> dict[Path, set[str]]:
    """The definitions of helpers/ that the notebooks of the chapters reach, by file."""
    used: dict[Path, set[str]] = {}
    for chapter in chapters:
        if chapter.source.exists():
            for file, names in reached(chapter.source).items():
                used.setdefault(file, set()).update(names)
    return used


def source_of(file: Path, name: str) -> str:
    """The source of a function or class of a module, as Python's own inspect gives it."""
    source = file.read_text(encoding="utf-8")
    (node,) = [node for node in ast.parse(source).body if getattr(node, "name", None) == name]
    first = min([node.lineno, *(decorator.lineno for decorator in getattr(node, "decorator_list", []))])
    return "\n".join(source.splitlines()[first - 1 : node.end_lineno])


def without_docstrings(source: str) -> str:
    """The source of a definition without its docstring and those inside it; comments stay."""
    lines: list[str | None] = [*source.splitlines()]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) and len(node.body) > 1:
            first, last = node.body[0].lineno - 1, node.body[0].end_lineno or 0
            if not (lines[last] or "").strip():  # the blank line behind it
                last += 1
            lines[first:last] = [None] * (last - first)
    return "\n".join(line for line in lines if line is not None)
