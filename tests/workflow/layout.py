"""What the tests measure on the pages of a printed report."""

import re
import subprocess
from itertools import groupby

import numpy as np
import pypdf

DPI = 36
MILLIMETRE = 72 / 25.4  # in points
TOP, BOTTOM = 23 / 297, 20 / 297  # of a page: its head and its foot, where running heads and page numbers stand


def titles(reader):
    """Every chapter and section of the outline, as (level, title, page, points from the top), in reading order."""
    found = []

    def visit(entries, level):
        for entry in entries:
            if isinstance(entry, list):
                visit(entry, level + 1)
            else:
                found.append((level, entry.title, reader.get_destination_page_number(entry), top_of(reader, entry)))

    visit(reader.outline, 1)
    return found


def top_of(reader, destination):
    """How far below the upper edge of its page a destination lies, in points."""
    page = reader.pages[reader.get_destination_page_number(destination)]
    return float(page.mediabox.height) - float(destination.top)


def smallest_letters(svg):
    """The size of the smallest letters of a figure in print, in points."""
    width, height = (float(re.search(rf'{side}="([\d.]+)pt"', svg)[1]) for side in ("width", "height"))
    scale = min(1, 160 * MILLIMETRE / width)
    scale *= min(1, 130 * MILLIMETRE / (height * scale))
    sizes = [float(size) for size in re.findall(r"font(?:-size)?: (?:[\w-]+ )*?([\d.]+)px", svg)]
    assert sizes
    return scale * min(sizes)


def largest_gap(page):
    """The largest band of a rendered page [H, W] without ink, between its head and its foot, as a share of the page."""
    inner = page[int(TOP * len(page)) : int((1 - BOTTOM) * len(page))]
    blank = (inner > 250).all(1)
    runs = [len([*rows]) for is_blank, rows in groupby(blank.tolist()) if is_blank]
    return max(runs, default=0) / len(inner)


def gaps(path):
    """The largest blank band of every page."""
    made = subprocess.run(["pdftoppm", "-gray", "-r", str(DPI), path], capture_output=True, check=True).stdout
    found = []
    while made:
        kind, size, depth, rest = made.split(b"\n", 3)
        assert (kind, depth) == (b"P5", b"255")
        width, height = map(int, size.split())
        found.append(largest_gap(np.frombuffer(rest, np.uint8, width * height).reshape(height, width)))
        made = rest[width * height :]
    return found


def pages_with_gaps(path, most):
    """The pages of the text, from 1, with a larger blank band than ``most`` of its height, but for chapters' last."""
    reader = pypdf.PdfReader(path)
    chapters = [(title, page) for level, title, page, _ in titles(reader) if level == 1]
    first = next(page for title, page in chapters if title[:1].isdigit())
    after = dict(chapters)["References"]
    last = {page - 1 for _, page in chapters}
    return [at + 1 for at, gap in enumerate(gaps(path)) if first <= at < after and at not in last and gap > most]


def far_from_their_mention(path):
    """Where figures, tables and listings stand before their section, or later than the page after the first mention."""
    reader = pypdf.PdfReader(path)
    numbers = {page.indirect_reference.idnum: number for number, page in enumerate(reader.pages)}
    height = float(reader.pages[0].mediabox.height)
    sections = [(page, top) for _, _, page, top in titles(reader)]
    mentioned = {}  # by place: the place of the first link to it
    for number, page in enumerate(reader.pages):
        for link in map(pypdf.generic.IndirectObject.get_object, page.get("/Annots", [])):
            if link.get("/Contents", "").startswith(", page"):  # as Typst describes a link to what floats
                target, _, _, y, _ = link["/Dest"]
                mentioned.setdefault((numbers[target.idnum], height - y), (number, height - float(link["/Rect"][3])))
    assert mentioned
    wrong = []
    for at, (page, y) in mentioned.items():
        begins = max(place for place in sections if place <= (page, y + 1))
        if at < begins or at[0] > page + 1:
            wrong.append(f"spoken of on page {page + 1}, stands on page {at[0] + 1}, {at[1]:.0f} points from its top")
    return wrong
