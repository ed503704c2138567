"""The report as one document, which one preprocessor after another fills in."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from workflow.report import pandoc
from workflow.report.cells import Part, Picture
from workflow.report.chapters import Chapter, RunFacts
from workflow.report.errors import ReportError
from workflow.report.maps import Map
from workflow.report.numbering import Numbering
from workflow.report.pandoc import Blocks

SAMPLE = "SAMPLE DATA, not for submission"


@dataclass
class Book:
    """The document, in `resources["book"]`. Pictures are images whose target is a key of `pictures`."""

    chapters: list[Chapter] = field(default_factory=list)
    numbering: Numbering = field(default_factory=Numbering)
    pictures: dict[str, Picture] = field(default_factory=dict)
    maps: dict[str, Map] = field(default_factory=dict)  # by the label of their figure
    live: dict[str, str] = field(default_factory=dict)  # the content of figures to work, by label
    opening: Blocks = field(default_factory=list)  # before the chapters: what came out
    closing: Blocks = field(default_factory=list)  # behind them: works cited, code, runs

    def closed_by(self, blocks: Blocks) -> Book:
        """The same book with more at its end."""
        return replace(self, closing=[*self.closing, *blocks])

    @property
    def parts(self) -> list[Part]:
        """Everything that the chapters show, in reading order."""
        return [part for chapter in self.chapters for part in chapter.parts]

    @property
    def blocks(self) -> Blocks:
        """The whole document as pandoc's blocks."""
        return [*self.opening, *(block for part in self.parts for block in part.blocks), *self.closing]

    @property
    def runs(self) -> list[RunFacts]:
        """The records of the chapters that left one."""
        return [chapter.run for chapter in self.chapters if chapter.run]

    def write(self, blocks: Blocks, meta: dict[str, str], arguments: list[str]) -> str:
        """As pandoc.write, but a formula that cannot be converted is named with its notebook and cell."""
        try:
            return pandoc.write(blocks, meta, arguments)
        except ReportError as error:
            raise ReportError(f"{self.cell_of_formula(str(error), 'TeX math {},')}{error}") from None

    def cell_of_formula(self, message: str, pattern: str) -> str:
        """Give `notebook.ipynb, cell 3: ` for a message that quotes a formula as `pattern` says, else nothing."""
        words = "".join(message.split())
        formulas = self.numbering.formulas.items()
        found = (where for tex, where in formulas if "".join(pattern.format(tex).split()) in words)
        return next((f"{where}: " for where in found), "")

    @property
    def sample(self) -> str:
        """The mark on every page when any chapter ran on the small made-up data, else nothing."""
        return SAMPLE if any(run.get("sample_data") for run in self.runs) else ""

    @property
    def facts(self) -> str:
        """One line about the runs for the cover: profile, seed and commit."""
        facts = []
        for name, key in (("profile", "profile"), ("seed", "seed"), ("commit", "git")):
            values = sorted({run[key] for run in self.runs if run.get(key) is not None})
            words = [str(value)[:10] if key == "git" else str(value) for value in values]
            facts += [f"{name} {', '.join(words)}"] if words else []
        if any(run.get("dirty") for run in self.runs):
            facts.append("with changes not committed")
        return " · ".join(facts)
