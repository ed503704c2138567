"""Figures as part of the page: vectors whose ink follows the page, light or dark, and whose words can be selected."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Iterator
from html import escape
from xml.etree import ElementTree

from PIL import Image

from workflow.report.cells import Picture

SVG, LINK = "http://www.w3.org/2000/svg", "{http://www.w3.org/1999/xlink}href"
SHAPES = {"svg", "g", "defs", "clipPath", "path", "rect", "circle", "ellipse", "line", "polyline", "polygon"}
KNOWN = SHAPES | {"use", "image", "text", "tspan", "pattern"}
LEFT_OUT = {"metadata", "style", "title"}
COLOUR = re.compile(r"\b(fill|stroke): (#[0-9a-f]{6})\b")
PAGE = {"#ffffff": "var(--paper)", "#000000": "currentColor", "#222222": "currentColor"}
VARIABLE = re.compile(r"var\(--(area|line|word)-([0-9a-f]{6})\)")
# The lightness on dark paper: of areas turned over, so that all keep their distance from the paper and one another; of
# coloured lines and dots, which are known by their colours, and of words only as far as they need it to be seen.
DARK = {"area": "calc(0.97 - 0.76 * l)", "line": "max(l, 0.55)", "word": "max(l, 0.72)"}
FLAT = 64  # colours: a chart has no more, a photograph has


def drawn(picture: Picture, key: str) -> str:
    """A picture as HTML: its vectors, or its pixels where it has none that may stand in a page; `key` is its own."""
    size, alt = f'width="{picture.pixels}"', escape(picture.alt)
    if (root := inline(picture.svg, key)) is not None:
        root.attrib = {"viewBox": root.get("viewBox", "")}
        vectors = ElementTree.tostring(root, encoding="unicode").removeprefix("<svg")
        return f'<svg role="img" aria-label="{alt}" {size}{vectors}'
    return f'<img src="data:image/png;base64,{base64.b64encode(picture.png).decode()}" alt="{alt}" {size}>'


def inline(svg: bytes, key: str) -> ElementTree.Element | None:
    """The tree of an SVG with identifiers and colours of this page; None for one with more than shapes and words."""
    try:
        root = ElementTree.fromstring(svg)
    except ElementTree.ParseError:
        return None
    targets = set(re.findall(r"(?:url\(|href=\")#([^)\"]+)", svg.decode()))
    for parent in root.iter():
        for node in [node for node in parent if name_of(node) in LEFT_OUT]:
            parent.remove(node)
    looks: dict[str, list[ElementTree.Element]] = {}
    for node in root.iter():
        if name_of(node) not in KNOWN or not all(map(harmless, node.attrib.items())):
            return None
        if name_of(node) == "image":
            looks.setdefault(look(node.get(LINK, "")), []).append(node)
        rewrite(node, key, targets)
    # A photograph may have few colours, as a chart has: what the other images are decides.
    classes = {"ink": "ink", "dots": "dots"} | ({} if "photograph" in looks else {"chart": "ink"})
    for kind, name in classes.items():
        for node in looks.get(kind, ()):
            node.set("class", name)
    return root


def name_of(node: ElementTree.Element) -> str:
    """The name of an SVG element; one of another kind keeps its namespace before it."""
    return node.tag.removeprefix(f"{{{SVG}}}")


def harmless(attribute: tuple[str, str]) -> bool:
    """Whether an attribute starts no script and leads nowhere outside the file."""
    name, value = attribute
    if name.endswith("href"):
        return name == LINK and re.match(r"#|data:image/(png|jpeg);base64,", value) is not None
    return not name.startswith("on") and not re.search(r"url\(\s*[^#\s]|@import|expression", value)


def rewrite(node: ElementTree.Element, key: str, targets: set[str]) -> None:
    """Make one element part of the page: names of its own, no empty space, colours of the page."""
    node.tag, node.tail = name_of(node), None
    if node.tag not in ("text", "tspan"):
        node.text = None
    name = node.attrib.pop("id", "")
    if name in targets:
        node.set("id", f"{key}-{name}")
    if target := node.attrib.pop(LINK, ""):
        node.set("href", f"#{key}-{target[1:]}" if target.startswith("#") else target)
    for attribute, value in node.attrib.items():
        value = value.replace("url(#", f"url(#{key}-")
        node.set(attribute, " ".join(value.split()) if attribute == "d" else value)
    if style := node.get("style"):
        node.set("style", COLOUR.sub(lambda found: f"{found[1]}: {paint(found[1], found[2], node.tag)}", style))


def paint(kind: str, colour: str, tag: str) -> str:
    """The page's own colour for one of matplotlib's; `kind` is fill or stroke."""
    levels = [int(colour[at : at + 2], 16) for at in (1, 3, 5)]
    line = (kind == "stroke" or tag == "use") and max(levels) - min(levels) > 64
    role = "word" if tag in ("text", "tspan") else "line" if line else "area"
    return PAGE.get(colour) or f"var(--{role}-{colour[1:]})"


def look(source: str) -> str:
    """What the pixels of an image are: coloured dots or ink on nothing, a chart, or a photograph, of more colours."""
    with Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2]))) as image:
        pixels = image.convert("RGBA")
    alpha = pixels.getchannel("A")
    if alpha.histogram()[0] > pixels.width * pixels.height / 2:
        bright = pixels.convert("RGB").convert("HSV").getchannel("S").histogram(alpha.point(lambda a: 255 * (a > 0)))
        return "dots" if sum(bright[96:]) > sum(bright) / 2 else "ink"
    return "chart" if pixels.getcolors(FLAT) is not None else "photograph"


def palette(page: str) -> Iterator[str]:
    """The CSS of every colour that the figures of a page use, on light and on dark paper."""
    for kind, colour in sorted(set(VARIABLE.findall(page))):
        twin = f"oklch(from #{colour} {DARK[kind]} c h)"
        yield f"--{kind}-{colour}:light-dark(#{colour},{twin});"
