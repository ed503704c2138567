"""`make data`: manifests of the data sets, a line for each set, errors in one line."""

import json
import os
import subprocess
import sys

import pytest
from conftest import ROOT

from helpers import files
from helpers.sets import SETS
from workflow import data as command


@pytest.fixture(autouse=True)
def offline(monkeypatch, tmp_path):
    """Each test starts offline, with an empty data folder."""
    monkeypatch.delenv("DATA", raising=False)
    monkeypatch.delenv("DATA_DIR", raising=False)
    monkeypatch.setattr(files, "PROJECT", tmp_path)
    monkeypatch.setattr(files, "_online", lambda: False)


@pytest.fixture
def real(monkeypatch):
    """Real data that are there and sound."""
    monkeypatch.setattr(files, "locate", lambda *_: ["some.gz"])
    monkeypatch.setattr(files, "check", lambda *_: {"some.gz": "0f"})
    monkeypatch.setattr(files, "fingerprint", lambda *_: "f00d")


def test_command_line_with_the_sample(tmp_path, capfd):
    folder = tmp_path / "made" / "here"
    assert command.main(["--manifests", str(folder)]) == 0
    said = capfd.readouterr()
    assert [line.split()[:3] for line in said.out.splitlines()] == [[name, "SAMPLE", "DATA,"] for name in SETS]
    assert said.err == ""
    assert sorted(path.name for path in folder.iterdir()) == sorted(f"{name}.json" for name in SETS)
    assert json.loads((folder / "MNIST.json").read_text()) == command.manifest("MNIST")


def test_command_line_with_real_data(real, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    assert command.main(["MNIST", "--manifests", "made"]) == 0
    assert capfd.readouterr().out == "MNIST        real data, 1 file checked in data/\n"
    made = tmp_path / "made" / "MNIST.json"
    os.utime(made, ns=(1, 1))
    before = made.stat()
    assert command.main(["MNIST", "--manifests", "made"]) == 0
    after = made.stat()
    assert after.st_ino == before.st_ino and after.st_mtime_ns == before.st_mtime_ns, "left as it was"
    monkeypatch.setattr(files, "fingerprint", lambda *_: "cafe")
    assert command.main(["MNIST", "--manifests", "made"]) == 0
    assert json.loads(made.read_text())["fingerprint"] == "cafe"


def test_command_line_errors_are_one_line(tmp_path, monkeypatch, capfd):
    (tmp_path / "file").touch()
    for arguments in (["ImageNet"], ["MNIST", "--manifests", str(tmp_path / "file" / "x")]):
        assert command.main(arguments) == 1
        said = capfd.readouterr().err
        assert said.startswith("error: ") and said.count("\n") == 1

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "fetch", interrupt)
    assert command.main(["MNIST"]) == 130
    assert capfd.readouterr().err.startswith("error: interrupted")


@pytest.mark.slow
def test_program_fails_in_one_line_with_data_real():
    nowhere = "http://127.0.0.1:9"  # a proxy that refuses at once: offline, whatever this machine can reach
    environment = os.environ | {"DATA": "real", "no_proxy": "", "NO_PROXY": ""}
    environment |= dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), nowhere)
    program = [sys.executable, "-m", "workflow.data", "MNIST"]
    ran = subprocess.run(program, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 1 and ran.stdout == ""
    assert ran.stderr.startswith("error: MNIST is not complete in ") and ran.stderr.count("\n") == 1
