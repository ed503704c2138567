"""The closing appendix with the code of all chapters, which the PDF does not show in the text."""

from __future__ import annotations

from workflow.report import pandoc
from workflow.report.pandoc import Blocks


def code_appendix(blocks: Blocks) -> Blocks:
    """All code that is not hidden, under the chapter and the cell it stands in."""
    listed, chapter = [], []
    for block in blocks:
        if block["t"] == "Header" and block["c"][0] == 1:
            _, (label, _, _), inlines = block["c"]
            chapter = [pandoc.header(2, f"code-{label}", inlines)]
        elif block["t"] == "CodeBlock" and "source" in block["c"][0][1] and "hidden" not in block["c"][0][1]:
            (_, _, keys), code = block["c"]
            cell = pandoc.paragraph([pandoc.raw("typst", f"#report.cell({dict(keys)['cell']})")])
            listed += [*chapter, cell, {"t": "CodeBlock", "c": [["", ["python"], []], code]}]
            chapter = []
    return [pandoc.header(1, "report-code", [pandoc.string("Code")]), *listed]
