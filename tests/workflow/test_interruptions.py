"""Interrupted at any moment, the same command goes on: the same results, nothing finished lost, nothing left behind."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress

import psutil
import pytest
from conftest import ROOT, Project
from test_workflow import RECORD

pytestmark = pytest.mark.slow

TIMES = 30  # interruptions, one after the other, of one report
LONGEST = 6.0  # seconds from a start to its interruption: chapters and the export begin within
PROCESSES = {  # what is killed, by what its command line has
    "make": "make",
    "engine": "workflow.report",
    "Snakemake": "snakemake",
    "runner": "workflow.run",
    "kernel": "ipykernel_launcher",
    "export": "workflow.report.build",
}
WAITS = "import time; time.sleep(0.7)\n"
CHAPTERS = {
    "01_maker": (RECORD + WAITS, "(folder / 'part.txt').write_text('7'); save('01_maker', {'a': 0.1 + seed})"),
    "02_taker": (
        "import pathlib; found = float(pathlib.Path(part).read_text())\n" + RECORD + WAITS,
        "save('02_taker', {'b': found / 3})",
    ),
    "03_loner": (RECORD + WAITS, "save('03_loner', {'c': 1 / 7})"),
}
ENTRIES = """
01_maker: {produces: [part.txt], memory_mb: 400}
02_taker: {needs: {part: 01_maker/part.txt}, memory_mb: 400}
03_loner: {memory_mb: 400}
"""


@pytest.fixture
def project(tmp_path):
    """Three short chapters, and an environment that is this one."""
    made = Project(tmp_path)
    for name, cells in CHAPTERS.items():
        declared = "seed: int = 0  # all randomness\n" + (
            "part: str = ''  # of the maker\n" if name == "02_taker" else ""
        )
        code = [("code", cell) for cell in cells]
        made.write_notebook(name, ("markdown", f"# {name[3:]}"), ("parameters", declared), *code)
    made.write("workflow/chapters.yaml", ENTRIES)
    shutil.copy(ROOT / "Makefile", tmp_path)
    for file in ("requirements.lock", "pyproject.toml"):
        made.write(file, "")
    program = tmp_path / ".venv" / "bin" / "python"
    program.parent.mkdir(parents=True)
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    program.chmod(0o755)
    (tmp_path / ".venv" / ".ready").touch()
    return made


def make(project):
    """`make report`, started as a terminal does."""
    command = ["make", "report", "PROFILE=quick", "FORMAT=pdf"]
    output = (project.root / "output.txt").open("w")
    environment = project.environment({"SOURCE_DATE_EPOCH": "1"})
    return subprocess.Popen(
        command, cwd=project.root, env=environment, stdout=output, stderr=output, start_new_session=True
    )


def below(started):
    """The processes of a command, from the first to the last."""
    try:
        top = psutil.Process(started.pid)
        return [top, *top.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def victims(processes):
    """The processes by what they are, as in PROCESSES."""
    found = {}
    for process in processes:
        with suppress(psutil.Error):
            words = process.cmdline()
            found |= {
                name: process for name, sign in PROCESSES.items() if sign in [*words, *map(os.path.basename, words)]
            }
    return found


def interrupt(started, chance):
    """Kill one of the processes of a command with -9, or all as Ctrl-C does; returns how, and those that were there."""
    processes = below(started)
    found = victims(processes)
    how = chance.choice(["Ctrl-C", *sorted(found)])
    with suppress(psutil.Error, ProcessLookupError):  # it may just have ended
        found[how].kill() if how in found else os.killpg(started.pid, signal.SIGINT)
    return how, processes


def results(project):
    """Every finished run's time and content, without what differs from run to run."""
    found = {}
    for path in (project.root / "reports" / "quick" / "seed-0").glob("*/results.json"):
        found[path.parent.name] = (path.stat().st_mtime_ns, json.loads(path.read_text())["metrics"])
    return found


def test_interrupted_at_thirty_moments_a_report_goes_on_and_ends_the_same(project):
    chance, lost = random.Random(17), []
    for count in range(TIMES):
        if count % 6 == 0:  # begin anew: an earlier one may have ended before it was interrupted
            shutil.rmtree(project.root / "reports" / "quick", ignore_errors=True)
        before = results(project)
        started = make(project)
        until = time.monotonic() + chance.uniform(0, LONGEST)
        while time.monotonic() < until and started.poll() is None:
            time.sleep(0.02)
        how, processes = interrupt(started, chance)
        assert started.wait(60) is not None
        left = psutil.wait_procs(processes, timeout=60)[1]
        assert left == [], f"{count}: {how} left {[process.cmdline() for process in left]}"
        now = results(project)
        lost += [(count, how, name) for name, record in before.items() if now.get(name) != record]
    assert lost == []  # what had finished stays as it is
    started = make(project)
    assert started.wait(120) == 0, (project.root / "output.txt").read_text()
    assert {name: metrics for name, (_, metrics) in results(project).items()} == {
        "01_maker": {"a": 0.1},
        "02_taker": {"b": 7 / 3},
        "03_loner": {"c": 1 / 7},
    }
    names = [path.name for path in (project.root / "reports" / "quick").rglob("*")]
    leftovers = [name for name in names if name.endswith(".partial") or name.startswith((".running", ".results"))]
    assert leftovers == []
    assert (project.root / "reports" / "quick" / "report.pdf").read_bytes().startswith(b"%PDF")


def test_a_set_up_that_was_killed_begins_anew(tmp_path):
    (tmp_path / "workflow").mkdir()
    shutil.copy(ROOT / "Makefile", tmp_path)
    shutil.copy(ROOT / "workflow" / "setup.sh", tmp_path / "workflow")
    for file in ("requirements.lock", "pyproject.toml"):
        (tmp_path / file).write_text("")
    # It makes an environment of one file, and installing waits, refuses or fails when it is told so.
    python = tmp_path / "python"
    python.write_text(
        f"""#!/bin/sh
case "$*" in
  *"-m venv"*) rm -rf .venv; mkdir -p .venv/bin; cp "{python}" .venv/bin/python; echo made >>log ;;
  *workflow/install.py*) [ ! -e refused ] || exit 3; [ ! -e failing ] || exit 1; [ ! -e slow ] || sleep 60 ;;
  *workflow.report*) echo reported >>log ;;
esac
"""
    )
    python.chmod(0o755)
    command = ["make", "report", f"PYTHON={python}"]

    def killed(signal_sent):
        (tmp_path / "slow").touch()
        started = subprocess.Popen(command, cwd=tmp_path, start_new_session=True, stderr=subprocess.DEVNULL)
        until = time.monotonic() + 30
        while not any("sleep" in process.name() for process in below(started)):
            assert time.monotonic() < until
            time.sleep(0.02)
        os.killpg(started.pid, signal_sent)
        assert started.wait(30) != 0
        (tmp_path / "slow").unlink()

    def log():
        return (tmp_path / "log").read_text().split()

    killed(signal.SIGKILL)
    killed(signal.SIGINT)
    assert not (tmp_path / ".venv" / ".ready").exists()
    assert subprocess.run(command, cwd=tmp_path).returncode == 0
    assert log() == ["made", "made", "made", "reported"]
    later = (tmp_path / ".venv" / ".ready").stat().st_mtime + 10  # the packages are others now
    os.utime(tmp_path / "requirements.lock", (later, later))
    (tmp_path / "refused").touch()
    assert subprocess.run(command, cwd=tmp_path).returncode != 0
    (tmp_path / "refused").unlink()
    killed(signal.SIGKILL)
    assert log() == ["made", "made", "made", "reported"]  # what is refused changes nothing, so nothing is made anew
    assert subprocess.run(command, cwd=tmp_path).returncode == 0
    assert log()[4:] == ["made", "reported"]  # half of a package may have been left
    os.utime(tmp_path / "requirements.lock", (later + 10, later + 10))
    (tmp_path / "failing").touch()
    assert subprocess.run(command, cwd=tmp_path).returncode != 0
    (tmp_path / "failing").unlink()
    assert subprocess.run(command, cwd=tmp_path).returncode == 0
    assert log()[6:] == ["made", "reported"]  # so too when the disk was full
