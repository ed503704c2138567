"""Nothing of the user's settings reaches a run, and a clone works wherever it lies and however it was made."""

import json
import os
import socket
import subprocess

import pytest
from conftest import ROOT, Project

from workflow import environment

DRAWS = """
#| label: fig-a
#| fig-cap: A line.
#| fig-alt: A line.
import matplotlib.pyplot as plt
from helpers import plots
_, axes = plt.subplots()
axes.plot([1, 3, 2], label="what it is")
axes.legend();
"""
SETTINGS = {  # of a user who has set up everything, by file in the home folder
    ".config/matplotlib/matplotlibrc": "text.usetex: True\naxes.facecolor: black\ntext.color: white\nbackend: Agg\n",
    ".matplotlib/matplotlibrc": "text.usetex: True\nfigure.facecolor: black\n",
    ".ipython/profile_default/startup/00.py": "import matplotlib\nmatplotlib.use('Agg')\nseed = 'theirs'\n",
    ".ipython/profile_default/ipython_config.py": "c.InlineBackend.figure_formats = {'jpeg'}\n",
    ".local/share/jupyter/kernels/python3/kernel.json": '{"argv": ["false"], "display_name": "", "language": "R"}',
    ".config/snakemake/theirs/config.yaml": "cores: 0\nexecutor: cluster-generic\n",
    ".local/share/pandoc/abbreviations": "line\n",
}
VARIABLES = {
    "MPLBACKEND": "Agg",
    "MPLSTYLE": "dark_background",
    "SNAKEMAKE_PROFILE": "theirs",
    "PYTHONSAFEPATH": "1",
    "PYTHONSTARTUP": "/nowhere",
    "PYTHONPATH": "/nowhere",
    "PYTHONWARNINGS": "error",
    "PYTHONOPTIMIZE": "2",
    "IPYTHONDIR": "/nowhere",
    "JUPYTER_PREFER_ENV_PATH": "0",
    "JUPYTER_PATH": "/nowhere",
    "LC_ALL": "tr_TR.ISO-8859-9",
    "LANG": "C",
}


def test_the_environment_is_a_short_list_and_the_same_for_all():
    mine = {"PATH": "/bin", "TZ": "Asia/Kolkata", "REPORT_ROLL": "007", "SLURM_CONF": "/etc/slurm.conf"}
    assert environment.stated(mine | VARIABLES | {"HOME": "/home/ada", "XDG_CACHE_HOME": "/home/ada/cache"}) == (
        mine | environment.FIXED
    )
    assert environment.stated({}) == environment.FIXED


def test_a_data_folder_is_found_in_the_home_of_the_user(monkeypatch):
    monkeypatch.setenv("HOME", "/home/ada")
    monkeypatch.setenv("DATA_DIR", "~/sets")
    assert environment.stated(os.environ)["DATA_DIR"] == "/home/ada/sets"


@pytest.mark.parametrize("length", [1, 60, 90, 200])
def test_sockets_have_a_folder_with_a_short_name(tmp_path, monkeypatch, length):
    long = tmp_path / ("x" * length)
    long.mkdir()
    monkeypatch.setattr(environment.tempfile, "tempdir", str(long))
    with environment.short_folder() as folder, socket.socket(socket.AF_UNIX) as listening:
        listening.bind(f"{folder}/ipc-12345")
        assert os.stat(folder).st_mode & 0o077 == 0


def drawn(project):
    """The outputs of the tiny chapter's cells, and what its results say."""
    folder = project.root / "reports" / "quick" / "seed-0" / "01_tiny"
    cells = json.loads((folder / "notebook.ipynb").read_text())["cells"]
    return [cell["outputs"] for cell in cells if cell["cell_type"] == "code"]


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    return made(Project(tmp_path_factory.mktemp("plain")))


def made(project):
    record = {"notebook": "01_tiny", "profile": "quick", "parameters": {}, "metrics": {"a": 1.0}}
    record["provenance"] = {"sample_data": False, "data": {}}
    save = f"""
import json, os, pathlib
folder = pathlib.Path(os.environ["REPORT_FOLDER"])
(folder / "predictions.npz").write_bytes(b"")
(folder / os.environ["REPORT_RECORD"]).write_text(json.dumps({record!r} | dict(seed=seed)))
"""
    text = ("markdown", "# Tiny\n\nSee @fig-a.")
    parameters = ("parameters", "seed: int = 0  # all randomness\n")
    project.write_notebook("01_tiny", text, parameters, ("code", DRAWS.strip()), ("code", save))
    project.write("workflow/chapters.yaml", "01_tiny: {memory_mb: 2000}\n")
    return project


@pytest.mark.slow
def test_two_users_with_different_settings_get_the_same_bytes(tmp_path, plain):
    done = plain.report(SOURCE_DATE_EPOCH="1")
    assert done.returncode == 0, done.stderr
    theirs = made(Project(tmp_path / ("a path with 'quotes', (brackets) and ü" + "x" * 60)))
    home = tmp_path / "home"
    for name, text in SETTINGS.items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(text)
    long = tmp_path / ("t" * 100)
    long.mkdir()
    (home / "cache").write_text("no folder, so that nothing can be kept in it")
    settings = VARIABLES | {"HOME": str(home), "TMPDIR": str(long), "XDG_CACHE_HOME": str(home / "cache")}
    command = ["-E", "-s", "-m", "workflow.report", "--profile", "quick"]  # as the Makefile says it
    done = theirs.run(*command, SOURCE_DATE_EPOCH="1", **settings)
    assert done.returncode == 0, done.stderr
    assert drawn(theirs) == drawn(plain)
    assert any("image/svg+xml" in output["data"] for outputs in drawn(plain) for output in outputs)
    built = [project.root / "reports" / "quick" / "report.html" for project in (theirs, plain)]
    assert "<svg" in built[0].read_text(encoding="utf-8")
    assert not list(long.iterdir())  # nothing is left in the temporary folder


@pytest.mark.slow
@pytest.mark.parametrize(
    "kernel",
    [
        {},
        {"kernelspec": {"name": "conda-env-course-py", "display_name": "Python [conda env:course]"}},
        {"kernelspec": {"name": "python3", "display_name": "Python 3 (ipykernel)"}},
        {"kernelspec": {"name": "ir", "display_name": "R", "language": "R"}, "language_info": {"name": "R"}},
        {"language_info": {"name": "python"}},
    ],
)
def test_a_notebook_saved_elsewhere_runs_in_our_kernel(tmp_path, kernel):
    project = Project(tmp_path)
    project.write_notebook("01_tiny", ("parameters", "seed: int = 0  # all randomness\n"), ("code", "print('ran')"))
    path = project.root / "notebooks" / "01_tiny.ipynb"
    saved = json.loads(path.read_text()) | {"metadata": kernel, "nbformat_minor": 4}
    for cell in saved["cells"]:
        del cell["id"]
    path.write_text(json.dumps(saved))
    done = project.run("-m", "workflow.run", "notebooks/01_tiny.ipynb", "--profile", "quick", "--folder", "out")
    assert done.returncode == 0, done.stderr
    assert "ran" in (project.root / "out" / "notebook.ipynb").read_text()


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="this is no git checkout")
def test_a_checkout_for_windows_has_the_line_ends_of_unix(tmp_path):
    clone = [
        "git",
        "-c",
        "core.autocrlf=true",
        "-c",
        "core.eol=crlf",
        "clone",
        "--quiet",
        str(ROOT),
        str(tmp_path / "c"),
    ]
    subprocess.run(clone, check=True)
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=tmp_path / "c", capture_output=True, text=True, check=True)
    texts = [path for path in listed.stdout.split("\0") if path and not path.endswith(".png")]
    assert "workflow/setup.sh" in texts
    assert [path for path in texts if b"\r\n" in (tmp_path / "c" / path).read_bytes()] == []
