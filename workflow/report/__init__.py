"""Executed notebooks in, one graded report out: `report.html` and `report.pdf`.

notebook.py reads and checks, book.py numbers and settles references once for both formats, html.py and pdf.py write.
"""

from workflow.report.build import build
from workflow.report.exporters import HTMLReport, PDFReport
from workflow.report.notebook import ReportError

__all__ = ["HTMLReport", "PDFReport", "ReportError", "build"]
