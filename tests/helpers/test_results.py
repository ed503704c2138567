"""The record of a run: its schema, its refusals, and that nothing is ever half written."""

import json
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from helpers import results
from workflow.parameters import declared


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setenv("REPORT_FOLDER", str(tmp_path / "run"))
    monkeypatch.setenv("REPORT_PROFILE", "quick")
    parameters = declared(results.ROOT / "notebooks" / "01_autoencoder.ipynb")
    variables = {name: parameter.default for name, parameter in parameters.items()}
    data = SimpleNamespace(name="MNIST", sample=True, fingerprint="abc", md5s={"a.gz": "0f"})
    data.train, data.validation, data.test = range(30), range(0), range(10)
    return results.start("01_autoencoder", variables, data=data)


def test_results_json_has_the_contract(run):
    run.metrics["scratch.test_bce"] = torch.tensor(0.25)
    run.series["scratch.train_bce"] = [0.5, 0.25]
    run.tables["scratch.per_class"] = {"precision": [1.0]}
    run.predict(scratch=torch.eye(2), labels=torch.tensor([0, 1]))
    run.save_weights("ae", {"w": torch.ones(2, 3).t()})
    run.save_arrays(points=np.zeros((3, 2)))
    run.save()
    result = json.loads((run.folder / "results.json").read_text())
    assert set(result) == {"notebook", "seed", "profile", "parameters", "metrics", "series", "tables", "provenance"}
    assert result["metrics"] == {"scratch.test_bce": 0.25}
    assert result["profile"] == "quick" and result["parameters"]["code_size"] == 16
    # The rest is the runner's: see tests/workflow/test_provenance.py.
    assert {"torch", "device", "precision", "threads", "sample_data"} <= set(result["provenance"])
    assert result["provenance"]["sample_data"] is True
    assert result["provenance"]["data"] == {"MNIST": "abc"}
    assert result["provenance"]["images"] == {"train": 30, "validation": 0, "test": 10}
    assert result["provenance"]["data_md5"] == {"MNIST": {"a.gz": "0f"}}
    with np.load(run.folder / "predictions.npz") as kept:
        assert kept["scratch"].shape == (2, 2) and kept["labels"].tolist() == [0, 1]
    assert {path.name for path in run.folder.iterdir()} == {
        "results.json",
        "predictions.npz",
        "ae.safetensors",
        "arrays.npz",
    }


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_a_number_that_is_none_is_refused(run, value):
    run.metrics["a"] = value
    with pytest.raises(ValueError, match="only finite numbers"):
        run.save()
    assert not (run.folder / "results.json").exists()


def test_a_failed_write_keeps_the_old_file_and_leaves_no_other(tmp_path):
    path = tmp_path / "a.json"
    path.write_text("old")

    def fail(temporary):
        temporary.write_text("half")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError):
        results.write(path, fail)
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_reported_figures_are_read_and_unknown_ones_refused():
    assert results.reported("A.Q1.accuracy") == 0.95
    assert len(results.reported("A.Q1.class_accuracy")) == 10
    with pytest.raises(KeyError):
        results.reported("A.Q9")


def test_what_is_recorded_are_the_parameters_that_the_workflow_checks():
    for path in sorted((results.ROOT / "notebooks").glob("*.ipynb")):
        assert results.parameter_names(path) == list(declared(path))


def test_the_runner_has_the_record_under_another_name(run, monkeypatch):
    monkeypatch.setenv("REPORT_RECORD", ".results.json")
    run.save()
    assert (run.folder / ".results.json").exists() and not (run.folder / "results.json").exists()


def test_import_is_light():
    code = "import sys; from helpers import results; print({'torch', 'numpy', 'workflow'} & set(sys.modules))"
    ran = subprocess.run([sys.executable, "-c", code], cwd=results.ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout == "set()\n"
