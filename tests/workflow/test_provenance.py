"""What the runner adds to a record: the machine, versions, code and time."""

import json
import os
import platform
import subprocess
import sys

import numpy as np
import pytest
import torch
from conftest import ROOT

from workflow import digests, provenance


def test_the_hardware_is_named_with_its_sizes():
    found = provenance.hardware()
    assert set(found) == {"processor", "cores", "memory_gb"}
    assert found["cores"] == os.cpu_count() and 0.5 < found["memory_gb"] < 100_000
    assert found["processor"] == " ".join(found["processor"].split()) != ""


def test_a_gpu_is_named_only_where_one_was_used(monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: f"a fast one ({device})")
    assert provenance.hardware("cuda")["gpu"] == "a fast one (cuda)" and "gpu" not in provenance.hardware("cpu")


@pytest.mark.parametrize("printed", ["Apple  M2\n", ""])
def test_a_mac_is_asked_for_its_processor(printed, monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: subprocess.CompletedProcess([], 0, printed))
    assert provenance.processor() == ("Apple M2" if printed else platform.machine())


def test_a_system_that_tells_nothing_is_no_error(monkeypatch):
    def refuse(*_, **__):
        raise OSError

    monkeypatch.setattr(provenance.Path, "read_text", refuse)
    monkeypatch.setattr(subprocess, "run", refuse)
    monkeypatch.setattr(provenance.psutil, "virtual_memory", refuse)
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert provenance.hardware() == {"processor": platform.machine()}


def test_versions_are_those_installed_and_a_missing_package_is_left_out(monkeypatch):
    monkeypatch.setattr(provenance, "PACKAGES", ("numpy", "no-such-package"))
    assert provenance.packages() == {"numpy": np.__version__}


def test_the_runner_completes_what_a_notebook_found(tmp_path):
    notebook = ROOT / "notebooks" / "01_autoencoder.ipynb"
    found, results = tmp_path / ".results.json", tmp_path / "results.json"
    own = {"device": "cpu", "threads": 1, "sample_data": True, "torch": "2"}
    found.write_text(json.dumps({"metrics": {"a": 0.5}, "provenance": own}))
    subprocess.run([sys.executable, "-c", "bytearray(10**8)"], check=True)  # a kernel that has ended
    provenance.complete(found, results, provenance.code_of(notebook), 1.234, before={})
    record = json.loads(results.read_text())
    assert record["metrics"] == {"a": 0.5} and own.items() <= record["provenance"].items()
    expected = {"git", "dirty", "notebook_sha256", "helpers_sha256", "python", "torch", "packages", "machine", "device"}
    assert set(record["provenance"]) >= expected | {"hardware", "threads", "seconds", "peak_memory_mb", "sample_data"}
    assert record["provenance"]["hardware"]["cores"] and record["provenance"]["packages"]["numpy"] == np.__version__
    assert record["provenance"]["seconds"] == 1.23 and record["provenance"]["peak_memory_mb"] >= 100
    assert record["provenance"]["notebook_sha256"] == digests.notebook_digest(notebook)
