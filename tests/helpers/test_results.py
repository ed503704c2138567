"""The record of a run: its schema, its refusals, and that nothing is ever half written."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from helpers import results


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setenv("REPORT_FOLDER", str(tmp_path / "run"))
    monkeypatch.setenv("REPORT_PROFILE", "quick")
    variables = {
        name: p.default for name, p in results.declared(results.ROOT / "notebooks/01_autoencoder.ipynb").items()
    }
    data = SimpleNamespace(name="MNIST", sample=True, fingerprint="abc", md5s={"a.gz": "0f"})
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
    expected = {"git", "dirty", "notebook_sha256", "helpers_sha256", "torch", "device", "threads", "seconds"}
    assert expected | {"peak_memory_mb", "sample_data"} <= set(result["provenance"])
    assert result["provenance"]["sample_data"] is True
    assert result["provenance"]["data"] == {"MNIST": "abc"}
    assert result["provenance"]["data_md5"] == {"MNIST": {"a.gz": "0f"}}
    assert result["provenance"]["hardware"]["cores"] and result["provenance"]["packages"]["numpy"] == np.__version__
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


def test_results_csv_has_a_row_per_metric_and_seed(tmp_path):
    for seed in (0, 1):
        folder = tmp_path / f"seed-{seed}" / "01_a"
        folder.mkdir(parents=True)
        (folder / "results.json").write_text(json.dumps({"notebook": "01_a", "seed": seed, "metrics": {"x": seed / 2}}))
    results.write_csv(tmp_path)
    assert (tmp_path / "results.csv").read_text().splitlines() == [
        "notebook,seed,metric,value",
        "01_a,0,x,0.0",
        "01_a,1,x,0.5",
    ]
