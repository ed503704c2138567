"""Installs the packages of requirements.lock into the environment whose Python runs this file.

`workflow/setup.sh` runs it, with nothing there yet but Python and pip. uv, which the lock pins too, comes first and
installs the rest; where it cannot be had, pip does. A machine without an NVIDIA card gets torch for the CPU from
PyTorch's own index, and no CUDA libraries: the lock pins the versions of these builds but has no hashes of them.
"""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

LOCK = Path(__file__).resolve().parent.parent / "requirements.lock"
TORCH = ("torch", "torchvision")
FOR_CPU = ("--torch-backend", "cpu")  # uv knows where PyTorch's index is
PATIENCE = 10  # seconds that PyTorch's index has to answer
CUDA = re.compile(r"torch|torchvision|triton|cuda-.*|nvidia-.*")  # torch's other builds, and what only these need
UNCHANGED = 3  # exit status: nothing could be installed, and the environment is as it was
PIP = (sys.executable, "-m", "pip")
UV = (str(Path(sys.executable).parent / "uv"), "--no-config", "pip", "install", "--python", sys.executable, "--no-deps")

# What uv calls pip's settings for where packages come from.
UV_NAMES = {
    "index-url": ["UV_DEFAULT_INDEX"],
    "extra-index-url": ["UV_INDEX"],
    "find-links": ["UV_FIND_LINKS"],
    "trusted-host": ["UV_INSECURE_HOST"],
    "cert": ["SSL_CERT_FILE"],
    "client-cert": ["SSL_CLIENT_CERT"],
    "proxy": ["HTTP_PROXY", "HTTPS_PROXY"],
    "default-timeout": ["UV_HTTP_TIMEOUT"],
    "timeout": ["UV_HTTP_TIMEOUT"],
    "retries": ["UV_HTTP_RETRIES"],
}


def pip_settings(listed: str) -> dict[str, str]:
    """The settings for `pip install` in what `pip config list` printed: variables prevail over files."""
    settings: dict[str, str] = {}
    for section in ("global", "install", ":env:"):
        for name, value in re.findall(rf"^{section}\.([\w-]+)=(.+)$", listed, re.MULTILINE):
            if words := ast.literal_eval(value).split():  # pip takes an empty setting for none
                settings[name] = " ".join(words)
    return settings


def uv_environment(settings: Mapping[str, str], given: Mapping[str, str]) -> dict[str, str]:
    """The variables for uv: those ``given``, and pip's ``settings`` by uv's names where these are not among them."""
    found = {name: settings[key] for key, names in UV_NAMES.items() if key in settings for name in names}
    if "UV_FIND_LINKS" in found:
        found["UV_FIND_LINKS"] = found["UV_FIND_LINKS"].replace(" ", ",")  # pip separates by spaces
    return {"UV_SYSTEM_CERTS": "1"} | found | dict(given)


def entries(lock: str) -> dict[str, str]:
    """The part of a lock file for each package, by name: its version, when it is needed, and its hashes."""
    return {part.split("==")[0]: part for part in re.split(r"^(?=[\w.-]+==)", lock, flags=re.MULTILINE) if part}


def wants_cuda() -> bool:
    """Whether torch shall come with CUDA: as TORCH says, else if a card is here, or Slurm, whose nodes may have one."""
    if wish := os.environ.get("TORCH"):
        return wish == "cuda"
    return Path("/proc/driver/nvidia").exists() or any(map(shutil.which, ("nvidia-smi", "sbatch")))


def say(line: str) -> None:
    """Print a line now, before what the next program prints."""
    print(line, flush=True)


def quiet() -> list[str]:
    """uv's and pip's own progress is for terminals: a log has our lines, and what went wrong."""
    return [] if sys.stderr.isatty() and not os.environ.get("CI") else ["--quiet"]


def run(command: list[str], environment: Mapping[str, str] = os.environ, seconds: float | None = None) -> bool:
    """Whether ``command`` ended well, within ``seconds``. It says itself what went wrong."""
    try:
        return subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, timeout=seconds).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def install(command: list[str], packages: Iterable[str], environment: Mapping[str, str] = os.environ) -> bool:
    """Whether pip's or uv's ``command`` installed ``packages``, which are parts of the lock."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "requirements.txt"
        file.write_text("".join(packages), encoding="utf-8")
        return run([*command, "--require-hashes", "--requirement", str(file)], environment)


def torch_for_cpu(lock: Mapping[str, str], environment: Mapping[str, str]) -> bool:
    """Whether torch for the CPU was installed: PyTorch's index answers soon, and has the locked versions."""
    here = {
        name: value
        for name, value in environment.items()
        if name not in ("UV_INDEX", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS")
    }
    command = [*UV, *FOR_CPU, *(lock[name].split()[0] for name in TORCH)]
    asked = run([*command, "--dry-run", "-qq"], here | {"UV_HTTP_RETRIES": "0"}, seconds=PATIENCE)
    return asked and run([*command, *quiet()], here)


def with_uv(lock: dict[str, str]) -> bool:
    """Whether uv installed what ``lock`` pins: all, or all but CUDA's part where there is no card."""
    settings = pip_settings(subprocess.run([*PIP, "config", "list"], capture_output=True, text=True).stdout)
    environment = uv_environment(settings, os.environ)
    # As pip does, the best of all sources, not the first that knows a package's name. The hashes make that safe.
    options = ["--index-strategy", "unsafe-best-match", "--compile-bytecode", *quiet()]
    if settings.get("no-index", "").lower() in ("1", "true", "yes", "on"):
        options.append("--no-index")
    elif sys.platform == "linux" and not wants_cuda():  # on macOS no torch has CUDA in it
        say("torch for the CPU, without CUDA's libraries: asking PyTorch's index")
        if torch_for_cpu(lock, environment):
            lock = {name: part for name, part in lock.items() if not CUDA.fullmatch(name)}
        else:
            say("it gives none: torch is the registry's, with CUDA's libraries, 3 GB more")
    say("installing the packages with uv")
    return install([*UV, *options], lock.values(), environment)


def contents() -> set[str]:
    """The names in the folder of packages. Another version of a package has another name there."""
    return set(os.listdir(sysconfig.get_path("purelib")))


def main() -> int:
    """Install everything; the exit status."""
    lock = entries(LOCK.read_text(encoding="utf-8"))
    # uv as a wheel, or not at all: to build it takes a compiler and many minutes.
    found = install([*PIP, "install", "-qq", "--only-binary=:all:"], [lock["uv"]])
    before = contents()
    if found and with_uv(lock):
        return 0
    say(f"uv {'could not' if found else 'cannot be had here'}: pip installs the packages, which takes longer")
    packages = [part for name, part in lock.items() if found or name != "uv"]
    if install([*PIP, "install", "--no-deps", *quiet()], packages):
        return 0
    return UNCHANGED if contents() == before else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
