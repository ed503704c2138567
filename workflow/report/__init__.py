"""Executed notebooks in, one graded report out: `report.html` and `report.pdf`."""
