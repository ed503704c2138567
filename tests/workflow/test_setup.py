"""The front door: what `make` prints, and one clear line for every machine that cannot set itself up."""

import os
import shutil
import subprocess
import tomllib

import pytest
from conftest import ROOT
from packaging.specifiers import SpecifierSet

SCRIPT = (ROOT / "workflow" / "setup.sh").read_text(encoding="utf-8")


def setup(python, venv, path=os.environ["PATH"], script=ROOT / "workflow" / "setup.sh", **environment):
    command = ["sh", str(script), str(python), str(venv)]
    return subprocess.run(command, env={"PATH": path} | environment, capture_output=True, text=True)


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
        (
            'case "$*" in --version) echo Python 3.9.2;; *version_info*) exit 1;; esac',
            "3.11 to 3.14, and this is Python 3.9.2",
        ),
        (
            'case "$*" in --version) echo Python 3.15.0;; *version_info*) exit 1;; esac',
            "and this is Python 3.15.0: install",
        ),
        ('case "$*" in *ensurepip*) exit 1;; esac', "lacks venv"),
    ],
)
def test_a_python_that_will_not_do_is_one_line(tmp_path, body, words):
    done = setup(fake(tmp_path, "python", body), tmp_path / "venv")
    assert done.returncode == 1 and words in done.stderr
    assert len(done.stderr.splitlines()) == 1 and not (tmp_path / "venv").exists()


@pytest.mark.parametrize(("version", "fits"), [((3, 10), 0), ((3, 11), 1), ((3, 14), 1), ((3, 15), 0), ((4, 0), 0)])
def test_the_range_of_pythons_is_that_of_the_project(version, fits):
    asked = next(line for line in SCRIPT.splitlines() if "version_info" in line)
    asked = asked.split("'")[1].replace("import sys; sys.exit(", "").removesuffix(")")
    assert eval(asked.replace("sys.version_info[:2]", repr(version)).removeprefix("not ")) == bool(fits)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert (".".join(map(str, version)) in SpecifierSet(project["requires-python"])) == bool(fits)


def test_only_where_packages_come_from_is_the_users_to_say(tmp_path):
    project = tmp_path / "project"
    shutil.copytree(ROOT / "workflow", project / "workflow", ignore=shutil.ignore_patterns("__pycache__"))
    venv = tmp_path / "venv"
    makes = f'case "$*" in *"-m venv"*) mkdir -p "{venv}/bin"; cp "$0" "{venv}/bin/python";; esac'
    python = fake(tmp_path, "python", f'{makes}; env > "{tmp_path}/seen"')
    theirs = {"PIP_USER": "1", "PIP_TARGET": "/nowhere", "PIP_REQUIRE_VIRTUALENV": "1", "PYTHONSAFEPATH": "1"}
    theirs |= {"PYTHONHOME": "/nowhere", "PYTHONPATH": "/nowhere", "PIP_INDEX_URL": "mine", "PIP_CONFIG_FILE": "mine"}
    theirs |= {"UV_TARGET": "/nowhere", "UV_SYSTEM_PYTHON": "1", "UV_DEFAULT_INDEX": "mine", "UV_CACHE_DIR": "mine"}
    done = setup(python, venv, script=project / "workflow" / "setup.sh", **theirs)
    assert done.returncode == 0, done.stderr
    seen = dict(line.split("=", 1) for line in (tmp_path / "seen").read_text().splitlines() if "=" in line)
    assert seen["PIP_USER"] == "0" and seen["PIP_INDEX_URL"] == seen["PIP_CONFIG_FILE"] == "mine"
    assert seen["UV_DEFAULT_INDEX"] == seen["UV_CACHE_DIR"] == "mine"
    nowhere = {"PIP_TARGET", "PYTHONSAFEPATH", "PYTHONHOME", "PYTHONPATH", "UV_TARGET", "UV_SYSTEM_PYTHON"}
    assert not nowhere & set(seen)


def test_a_path_that_no_environment_can_have_is_one_line(tmp_path):
    folder = tmp_path / "a:b"
    (folder / "workflow").mkdir(parents=True)
    shutil.copy(ROOT / "workflow" / "setup.sh", folder / "workflow")
    done = setup("python3", ".venv", script=folder / "workflow" / "setup.sh")
    assert done.returncode == 1 and "has a colon" in done.stderr and len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("name", ["a path", "it's (1) é #%&"])
def test_make_works_in_any_folder(tmp_path, name):
    folder = tmp_path / name
    (folder / "workflow").mkdir(parents=True)
    shutil.copy(ROOT / "Makefile", folder)
    for file in ("requirements.lock", "pyproject.toml", "workflow/setup.sh"):
        (folder / file).write_text("exit 1\n")
    (folder / ".venv" / "bin").mkdir(parents=True)
    fake(folder / ".venv" / "bin", "python", 'echo "$@"')
    (folder / ".venv" / ".ready").touch()
    for target, module in (("report", "workflow.report"), ("data", "workflow.data"), ("test", "pytest")):
        done = subprocess.run(["make", target], cwd=folder, capture_output=True, text=True)
        assert done.returncode == 0 and f"-E -s -X utf8 -m {module}" in done.stdout, done.stderr


@pytest.mark.parametrize("torch", ["gpu", "CPU", "cpu cuda"])
def test_a_torch_that_there_is_not_is_one_line(tmp_path, torch):
    done = setup(fake(tmp_path, "python", "exit 0"), tmp_path / "venv", TORCH=torch)
    assert done.returncode == 1 and done.stderr == f"error: TORCH is '{torch}', and can be cpu or cuda\n"
    assert not (tmp_path / "venv").exists()


def test_no_python_is_one_line(tmp_path):
    done = setup("python-that-is-not", tmp_path / "venv")
    assert done.returncode == 1 and "there is no python-that-is-not" in done.stderr


def test_too_little_disk_is_one_line(tmp_path):
    fake(tmp_path, "df", "printf 'F S U A\\n/ 9 9 3145728\\n'")
    done = setup(fake(tmp_path, "python", "exit 0"), tmp_path / "venv", f"{tmp_path}:{os.environ['PATH']}")
    assert done.returncode == 1 and "takes 8 GB and only 3 GB are free" in done.stderr
    assert not (tmp_path / "venv").exists()
