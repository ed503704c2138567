"""Numbers for headings, figures, tables and labelled equations, and the labels by which the text refers to them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from workflow.report import pandoc, tables
from workflow.report.chapters import Chapter
from workflow.report.errors import ReportError
from workflow.report.pandoc import Inlines, Node

NAMES = {"fig": "Figure", "tbl": "Table", "lst": "Listing"}
OWN = {"main", "here", "code-switch", "theme-switch"}  # identifiers of the page itself
TAG = re.compile(r"\\tag(\*?)\s*\{([^{}$\\]*)\}")
LABEL = re.compile(r"\{#(eq-[\w-]+)\}(.*)", re.DOTALL)  # behind a display equation


@dataclass
class Numbering:
    """A walk that numbers headings, figures, tables and labelled equations and remembers their labels."""

    labels: dict[str, str] = field(default_factory=dict)  # label to the words a reference shows
    shown: dict[str, str] = field(default_factory=dict)  # label of a figure, table or equation to its cell
    formulas: dict[str, str] = field(default_factory=dict)  # TeX to the first cell with it
    counts: dict[str, int] = field(default_factory=dict)
    sections: list[int] = field(default_factory=lambda: [0])
    where: str = ""
    titled: bool = True

    def start_chapter(self, chapter: Chapter) -> None:
        """Give the chapter the number that its notebook's name begins with, or the next one; count in it from 1."""
        number = self.sections[0] + 1 if chapter.number is None else chapter.number
        self.sections, self.counts, self.titled = [number], {}, False

    def __call__(self, node: Node) -> Node | list[Node] | None:
        """Number one node."""
        kind, contents = node["t"], node.get("c", [])
        if kind == "Header":
            return self.heading(contents)
        if not self.titled:
            raise ReportError(f"{self.where}: a chapter begins with `# Chapter title`")
        if kind in ("Figure", "Table"):
            return self.captioned(node)
        if kind in ("Para", "Plain"):
            return {"t": kind, "c": pandoc.walk(self.equations(contents), self.inline)}
        if kind in ("RawBlock", "RawInline", "CodeBlock"):
            return self.inline(node)
        return None

    def inline(self, node: Node) -> Node | list[Node] | None:
        """Remember formulas, and refuse what would be lost in one of the two formats."""
        if node["t"] == "Math":
            if r"\tag" in node["c"][1]:
                raise ReportError(
                    f"{self.where}: one \\tag of plain words fits a display equation: {node['c'][1].strip()}"
                )
            self.formulas.setdefault(node["c"][1], self.where)
        if node["t"] == "CodeBlock" and "mermaid" in node["c"][0][1]:
            raise ReportError(f"{self.where}: a mermaid diagram is no figure here; draw it in a code cell")
        if node["t"] == "Image":
            raise ReportError(f"{self.where}: an image in markdown has no number; draw it in a code cell")
        if node["t"] in ("RawInline", "RawBlock"):
            text = node["c"][1]
            if text.startswith("<a id="):
                raise ReportError(f"{self.where}: {text}</a> stands behind no heading and no display equation")
            if not text.startswith("<!--"):
                raise ReportError(f"{self.where}: write markdown instead of {text.split()[0]}, which one format lacks")
            return []
        return None

    def remember(self, label: str, words: str) -> None:
        """Keep what a label is called; raises ReportError when it is taken."""
        if label in self.labels or label in OWN:
            raise ReportError(f"{self.where}: the label {label} is used twice" + " (the page has it)" * (label in OWN))
        self.labels[label] = words

    def heading(self, contents: list) -> Node:
        """Number a heading; the first of a chapter is its title."""
        level, (label, _, _), inlines = contents
        if (level == 1) == self.titled:
            raise ReportError(f"{self.where}: a chapter has one `# Chapter title`, and begins with it")
        if level > len(self.sections) + 1:
            mend = f"write {'#' * (len(self.sections) + 1)}"
            raise ReportError(
                f"{self.where}: a heading of level {level} below one of level {len(self.sections)}: {mend}"
            )
        self.titled = True
        self.sections = [*self.sections, *[0] * level][:level]
        if level > 1:
            self.sections[-1] += 1
        number = ".".join(map(str, self.sections))
        label = label or f"sec-{number.replace('.', '-')}"
        self.remember(label, f"{'Section' if level > 1 else 'Chapter'}\N{NO-BREAK SPACE}{number}")
        words = [pandoc.span("number", [pandoc.string(number)]), {"t": "Space"}, *pandoc.walk(inlines, self.inline)]
        return pandoc.header(level, label, words)

    def captioned(self, node: Node) -> Node:
        """Number a figure, a table or a listing with a caption."""
        attributes, (_, caption), *rest = node["c"]
        prefix = "tbl" if node["t"] == "Table" else "lst" if "listing" in attributes[1] else "fig"
        if caption:
            words = self.count(prefix)
            self.shown |= {attributes[0]: self.where} if attributes[0] else {}
            attributes = [attributes[0] or f"{prefix}-{words.split()[-1].replace('.', '-')}", *attributes[1:]]
            self.remember(attributes[0], words)
            inlines = pandoc.walk(caption[0]["c"], self.inline)
            title = [pandoc.span("number", [pandoc.string(words)]), {"t": "Space"}, *inlines]
            caption = [pandoc.paragraph(title)]
        elif attributes[0]:
            raise ReportError(f"{self.where}: {attributes[0]} has a label but no caption")
        done = {"t": node["t"], "c": [attributes, [None, caption], *rest]}
        if prefix == "tbl":
            done["c"][2:] = pandoc.walk(rest, self)
            tables.align_numbers(done)
        return done

    def count(self, prefix: str) -> str:
        """The next number of a kind in this chapter, as a reference shows it."""
        self.counts[prefix] = self.counts.get(prefix, 0) + 1
        number = f"{self.sections[0]}.{self.counts[prefix]}"
        return f"({number})" if prefix == "eq" else f"{NAMES[prefix]}\N{NO-BREAK SPACE}{number}"

    def equations(self, inlines: Inlines) -> Inlines:
        r"""Put display equations into spans, with the label and number that `{#eq-...}` or \tag gives them."""
        done: Inlines = []
        for node in inlines:
            if node["t"] == "RawInline" and node["c"][0] == "tex" and node["c"][1].startswith(r"\begin"):
                node = {"t": "Math", "c": [{"t": "DisplayMath"}, node["c"][1]]}
            if node["t"] == "Math" and node["c"][0]["t"] == "DisplayMath":
                done.append(tagged(node["c"][1]))
                continue
            found = LABEL.fullmatch(node["c"]) if node["t"] == "Str" else None
            before = [item for item in done if item["t"] not in ("Space", "SoftBreak")]
            if found and before and before[-1]["t"] == "Span" and "equation" in before[-1]["c"][0][1]:
                words = dict(before[-1]["c"][0][2]).get("number") or self.count("eq")
                self.remember(found[1], f"Equation\N{NO-BREAK SPACE}{words}")
                self.shown[found[1]] = self.where
                before[-1]["c"][0] = [found[1], ["equation"], [["number", words]]]
                done = done[: done.index(before[-1]) + 1] + ([pandoc.string(found[2])] if found[2] else [])
            else:
                done.append(node)
        return done


def tagged(tex: str) -> Node:
    r"""A display equation, with the number that its one \tag gives it."""
    tags = TAG.findall(tex)
    number = [["number", words if star else f"({words})"] for star, words in tags]
    node = {"t": "Math", "c": [{"t": "DisplayMath"}, TAG.sub("", tex) if len(tags) == 1 else tex]}
    return {"t": "Span", "c": [["", ["equation"], number[:1]], [node]]}
