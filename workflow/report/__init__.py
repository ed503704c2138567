"""Executed notebooks in, one graded report out: `report.html` and `report.pdf`.

Reading order: chapters.py joins the notebooks, exporters.py lists the steps, preprocessors.py has them, html.py and
pdf.py write. This module imports nothing, since `make report` (`__main__.py`) starts here.
"""
