"""Every chapter on the embedded sample in the quick profile: it runs, and leaves the metrics others rely on."""

import json
import os
import re
import shutil
import subprocess
import sys

import nbformat
import numpy as np
import pypdf
import pytest
from conftest import ROOT
from layout import far_from_their_mention, pages_with_gaps, smallest_letters, titles

from helpers.comparison import claims, summary
from workflow.chapters import chapters
from workflow.report.build import build

pytestmark = pytest.mark.slow

CONTRACT = {
    "01_autoencoder": """gradcheck.max_relative_error parity.max_loss_difference scratch.train_bce scratch.test_bce
        inbuilt.test_bce scratch.test_mse inbuilt.test_mse pca.test_mse scratch.code_accuracy inbuilt.code_accuracy
        pca.code_accuracy pixels.code_accuracy contrastive.code_accuracy
        scratch.tsne_trustworthiness inbuilt.tsne_trustworthiness
        scratch.seconds_per_epoch inbuilt.seconds_per_epoch softmax_decoder.train_bce softmax_decoder.floor""",
    "02_denoising": """noisy.psnr median.psnr nlm.psnr tv.psnr gaussian.psnr scratch.psnr inbuilt.psnr conv.psnr
        unet.psnr scratch.ssim inbuilt.ssim conv.ssim ae.clean_code_accuracy ae.noisy_code_accuracy
        dae.clean_code_accuracy dae.noisy_code_accuracy scratch.seconds_per_epoch inbuilt.seconds_per_epoch""",
    "03_center_loss": """ae.softmax.test_accuracy ae.center.test_accuracy dae.softmax.test_accuracy
        dae.center.test_accuracy ae.softmax.noisy_accuracy ae.center.noisy_accuracy dae.softmax.noisy_accuracy
        dae.center.noisy_accuracy ae.softmax.intra_inter_ratio ae.center.intra_inter_ratio
        dae.softmax.intra_inter_ratio dae.center.intra_inter_ratio ae.softmax.verification_auc
        ae.center.verification_auc dae.softmax.verification_auc dae.center.verification_auc
        planar.softmax.test_accuracy planar.center.test_accuracy""",
    "04_cifar10_bonus": """ae.test_mse dae.test_mse pca.test_mse ae.code_accuracy dae.code_accuracy pca.code_accuracy
        noisy.psnr ae.psnr dae.psnr pca.psnr""",
    "05_fashion_cnn": """report_b_cnn.test_accuracy report_b_cnn.test_loss cnn.test_accuracy cnn.test_loss
        cnn.train_accuracy cnn.train_loss cnn.val_accuracy cnn.val_loss report_b_cnn.train_accuracy
        report_b_cnn.train_loss report_b_cnn.val_accuracy report_b_cnn.val_loss cnn.parameters
        cnn.calibration_error cnn.fit_seconds
        report_b_cnn.fit_seconds svm_hog.test_accuracy svm_hog.test_loss svm_hog.fit_seconds""",
    "06_transfer": """encoder.test_accuracy encoder.test_loss encoder.train_accuracy encoder.train_loss
        encoder.val_accuracy encoder.val_loss encoder.fit_seconds full_frozen.test_accuracy full_frozen.test_loss
        full_trainable.test_accuracy full_trainable.test_loss full_frozen_noisy.test_accuracy
        full_frozen_noisy.test_loss full_frozen_noisy.clean_test_accuracy random_init.test_accuracy
        random_init.test_loss same_domain.test_accuracy same_domain.test_loss
        classifier_alone_noisy.test_accuracy""",
    "07_classical_baselines": """svm_linear.test_accuracy svm_linear.fit_seconds svm_linear.predict_seconds
        svm_poly.test_accuracy svm_poly.fit_seconds svm_poly.predict_seconds
        logistic.test_accuracy logistic.fit_seconds logistic.predict_seconds
        gaussian_nb.test_accuracy gaussian_nb.fit_seconds gaussian_nb.predict_seconds
        svm_rbf_hog.test_accuracy svm_rbf_hog.fit_seconds svm_rbf_hog.predict_seconds
        svm_kmeans.test_accuracy svm_kmeans.fit_seconds svm_kmeans.predict_seconds
        ffnn.test_accuracy ffnn.fit_seconds ffnn.predict_seconds
        report_a_cnn.test_accuracy report_a_cnn.fit_seconds report_a_cnn.predict_seconds
        cnn.test_accuracy cnn.fit_seconds cnn.predict_seconds""",
    "08_comparison": "chapters claims.total claims.covered claims.beaten",
}
# A reader's own chapters leave what they like.
CHAPTERS = {name: chapter for name, chapter in chapters("quick").items() if name in CONTRACT}
NOTEBOOKS = [chapter.notebook for chapter in CHAPTERS.values()]
names = pytest.mark.parametrize("path", NOTEBOOKS, ids=[path.stem for path in NOTEBOOKS])


def execute(path, folder, needed, compared=()):
    """Run a chapter on the sample; ``needed`` is the folder of the chapters that it needs or compares."""
    command = [sys.executable, "-m", "workflow.run", str(path), "--profile", "quick"]
    command += ["--folder", str(folder), "--needs"]
    command += [f"{name}={needed / file}" for name, file in CHAPTERS[path.stem].needs.items()]
    command += ["--compared", *compared]
    environment = os.environ | {"DATA": "sample"}
    finished = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr
    assert all((folder / file).exists() for file in CHAPTERS[path.stem].produces)


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    """A function that runs a chapter, once for all tests, after the chapters that it needs."""
    done = set()
    folder = tmp_path_factory.mktemp("chapters") / "quick" / "seed-0"

    def run(path):
        if path.stem not in done:
            chapter = CHAPTERS[path.stem]
            others = [other.name for other in CHAPTERS.values() if chapter.compares and not other.compares]
            for name in [*(file.partition("/")[0] for file in chapter.needs.values()), *others]:
                run(CHAPTERS[name].notebook)
            execute(path, folder / path.stem, folder, others)
            done.add(path.stem)
        return folder / path.stem

    return run


def without_seconds(record):
    """A record without what measures time."""
    return {name: value for name, value in record.items() if "seconds" not in name}


@names
def test_it_runs_on_the_sample_and_says_so(path, executed):
    result = json.loads((executed(path) / "results.json").read_text())
    assert result["notebook"] == path.stem and result["profile"] == "quick"
    assert result["provenance"]["sample_data"] is True
    assert set(CONTRACT[path.stem].split()) <= set(result["metrics"])


def test_the_comparison_reads_what_all_others_left(executed):
    metrics = json.loads((executed(CHAPTERS["08_comparison"].notebook) / "results.json").read_text())["metrics"]
    values = [value for value in claims.reported_values().values() if value.is_claim]
    assert metrics["chapters"] == len(CHAPTERS) - 1
    assert metrics["claims.total"] == len(values) >= 25
    assert metrics["claims.covered"] == sum((value.metric or "").split("/")[0] in CHAPTERS for value in values)


ANSWERED = [pair for pair in claims.reported_values().items() if pair[1].metric]


@pytest.mark.parametrize(("key", "reported"), ANSWERED)
def test_a_reported_value_has_its_metric_in_a_chapters_results(key, reported, executed):
    for path in filter(None, (reported.metric, reported.reproduced)):
        chapter, _, name = path.partition("/")
        if chapter in CHAPTERS:
            result = json.loads((executed(CHAPTERS[chapter].notebook) / "results.json").read_text())
            if reported.field:
                assert len(result["tables"][name][reported.field]) == len(reported.value)
            else:
                assert name in result["metrics"]
            if reported.is_claim and path == reported.metric and not reported.field:
                assert name in CONTRACT[chapter].split()


def test_the_first_page_has_an_answer_to_every_question(executed):
    result = json.loads((executed(CHAPTERS["08_comparison"].notebook) / "results.json").read_text())
    assert len(result["tables"]["answers"]) == len(summary.QUESTIONS)
    assert not [row for row in result["tables"]["answers"] if "not run" in row["answer"]]
    assert len(result["tables"]["findings"]) == summary.MOST


def test_scratch_and_inbuilt_are_the_same_network(executed):
    metrics = json.loads((executed(NOTEBOOKS[0]) / "results.json").read_text())["metrics"]
    assert metrics["gradcheck.max_relative_error"] <= 1e-7
    assert metrics["parity.max_loss_difference"] <= 1e-3


def test_transfer_counts_its_labelled_images(executed):
    metrics = json.loads((executed(ROOT / "notebooks" / "06_transfer.ipynb") / "results.json").read_text())["metrics"]
    counted = {name.rpartition("_")[2] for name in metrics if ".accuracy_at_" in name}
    assert counted == {"20", "100", "1000"}  # the quick profile's two and ten of each class, and all
    for start in ("pretrained", "frozen", "random"):
        assert all(0 <= metrics[f"{start}.accuracy_at_{count}"] <= 1 for count in counted)


def test_the_standard_profile_has_the_counts_that_others_read():
    per_class = chapters("standard")["06_transfer"].parameters["per_class"]
    assert {100, 1000, 10000} <= {10 * count for count in per_class}


def test_the_same_seed_gives_the_same_bytes(executed, tmp_path):
    # Chapter 2: networks by hand, by autograd and with convolutions, filters, classifiers and t-SNE.
    path = ROOT / "notebooks" / "02_denoising.ipynb"
    first = executed(path)
    execute(path, tmp_path, first.parent)
    one, two = (json.loads((folder / "results.json").read_text()) for folder in (first, tmp_path))
    for part in ("metrics", "series", "tables"):
        assert without_seconds(one[part]) == without_seconds(two[part])
    for name in ("predictions.npz", "arrays.npz"):
        with np.load(first / name) as a, np.load(tmp_path / name) as b:
            assert a.files == b.files != []
            assert all(a[key].dtype == b[key].dtype and a[key].tobytes() == b[key].tobytes() for key in a.files)
    for file in first.glob("*.safetensors"):
        assert file.read_bytes() == (tmp_path / file.name).read_bytes()


@names
def test_every_figure_is_kept_for_screen_and_print_with_caption_and_alt_text(path, executed):
    pictures = 0
    for cell in nbformat.read(executed(path) / "notebook.ipynb", 4).cells:
        for output in cell.get("outputs", []):
            if "image/png" in output.get("data", {}):
                pictures += 1
                assert "image/svg+xml" in output.data
                assert smallest_letters("".join(output.data["image/svg+xml"])) >= 6.5
                assert all(f"#| {option}:" in cell.source for option in ("label", "fig-cap", "fig-alt"))
    assert pictures


@names
def test_it_is_committed_clean_and_short(path):
    notebook = nbformat.read(path, 4)
    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec.name == "python3"
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert not cell.outputs and cell.execution_count is None
            assert len(cell.source.splitlines()) <= 40
            assert not re.search(r"^\s*class |rcParams|plt\.", cell.source, re.M)


@names
def test_it_makes_a_report_alone(path, executed, tmp_path):
    # Which refuses, among others, a reference to another chapter, something never referred to, and a typed result.
    build([executed(path) / "notebook.ipynb"], ROOT / "reports" / "report.toml", html=tmp_path / "report.html")


@pytest.fixture(scope="module")
def printed(executed, tmp_path_factory):
    """The whole report on paper."""
    path = tmp_path_factory.mktemp("printed") / "report.pdf"
    last = executed(NOTEBOOKS[-1])  # after all others
    executed_notebooks = [last.parent / notebook.stem / "notebook.ipynb" for notebook in NOTEBOOKS]
    build(executed_notebooks, ROOT / "reports" / "report.toml", pdf=path)
    return path


@pytest.mark.skipif(not shutil.which("pdftoppm"), reason="poppler-utils, which renders pages, is not installed")
def test_no_page_is_blank_for_more_than_a_third(printed):
    assert pages_with_gaps(printed, 1 / 3) == []


def test_what_floats_stands_in_its_section_and_on_the_page_that_speaks_of_it_or_the_next(printed):
    assert far_from_their_mention(printed) == []


def test_the_report_is_short(printed):
    reader = pypdf.PdfReader(printed)
    first = {title.lstrip("0123456789 "): page for level, title, page, _ in titles(reader) if level == 1}
    assert first["An autoencoder from scratch"] <= 4  # after the cover, what came out (two at the most), the contents
    assert first["How this was run"] - first["Code"] <= 12
