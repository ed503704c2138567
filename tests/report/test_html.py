"""The HTML report: what it is made of, and how it behaves in a real browser."""

import base64
import hashlib
import io
import json
import re
import shutil
import subprocess
import tarfile
from collections import Counter
from contextlib import contextmanager
from html.parser import HTMLParser

import numpy as np
import pytest
from conftest import ROOT
from fontTools.ttLib import TTFont
from PIL import Image
from playwright.sync_api import expect, sync_playwright
from test_report import AUTHOR, code, drawing, first_chapter, notebook, options, refusal, save, second_chapter

from workflow.report import drawing as drawings
from workflow.report import fonts, maps
from workflow.report.build import build
from workflow.report.cells import Picture

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
AXE = "axe-core@4.14.1"
POINTS = 120
browser_test = pytest.mark.skipif(not CHROMIUM, reason="no Chromium is installed")


def map_chapter():
    """A chapter with a map to explore, as chapter 1 has it."""
    figure = code(options(label="fig-maps", fig_cap="A map.", fig_alt="Groups of points"), drawing())
    film = code(options(label="fig-center-course", fig_cap="A film.", fig_alt="Groups that form"), drawing())
    text = "# Maps\n\n## The map\n\n@fig-maps shows all, @fig-center-course how it comes to be."
    return notebook(text, figure, film, "## After\n\nThe end. " * 200)


def save_points(folder, **changed):
    """The arrays that a run saves, or others: digit d lies at (d, d) in one map, (d, -d) in the other.

    In the film it goes from (d, d) to (d, 0).
    """
    labels = np.arange(POINTS) % 10
    arrays = {"scratch_map": np.c_[labels, labels], "inbuilt_map": np.c_[labels, -labels], "labels": labels}
    arrays["course"] = np.stack([np.c_[labels, labels * share] for share in (1, 0.5, 0)])
    arrays |= {"course_labels": labels} | changed
    np.savez(folder / "arrays.npz", **{name: array for name, array in arrays.items() if array is not None})


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """The file of a report with everything that a report may have."""
    folder = tmp_path_factory.mktemp("html")
    chapters = {"ae": first_chapter(), "dn": second_chapter(), "maps": map_chapter()}
    paths = [save(folder / name, content, sample_data=True, seconds=1) for name, content in chapters.items()]
    save_points(folder / "maps")
    build(paths, folder / "ae" / "report.toml", html=folder / "report.html", overrides={"author": AUTHOR})
    return folder / "report.html"


class Elements(HTMLParser):
    """Every element of a page, as (tag, attributes), and what could run in it."""

    def __init__(self, text):
        super().__init__()
        self.found, self.scripts, self.inside = [], [], None
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))
        self.inside = dict(attributes).get("type", "text/javascript") if tag == "script" else None

    def handle_data(self, text):
        if self.inside:
            self.scripts.append((self.inside, text))
            self.inside = None

    def values(self, name, *tags):
        return [found[name] for tag, found in self.found if name in found and (not tags or tag in tags)]


@pytest.fixture(scope="module")
def elements(report):
    return Elements(report.read_text())


def test_nothing_is_fetched_from_anywhere(report, elements):
    sources = elements.values("src") + elements.values("href", "link", "image", "use") + elements.values("srcset")
    assert sources
    assert all(re.match(r"#|data:(image|font)/", source) for source in sources)
    assert not {tag for tag, _ in elements.found} & {"iframe", "object", "embed", "base", "link", "audio", "video"}
    style = report.read_text().split("<style>")[1].split("</style>")[0]
    assert "@import" not in style
    assert set(re.findall(r"url\((?!data:font/woff;base64,)[^)]*", style)) == set()
    assert [kind for kind, _ in elements.scripts].count("text/javascript") == 1
    assert not [name for _, found in elements.found for name in found if name.startswith("on")]


def test_a_policy_lets_only_its_own_script_run(report, elements):
    (policy,) = [found["content"] for _, found in elements.found if "http-equiv" in found]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    (script,) = re.findall(r"<script>(.*?)</script>", report.read_text(), re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == f"'sha256-{digest}'"
    assert rules["img-src"] == rules["font-src"] == "data:"


def test_identifiers_are_unique_and_every_link_has_its_target(elements):
    identifiers = Counter(elements.values("id"))
    assert max(identifiers.values()) == 1
    inside = [target for target in elements.values("href") if target.startswith("#")]
    targets = inside + re.findall(r"url\((#[^)]*)", " ".join(elements.values("clip-path")))
    assert len(targets) > 30
    assert {target[1:] for target in targets} <= set(identifiers)


def test_every_picture_has_words_and_a_caption(report, elements):
    pictures = [found for tag, found in elements.found if tag == "img" or (tag, found.get("role")) == ("svg", "img")]
    assert sorted(found.get("alt") or found.get("aria-label") for found in pictures) == [
        "Grey noise", "Groups of points", "Groups that form", 'Two lines that fall, "quoted" & <tagged>',
    ]  # fmt: skip
    tags = Counter(tag for tag, _ in elements.found)
    assert tags["figure"] == tags["figcaption"] == 6


def test_what_an_author_writes_is_text(report, elements):
    assert "&lt;b&gt;#x $y" in report.read_text()
    assert "b" not in {tag for tag, _ in elements.found}


def test_figures_are_vectors_in_the_colours_of_the_page(report):
    page = report.read_text()
    svg = page.split('aria-label="Two lines')[1].split("</svg>")[0]
    assert "drawn words" in svg
    assert "fill: var(--paper)" in svg
    assert not re.search("<style|<metadata|#[0-9a-f]{6};", svg)
    assert set(re.findall(r"var\((--(?:area|line|word)-\w+)\)", page)) <= set(
        re.findall(r"(--[\w-]+):light-dark", page)
    )


def test_pixels_are_turned_over_lightened_or_left_by_what_they_show():
    chance = np.random.default_rng(0)
    grey = np.repeat(chance.integers(0, 255, (40, 40, 1)), 3, axis=2)  # of more colours than a chart has
    few = grey // 64 * 64
    dots = np.zeros((40, 40, 4), dtype=int)
    dots[::4, ::4] = [51, 34, 136, 255]
    black = np.where(dots[..., 3:] > 0, [0, 0, 0, 255], 0)

    def classes(*images):
        uses = ""
        for pixels in images:
            Image.fromarray(pixels.astype(np.uint8)).save(file := io.BytesIO(), "png")
            uses += f'<image xlink:href="data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"/>'
        names = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
        root = drawings.inline(f"<svg {names}>{uses}</svg>".encode(), "p")
        return [node.get("class") for node in root]

    assert classes(few) == ["ink"]
    assert classes(grey) == [None]
    assert classes(grey, few) == [None, None]  # a photograph of few colours among others
    assert classes(few, dots, black) == ["ink", "dots", "ink"]


@pytest.mark.parametrize(
    "inside",
    [
        "<script>alert(1)</script>", '<path onclick="alert(1)"/>', '<image href="https://example.org/a.png"/>',
        "<foreignObject><b>x</b></foreignObject>", '<path style="fill: url(https://example.org/a)"/>', "<path",
    ],
)  # fmt: skip
def test_vectors_with_more_than_shapes_become_pixels(inside):
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" width="10pt">{inside}</svg>'
    made = drawings.drawn(Picture(b"pixels", svg.encode(), 10, 10, "alt"), "p")
    assert made == f'<img src="data:image/png;base64,{base64.b64encode(b"pixels").decode()}" alt="alt" width="10">'


def letters_of(face):
    """What an @font-face rule can write."""
    with TTFont(io.BytesIO(base64.b64decode(face.partition("base64,")[2].partition(")")[0]))) as font:
        return set(map(chr, font.getBestCmap()))


def test_fonts_hold_the_letters_that_are_used(report):
    faces = list(fonts.faces("<math><mi>x</mi></math><text>a</text>"))
    assert ["STIX" in face for face in faces] == [True, False]
    assert list(fonts.faces("<p>no formula</p>")) == []
    plain, root = (
        next(fonts.faces(f"<math>{inside}</math>")) for inside in ("<mi>x</mi>", "<msqrt><mi>x</mi></msqrt>")
    )
    assert "\N{SQUARE ROOT}" in letters_of(root)
    assert "\N{SQUARE ROOT}" not in letters_of(plain)
    assert len(list(fonts.faces('<text>a</text><text style="font-weight: 700">b</text>'))) == 2
    assert sum(map(len, faces)) < 60_000
    assert sum(map(len, fonts.faces(report.read_text()))) < 300_000


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"inbuilt_map": None}, "cell 2: the map fig-maps needs the array inbuilt_map, which arrays.npz lacks"),
        ({"labels": None}, "cell 2: the map fig-maps needs the array labels, which arrays.npz lacks"),
        ({"labels": np.zeros(3)}, "as many points in every panel as there are labels"),
        ({"inbuilt_map": np.zeros((POINTS, 3))}, "and two numbers a point"),
        ({"labels": np.full(POINTS, 10)}, "has labels that are none of its 10 classes"),
        ({"course": None}, "cell 3: the map fig-center-course needs the array course, which arrays.npz lacks"),
        ({"course": np.zeros((POINTS, 2))}, "and two numbers a point"),
        ({"course": np.zeros((0, POINTS, 2))}, "and two numbers a point"),
        (None, "arrays.npz: No such file or directory"),
    ],
)
def test_a_map_without_its_points_is_one_line(changed, message, tmp_path, capsys):
    path = save(tmp_path, map_chapter(), seconds=1)
    if changed is not None:
        save_points(tmp_path, **changed)
    assert message in refusal(path, capsys)


def test_without_a_record_of_a_run_a_map_stays_a_picture(tmp_path):
    build([save(tmp_path, map_chapter())], tmp_path / "report.toml", html=tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text()
    assert 'aria-label="Groups of points"' in page
    assert "<canvas" not in page


def test_maps_are_those_that_the_chapters_draw():
    cells = [
        "".join(cell["source"])
        for path in sorted((ROOT / "notebooks").glob("*.ipynb"))
        for cell in json.loads(path.read_text())["cells"]
    ]
    drawn = [re.search(r"label: (\S+)", cell)[1] for cell in cells if "plots.code_maps(" in cell]
    assert drawn
    assert set(drawn) == {label for label, figure in maps.FIGURES.items() if "panels" in figure}
    films = [label for label, figure in maps.FIGURES.items() if "film" in figure]
    assert all(any(f"label: {label}\n" in cell for cell in cells) for label in films)


def test_classes_have_the_names_and_colours_of_the_figures():
    from helpers.palette import CLASSES as COLOURS
    from helpers.sets import SETS

    assert [f"#{colour.upper()}" for colour in maps.COLOURS] == [*COLOURS]
    named = {tuple(figure["classes"]) for figure in maps.FIGURES.values()}
    assert named == {tuple("0123456789"), tuple(SETS["CIFAR10"].classes)}


# In a browser.


@pytest.fixture(scope="module")
def chromium():
    with sync_playwright() as tools:
        started = tools.chromium.launch(executable_path=CHROMIUM)
        yield started
        started.close()


@contextmanager
def windows(chromium, report):
    """Open a report in windows of some size; at the end nothing has failed or been asked of a network."""
    contexts, heard = [], []

    def opened(width=1280, height=900, **settings):
        context = chromium.new_context(viewport={"width": width, "height": height}, **settings)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: heard.append(message.text))
        page.on("pageerror", lambda error: heard.append(str(error)))
        page.on("request", lambda request: heard.append(request.url) if request.url != report.as_uri() else None)
        page.goto(report.as_uri())
        return page

    yield opened
    for context in contexts:
        context.close()
    assert [said for said in heard if not said.startswith("data:")] == []


@pytest.fixture
def view(chromium, report):
    """Open the report in a window of some size, see :func:`windows`."""
    with windows(chromium, report) as opened:
        yield opened


def background(page, selector="body"):
    return page.eval_on_selector(selector, "node => getComputedStyle(node).backgroundColor")


@browser_test
def test_figures_tables_and_listings_are_listed_before_the_text_each_with_its_caption(report):
    page = report.read_text(encoding="utf-8")
    found = re.findall(r'<details class="list"><summary>(\w+)</summary>(.*?)</details>', page, re.DOTALL)
    assert [kind for kind, _ in found] == ["Figures", "Tables"]  # no listing is in these chapters
    for kind, entries in found:
        captioned = len(re.findall(rf'<figcaption[^>]*>\s*<span class="number">{kind[:-1]}', page))
        targets = re.findall(r'<a href="#([^"]+)"', entries)
        assert len(targets) == len(set(targets)) == captioned > 0
        assert all(f'id="{target}"' in page for target in targets)
    assert page.index('<details class="list">') < page.index("</details>", page.index("<h1", page.index("</header>")))


def test_contents_lead_to_sections_and_follow_the_reader(view):
    page = view()
    current = page.locator(".side [aria-current]")
    expect(current).to_contain_text("1 Autoencoders")
    page.locator(".side a", has_text="The map").click()
    expect(current).to_have_text("3.1 The map")
    assert page.evaluate("location.hash") == "#sec-3-1"
    assert page.locator("#sec-3-1").bounding_box()["y"] < 100
    bars = [bar for bar in page.locator(".sample, .side").all() if bar.bounding_box()["width"] > 500]
    assert page.locator("#sec-3-1").bounding_box()["y"] >= max(
        (bar.bounding_box()["y"] + bar.bounding_box()["height"] for bar in bars), default=0
    )
    expect(page.locator(".side summary")).to_be_in_viewport()
    page.evaluate("scrollTo(0, document.body.scrollHeight)")  # past headings that were never in the window
    expect(current).to_have_text(page.locator(".side a").last.inner_text())
    page.evaluate("scrollTo(0, 0)")
    expect(current).to_contain_text("1 Autoencoders")


@browser_test
def test_code_unfolds_by_cell_and_all_at_once(view):
    page = view()
    cells, switch = page.locator("details.code"), page.locator("#code-switch")
    cells.first.locator("summary").click()
    assert cells.first.get_attribute("open") is not None
    assert cells.nth(1).get_attribute("open") is None
    switch.click()
    expect(switch).to_have_attribute("aria-pressed", "true")
    assert page.locator("details.code[open]").count() == cells.count() > 5
    switch.click()
    assert page.locator("details.code[open]").count() == 0


@browser_test
def test_dark_and_light_follow_the_system_until_the_reader_chooses(view):
    light, dark = view(color_scheme="light"), view(color_scheme="dark")
    colours = [background(light), background(dark)]
    assert colours == ["rgb(255, 255, 255)", "rgb(22, 25, 29)"]
    for page in (light, dark):
        words = page.locator("svg text").first
        before = words.evaluate("node => getComputedStyle(node).fill")
        switch = page.locator("#theme-switch")
        assert switch.inner_text() == ("Dark" if page is light else "Light")  # what it does, not what is
        switch.click()
        assert switch.inner_text() == ("Light" if page is light else "Dark")
        assert background(page) == colours[page is light]
        assert words.evaluate("n => getComputedStyle(n).fill") != before
    light.emulate_media(media="print")
    assert background(light) == "rgb(255, 255, 255)"


@browser_test
def test_without_scripts_dark_is_dark_and_a_map_is_its_picture(view):
    page = view(java_script_enabled=False, color_scheme="dark")
    expect(page.locator("#fig-maps svg")).to_be_visible()
    expect(page.locator(".map >> visible=true")).to_have_count(0)
    for switch in page.locator("button, input").all():
        expect(switch).to_be_hidden()  # it could do nothing
    assert page.locator("body").screenshot()[:4] == b"\x89PNG"


@browser_test
def test_what_can_be_scrolled_further_fades_out_until_its_end(view):
    page = view(390, 844)
    box = page.locator("#tbl-wide .scroll")
    expect(box).to_have_class("scroll more")
    box.evaluate("node => { node.scrollLeft = node.scrollWidth }")
    expect(box).to_have_class("scroll")


def test_no_heading_of_a_table_is_empty(report):
    assert not re.search(r"<th[^>]*></th>", report.read_text())
    assert re.search(r"<td[^>]*></td>", report.read_text())  # above the names of rows


def at(page, canvas, digit, sign=1):
    """Move the pointer to where the points of a digit lie in a panel."""
    box = canvas.bounding_box()
    share = 12 + (box["width"] - 24) * digit / 9
    page.mouse.move(box["x"] + share, box["y"] + (box["height"] - share if sign > 0 else share))


@browser_test
def test_a_map_tells_the_digit_and_fades_the_others(view):
    page = view()
    page.locator("#fig-maps").scroll_into_view_if_needed()
    first, second = page.locator("#fig-maps canvas").all()
    tip = page.locator(".tip")
    expect(tip).to_be_hidden()
    for canvas, sign in ((first, 1), (second, -1)):
        for digit in (3, 8):
            at(page, canvas, digit, sign)
            expect(tip).to_have_text(str(digit))
    page.mouse.move(5, 5)
    expect(tip).to_be_hidden()

    drawn = """node => {
        const copy = new OffscreenCanvas(node.width, node.height).getContext("2d", { willReadFrequently: true });
        copy.drawImage(node, 0, 0);
        return copy.getImageData(0, 0, node.width, node.height).data.filter((_, at) => at % 4 === 3)
            .reduce((sum, alpha) => sum + alpha, 0);
    }"""
    before = first.evaluate(drawn)
    three = page.locator("#fig-maps").get_by_role("button", name="3", exact=True)
    three.click()
    expect(three).to_have_attribute("aria-pressed", "true")
    assert first.evaluate(drawn) < before / 2
    at(page, first, 8)
    expect(tip).to_be_hidden()  # faded points do not answer
    page.keyboard.press("Escape")
    expect(three).to_have_attribute("aria-pressed", "false")
    assert first.evaluate(drawn) == before
    at(page, first, 8)
    page.mouse.down()
    page.mouse.up()
    expect(page.locator("#fig-maps").get_by_role("button", name="8", exact=True)).to_have_attribute(
        "aria-pressed", "true"
    )


@browser_test
@pytest.mark.parametrize("motion", ["reduce", "no-preference"])
def test_a_slider_shows_the_epochs_of_a_film(view, motion):
    page = view(reduced_motion=motion)
    figure = page.locator("#fig-center-course")
    figure.scroll_into_view_if_needed()
    canvas, slider = figure.locator("canvas"), figure.get_by_role("slider", name="Epoch")
    expect(slider).to_have_attribute("aria-valuetext", "epoch 3")
    at(page, canvas, 6, 1)
    expect(page.locator(".tip")).to_be_hidden()  # there the sixes were after the first epoch
    slider.press("Home")
    expect(slider).to_have_attribute("aria-valuetext", "epoch 1")
    expect(figure.locator("label")).to_contain_text("epoch 1")
    page.wait_for_timeout(600)
    at(page, canvas, 6, 1)
    expect(page.locator(".tip")).to_have_text("6")
    slider.press("ArrowRight")
    expect(slider).to_have_attribute("aria-valuetext", "epoch 2")


INJECTED = ["<script>document.title = 'ran'</script>", "<img src=x onerror=\"document.title = 'ran'\">"]
INJECTED += ["<svg onload=\"document.title = 'ran'\"></svg>"]
INJECTED += ["<iframe srcdoc=\"<script>parent.document.title = 'ran'</script>\"></iframe>"]


@browser_test
@pytest.mark.parametrize("code", INJECTED)
@pytest.mark.parametrize("guarded", [True, False])
def test_a_browser_does_not_run_what_got_into_the_page(chromium, report, code, guarded, tmp_path):
    text = report.read_text().replace("</main>", f"{code}</main>")
    if not guarded:  # without the policy it runs: the test can fail
        text = re.sub("<meta http-equiv[^>]*>", "", text)
    (tmp_path / "page.html").write_text(text)
    with chromium.new_context() as context:
        page = context.new_page()
        page.goto((tmp_path / "page.html").as_uri(), wait_until="load")
        assert (page.title() == "ran") is not guarded
        page.locator("#code-switch").click()  # its own script runs all the same
        expect(page.locator("#code-switch")).to_have_attribute("aria-pressed", "true")


@browser_test
def test_a_phone_scrolls_in_boxes_and_never_the_page(view):
    page = view(390, 844, has_touch=True, is_mobile=True)
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    page.locator("#code-switch").click()
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    wide = page.locator("#tbl-wide .scroll")
    assert wide.evaluate("box => box.scrollWidth > box.clientWidth")
    assert wide.get_attribute("tabindex") == "0"
    contents = page.locator(".side details")
    assert contents.get_attribute("open") is None
    contents.locator("summary").click()
    contents.locator("a", has_text="The map").click()
    assert contents.get_attribute("open") is None
    expect(page.locator("#here")).to_have_text("3.1 The map")


@browser_test
def test_the_keyboard_reaches_the_text_first_and_shows_where_it_is(view):
    page = view()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    expect(page.locator(".skip")).to_be_in_viewport()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.keyboard.press("Tab")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


@browser_test
def test_print_is_light_with_the_pictures_and_no_switches(view):
    page = view(color_scheme="dark")
    page.emulate_media(media="print", color_scheme="dark")
    for hidden in (".side", ".map >> nth=0", ".skip", "details.code >> nth=0"):
        expect(page.locator(hidden)).to_be_hidden()
    assert page.locator("#fig-maps svg").bounding_box()["width"] > 100
    assert background(page) == "rgb(255, 255, 255)"


@pytest.fixture(scope="session")
def axe(request):
    """The script of axe-core, kept from the first time that it could be had."""
    folder = request.config.cache.mkdir("axe-core")
    packed = folder / f"{AXE.replace('@', '-')}.tgz"
    if not packed.exists():
        if not (npm := shutil.which("npm")):
            pytest.skip("no npm, which brings axe-core")
        done = subprocess.run([npm, "pack", AXE], cwd=folder, capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"npm cannot bring {AXE}")
    with tarfile.open(packed) as archive:
        return archive.extractfile("package/axe.min.js").read().decode()


@browser_test
@pytest.mark.parametrize("look", ["light", "dark", "phone"])
def test_axe_finds_nothing_serious(view, axe, look):
    page = view(color_scheme="dark") if look == "dark" else view(390, 844) if look == "phone" else view()
    page.locator("#code-switch").click()
    page.evaluate(axe)
    found = page.evaluate("axe.run({ resultTypes: ['violations'] })")["violations"]
    serious = [item for item in found if item["impact"] in ("serious", "critical")]
    assert [f"{item['id']}: {item['nodes'][0]['html'][:200]}" for item in serious] == []
