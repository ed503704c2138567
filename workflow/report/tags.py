"""The tags that leave out or fold what a cell shows, as Jupyter Book and as nbconvert's manual write them."""

from __future__ import annotations

REMOVE_CELL = {"remove-cell", "remove_cell"}
REMOVE_INPUT = {"remove-input", "remove_input"}
REMOVE_OUTPUT = {"remove-output", "remove_output"}
HIDE_CELL = {"hide-cell", "hide_cell"}
HIDE_INPUT = {"hide-input", "hide_input"}
HIDE_OUTPUT = {"hide-output", "hide_output"}
