"""What CONTRIBUTING.md says of changing a model or a parameter takes no more than it says."""

import json
import shutil

import nbformat
import pytest
from conftest import ROOT, Project

MODEL = '''

class TwoConvolutions(nn.Sequential):
    """Images [N, H, W] -> logits [N, classes]."""

    def __init__(self, images: Tensor, *, classes: int):
        layers = nn.Conv2d(1, 16, 3, stride=2), nn.ReLU(), nn.AdaptiveMaxPool2d(1), nn.Flatten()
        super().__init__(Standardise(images), *layers, nn.Linear(16, classes))
'''


@pytest.fixture
def copied(tmp_path):
    """A copy of the project with all its chapters."""
    made = Project(tmp_path)
    shutil.copytree(ROOT / "notebooks", tmp_path / "notebooks", dirs_exist_ok=True)
    shutil.copy(ROOT / "workflow" / "chapters.yaml", tmp_path / "workflow")
    return made


@pytest.mark.slow
def test_another_model_in_chapter_5_is_a_class_and_a_line(copied):
    models = copied.root / "helpers" / "models.py"
    models.write_text(models.read_text() + MODEL)
    path = copied.root / "notebooks" / "05_fashion_cnn.ipynb"
    notebook = nbformat.read(path, 4)
    imports = next(cell for cell in notebook.cells if "import ReportBCNN" in cell.source)
    imports.source = imports.source.replace("import ReportBCNN", "import TwoConvolutions, ReportBCNN")
    choice = next(cell for cell in notebook.cells if '"cnn": our_cnn' in cell.source)
    choice.source = choice.source.replace('"cnn": our_cnn', '"cnn": TwoConvolutions')
    nbformat.write(notebook, path)
    done = copied.report("--notebooks", "5", "--format", "html", DATA="sample")
    assert done.returncode == 0, done.stderr
    results = json.loads((copied.root / "reports/quick/seed-0/05_fashion_cnn/results.json").read_text())
    assert results["metrics"]["cnn.parameters"] == 16 * 9 + 16 + 16 * 10 + 10


@pytest.mark.parametrize("how", ["profile", "sweep"])
def test_another_code_size_is_a_line_in_a_profile_or_a_sweep(copied, how):
    names = ("01_autoencoder", "02_denoising", "03_center_loss")
    copied.write("notebooks/profiles/mine.yaml", "".join(f"{name}: {{code_size: 8}}\n" for name in names))
    copied.write("mine.yaml", "seeds: [0]\nnotebooks:\n  02_denoising: {code_size: [8]}\n")
    code = "from pathlib import Path; from workflow.chapters import chapters; from workflow.plan import *; "
    code += "from workflow.sweep_file import read_sweep; "
    if how == "profile":
        code += "runs = [make_run(chapters('mine'), 'mine', '02_denoising', 0)]; "
    else:
        code += "runs = read_sweep(Path('mine.yaml'), 'quick', chapters('quick')).asked; "
    code += "print([(run.name, run.parameters['code_size']) for run in with_dependencies(runs).values()])"
    planned = copied.run("-c", code)
    assert planned.stdout.strip() == "[('01_autoencoder', 8), ('02_denoising', 8)]", planned.stderr
