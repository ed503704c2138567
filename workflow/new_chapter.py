"""`make chapter NAME=09_mine`: a chapter to start from, made of workflow/templates/chapter.ipynb. It runs at once."""

from __future__ import annotations

import re
import sys
from reprlib import repr as short

from helpers.results import ROOT, write_text
from workflow import environment
from workflow.chapters import ENTRIES, NOTEBOOKS, chapters
from workflow.engine import Stop, guarded

TEMPLATE, PLACEHOLDER = ROOT / "workflow" / "templates" / "chapter.ipynb", "00_chapter"
LABEL = re.compile(r"((?:fig|tbl|eq)-)chapter-")
ENTRY = """{name}:
  data: [MNIST]
  headline: network.test_accuracy
  gpu: true
  minutes: 10
  seconds: 15
  memory_mb: 1500
"""


def make(name: str) -> int:
    """Write the notebook and the entry of a new chapter, and say so; returns the exit status.

    Raises Stop for a name that no chapter can have, or whose number is taken, ParameterError as the plan does.
    """
    taken = {path.stem for path in NOTEBOOKS.glob("*.ipynb")} | set(chapters("standard"))
    numbers = {other.partition("_")[0]: other for other in sorted(taken)}
    free = next(number for number in (f"{count:02}" for count in range(1, 101)) if number not in numbers)
    if not re.fullmatch(r"\d\d_[a-z][a-z0-9_]*", name):
        wants = f"two digits, _ and small letters, such as NAME={free}_mine"
        raise Stop(f"NAME must be {wants}, not {short(name)}")
    number = name[:2]
    if number in numbers:
        raise Stop(f"NAME={name}: there is {numbers[number]} already: take another number, such as {free}")
    label = name.replace("_", "-")  # with its number, which no other chapter's labels have
    text = LABEL.sub(rf"\g<1>{label}-", TEMPLATE.read_text(encoding="utf-8")).replace(PLACEHOLDER, name)
    entries = ENTRIES.read_text(encoding="utf-8").rstrip("\n") + "\n" + ENTRY.format(name=name)
    write_text(NOTEBOOKS / f"{name}.ipynb", text)
    write_text(ENTRIES, entries)
    print(f"notebooks/{name}.ipynb is there, with an entry at the end of workflow/chapters.yaml: `make lab` opens it,")
    print(f"`make report PROFILE=quick NOTEBOOKS={number}` builds its report")
    return 0


if __name__ == "__main__":
    environment.enter()
    sys.exit(guarded("make chapter", lambda: make(" ".join(sys.argv[1:]))))
