"""`make sweep` on tiny notebooks: what runs, is shared or skipped; what a failure, a kill or a full disk leaves.

Each test builds on the last. The notebooks write their own records: they would need seconds to import torch.
"""

import csv
import os
import signal
import subprocess
import time

import nbformat
import psutil
import pytest
from conftest import Project

pytestmark = pytest.mark.slow

RECORD = """
import json, os, pathlib, time
folder = pathlib.Path(os.environ["REPORT_FOLDER"])
def save(name, metrics):
    (folder / "predictions.npz").write_bytes(b"")
    record = dict(notebook=name, seed=seed, profile=os.environ["REPORT_PROFILE"], metrics=metrics, provenance={})
    (folder / os.environ["REPORT_RECORD"]).write_text(json.dumps(record))
"""
MAKER = [
    ("markdown", "# The maker"),
    ("parameters", "seed: int = 0  # all randomness\nsize: int = 2  # a size\npause: float = 0.0  # seconds\n"),
    ("code", RECORD),
    ("code", "print('begun', flush=True)\ntime.sleep(pause)"),
    ("code", "(folder / 'part.txt').write_text(str(size))\nsave('01_maker', {'area': size**2 + seed, 'side': size})"),
]
TAKER = [
    ("markdown", "# The taker"),
    (
        "parameters",
        "seed: int = 0  # all randomness\npart: str = ''  # file of the maker\nscale: float = 1.0  # factor\n",
    ),
    ("code", RECORD + "save('02_taker', {'scaled': scale * int(open(part).read())})"),
]
BREAKER = [
    ("markdown", "# The breaker"),
    ("parameters", "seed: int = 0  # all randomness\nhow: str = ''  # which way\n"),
    (
        "code",
        RECORD
        + """
tries = pathlib.Path(os.environ["REPORT_TRIES"])
tries.open("a").write(f"{how}\\n")
if how == "error": 1 / 0
if how == "killed": os.kill(os.getpid(), 9)
if how == "greedy": ballast = bytearray(b"1") * 10**9; time.sleep(60)
if how == "slow": time.sleep(600)
if how == "once" and tries.read_text().split().count("once") == 1: 1 / 0
save("03_breaker", {"fine": 1})
""",
    ),
]
CHAPTERS = """
01_maker: {produces: [part.txt], headline: area, memory_mb: 400}
02_taker: {needs: {part: 01_maker/part.txt}, headline: scaled, memory_mb: 400}
03_breaker: {memory_mb: 400}
"""
GRID = """
seeds: [0, 1]
notebooks:
  01_maker: {size: [2, 3]}
  02_taker: {scale: 0.5}
"""


@pytest.fixture(scope="module")
def made(project):
    for name, cells in {"01_maker": MAKER, "02_taker": TAKER, "03_breaker": BREAKER}.items():
        project.write_notebook(name, *cells)
    project.write("workflow/chapters.yaml", CHAPTERS)
    project.write("grid.yaml", GRID)
    return project


def sweep(project, file, *arguments, **environment):
    return project.run("-m", "workflow.sweep", file, "--profile", "quick", *arguments, **environment)


def finished(project):
    """When each run that has results finished."""
    folder = project.root / "reports" / "quick"
    return {str(path.relative_to(folder).parent): path.stat().st_mtime_ns for path in folder.rglob("*/results.json")}


def rows(project, name):
    with (project.root / "reports" / "quick" / "sweeps" / name / "results.csv").open() as file:
        return list(csv.DictReader(file))


def begin(project, file, **environment):
    """Start a sweep in a session of its own, as a terminal does, and wait until a notebook of it is at work."""
    engine = project.start("-m", "workflow.sweep", file, "--profile", "quick", **environment)
    until = time.monotonic() + 300
    while not at_work(project):
        assert engine.poll() is None and time.monotonic() < until, engine.communicate()
        time.sleep(0.2)
    return engine


def at_work(project):
    """The processes that run notebooks of the project: the runners and their kernels."""
    found = []
    for process in psutil.process_iter():
        try:
            kernel = process.environ().get("REPORT_FOLDER", "").startswith(str(project.root))
            if kernel or ("workflow.run" in process.cmdline() and process.cwd() == str(project.root)):
                found.append(process)
        except psutil.Error:
            continue
    kernels = [process for process in found if "ipykernel_launcher" in " ".join(_words(process))]
    return found if kernels else []


def _words(process):
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def gone(processes):
    """Whether the processes end by themselves, soon."""
    return not psutil.wait_procs(processes, timeout=60)[1]


def test_a_dry_run_counts_what_is_to_do_and_runs_nothing(made):
    done = sweep(made, "grid.yaml", "--dry")
    assert done.returncode == 0, done.stderr
    lines = {words[0]: words[1:] for line in done.stdout.splitlines() if (words := line.split())}
    assert lines["01_maker"] == ["4", "0", "4", "?"] and lines["02_taker"] == ["4", "0", "4", "?"]
    assert "not run in this profile before: 01_maker, 02_taker" in done.stdout
    assert finished(made) == {}


def test_every_run_is_told_in_a_line_and_has_its_rows(made):
    done = sweep(made, "grid.yaml")
    assert done.returncode == 0, done.stderr
    assert len(finished(made)) == 8
    assert "0 of 8 runs are done, 8 are left" in done.stdout
    told = [line for line in done.stdout.splitlines() if " of 8 runs done" in line]
    assert len(told) == 8 and told[-1].endswith("(8 of 8 runs done)")
    assert " to go)" in told[3]  # by those that have run
    (line,) = [line for line in told if line.startswith("01_maker seed 1 size=3  ")]
    assert " s  area 10  (" in line
    found = {tuple(row[key] for key in ("notebook", "seed", "size", "metric", "value")) for row in rows(made, "grid")}
    assert len(found) == 4 * 2 + 4
    assert {("01_maker", "1", "3", "area", "10"), ("02_taker", "0", "3", "scaled", "1.5")} <= found


def test_the_next_call_runs_nothing_and_knows_how_long_runs_take(made):
    before = finished(made)
    done = sweep(made, "grid.yaml", "--dry")
    lines = {words[0]: words[1:] for line in done.stdout.splitlines() if (words := line.split())}
    assert lines["all"] == ["8", "8", "0", "0.00"], done.stderr
    assert finished(made) == before


def test_two_sweeps_and_make_report_share_equal_runs(made):
    before = finished(made)
    made.write("other.yaml", "seeds: [1, 2]\nnotebooks:\n  01_maker: {size: [3, 4, 2]}\n")
    for path in (made.root / "reports" / "quick").rglob("01_maker/benchmark.tsv"):
        path.write_text(f"s\tmax_rss\n{7200 if 'size-3' in str(path) else 3600}\t1\n")
    done = sweep(made, "other.yaml", "--dry")
    # Another seed of size 3 should take two hours and one of size 2 one; of size 4 nothing is known but the chapter.
    assert done.stdout.splitlines()[2].split() == ["01_maker", "6", "2", "4", "6.00"], done.stdout + done.stderr
    assert sweep(made, "other.yaml").returncode == 0
    now = finished(made)
    assert len(now) == 12 and all(now[run] == when for run, when in before.items())
    done = made.report("--seed", "1", "--notebooks", "01", "--format", "html")
    assert done.returncode == 0, done.stderr
    assert finished(made) == now  # what make report would run was there


def test_a_failure_is_kept_retried_and_told_at_the_end_and_stops_no_other(made):
    made.write("bad.yaml", "seeds: [0]\nnotebooks:\n  03_breaker: {how: [error, once, killed, greedy, fine]}\n")
    tries = made.root / "tries"
    done = sweep(made, "bad.yaml", REPORT_TRIES=str(tries))
    assert done.returncode == 1
    count = {how: tries.read_text().split().count(how) for how in ("error", "once", "killed", "greedy", "fine")}
    assert count == {"error": 2, "once": 2, "killed": 2, "greedy": 2, "fine": 1}
    end = done.stderr[done.stderr.index("error: failed") :].splitlines()
    words = {
        "error": "ZeroDivisionError: division by zero",
        "killed": "its kernel was killed by SIGKILL, perhaps out of memory",
        "greedy": "more than its 600",  # half as much again as the first time
    }
    assert len(end) == len(words)
    for how, said in words.items():
        (line,) = [line for line in end if f"how={how}" in line]
        notebook = made.root / line.partition("(see ")[2].removesuffix(")")
        assert said in line
        cells = nbformat.read(notebook, 4).cells
        assert any(output.output_type == "error" for cell in cells for output in cell.get("outputs", []))
    assert {row["how"] for row in rows(made, "bad")} == {"once", "fine"}
    assert "how=error  failed, and is tried once more with more memory" in done.stdout


@pytest.mark.parametrize("what", ["Ctrl-C", "the engine alone", "kill -9", "kill -9 of the engine alone"])
def test_whatever_stops_a_sweep_it_leaves_nothing_behind_and_loses_nothing(made, what):
    seed = {"Ctrl-C": 10, "the engine alone": 20, "kill -9": 30, "kill -9 of the engine alone": 40}[what]
    made.write("long.yaml", f"seeds: [0, {seed}]\nnotebooks:\n  01_maker: {{size: [2, 3], pause: 99}}\n")
    before = finished(made)
    engine = begin(made, "long.yaml")
    running, snakemake = at_work(made), psutil.Process(engine.pid).children()[0]
    if what == "Ctrl-C":
        os.killpg(engine.pid, signal.SIGINT)
    elif what == "the engine alone":
        engine.terminate()
    else:
        if what == "kill -9":
            snakemake.kill()
        engine.kill()
    said = engine.communicate(timeout=120)[0]
    assert gone([*running, snakemake])
    assert "Traceback" not in said
    if not what.startswith("kill -9"):
        assert engine.returncode == 130 and "what had finished is kept" in said
    assert finished(made) == before
    # The next call does the rest, and only that.
    made.write("long.yaml", f"seeds: [0, {seed}]\nnotebooks:\n  01_maker: {{size: [2, 3]}}\n")
    done = sweep(made, "long.yaml")
    assert done.returncode == 0, done.stderr
    assert "2 of 4 runs are done, 2 are left" in done.stdout
    assert before.items() <= finished(made).items() and len(finished(made)) == len(before) + 2


@pytest.fixture
def small_disk(tmp_path):
    """A project on a disk of its own, of 64 megabytes."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", disk], capture_output=True).returncode:
        pytest.skip("no right to mount a small disk")
    try:
        yield Project(disk)
    finally:
        subprocess.run(["umount", "--lazy", disk], check=True)


def test_a_full_disk_is_one_line_and_loses_nothing(small_disk):
    small_disk.write_notebook("01_maker", *MAKER)
    small_disk.write("workflow/chapters.yaml", "01_maker: {produces: [part.txt], memory_mb: 400}\n")
    small_disk.write("one.yaml", "seeds: [0]\nnotebooks: {01_maker: }\n")
    small_disk.write("two.yaml", "seeds: [0, 1]\nnotebooks: {01_maker: }\n")
    assert sweep(small_disk, "one.yaml").returncode == 0
    before = finished(small_disk)
    ballast = small_disk.root / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while file.write(bytes(4096)):
                pass
        except OSError:
            pass
    done = sweep(small_disk, "two.yaml")
    assert done.returncode == 1 and finished(small_disk) == before
    assert "free some" in done.stderr and "Traceback" not in done.stderr
    ballast.unlink()
    done = sweep(small_disk, "two.yaml")
    assert done.returncode == 0, done.stderr
    assert len(finished(small_disk)) == 2 and before.items() <= finished(small_disk).items()


def test_a_second_sweep_at_once_is_kept_out(made):
    import fcntl

    with (made.root / "reports" / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = sweep(made, "grid.yaml")
    assert done.returncode == 1 and "another `make report` or `make sweep`" in done.stderr


@pytest.mark.parametrize(
    ("text", "arguments", "words"),
    [
        ("seeds: [0]\nnotebooks:\n  01_maker:\n    sise: [1]\n", [], "wrong.yaml:4: 01_maker has no parameter 'sise'"),
        (GRID, ["--on", "moon"], "there is no 'moon' in workflow/profiles, only: slurm"),
        (GRID, ["--profile", "quik"], "there is no profile 'quik'"),
    ],
)
def test_bad_settings_are_one_line(made, text, arguments, words):
    made.write("wrong.yaml", text)
    done = sweep(made, "wrong.yaml", *arguments)
    assert done.returncode == 1 and words in done.stderr and len(done.stderr.strip().splitlines()) == 1


def test_a_run_that_takes_too_long_is_stopped_and_says_so(made):
    folder = made.root / "reports" / "slow"
    command = ["-m", "workflow.run", "notebooks/03_breaker.ipynb", "--profile", "quick", "--folder", str(folder)]
    command += ["--changes", '{"how": "slow"}', "--minutes", "0.1"]
    done = made.run(*command, REPORT_TRIES=str(made.root / "tries"))
    assert done.returncode == 1 and "was stopped: it took more than its 0.1 minutes" in done.stderr
    cells = nbformat.read(folder / "notebook.ipynb", 4).cells
    assert [output.ename for cell in cells for output in cell.get("outputs", [])] == ["Stopped"]
    assert not at_work(made)


def test_kernels_are_talked_to_through_files_alone(made):
    # One port is ipykernel's own, on the loopback: for what child processes print, under a secret of sixteen bytes.
    listening = """
import json, psutil
from ipykernel.connect import get_connection_file
assert json.load(open(get_connection_file()))["transport"] == "ipc"
opened = [socket for socket in psutil.Process().net_connections("inet") if socket.status == psutil.CONN_LISTEN]
assert len(opened) <= 1 and all(socket.laddr.ip == "127.0.0.1" for socket in opened), opened
"""
    made.write_notebook("04_ports", TAKER[0], MAKER[1], ("code", listening))
    folder = made.root / "reports" / "ports"
    command = ["-m", "workflow.run", "notebooks/04_ports.ipynb", "--profile", "quick", "--folder"]
    done = made.run(*command, str(folder))
    (made.root / "notebooks" / "04_ports.ipynb").unlink()
    assert done.returncode == 0, done.stderr
