"""The parts of a chapter as pandoc's blocks, with their captions."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from workflow.report import pandoc
from workflow.report.cells import Part, Picture
from workflow.report.chapters import Chapter
from workflow.report.errors import ReportError
from workflow.report.markup import read_html
from workflow.report.pandoc import Blocks


def parse(chapters: Sequence[Chapter], pictures: dict[str, Picture]) -> None:
    """Give every part its blocks, and the blocks of its caption; its picture goes into `pictures`.

    Raises ReportError for markdown or HTML that pandoc cannot read.
    """
    with ThreadPoolExecutor() as pool:  # pandoc is a program of its own, and runs beside others
        for chapter, (texts, captions, outputs) in zip(chapters, pool.map(read, chapters), strict=True):
            give_blocks(chapter, texts, captions, outputs, pictures)


def read(chapter: Chapter) -> tuple[list[Blocks], list[Blocks], list[Blocks]]:
    """The texts of a chapter, its captions and its HTML outputs, as pandoc reads them.

    In one go, so that a footnote may stand in another cell than its mark.
    """
    texts = [(part.text, part.where) for part in chapter.parts if part.kind == "markdown"]
    count = len(texts)
    texts += [(part.caption, part.where) for part in chapter.parts if part.caption]
    found = pandoc.read_pieces(*map(list, zip(*texts, strict=True))) if texts else []
    outputs = [part for part in chapter.parts if part.kind == "html"]
    shown = read_html([part.text for part in outputs], [part.where for part in outputs])
    return found[:count], found[count:], shown


def give_blocks(
    chapter: Chapter,
    texts: list[Blocks],
    captions: list[Blocks],
    outputs: list[Blocks],
    pictures: dict[str, Picture],
) -> None:
    """Give the parts of a chapter what was read of them."""
    written, shown = iter(texts), iter(outputs)
    for part in chapter.parts:
        if part.kind == "markdown":
            part.blocks = next(written)
        elif part.kind == "html":
            part.blocks = next(shown)
        elif part.kind == "listing":
            code = {"t": "CodeBlock", "c": [["", ["python"], []], part.text]}
            part.blocks = [{"t": "Figure", "c": [[part.label, ["listing"], []], [None, []], [code]]}]
        elif part.picture:
            key = f"picture-{len(pictures) + 1}"
            pictures[key] = part.picture
            image = {"t": "Image", "c": [["", [], []], [pandoc.string(part.picture.alt)], [key, ""]]}
            part.blocks = [{"t": "Figure", "c": [[part.label, [], []], [None, []], [pandoc.paragraph([image])]]}]
        else:
            # A class with a space is none that a text could have.
            classes = ["python", "cell source"] if part.kind == "code" else ["output"]
            part.blocks = [{"t": "CodeBlock", "c": [["", classes, [["cell", str(part.cell)]]], part.text]}]
        if part.folded:
            part.blocks = [{"t": "Div", "c": [["", ["folded output"], [["cell", str(part.cell)]]], part.blocks]}]
    captioned = [part for part in chapter.parts if part.caption]
    for part, blocks in zip(captioned, captions, strict=True):
        part.caption_blocks = blocks


def give_caption(part: Part) -> None:
    """Set label and caption of the first figure, table or listing of a part that has a caption."""
    caption = part.caption_blocks
    if not caption:
        return
    if len(caption) != 1 or caption[0]["t"] != "Para":
        raise ReportError(f"{part.where}: a caption is one paragraph of text")
    found = pandoc.find(part.blocks, "Table" if part.kind in ("html", "markdown") else "Figure")
    if not found:
        raise ReportError(f"{part.where}: has the options of a table, but shows none")
    if found[0]["t"] == "Table" and found[0]["c"][1][1]:
        raise ReportError(f"{part.where}: the table has a caption of its own: leave out that, or tbl-cap")
    found[0]["c"][0][0] = part.label
    found[0]["c"][1] = [None, [pandoc.paragraph(caption[0]["c"])]]
