"""The document as pandoc's syntax tree: plain lists and dicts, read, walked and written through one program."""

from __future__ import annotations

import json
import re
import subprocess
from bisect import bisect_right
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pypandoc

from workflow.report.dialect import for_pandoc
from workflow.report.errors import ReportError

Node = dict[str, Any]  # {"t": constructor, "c": contents}
Blocks = list[Node]
Inlines = list[Node]

# What Jupyter accepts and pandoc's own dialect would not, without what Jupyter prints as it is typed; identifiers are
# ours to give. The rest is in dialect.py.
MARKDOWN = (
    "markdown+lists_without_preceding_blankline+autolink_bare_uris+tex_math_double_backslash"
    "-blank_before_header-blank_before_blockquote-auto_identifiers-fancy_lists-example_lists-implicit_figures"
    "-yaml_metadata_block-native_divs-native_spans-line_blocks-simple_tables-multiline_tables-grid_tables"
    "-bracketed_spans-implicit_header_references-link_attributes-inline_code_attributes-raw_attribute"
)
OWN = Path(__file__).parent / "templates"
MARKER = "report-piece"  # an empty block of this class stands before every piece of text
FENCE = re.compile(r"^ {0,3}(?:```|~~~)", re.MULTILINE)


def run(arguments: list[str], text: str) -> str:
    """Run pandoc on `text`; raise ReportError with its own words when it fails or warns, so that nothing is lost."""
    # With a data folder that is ours, since the user's own may hold abbreviations, templates and defaults.
    command = [pypandoc.get_pandoc_path(), f"--data-dir={OWN}", "--fail-if-warnings", *arguments]
    done = subprocess.run(command, input=text, capture_output=True, encoding="utf-8")
    if done.returncode:
        raise ReportError(" ".join(done.stderr.replace("[WARNING]", "").split("Failing because")[0].split()))
    return done.stdout


def read_pieces(texts: list[str], wheres: list[str]) -> list[Blocks]:
    """Read pieces of markdown in one go (footnotes and link targets are shared); one list of blocks a piece.

    Raises ReportError naming the piece (`wheres`) with a fence or block that is not closed, or a name used twice.
    """
    marked, starts = "", []
    for text, where in zip(texts, wheres, strict=True):
        if len(FENCE.findall(text)) % 2:
            raise ReportError(f"{where}: a code fence is not closed")
        starts.append(marked.count("\n") + 1)
        marked += f"\n\n::: {{.{MARKER}}}\n:::\n\n{for_pandoc(text)}\n"
    try:
        blocks = json.loads(run(["-f", MARKDOWN, "-t", "json"], marked))["blocks"]
    except ReportError as error:
        line = re.search(r"line (\d+)", str(error))
        at = bisect_right(starts, int(line[1])) - 1 if line else 0
        raise ReportError(f"{wheres[at]}: {error}") from None
    pieces: list[Blocks] = []
    for block in blocks:
        if block["t"] == "Div" and MARKER in block["c"][0][1]:
            pieces.append([])
        else:
            pieces[-1].append(block)
    if len(pieces) < len(texts):  # a block has swallowed those that follow it
        at = next(at for at, piece in enumerate(pieces) if f'"{MARKER}"' in json.dumps(piece))
        raise ReportError(f"{wheres[at]}: a ::: block ends in another cell than it begins in")
    return pieces


def write(blocks: Blocks, meta: dict[str, str], arguments: list[str]) -> str:
    """Write blocks in a format named by `arguments`; `meta` is literal text, which the format's writer escapes."""
    document = {
        "pandoc-api-version": [1, 23, 1],
        "meta": {key: {"t": "MetaString", "c": value} for key, value in meta.items() if value},
        "blocks": blocks,
    }
    return run(["-f", "json", *arguments], json.dumps(document))


def walk(node: Any, change: Callable[[Node], Node | list[Node] | None]) -> Any:
    """Rebuild a tree from the top: `change` gives a node's replacement (not walked again) or None to go inside."""
    if isinstance(node, list):
        rebuilt = []
        for item in node:
            new = walk(item, change)
            if isinstance(item, dict) and isinstance(new, list):
                rebuilt.extend(new)
            else:
                rebuilt.append(new)
        return rebuilt
    if isinstance(node, dict):
        new = change(node) if "t" in node else None
        return {key: walk(value, change) for key, value in node.items()} if new is None else new
    return node


def find(node: Any, kind: str) -> list[Node]:
    """All outermost nodes of one kind, in reading order."""
    found: list[Node] = []

    def keep(item: Node) -> Node | None:
        if item["t"] != kind:
            return None
        found.append(item)
        return item

    walk(node, keep)
    return found


def plain(node: Any) -> str:
    """The words of a tree, without its marks."""
    words: list[str] = []

    def keep(item: Node) -> None:
        if item["t"] in ("Str", "Space", "SoftBreak", "LineBreak"):
            words.append(item.get("c", " "))
        elif item["t"] in ("Code", "CodeBlock", "Math"):
            words.append(item["c"][1])

    walk(node, keep)
    return "".join(words).replace("\N{NO-BREAK SPACE}", " ").strip()


def string(text: str) -> Node:
    """Literal text."""
    return {"t": "Str", "c": text}


def raw(form: str, text: str) -> Node:
    """Text that only one format ("html" or "typst") gets, as it is."""
    return {"t": "RawInline", "c": [form, text]}


def raw_block(form: str, text: str) -> Node:
    """A block that only one format gets, as it is."""
    return {"t": "RawBlock", "c": [form, text]}


def paragraph(inlines: Inlines) -> Node:
    """Inlines as a block without space around it."""
    return {"t": "Plain", "c": inlines}


def span(kind: str, inlines: Inlines, label: str = "") -> Node:
    """Inlines with a class and perhaps a label."""
    return {"t": "Span", "c": [[label, [kind], []], inlines]}


def link(inlines: Inlines, label: str) -> Node:
    """Inlines that lead to a label."""
    return {"t": "Link", "c": [["", [], []], inlines, [f"#{label}", ""]]}


def header(level: int, label: str, inlines: Inlines) -> Node:
    """A heading with a label."""
    return {"t": "Header", "c": [level, [label, [], []], inlines]}
