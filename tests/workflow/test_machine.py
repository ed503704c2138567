"""What a record says of its machine: names and sizes, on every system."""

import os
import platform
import subprocess
import sys

import numpy as np
import pytest
import torch

from helpers import machine


def test_the_hardware_is_named_with_its_sizes():
    told = machine.hardware()
    assert set(told) == {"processor", "cores", "memory_gb"}
    assert told["cores"] == os.cpu_count() and 0.5 < told["memory_gb"] < 100_000
    assert told["processor"] == " ".join(told["processor"].split()) != ""


def test_a_gpu_is_named_only_where_one_was_used(monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: f"a fast one ({device})")
    assert machine.hardware("cuda")["gpu"] == "a fast one (cuda)" and "gpu" not in machine.hardware("cpu")


@pytest.mark.parametrize("printed", ["Apple  M2\n", ""])
def test_a_mac_is_asked_for_its_processor(printed, monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: subprocess.CompletedProcess([], 0, printed))
    assert machine.processor() == ("Apple M2" if printed else platform.machine())


def test_a_system_that_tells_nothing_is_no_error(monkeypatch):
    def refuse(*_, **__):
        raise OSError

    monkeypatch.setattr(machine.Path, "read_text", refuse)
    monkeypatch.setattr(subprocess, "run", refuse)
    monkeypatch.setattr(os, "sysconf", refuse)
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert machine.hardware() == {"processor": platform.machine()}


def test_versions_are_those_installed_and_a_missing_package_is_left_out(monkeypatch):
    monkeypatch.setattr(machine, "PACKAGES", ("numpy", "no-such-package"))
    assert machine.packages() == {"numpy": np.__version__}
