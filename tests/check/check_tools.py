"""A tiny project with two chapters, its reports of two seeds, and ways to plant faults into copies of them."""

import json
import shutil
from types import SimpleNamespace

import pikepdf
import pytest
from conftest import Project

from helpers import integrity
from workflow.report import places

RECORD = """
import json, os, pathlib
import numpy as np
from helpers.sets import SETS
folder = pathlib.Path(os.environ["REPORT_FOLDER"])
def save(name, metrics, series, probabilities, labels, **parameters):
    with (folder / "predictions.npz").open("wb") as file:
        np.savez_compressed(file, labels=labels, **probabilities)
    md5s = {file: md5 for file, md5 in SETS["MNIST"].md5s.items() if file.endswith(".gz")}
    found = dict(sample_data=sample, data={"MNIST": "real"}, data_md5={"MNIST": md5s}, images={"test": len(labels)})
    record = dict(notebook=name, seed=seed, profile=os.environ["REPORT_PROFILE"])
    record |= dict(parameters=parameters | dict(seed=seed), metrics=metrics, series=series, tables={}, provenance=found)
    (folder / os.environ["REPORT_RECORD"]).write_text(json.dumps(record))
"""
NETWORK = """
generator = np.random.default_rng(seed)
labels = generator.integers(0, 10, 400)
scores = np.eye(10)[np.where(generator.random(400) < quality, labels, (labels + 1) % 10)]
accuracy = float((scores.argmax(1) == labels).mean())
metrics = {"cnn.test_accuracy": accuracy, "cnn.psnr": 20 + value + seed / 100, "cnn.fit_seconds": 1.5 + seed}
curve = [1 / epoch + seed / 100 for epoch in range(1, 6)]
save(NAME, metrics, {"cnn.loss": curve}, {"cnn": scores}, labels, quality=quality, value=value, sample=sample)
"""
SENTENCE = """
from IPython.display import Markdown
Markdown(f"The accuracy is {accuracy:.4f}, and the PSNR {metrics['cnn.psnr']:.3f} dB.")
"""
FIGURE = """
#| label: fig-LABEL
#| fig-cap: A curve that falls.
#| fig-alt: A line from the upper left to the lower right.
import matplotlib.pyplot as plt
from matplotlib_inline.backend_inline import set_matplotlib_formats
from helpers.palette import with_article
set_matplotlib_formats("png", "svg")
figure, axis = plt.subplots(figsize=(4, 2))
axis.plot(curve)
axis.set_title(with_article("CNN"));
"""
PARAMETERS = """seed: int = 0  # all randomness
quality: float = 0.9  # the share of right answers
value: float = 0.5  # what it adds
sample: bool = False  # whether it says that it ran on the sample
"""
CHAPTERS = """
01_first: {memory_mb: 2000, headline: cnn.test_accuracy}
02_second: {memory_mb: 2000, headline: cnn.test_accuracy}
"""


def cells(name):
    return [
        ("markdown", f"# {name[3:].capitalize()}\n\nText, with @fig-{name[3:]} and numbers such as 12,345."),
        ("parameters", PARAMETERS),
        ("code", RECORD + NETWORK.replace("NAME", repr(name))),
        ("code", SENTENCE),
        ("code", FIGURE.strip().replace("LABEL", name[3:])),
    ]


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    """The project, its reports of seed 0 (`report.html`, `report.pdf`), and the runs of seeds 0 to 2."""
    project = Project(tmp_path_factory.mktemp("checked"))
    for name in ("01_first", "02_second"):
        project.write_notebook(name, *cells(name))
    project.write("workflow/chapters.yaml", CHAPTERS)
    project.write("seeds.yaml", "seeds: [1, 2]\nnotebooks: {01_first: , 02_second: }\n")
    for command in (["workflow.sweep", "seeds.yaml"], ["workflow.report"]):
        done = project.run("-m", *command, "--profile", "quick")
        assert done.returncode == 0, done.stderr
    return SimpleNamespace(project=project, root=project.root, folder=project.root / "reports" / "quick")


@pytest.fixture
def copies(built, tmp_path):
    """Copies of both reports, to plant faults in."""
    for ending in ("html", "pdf"):
        shutil.copy(built.folder / f"report.{ending}", tmp_path)
    return SimpleNamespace(html=tmp_path / "report.html", pdf=tmp_path / "report.pdf")


def check(built, path, *more):
    """The exit status, what was said in the terminal, and check.json of a report."""
    done = built.project.run("-m", "workflow.check", str(path), *more)
    kept = built.root / "reports" / "check" / f"{path.parent.name}-{path.name}" / "check.json"
    found = json.loads(kept.read_text()) if done.returncode in (0, 1) and kept.exists() else None
    return done.returncode, done.stdout + done.stderr, found


def off(found):
    """What is off: (subject, what)."""
    return {(finding["subject"], finding["what"]) for finding in found["findings"] if not finding["holds"]}


def rewrite(path, change, *, seal=()):
    """Change the evidence of a report's HTML; ``seal`` names chapters whose records get a new digest, and the whole."""
    page, data = places.out_of_html(path.read_text())
    whole = json.loads(data)
    change(whole)
    for name in seal:
        record = whole["chapters"][name]["results"]
        record[integrity.OWN] = integrity.own(record)
    if seal:
        whole[integrity.OWN] = integrity.own(whole)
    before, body, after = page.rpartition("</body>")
    text = json.dumps(whole, ensure_ascii=False).replace("<", "\\u003c")
    path.write_text(f"{before}{places.START}{text}{places.END}{body}{after}")


def draw_over(path, page, operators):
    """Draw something more on a page of a PDF."""
    with pikepdf.open(path, allow_overwriting_input=True) as document:
        names = {"Type": "Font", "Subtype": "Type1", "BaseFont": "Helvetica"}
        font = pikepdf.Dictionary({f"/{key}": pikepdf.Name(f"/{value}") for key, value in names.items()})
        there = document.pages[page]
        there.add_resource(font, pikepdf.Name.Font, pikepdf.Name.Typed)
        there.contents_add(pikepdf.Stream(document, operators.encode()))
        document.save(path)
