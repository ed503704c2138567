"""The report as one document for both formats, and the parts of its chapters as pandoc's blocks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from workflow.report import pandoc, prose, tables
from workflow.report.maps import Map
from workflow.report.notebook import Chapter, Part, Picture, ReportError
from workflow.report.numbering import Numbering
from workflow.report.pandoc import Blocks

SAMPLE = "SAMPLE DATA, not for submission"


@dataclass
class Book:
    """The document for both formats, which one preprocessor after another fills in (see exporters.py).

    Pictures are images whose target is a key of `pictures`.
    """

    chapters: list[Chapter] = field(default_factory=list)
    parsed: list[list[tuple[Part, Blocks]]] = field(default_factory=list)  # a list for each chapter
    numbering: Numbering = field(default_factory=Numbering)
    blocks: Blocks = field(default_factory=list)
    closing: Blocks = field(default_factory=list)  # after everything else
    pictures: dict[str, Picture] = field(default_factory=dict)
    maps: dict[str, Map] = field(default_factory=dict)  # by the label of their figure

    @property
    def runs(self) -> list[dict[str, Any]]:
        """The records of the chapters that left one."""
        return [chapter.run for chapter in self.chapters if chapter.run]

    def write(self, blocks: Blocks, meta: dict[str, str], arguments: list[str]) -> str:
        """As pandoc.write, but a formula that cannot be converted is named with its notebook and cell."""
        try:
            return pandoc.write(blocks, meta, arguments)
        except ReportError as error:
            raise ReportError(f"{self.blame(str(error), 'TeX math {},')}{error}") from None

    def blame(self, message: str, pattern: str) -> str:
        """Give `notebook.ipynb, cell 3: ` for a message that quotes a formula as `pattern` says, else nothing."""
        words = " ".join(message.split())
        found = (
            where for tex, where in self.numbering.formulas.items() if pattern.format(" ".join(tex.split())) in words
        )
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


def parse(chapter: Chapter, pictures: dict[str, Picture]) -> list[tuple[Part, Blocks]]:
    """Every part of a chapter as pandoc's blocks, not numbered yet; its picture goes into `pictures`."""
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
            classes += ["hidden"] if part.hidden else []
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
