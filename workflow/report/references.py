"""References in the text become links that read "Figure 1.2"; what points nowhere is refused.

A reference is a link whose words say what it leads to, such as `[Figure](#fig-codes)` or `[the figure of
codes](#fig-codes)`: Jupyter shows the words, a report the number. pandoc's own form is `@fig-codes`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from workflow.report import pandoc
from workflow.report.errors import ReportError
from workflow.report.pandoc import Inlines, Node

WORDS = re.compile(  # of a link that is a reference
    r"Figure|Table|Listing|Equation|Section|Chapter|[Tt]he (?:figure|table|listing|equation|section|chapter)s?\b.*"
)


@dataclass
class References:
    """A walk that turns references into links that read "Figure 1.2", and notes what was referred to."""

    labels: Mapping[str, str]
    used: set[str]
    where: str
    inside: str = ""  # the figure or table whose caption is walked: a caption's reference to itself does not count

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
            if target.startswith("#") and WORDS.fullmatch(pandoc.plain(inlines)):
                return self.link(target[1:])
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
