"""Markdown as Jupyter reads it, rewritten where pandoc would print it as it is typed."""

from __future__ import annotations

import re

START = r"^[ \t>]*+"  # of a line, in a list or a quotation too
FENCE = re.compile(rf"(?P<start>{START}(?:[-*+]\s+)?)(?P<marks>`{{3,}}|~{{3,}})\s*+(?P<info>[^`]*)$")
ATTRIBUTES = re.compile(r"\{[.#][^{}]*\}\s*")  # pandoc's own
RULE = re.compile(r" {0,3}(?:(?:\*[ \t]*){3,}|(?:_[ \t]*){3,}|-[ \t]+(?:-[ \t]*){2,})$")
UNDER_HEAD = re.compile(rf"{START}(?=.*\|)\|?\s*+:?-+:?\s*+(?:\|\s*+:?-+:?\s*+)*\|?\s*$")  # the second line of a table
NUMBERED = re.compile(r"^( {0,3}\d{1,2})\)(?=\s)")
LABELLED = re.compile(rf"{START}(?:#{{1,6}}\s|:\s|Table:).*$")  # a heading, or the caption of a table
# Labels, and math between dollars; and what has dollars that are none of its own: code, comments, escaped letters,
# other math.
DOLLARS = re.compile(
    rf"{START}(?P<fence>`{{3,}}|~{{3,}}).*?(?:{START}(?P=fence)|\Z)|(?P<ticks>`+)(?!`).*?(?<!`)(?P=ticks)(?!`)"
    r"|(?<=\n\n)(?: {4}|\t)[^\n]*(?:\n(?: {4}|\t)[^\n]*)*"
    r"|<!--.*?-->|\\begin\{(?P<kind>\w+\*?)\}.*?\\end\{(?P=kind)\}|\\.|\$\$.*?\$\$"
    r"|\$(?P<tex>(?:\\.|[^$\\{}\n]|\n(?![ \t>]*\n)|\{(?:\\.|[^\\{}]|\{(?:\\.|[^\\{}])*\})*\})+)\$(?P<digit>(?=\d))?"
    r'|<a id="(?P<label>[A-Za-z][\w-]*)"></a>',
    re.MULTILINE | re.DOTALL,
)


def for_pandoc(text: str) -> str:
    """A markdown cell in words that pandoc reads as Jupyter does."""
    return DOLLARS.sub(rewritten, "\n".join(blocks(text.split("\n"))))


def rewritten(found: re.Match[str]) -> str:
    """A label or math, as pandoc reads it."""
    return label(found) if found["label"] else math(found)


def label(found: re.Match[str]) -> str:
    """`<a id="x"></a>`, which Jupyter does not show, as `{#x}`, where that is a label; elsewhere it is HTML."""
    before, after = found.string[: found.start()].rstrip(" \t"), found.string[found.end() :].lstrip(" \t")
    ends_line = not after or after.startswith("\n")
    titled = ends_line and LABELLED.match(before.rpartition("\n")[2])
    numbered = found["label"].startswith("eq-") and before.rstrip().endswith(("$$", "\\]", "}"))
    return f"{{#{found['label']}}}" if titled or numbered else found[0]


def math(found: re.Match[str]) -> str:
    """Math with its dollars next to it, and apart from a digit behind it; two prices are no math."""
    tex = found["tex"]
    if tex is None or not tex.strip() or (found["digit"] is not None and tex[0].isdigit()):
        return found[0]
    return f"${tex.strip()}$" + "<!-- -->" * (found["digit"] is not None)


def blocks(lines: list[str]) -> list[str]:
    """Lines with an empty one before each table, fence or rule that stands right under a text, and `1)` as `1.`."""
    done: list[str] = []
    closing, in_table = "", False  # the marks that end the fence we are in
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        fence = FENCE.match(line)
        if closing:
            if fence and fence["marks"].startswith(closing) and not fence["info"]:
                closing = ""
            done.append(line)
            continue
        begins_table = not in_table and "|" in line and UNDER_HEAD.match(following) is not None
        begins = begins_table or RULE.match(line) or (fence and fence["marks"].startswith("~"))
        if begins and done and done[-1].strip(" \t>"):
            done.append(quoted(line))
        in_table = begins_table or (in_table and bool(line.strip(" \t>")))
        if fence:
            closing, line = fence["marks"], fence["start"] + fence["marks"] + language(fence["info"])
        done.append(NUMBERED.sub(r"\1.", line))
    return done


def quoted(line: str) -> str:
    """An empty line in the quotation that a line stands in."""
    return line[: len(line) - len(line.lstrip(" \t>"))].rstrip()


def language(info: str) -> str:
    """The language that a fence names, without what only other programs understand: "python" of "python title=x"."""
    if ATTRIBUTES.fullmatch(info):
        return info
    named = re.match(r"\{?([\w+#.-]+)", info)
    return named[1] if named else ""
