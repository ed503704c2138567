"""The Dockerfile and the devcontainer say nothing twice: they call make. Read here, not built: that takes a daemon."""

import json
import re
import shlex

from conftest import ROOT
from packaging.specifiers import SpecifierSet

DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
STEPS = [line.split(maxsplit=1) for line in DOCKERFILE.splitlines() if line and line[0] != "#"]
DEVCONTAINER = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text(encoding="utf-8"))
TARGETS = re.findall(r"^([a-z]+):.*##", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)


def said(word):
    return [rest for first, rest in STEPS if first == word]


def test_the_image_is_set_up_by_make_and_not_by_root():
    system, user, *project = said("RUN")
    assert system.startswith("apt-get") and user.startswith("useradd")
    assert [shlex.split(step)[0] for step in project] == ["make"] and shlex.split(project[0])[1] in TARGETS
    order = [first for first, _ in STEPS]
    assert said("USER") == ["student"] and order.index("USER") < order.index("COPY") < order.index("ENTRYPOINT")
    assert json.loads(said("ENTRYPOINT")[0]) == ["make"] and json.loads(said("CMD")[0])[0] in TARGETS


def test_the_images_python_is_one_that_the_packages_are_built_for():
    (version,) = re.findall(r"python:([\d.]+)", DOCKERFILE)
    wanted = re.search(r'requires-python = "(.*?)"', (ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert version in SpecifierSet(wanted[1])


def test_the_commands_that_the_dockerfile_names_are_makes():
    named = re.findall(r"^#   docker run .* course-report (\w+)", DOCKERFILE, re.MULTILINE)
    assert named and set(named) <= set(TARGETS)


def test_what_git_ignores_reaches_no_image():
    def lines(name):
        text = (ROOT / name).read_text(encoding="utf-8")
        return {line.removeprefix("**/").rstrip("/") for line in text.splitlines() if line and line[0] != "#"}

    assert lines(".gitignore") <= lines(".dockerignore")


def test_the_devcontainer_is_a_stage_of_the_dockerfile_and_calls_make():
    build = DEVCONTAINER["build"]
    folder = ROOT / ".devcontainer"
    assert (folder / build["dockerfile"]).resolve() == ROOT / "Dockerfile"
    assert (folder / build["context"]).resolve() == ROOT
    assert any(stage.endswith(f" AS {build['target']}") for stage in said("FROM"))
    assert DEVCONTAINER["remoteUser"] in said("USER")
    make, target = DEVCONTAINER["postCreateCommand"].split()
    assert make == "make" and target in TARGETS
    python = DEVCONTAINER["customizations"]["vscode"]["settings"]["python.defaultInterpreterPath"]
    assert python == DEVCONTAINER["containerEnv"]["VENV"] + "/bin/python"
