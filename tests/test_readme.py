"""The README leads to what is there, and is as short as it says it is."""

import importlib
import re

from conftest import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
PLACES = re.findall(r"^\| [AB] .*\| `(\w+)` \| `([\w.]+)` \| `([\w-]+)` \|$", README, re.MULTILINE)


def test_every_question_leads_to_a_notebook_a_function_and_a_figure_that_are_there():
    assert len(PLACES) == len(re.findall(r"^\| [AB] ", README, re.MULTILINE)) == 12
    for notebook, name, figure in PLACES:
        source = (ROOT / "notebooks" / f"{notebook}.ipynb").read_text(encoding="utf-8")
        module, _, function = name.rpartition(".")
        assert hasattr(importlib.import_module(f"helpers.{module}"), function), name
        assert f"#| label: {figure}\\n" in source, figure


def test_its_files_and_folders_are_there():
    named = re.findall(r"\]\(([\w/.-]+)\)|`((?:notebooks|workflow|helpers|reports|tests)/[\w/.-]+)`", README)
    built = {"reports/interactive/"}
    assert [path for pair in named for path in pair if path and path not in built and not (ROOT / path).exists()] == []


def test_it_is_short():
    lines = README.splitlines()
    assert len(lines) < 150
    assert [line for line in lines if len(line) > 120 and not line.startswith("![")] == []
