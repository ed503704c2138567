"""The front door: what `make` prints, and one clear line for every machine that cannot set itself up."""

import os
import subprocess

import pytest
from conftest import ROOT


def setup(python, venv, path=os.environ["PATH"]):
    command = ["sh", str(ROOT / "workflow" / "setup.sh"), str(python), str(venv)]
    return subprocess.run(command, env={"PATH": path}, capture_output=True, text=True)


def fake(tmp_path, name, body):
    program = tmp_path / name
    program.write_text(f"#!/bin/sh\n{body}\n")
    program.chmod(0o755)
    return program


def test_make_alone_lists_the_commands():
    shown = subprocess.run(["make", "-s"], cwd=ROOT, capture_output=True, text=True).stdout
    for command in ("report", "test", "lab", "data", "clean"):
        assert f"make {command}" in shown


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ('case "$*" in --version) echo Python 3.9.2;; *version_info*) exit 1;; esac', "Python 3.9.2 is too old"),
        ('case "$*" in *ensurepip*) exit 1;; esac', "lacks venv"),
    ],
)
def test_a_python_that_will_not_do_is_one_line(tmp_path, body, words):
    done = setup(fake(tmp_path, "python", body), tmp_path / "venv")
    assert done.returncode == 1 and words in done.stderr
    assert len(done.stderr.splitlines()) == 1 and not (tmp_path / "venv").exists()


def test_no_python_is_one_line(tmp_path):
    done = setup("python-that-is-not", tmp_path / "venv")
    assert done.returncode == 1 and "there is no python-that-is-not" in done.stderr


def test_too_little_disk_is_one_line(tmp_path):
    fake(tmp_path, "df", "printf 'F S U A\\n/ 9 9 3145728\\n'")
    done = setup(fake(tmp_path, "python", "exit 0"), tmp_path / "venv", f"{tmp_path}:{os.environ['PATH']}")
    assert done.returncode == 1 and "takes 8 GB and only 3 GB are free" in done.stderr
    assert not (tmp_path / "venv").exists()
