"""A sweep on a real SLURM, with simulated nodes on this machine, of which one is killed in the middle.

Skipped where SLURM is not installed (Debian: slurm-wlm). It needs no root, no munge and no database.
"""

import getpass
import os
import shutil
import signal
import socket
import subprocess
import time
from contextlib import contextmanager

import psutil
import pytest
from test_sweep import CHAPTERS, MAKER, TAKER, finished, rows

NODES = ["one", "two", "three"]
COMMANDS = ("slurmctld", "slurmd", "sbatch", "squeue", "scontrol", "srun")
PATH = os.pathsep.join([os.environ["PATH"], "/usr/sbin", "/sbin"])
installed = pytest.mark.skipif(
    any(shutil.which(command, path=PATH) is None for command in COMMANDS), reason="SLURM is not installed"
)
pytestmark = [pytest.mark.slow, installed]

CONFIG = """
ClusterName=trial
SlurmctldHost={host}(127.0.0.1)
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/none
CredType=cred/none
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/%n.log
SlurmctldPort={port}
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
ReturnToService=2
SlurmdTimeout=15
MessageTimeout=60
KillWait=5
MinJobAge=600
SchedulerParameters=sched_min_interval=100000,batch_sched_delay=1
{nodes}
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


@pytest.fixture
def cluster(tmp_path):
    """The environment of a cluster of three nodes with two cores each, and its daemons by node."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    host = socket.gethostname().partition(".")[0]
    nodes = "\n".join(
        f"NodeName={name} NodeHostname={host} NodeAddr=127.0.0.1 Port={port + at} CPUs=2 RealMemory=8000"
        for at, name in enumerate(NODES, 1)
    )
    (tmp_path / "state").mkdir()
    words = {"host": host, "user": getpass.getuser(), "folder": tmp_path, "port": port, "nodes": nodes}
    (tmp_path / "slurm.conf").write_text(CONFIG.format(**words))
    # SLURM hands a job everything but the variables that bear its name; srun must find this cluster all the same.
    srun = tmp_path / "bin" / "srun"
    srun.parent.mkdir()
    srun.write_text(f'#!/bin/sh\nSLURM_CONF={tmp_path}/slurm.conf exec {shutil.which("srun", path=PATH)} "$@"\n')
    srun.chmod(0o755)
    environment = {"SLURM_CONF": str(tmp_path / "slurm.conf"), "PATH": f"{srun.parent}{os.pathsep}{PATH}"}
    commands = {"control": ["slurmctld", "-D", "-c"]} | {name: ["slurmd", "-D", "-c", "-N", name] for name in NODES}
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "start_new_session": True}
    daemons = {}
    try:
        for name, command in commands.items():
            daemons[name] = subprocess.Popen(command, env=os.environ | environment, **quiet)
        until = time.monotonic() + 120
        while (states := ask(environment, "sinfo", "-h", "-N", "-o", "%T").split()) != ["idle"] * len(NODES):
            logs = "\n".join(path.read_text()[-800:] for path in tmp_path.glob("*.log"))
            assert time.monotonic() < until, f"{states}\n{logs}"
            time.sleep(1)
        yield environment, daemons
    finally:
        ask(environment, "scancel", "--user", getpass.getuser())
        for daemon in daemons.values():
            kill_tree(daemon.pid)


def ask(environment, *command):
    return subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, timeout=120).stdout


def kill_tree(pid):
    """Kill a daemon and all that it started, as when a node loses its power."""
    below = psutil.Process(pid).children(recursive=True) if psutil.pid_exists(pid) else []
    for process in [*below, *([psutil.Process(pid)] if psutil.pid_exists(pid) else [])]:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue


def kill_node(name, environment, daemon):
    """Kill a node: its daemon, and the steps and jobs that have left it but run for it."""
    lost = set()
    for process in psutil.process_iter():
        try:
            if process.environ().get("SLURMD_NODENAME") == name or f"[{name}" in " ".join(process.cmdline()):
                lost |= {process, *process.children(recursive=True)}
            elif process.name() == "slurmstepd" and any(
                child.environ().get("SLURMD_NODENAME") == name for child in process.children()
            ):
                lost.add(process)
        except psutil.Error:
            continue
    kill_tree(daemon.pid)
    for process in lost:
        try:
            process.send_signal(signal.SIGKILL)
        except psutil.NoSuchProcess:
            continue


@pytest.fixture(scope="module", autouse=True)
def chapters(project):
    project.write_notebook("01_maker", *MAKER)
    project.write_notebook("02_taker", *TAKER)
    project.write("workflow/chapters.yaml", CHAPTERS.replace("03_breaker: {memory_mb: 400}", ""))


@contextmanager
def sweeping(project, environment, sweep):
    """A sweep at work on the cluster, in a session of its own."""
    engine = project.start("-m", "workflow.sweep", sweep, "--profile", "quick", "--on", "slurm", **environment)
    try:
        yield engine
    finally:
        engine.kill()


def until_running(engine, reached):
    """Wait until the sweep has got so far. Fails when it ends before, or takes too long."""
    until = time.monotonic() + 600
    while not reached():
        assert engine.poll() is None, engine.communicate()[0]
        assert time.monotonic() < until
        time.sleep(1)


def busy(environment):
    """The nodes on which jobs are running."""
    return ask(environment, "squeue", "-h", "-t", "R", "-o", "%N").split()


def test_a_sweep_survives_the_death_of_a_node(project, cluster):
    environment, daemons = cluster
    project.write("many.yaml", "seeds: [0, 1, 2, 3]\nnotebooks:\n  01_maker: {size: [2, 3, 4]}\n  02_taker:\n")
    with sweeping(project, environment, "many.yaml") as engine:
        until_running(engine, lambda: finished(project) and "two" in busy(environment))
        kill_node("two", environment, daemons["two"])
        said = engine.communicate(timeout=3000)[0]
    assert engine.returncode == 0, said
    assert len(finished(project)) == 24
    assert {row["metric"] for row in rows(project, "many")} == {"area", "side", "scaled"}
    assert "two" in ask(environment, "sinfo", "-h", "-N", "-t", "down", "-o", "%N").split()


def test_stopping_a_sweep_cancels_its_jobs(project, cluster):
    environment, _ = cluster
    project.write("slow.yaml", "seeds: [0]\nnotebooks:\n  01_maker: {size: [2, 3, 4], pause: 600}\n")
    with sweeping(project, environment, "slow.yaml") as engine:
        until_running(engine, lambda: busy(environment))
        os.killpg(engine.pid, signal.SIGINT)
        said = engine.communicate(timeout=300)[0]
    assert engine.returncode == 130, said
    until = time.monotonic() + 120
    while left := ask(environment, "squeue", "-h", "-t", "PD,R,CG"):
        assert time.monotonic() < until, left
        time.sleep(1)
