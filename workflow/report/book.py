"""Chapters into one numbered document: every figure, table, equation and reference is settled here, once."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from workflow.report import appendix, citations, fresh, pandoc, prose, tables
from workflow.report.maps import Map, of_chapter
from workflow.report.notebook import Chapter, Part, Picture, ReportError
from workflow.report.pandoc import Blocks, Inlines, Node

NAMES = {"fig": "Figure", "tbl": "Table"}
SAMPLE = "SAMPLE DATA, not for submission"
OWN = {"main", "here", "code-switch", "theme-switch"}  # identifiers of the page itself
LABEL = re.compile(r"\{#(eq-[\w-]+)\}(.*)", re.DOTALL)  # behind a display equation


@dataclass
class Book:
    """The document for both formats. Pictures are images whose target is a key of `pictures`."""

    blocks: Blocks
    closing: Blocks  # after everything else
    pictures: dict[str, Picture]
    runs: list[dict[str, Any]]
    formulas: dict[str, str]  # TeX to the cell it stands in, for messages
    maps: dict[str, Map]  # by the label of their figure

    def write(self, blocks: Blocks, meta: dict[str, str], arguments: list[str]) -> str:
        """As pandoc.write, but a formula that cannot be converted is named with its notebook and cell."""
        try:
            return pandoc.write(blocks, meta, arguments)
        except ReportError as error:
            raise ReportError(f"{self.blame(str(error), 'TeX math {},')}{error}") from None

    def blame(self, message: str, pattern: str) -> str:
        """Give `notebook.ipynb, cell 3: ` for a message that quotes a formula as `pattern` says, else nothing."""
        words = " ".join(message.split())
        found = (where for tex, where in self.formulas.items() if pattern.format(" ".join(tex.split())) in words)
        return next((f"{where}: " for where in found), "")

    @property
    def sample(self) -> str:
        """The mark on every page when any chapter ran on the small made-up data, else nothing."""
        return SAMPLE if any(run.get("sample_data") for run in self.runs) else ""

    @property
    def facts(self) -> str:
        """One line about the runs for the cover: profile, seed and commit."""
        told = []
        for name, key in (("profile", "profile"), ("seed", "seed"), ("commit", "git")):
            values = sorted({run[key] for run in self.runs if run.get(key) is not None})
            words = [str(value)[:10] if key == "git" else str(value) for value in values]
            told += [f"{name} {', '.join(words)}"] if words else []
        if any(run.get("dirty") for run in self.runs):
            told.append("with changes not committed")
        return " · ".join(told)


def make_book(chapters: Iterable[Chapter]) -> Book:
    """Number and join chapters; raises ReportError naming notebook and cell for what must not become a report."""
    numbering, pictures, pieces, runs, maps = Numbering(), {}, [], [], {}
    for chapter in chapters:
        fresh.check(chapter)
        runs += [chapter.run] if chapter.run else []
        maps |= of_chapter(chapter)
        numbering.start_chapter(chapter)
        for part, blocks in parse(chapter, pictures):
            numbering.where = part.where
            pieces.append((part.where, pandoc.walk(blocks, numbering)))
        if not numbering.titled:
            raise ReportError(f"{chapter.name}: the first cell is not `# Chapter title`")
    joined, used, cited = [], set(), set()
    for where, blocks in pieces:
        settled = pandoc.walk(blocks, References(numbering.labels, used, where))
        joined += citations.link(settled, where, cited)
    for label, where in numbering.shown.items():
        if label not in used:
            raise ReportError(f"{where}: nothing refers to @{label}: speak of it in the text, or leave it out")
    blocks = joined + citations.chapter(cited)
    return Book(blocks, appendix.how_run(runs), pictures, runs, numbering.formulas, maps)


def parse(chapter: Chapter, pictures: dict[str, Picture]) -> list[tuple[Part, Blocks]]:
    """Every part of a chapter as blocks, not numbered yet; its picture goes into `pictures`."""
    texts = [(part.text, part.where) for part in chapter.parts if part.kind == "markdown"]
    texts += [(part.caption, part.where) for part in chapter.parts if part.caption]
    read = pandoc.read_pieces(*map(list, zip(*texts, strict=True))) if texts else []
    written = iter(read)
    captions = iter(read[len(texts) - sum(bool(part.caption) for part in chapter.parts) :])
    outputs = iter(pandoc.read_tables([part.text for part in chapter.parts if part.kind == "table"]))
    parsed = []
    for part in chapter.parts:
        if part.kind == "markdown":
            blocks = next(written)
        elif part.kind == "table":
            blocks = [tables.tidy(table) for table in next(outputs)]
            if not blocks:
                raise ReportError(f"{part.where}: its table cannot be read: the HTML is not well formed")
        elif part.kind == "picture":
            key = f"picture-{len(pictures) + 1}"
            pictures[key] = part.picture
            image = {"t": "Image", "c": [["", [], []], [pandoc.string(part.picture.alt)], [key, ""]]}
            blocks = [{"t": "Figure", "c": [[part.label, [], []], [None, []], [pandoc.paragraph([image])]]}]
        else:
            classes = ["python", "source"] if part.kind == "code" else ["output"]
            blocks = [{"t": "CodeBlock", "c": [["", classes, [["cell", str(part.cell)]]], part.text]}]
        caption = next(captions) if part.caption else []
        prose.check(part, blocks, caption)
        if caption:
            give_caption(blocks, part, caption)
        parsed.append((part, blocks))
    return parsed


def give_caption(blocks: Blocks, part: Part, caption: Blocks) -> None:
    """Set label and caption of the first figure or table of a part."""
    if len(caption) != 1 or caption[0]["t"] != "Para":
        raise ReportError(f"{part.where}: a caption is one paragraph of text")
    found = pandoc.find(blocks, "Figure" if part.kind == "picture" else "Table")
    if not found:
        raise ReportError(f"{part.where}: has the options of a table, but shows none")
    found[0]["c"][0][0] = part.label
    found[0]["c"][1] = [None, [pandoc.paragraph(caption[0]["c"])]]


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
        """Count from its own number on, which it has in a part of the report too, or from the next one."""
        number = self.sections[0] + 1 if chapter.number is None else chapter.number
        self.sections, self.counts, self.titled = [number], {}, False

    def __call__(self, node: Node) -> Node | list[Node] | None:
        """Number one node."""
        kind, contents = node["t"], node.get("c")
        if kind == "Header":
            return self.heading(contents)
        if not self.titled:
            raise ReportError(f"{self.where}: a chapter begins with `# Chapter title`")
        if kind in ("Figure", "Table"):
            return self.captioned(node)
        if kind in ("Para", "Plain"):
            return {"t": kind, "c": pandoc.walk(self.equations(contents), self.inline)}
        if kind in ("RawBlock", "RawInline"):
            return self.inline(node)
        return None

    def inline(self, node: Node) -> Node | list[Node] | None:
        """Remember formulas, and refuse what would be lost in one of the two formats."""
        if node["t"] == "Math":
            self.formulas.setdefault(node["c"][1], self.where)
        if node["t"] == "Image":
            raise ReportError(f"{self.where}: an image in markdown has no number; draw it in a code cell")
        if node["t"] in ("RawInline", "RawBlock"):
            text = node["c"][1]
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
        """Number a figure or a table with a caption."""
        attributes, (_, caption), *rest = node["c"]
        prefix = "fig" if node["t"] == "Figure" else "tbl"
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
        """Put display equations into spans, with the label and number of those that `{#eq-...}` follows."""
        done: Inlines = []
        for node in inlines:
            if node["t"] == "RawInline" and node["c"][0] == "tex" and node["c"][1].startswith(r"\begin"):
                node = {"t": "Math", "c": [{"t": "DisplayMath"}, node["c"][1]]}
            if node["t"] == "Math" and node["c"][0]["t"] == "DisplayMath":
                done.append(pandoc.span("equation", [node]))
                continue
            found = LABEL.fullmatch(node["c"]) if node["t"] == "Str" else None
            before = [item for item in done if item["t"] not in ("Space", "SoftBreak")]
            if found and before and before[-1]["t"] == "Span" and "equation" in before[-1]["c"][0][1]:
                words = self.count("eq")
                self.remember(found[1], f"Equation\N{NO-BREAK SPACE}{words}")
                self.shown[found[1]] = self.where
                before[-1]["c"][0] = [found[1], ["equation"], [["number", words]]]
                done = done[: done.index(before[-1]) + 1] + ([pandoc.string(found[2])] if found[2] else [])
            else:
                done.append(node)
        return done


@dataclass
class References:
    """A walk that turns `@fig-codes` into a link that reads "Figure 1.2", and notes what was referred to."""

    labels: dict[str, str]
    used: set[str]
    where: str
    inside: str = ""  # the figure or table whose caption is walked: that it names itself tells nobody to look

    def __call__(self, node: Node) -> Node | list[Node] | None:
        """Resolve one node; raises ReportError when it points nowhere."""
        if node["t"] in ("Figure", "Table"):
            return {"t": node["t"], "c": pandoc.walk(node["c"], replace(self, inside=node["c"][0][0]))}
        if node["t"] == "Cite":
            links: Inlines = []
            for citation in node["c"][0]:
                links += [pandoc.string(", ")] if links else []
                links += [*citation["citationPrefix"], self.link(citation["citationId"]), *citation["citationSuffix"]]
            return links
        if node["t"] == "Link":
            _, inlines, (target, _) = node["c"]
            if target.startswith("#") and target[1:] not in self.labels:
                raise ReportError(f"{self.where}: the link to {target} points nowhere")
            if not re.match(r"#|https?://|mailto:", target):
                raise ReportError(f"{self.where}: the link to {target} leads out of the report")
            self.refer(target.removeprefix("#"))
            # In the words of a link an @ is only an @.
            words = pandoc.walk(inlines, lambda item: item["c"][1] if item["t"] == "Cite" else None)
            return {"t": "Link", "c": [node["c"][0], words, node["c"][2]]}
        return None

    def link(self, label: str) -> Node:
        """A link to a label that reads as its name."""
        if label not in self.labels:
            raise ReportError(f"{self.where}: the reference @{label} points nowhere")
        self.refer(label)
        return {"t": "Link", "c": [["", ["reference"], []], [pandoc.string(self.labels[label])], ["#" + label, ""]]}

    def refer(self, label: str) -> None:
        """Note that the text leads to a label."""
        if label != self.inside:
            self.used.add(label)
