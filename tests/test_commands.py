"""The commands that README.md and CONTRIBUTING.md show: each exists, and its settings are those of the Makefile.

A command is a line of an indented or a fenced block of commands, or code in a sentence that begins with `make` or with
a program of the environment. The cheap ones are run, of the others make shows what it would run.
"""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT, Project
from nbconvert.exporters import get_exporter

from workflow.chapters import chapters, select
from workflow.parameters import declared, read_seed
from workflow.report.__main__ import FORMATS
from workflow.sweep_file import read_sweep

DOCUMENTS = ("README.md", "CONTRIBUTING.md", "data/README.md", "workflow/check/README.md")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
TARGETS = set(re.findall(r"^([a-z]+):", MAKEFILE, re.MULTILINE))
SETTINGS = set(re.findall(r"^([A-Z]+) \?=", MAKEFILE, re.MULTILINE)) | {"DATA", "DATA_DIR"}
PROGRAMS = Path(sys.executable).parent
OTHERS = {"git", "cd", "docker", "tmux", "squeue", "scancel", "salloc"}  # of the machine, not of the project
SETTING = re.compile(r"([A-Za-z_]+)=(.*)", re.DOTALL)
PLACEHOLDER = re.compile(r"\.\.\.|[A-Z]+|/path/.*")  # a value that the reader shall replace


def program(line):
    """The first word of a command line that is no setting."""
    return next((word for word in line.split() if not SETTING.match(word)), "")


def is_command(line):
    name = program(line)
    return name == "make" or name.startswith(".venv/bin/") or ((PROGRAMS / name).is_file() and " " in line.strip())


def commands(text):
    """Every command of a document, without comments, in the order in which it is shown."""
    found, shell = [], re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
    blocks = [body for language, body in shell.findall(text) if language in ("", "sh", "bash", "console")]
    text = shell.sub("", text)
    indented = re.compile(r"(?:^    \S.*\n?)+", re.MULTILINE)
    blocks += indented.findall(text)
    for block in blocks:
        lines = [re.split(r" +# ", line.strip().removeprefix("$ "))[0] for line in block.splitlines()]
        if any(map(is_command, lines)):  # else it is a list of files, say
            found += [line for line in lines if line and not line.startswith("#")]
    spans = re.findall(r"`([^`]+)`", indented.sub("", text))
    return [*found, *(span for span in (" ".join(span.split()) for span in spans) if is_command(span))]


TEXTS = [(ROOT / name).read_text(encoding="utf-8") for name in DOCUMENTS]
SHOWN = sorted({line for text in TEXTS for line in commands(text)})
# What the documents themselves tell a reader to make.
CHAPTERS = chapters("standard") | dict.fromkeys(re.findall(r"make chapter NAME=(\w+)", "\n".join(TEXTS)))
PROFILES = set(re.findall(r"notebooks/profiles/(\w+)\.yaml", "\n".join(TEXTS)))


def check_setting(name, value):
    """Raise for a setting that the Makefile does not have, or a value that the project does not know."""
    assert name in SETTINGS, f"the Makefile knows no {name}"
    if not value or PLACEHOLDER.fullmatch(value):
        return
    if name == "PROFILE":
        assert value in PROFILES or chapters(value)
    elif name == "NOTEBOOKS":
        select(CHAPTERS, value.split())
    elif name == "ASSIGNMENT":
        select(chapters("standard"), [], value)
    elif name == "SEED":
        read_seed(value)
    elif name == "FORMAT":
        assert value in FORMATS
    elif name == "DATA":
        assert value in ("real", "sample")
    elif name == "SWEEP":
        read_sweep(ROOT / value, "standard", chapters("standard"))
    elif name == "ON":
        assert (ROOT / "workflow" / "profiles" / value).is_dir()


def check_make(words):
    """Raise for a target that does not exist, a wrong setting, or what make itself refuses."""
    given = [SETTING.fullmatch(word) for word in words]
    for setting in filter(None, given):
        check_setting(*setting.groups())
    targets = [word for word, setting in zip(words, given, strict=True) if not setting]
    assert set(targets) <= TARGETS, f"make knows no {set(targets) - TARGETS}"
    dry = ["make", "-n", "-o", ".venv/.ready", *words]
    done = subprocess.run(dry, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def check_program(name, words):
    """Raise for a program or a file of the project that is not there, an exporter or a parameter that is none."""
    name = name.removeprefix(".venv/bin/")
    assert name in OTHERS or (PROGRAMS / name).is_file() or shutil.which(name), f"there is no program {name}"
    for file in words:
        assert not file.startswith(("notebooks/", "workflow/", "helpers/")) or (ROOT / file).exists(), f"no {file}"
    if "--to" in words:
        get_exporter(words[words.index("--to") + 1])
    if name == "papermill":
        known = declared(ROOT / words[0])
        assert all(words[at + 1] in known for at, word in enumerate(words) if word == "-p")


def check(line):
    words = shlex.split(line)
    name = program(line)
    words.remove(name)
    if name == "make":
        check_make(words)
    else:
        check_program(name, [word for word in words if not SETTING.fullmatch(word)])


@pytest.mark.parametrize("line", SHOWN)
def test_a_command_that_is_shown_exists(line):
    if "pip-audit" in line and not (PROGRAMS / "pip-audit").is_file():
        pytest.skip("pip-audit, which CONTRIBUTING.md names for once, is not installed")
    check(line)


def test_the_first_commands_of_a_newcomer_are_shown():
    assert {"make report", "make test", "make lab"} <= set(SHOWN)


@pytest.mark.parametrize(
    "text",
    [
        "Run `make reprot`.",
        "Run `make report PROFIL=quick`.",
        "Run `make report PROFILE=quik`.",
        'Run `make report NOTEBOOKS="1 77"`.',
        "Run `make report\nASSIGNMENT=c`.",
        "Run `make report FORMAT=docx`.",
        "Run `make report SEED=007`.",
        "Run `DATA=fake make report`.",
        "Run `make sweep SWEEP=workflow/sweeps/none.yaml`.",
        "Run\n\n    make report  # all\n    mkae test\n",
        "Run\n\n```sh\nmake tset\n```\n",
        "Run `papermill notebooks/05_fashion_cnn.ipynb out.ipynb -p epoch 1`.",
        "Run `papermill notebooks/05.ipynb out.ipynb`.",
        "Run `jupyter nbconvert --to report-docx notebook.ipynb`.",
        "Run `.venv/bin/precommit install`.",
    ],
)
def test_a_command_that_is_wrong_is_found(text):
    line = commands(text)[-1]
    with pytest.raises((AssertionError, ValueError, NameError)):
        check(line)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("    notebooks/    the chapters\n    helpers/      what they import\n", []),
        ("```yaml\nmake: it\n```\n", []),
        ("A `run` of `papermill`, a `conv.psnr`, and `seeds: [0, 1]`.", []),
        ("    $ make report  # sets up\n    make test     # all\n", ["make report", "make test"]),
        ("| try | `make report PROFILE=quick` |", ["make report PROFILE=quick"]),
    ],
)
def test_what_is_a_command(text, found):
    assert commands(text) == found


# The cheap ones, run as a reader would, in a small project of one chapter.
CHEAP = {
    "make": "make report",
    "make report DRY=1": "01_only seed 0  would run",
    "make data": "SAMPLE DATA",
    "make chapter NAME=09_mine": "notebooks/09_mine.ipynb is there",
    "make open": "`make report` builds it",
    "make clean": "data and .venv are kept",
}


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    made = Project(tmp_path_factory.mktemp("small"))
    made.write_notebook("01_only", ("markdown", "# Only"), ("parameters", "seed: int = 0  # all\n"))
    made.write("workflow/chapters.yaml", "01_only: {memory_mb: 500}\n")
    made.write("notebooks/profiles/standard.yaml", "")
    shutil.copy(ROOT / "Makefile", made.root)
    programs = made.root / ".venv" / "bin"
    programs.mkdir(parents=True)
    (programs / "python").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    (programs / "python").chmod(0o755)
    for file in ("requirements.lock", "pyproject.toml", ".venv/.ready"):
        (made.root / file).touch()
    return made


@pytest.mark.slow
@pytest.mark.parametrize("line", [line for line in CHEAP if line in SHOWN])
def test_a_cheap_command_does_what_it_says(small, line):
    bare = small.environment({"DATA_FETCHED": "1"})
    done = subprocess.run(shlex.split(line), cwd=small.root, env=bare, capture_output=True, text=True)
    assert CHEAP[line] in done.stdout + done.stderr and "Traceback" not in done.stderr
    assert (done.returncode == 0) == (line != "make open"), done.stderr
