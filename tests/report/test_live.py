"""Figures to work, in a browser: the networks are PyTorch's, and readers can draw, load, walk and turn every number."""

import base64
import copy
import gzip
import json

import pytest
import torch
from conftest import ROOT
from nbformat import v4
from playwright.sync_api import expect
from test_html import axe, browser_test, chromium, windows  # noqa: F401  # fixtures
from test_report import code, drawing, notebook, options, refusal, save
from torch import nn

from helpers import live, live_page
from helpers.models import Autoencoder, ConvolutionalAutoencoder, Probe, planar_net, principal_components
from helpers.scratch import ScratchAutoencoder, initial_layers
from workflow.report import html
from workflow.report.build import build

SIZES = [784, 64, 16, 64, 784]
EPOCH = "1700000000"


def as_rounded(network):
    """The network with the weights that a browser gets."""
    network = copy.deepcopy(network).eval()
    with torch.no_grad():
        for layer in network.modules():
            if isinstance(layer, nn.Linear | nn.Conv2d):
                whole, scale = live.rounded(layer.weight)
                layer.weight.copy_(whole * scale.view(-1, *[1] * (layer.weight.ndim - 1)))
    return network


def used(network, images):
    """A network whose batch normalisation has seen images."""
    network.train()
    with torch.no_grad():
        for _ in range(60):  # a tenth of the way each
            network(images)
    return network.eval()


def networks(images):
    torch.manual_seed(0)
    made = Autoencoder([(4 * weight, bias + 0.1) for weight, bias in initial_layers(SIZES, seed=0)], encoder_layers=2)
    maps = images.view(-1, 1, 28, 28)
    denoiser, planar = used(ConvolutionalAutoencoder(), maps), used(planar_net(classes=10, seed=0), maps)
    return {
        "dense": nn.Sequential(made.encoder, made.decoder, nn.Sigmoid()),
        "denoiser": nn.Sequential(denoiser.encoder, denoiser.decoder, live.Crop(28), nn.Sigmoid()),
        "codes": nn.Sequential(planar.body, planar.code),
        "classes": nn.Sequential(planar.body, planar.code, planar.head, nn.Softmax(1)),
    }


def pictures(count):
    """Blurred blobs with many black pixels, as digits have them, in 256 levels."""
    noise = torch.rand(count, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    smooth = nn.functional.avg_pool2d(noise, 7, stride=1, padding=3)
    return ((smooth - 0.45).clamp(0) * 8).clamp(max=1).mul(255).round().div(255).flatten(1)


@browser_test
def test_outputs_are_those_of_torch(chromium):  # noqa: F811
    images = pictures(100)
    made = networks(images)
    content = live.Live("digit", made, images, torch.zeros(100, dtype=torch.long)).content()
    page = chromium.new_page()
    page.set_content(f"<script>{live_page.SCRIPT.read_text()}</script>")
    found = page.evaluate(
        """async content => {
            const { networks, images } = await unpack(content);
            return Object.fromEntries(Object.entries(networks).map(
                ([name, steps]) => [name, images.map(image => [...run(steps, image)])]));
        }""",
        json.loads(content),
    )
    page.close()
    for name, network in made.items():
        given = images if name == "dense" else images.view(-1, 1, 28, 28)
        with torch.no_grad():
            expected = as_rounded(network)(given).flatten(1)
        torch.testing.assert_close(torch.tensor(found[name]), expected, atol=1e-3, rtol=0)
        assert expected.std(0).max() > 1e-3, "a network that answers everything alike would pass"


def digit():
    """A live figure of an autoencoder that leaves images as they are, nearly: its code is 16 sums of pixels."""
    torch.manual_seed(0)
    images = pictures(20)
    network = ScratchAutoencoder(initial_layers(SIZES, seed=0), encoder_layers=2)
    probe = Probe(network.encode(images), hidden=8, classes=10)
    return live.digit(network, principal_components(images, 16), probe, images, torch.arange(20) % 10)


def denoising(images, labels):
    made = networks(images)
    return live.denoising(
        {"AE": made["dense"], "convolutional": made["denoiser"]}, images, labels, kind="masking", level=0.4
    )


def planes(images):
    torch.manual_seed(0)
    nets = {name: used(planar_net(classes=10, seed=k), images.view(-1, 1, 28, 28)) for k, name in enumerate("ab")}
    codes = {name: 5 * torch.randn(50, 2) for name in nets}
    return live.planes(nets, codes, torch.arange(50) % 10, images)


def chapter(*outputs):
    cell = code(options(label="fig-live", fig_cap="A digit.", fig_alt="A digit and its code"), *outputs)
    return notebook("# Live\n\n## The figure\n\n@fig-live is alive.", cell, "## After\n\nThe end. " * 200)


def shown(figure):
    return v4.new_output("execute_result", figure._repr_mimebundle_(), execution_count=1)


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    folder = tmp_path_factory.mktemp("live")
    path = save(folder, chapter(shown(digit()), drawing()), seconds=1)
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("SOURCE_DATE_EPOCH", EPOCH)  # fonts have the time in them
        build([path], folder / "report.toml", html=folder / "report.html", pdf=folder / "report.pdf")
    return folder / "report.html"


@pytest.fixture
def view(chromium, report):  # noqa: F811
    """Open the report at its live figure, see :func:`test_html.windows`."""
    with windows(chromium, report) as opened:

        def at_the_figure(*size, **settings):
            page = opened(*size, **settings)
            page.locator("#fig-live").scroll_into_view_if_needed()
            return page

        yield at_the_figure


def stroke(page, *places):
    """Draw a line through places of the field, as shares of its width and height."""
    box = page.locator(".field").bounding_box()
    at = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in places]
    page.mouse.move(*at[0])
    page.mouse.down()
    for place in at[1:]:
        page.mouse.move(*place, steps=5)
    page.mouse.up()


def state(page):
    """What the figure shows: the numbers of the code, the chances, and the pixels of every picture."""
    return page.evaluate(
        """() => ({
            code: [...document.querySelectorAll(".numbers input")].map(input => input.value),
            chances: [...document.querySelectorAll(".chances li")].map(row => row.textContent),
            pixels: [...document.querySelectorAll(".live figure canvas")].map(
                canvas => [...canvas.getContext("2d").getImageData(0, 0, 28, 28).data].join()),
        })"""
    )


@browser_test
def test_strokes_change_all_that_is_made_of_a_digit(view):
    page = view()
    expect(page.get_by_role("status")).to_contain_text("The code reads as")
    page.get_by_role("button", name="Clear").click()
    empty = state(page)
    stroke(page, (0.3, 0.2), (0.7, 0.2), (0.5, 0.8))
    seven = state(page)
    stroke(page, (0.2, 0.5), (0.8, 0.5))
    crossed = state(page)
    for before, after in ((empty, seven), (seven, crossed)):
        assert before["code"] != after["code"] and before["chances"] != after["chances"]
        assert before["pixels"][:2] != after["pixels"][:2]
    page.get_by_role("button", name="Clear").click()
    assert state(page) == empty


@browser_test
def test_what_is_drawn_anywhere_in_any_size_is_centred(view):
    page = view()
    found = page.evaluate(
        """() => [[10, 10, 30, 60], [60, 20, 75, 110], [5, 100, 130, 120]].map(([left, top, right, bottom]) => {
            const ink = Float32Array.from({ length: 140 * 140 }, (_, i) =>
                Number(i % 140 >= left && i % 140 < right && i / 140 >= top && i / 140 < bottom));
            return [...centred(ink, 140)];
        })"""
    )
    for image in torch.tensor(found).view(3, 28, 28):
        rows, columns = image.sum(1), image.sum(0)
        places = torch.arange(28) + 0.5
        assert (rows @ places / rows.sum()).item() == pytest.approx(14, abs=0.05)
        assert (columns @ places / columns.sum()).item() == pytest.approx(14, abs=0.05)
        assert max((rows > 0.01).sum().item(), (columns > 0.01).sum().item()) in (20, 21)
        assert image.max() == pytest.approx(1, abs=0.01)
    assert page.evaluate("centred(new Float32Array(140 * 140), 140).every(value => value === 0)")


@browser_test
def test_a_keyboard_loads_images_walks_and_turns_numbers(view):
    page = view()
    first, second, way = (page.get_by_role("slider", name=name) for name in ("Test image", "Walk to", "Way"))
    start = state(page)
    first.press("ArrowRight")
    expect(first).to_have_attribute("aria-valuetext", "number 2, a 1")
    moved = state(page)
    assert moved["code"] != start["code"]
    first.press("ArrowLeft")
    assert state(page)["code"] == start["code"]
    second.press("End")
    way.press("End")
    expect(way).to_have_attribute("aria-valuetext", "100 % of the way")
    there = state(page)["code"]
    way.press("Home")
    assert state(page)["code"] == start["code"]
    first.press("End")
    assert state(page)["code"] == there, "the end of the walk is the code of the other image"
    number = page.get_by_role("slider", name="7", exact=True)
    before = state(page)
    number.press("Home")
    after = state(page)
    assert [a != b for a, b in zip(before["code"], after["code"], strict=True)] == [k == 6 for k in range(16)]
    assert before["pixels"][0] != after["pixels"][0], "the decoder draws again"
    assert before["pixels"][1] == after["pixels"][1], "PCA has no part in it"


@browser_test
@pytest.mark.parametrize("width", [360, 1280])
def test_it_fits_on_a_phone_and_its_parts_have_names(view, width):
    page = view(width, 800, has_touch=True)
    expect(page.locator(".live figure").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    for part in page.locator(".live canvas, .live input, .live button").all():
        name = part.get_attribute("aria-label") or part.inner_text() or part.evaluate("n => n.labels[0].innerText")
        assert name.strip()
    expect(page.locator("#fig-live .scroll svg")).not_to_be_in_viewport(ratio=0.5)


@pytest.fixture
def opened(chromium):  # noqa: F811
    """Open a live figure as JupyterLab does; when the test ends, nothing has failed."""
    pages, heard = [], []

    def show(figure):
        page = chromium.new_page()
        pages.append(page)
        page.on("pageerror", lambda error: heard.append(str(error)))
        page.set_content(figure._repr_mimebundle_()["text/html"])
        return page

    yield show
    for page in pages:
        page.close()
    assert heard == []


def shown_pixels(page):
    """Every small picture of a live figure, by its name, as levels of ink."""
    page.wait_for_timeout(100)  # drawn with the next picture on the screen
    return page.evaluate(
        """() => Object.fromEntries([...document.querySelectorAll(".live figure")].map(figure => [
            figure.querySelector("figcaption").textContent,
            [...figure.querySelector("canvas").getContext("2d").getImageData(0, 0, 28, 28).data]
                .filter((_, i) => i % 4 === 3)]))"""
    )


@browser_test
def test_noise_of_every_kind_and_level_goes_through_the_networks(opened):
    images, labels = pictures(10), torch.arange(10)
    page = opened(denoising(images, labels))
    status, level, kind = page.get_by_role("status"), page.get_by_role("slider", name="Level"), page.locator("select")
    expect(status).to_have_text("Masking noise, level 0.40.")
    seen = torch.tensor(shown_pixels(page)["noisy"]) / 255
    drawn = images[0] > 0
    assert (seen[drawn] == 0).float().mean() == pytest.approx(0.4, abs=0.12), "a share of the pixels is masked"
    assert torch.allclose(seen[seen > 0], images[0][seen > 0], atol=0.003), "and the others are as they were"
    given = seen.view(1, -1)
    made = networks(images)
    for name, network, shape in (("AE", made["dense"], (1, 784)), ("convolutional", made["denoiser"], (1, 1, 28, 28))):
        with torch.no_grad():
            expected = as_rounded(network)(given.view(shape)).flatten()
        torch.testing.assert_close(torch.tensor(shown_pixels(page)[name]) / 255, expected, atol=0.01, rtol=0)
    level.press("Home")
    expect(status).to_have_text("Masking noise, level 0.00.")
    clean = torch.tensor(shown_pixels(page)["noisy"]) / 255
    torch.testing.assert_close(clean, images[0], atol=0.003, rtol=0)
    kind.select_option("gaussian")
    level.press("End")
    expect(status).to_have_text("Gaussian noise, level 1.00.")
    strong = torch.tensor(shown_pixels(page)["noisy"]) / 255
    assert (
        (strong - clean)[clean == 0].std() == pytest.approx(0.4, abs=0.15) and strong.min() == 0 and strong.max() == 1
    )
    kind.select_option("salt and pepper")
    level.press("End")
    expect(status).to_have_text("Salt and pepper noise, level 1.00.")
    assert set(shown_pixels(page)["noisy"]) == {0, 255}


@browser_test
def test_a_drawn_digit_moves_among_the_codes(opened):
    page = opened(planes(pictures(10)))
    status = page.get_by_role("status")
    expect(status).to_contain_text("a: (")
    first, before = status.inner_text(), page.locator(".plane").first.screenshot()
    page.get_by_role("slider", name="Test image").press("End")
    expect(status).not_to_have_text(first)
    assert page.locator(".plane").first.screenshot() != before
    loaded = status.inner_text()
    stroke(page, (0.2, 0.2), (0.8, 0.8))
    expect(status).not_to_have_text(loaded)
    assert status.inner_text().count("reads as") == 2
    expect(page.locator(".key li")).to_have_count(10)


@browser_test
@pytest.mark.parametrize("kind", ["denoising", "planes"])
def test_axe_finds_nothing_serious_in_the_others(opened, axe, kind):  # noqa: F811
    images = pictures(10)
    page = opened(denoising(images, torch.arange(10)) if kind == "denoising" else planes(images))
    expect(page.get_by_role("status")).not_to_be_empty()
    page.evaluate(axe)
    found = page.evaluate("axe.run('.live', { resultTypes: ['violations'] })")["violations"]
    assert [(each["id"], each["nodes"][0]["html"]) for each in found if each["impact"] in ("serious", "critical")] == []


@browser_test
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(view, axe, scheme):  # noqa: F811
    page = view(color_scheme=scheme, bypass_csp=True)
    expect(page.get_by_role("status")).to_contain_text("The code reads as")
    page.evaluate(axe)
    found = page.evaluate("axe.run('#fig-live', { resultTypes: ['violations'] })")["violations"]
    assert [(each["id"], each["nodes"][0]["html"]) for each in found if each["impact"] in ("serious", "critical")] == []


@browser_test
def test_without_scripts_and_in_print_the_picture_stands_there(view):
    page = view(java_script_enabled=False)
    expect(page.locator("#fig-live svg")).to_be_visible()
    expect(page.locator(".live")).to_be_hidden()
    other = view()
    other.emulate_media(media="print")
    expect(other.locator(".live")).to_be_hidden()
    expect(other.locator("#fig-live svg")).to_be_visible()


@browser_test
def test_jupyter_opens_it_in_the_output(chromium):  # noqa: F811
    page = chromium.new_page()
    page.set_content(digit()._repr_mimebundle_()["text/html"])
    expect(page.get_by_role("status")).to_contain_text("The code reads as")
    page.close()


def test_the_same_run_gives_the_same_page_and_one_script_may_run(report, tmp_path, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", EPOCH)
    text = report.read_text()
    folder = tmp_path / report.parent.name
    build([save(folder, chapter(shown(digit()), drawing()), seconds=1)], folder / "report.toml", html=folder / "a.html")
    assert (folder / "a.html").read_text() == text
    assert text.count("<script>") == 1 and text.count("const openLive") == 1
    assert text.count('id="fig-live-content"') == 1
    assert report.with_name("report.pdf").read_bytes()[:4] == b"%PDF"


def test_the_weights_of_a_report_take_less_than_a_megabyte_and_a_half():
    """Networks of the chapters' sizes that have learned nothing: weights that are equally likely squeeze worst."""
    torch.manual_seed(0)
    images, labels = pictures(20), torch.arange(20) % 10
    layers = [initial_layers([784, 256, 32, 16, 32, 256, 784], seed=seed) for seed in (0, 1)]
    network = ScratchAutoencoder(layers[0], encoder_layers=3)
    plain, denoising = (Autoencoder(each, encoder_layers=3).requires_grad_(False) for each in layers)
    convolutional = ConvolutionalAutoencoder()
    restoring = {
        name: nn.Sequential(made.encoder, made.decoder)
        for name, made in {"AE": plain, "D-AE": denoising, "convolutional": convolutional}.items()
    }
    probe = Probe(network.encode(images), hidden=64, classes=10)
    figures = {
        "digit": live.digit(network, principal_components(images, 16), probe, images, labels),
        "denoising": live.denoising(restoring, images, labels, kind="gaussian", level=0.5),
        "planes": planes(images),
    }
    *pages, shared = html.live_data({label: figure.content() for label, figure in figures.items()})
    data, opened = (json.loads(text.split(">", 1)[1].removesuffix("</script>")) for text in (shared, pages[0]))
    weights = {name: text for name, text in data.items() if name != opened["images"]["data"]}
    assert sum(map(len, weights.values())) < 1_500_000
    assert sum(len(gzip.decompress(base64.b64decode(text))) for text in weights.values()) > 1_500_000


def test_a_report_without_such_a_figure_has_none_of_its_script(tmp_path):
    path = save(tmp_path, chapter(drawing()), seconds=1)
    build([path], tmp_path / "report.toml", html=tmp_path / "report.html")
    assert "openLive = " not in (tmp_path / "report.html").read_text()


def test_a_live_figure_without_a_picture_is_refused(tmp_path, capsys):
    path = save(tmp_path, chapter(shown(digit())), seconds=1)
    assert "cell 2: a live figure needs one picture beside it" in refusal(path, capsys)


@pytest.mark.parametrize(
    ("chapter", "label"),
    [("01_autoencoder", "live"), ("02_denoising", "denoising-live"), ("03_center_loss", "center-live")],
)
def test_these_chapters_have_one(chapter, label):
    cells = json.loads((ROOT / "notebooks" / f"{chapter}.ipynb").read_text())["cells"]
    assert any(f"label: fig-{label}\n" in "".join(cell["source"]) for cell in cells)
