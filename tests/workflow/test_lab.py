"""`make lab`: the user's own JupyterLab, for this user of this machine alone."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import psutil
import pytest
from conftest import ROOT

pytestmark = pytest.mark.slow


@pytest.fixture
def lab(tmp_path):
    """`make lab` in a folder with a space, started by a user whose settings open the server to all; its port."""
    folder = tmp_path / "a folder"
    for name in ("helpers", "workflow", "notebooks"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints"))
    shutil.copy(ROOT / "Makefile", folder)
    for name in ("requirements.lock", "pyproject.toml"):
        (folder / name).touch()
    programs = folder / ".venv" / "bin"
    programs.mkdir(parents=True)
    for name in ("python", "jupyter"):
        (programs / name).write_text(f'#!/bin/sh\nexec "{Path(sys.executable).parent / name}" "$@"\n')
        (programs / name).chmod(0o755)
    (folder / ".venv" / ".ready").touch()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    home = tmp_path / "home"
    (home / ".jupyter").mkdir(parents=True)
    (home / ".jupyter" / "jupyter_server_config.py").write_text("c.ServerApp.ip = '0.0.0.0'\n")
    environment = os.environ | {"HOME": str(home), "DATA_FETCHED": "1", "JUPYTER_PORT": str(port), "BROWSER": "true"}
    environment["JUPYTER_CONFIG_DIR"] = str(home / ".jupyter")
    log = (tmp_path / "log").open("w+")
    output = {"stdout": log, "stderr": subprocess.STDOUT, "stdin": subprocess.DEVNULL}
    started = subprocess.Popen(["make", "lab"], cwd=folder, env=environment, start_new_session=True, **output)
    try:
        until = time.monotonic() + 120
        # The server says its address before it listens there.
        while "?token=" not in (shown := Path(log.name).read_text()) or not listens(port):
            assert started.poll() is None and time.monotonic() < until, shown
            time.sleep(0.2)
        yield started, port, re.search(r"\?token=(\w+)", shown)[1], shown
    finally:
        os.killpg(started.pid, signal.SIGKILL)
        started.wait()


def listens(port):
    """Whether a server takes connections there."""
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def answer(url):
    """The status with which the server answers."""
    try:
        return urllib.request.urlopen(url, timeout=30).status
    except urllib.error.HTTPError as error:
        return error.code


def test_the_laboratory_is_on_this_machine_alone_and_asks_for_its_token(lab):
    started, port, token, shown = lab
    processes = [psutil.Process(started.pid), *psutil.Process(started.pid).children(recursive=True)]
    listening = [
        link.laddr.ip for process in processes for link in process.net_connections("inet") if link.status == "LISTEN"
    ]
    assert listening and set(listening) <= {"127.0.0.1", "::1"}, listening
    assert answer(f"http://127.0.0.1:{port}/api/contents") == 403
    assert answer(f"http://127.0.0.1:{port}/api/contents?token={token}") == 200
    assert "SAMPLE DATA" in shown  # what it would compute with
