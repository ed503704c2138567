"""Run a copy of a bundle shut off from the rest, as far as this system allows; what is shut off is said plainly."""

from __future__ import annotations

import hashlib
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path

from helpers.files import data_root
from helpers.results import ROOT

PARTS = ("helpers", "workflow", "notebooks")  # of a bundle: what a run executes
ALONE = ("reports/report.toml",)
LEFT_OUT = {"__pycache__", ".ipynb_checkpoints"}
LARGEST = 50 * 2**20  # bytes of a bundle's code
HIDDEN = ("/home", "/root", "/tmp", "/run", "/var/run")  # homes, others' files, and sockets that lead out
UNSHARE = ["unshare", "--user", "--map-root-user", "--net", "--"]
SAYS = {
    "bwrap": "no network; nothing can be written outside its own folder; homes, /tmp and /run are hidden",
    "unshare": "no network; files are NOT shut off: it can read and write what you can (bubblewrap would prevent that)",
    "": "NOT shut off: it can use the network, and read and write what you can (Linux with bubblewrap prevents both)",
}


@cache
def tool() -> str:
    """What shuts a process off here, a key of SAYS: bubblewrap, else a network namespace, else nothing."""
    with tempfile.TemporaryDirectory() as folder:
        for name, command in (("bwrap", bubblewrap(Path(folder))), ("unshare", UNSHARE)):
            if shutil.which(name) and not subprocess.run([*command, "true"], capture_output=True).returncode:
                return name
    return ""


def shut_off(command: Sequence[str], folder: Path, *seen: Path) -> list[str]:
    """A command that runs ``command`` shut off, in ``folder``, which alone it may write to; it also reads ``seen``."""
    return [*{"bwrap": bubblewrap(folder, *seen), "unshare": UNSHARE, "": []}[tool()], *command]


def bubblewrap(folder: Path, *seen: Path) -> list[str]:
    """The start of a command that may write to ``folder`` alone; of HIDDEN and homes it sees Python, data and ``seen``.

    In a session of its own, so that it cannot type into this terminal.
    """
    arguments = ["bwrap", "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc"]
    for card in sorted(Path("/dev").glob("nvidia*")):
        arguments += ["--dev-bind-try", str(card), str(card)]
    for place in dict.fromkeys([*HIDDEN, pwd.getpwuid(os.getuid()).pw_dir]):
        arguments += ["--tmpfs", place] if Path(place).is_dir() and not Path(place).is_symlink() else []
    python = [Path(sys.prefix), Path(sys.base_prefix), Path(sys.executable).resolve().parents[1]]
    for path in dict.fromkeys(str(path.absolute()) for path in [*python, data_root()] if path.exists()):
        arguments += ["--ro-bind", path, path]
    arguments += ["--bind", str(folder), str(folder), "--chdir", str(folder)]
    for file in seen:
        arguments += ["--ro-bind", str(file), str(file)]
    return [*arguments, "--unshare-net", "--unshare-pid", "--unshare-ipc", "--new-session", "--die-with-parent"]


def without_network(command: Sequence[str]) -> list[str]:
    """A command of our own that runs ``command`` without a network, where the system allows it."""
    before = {"bwrap": ["bwrap", "--dev-bind", "/", "/", "--unshare-net", "--die-with-parent"], "unshare": UNSHARE}
    return [*before.get(tool(), []), *command]


def environment() -> Mapping[str, str]:
    """The variables that it sees: those of `make`, without a user's own, and without the project's git folder."""
    return {**os.environ, "GIT_CEILING_DIRECTORIES": str(ROOT / "reports"), "DATA_DIR": str(data_root())}


# ---- a copy of a bundle ----


def files_of(bundle: Path) -> Iterator[Path]:
    """The files of a bundle that a run executes or reads, relative to it, in order; links are left out."""
    for part in (part for part in PARTS if not (bundle / part).is_symlink()):
        for path in sorted((bundle / part).rglob("*")):
            wanted = path.is_file() and not path.is_symlink() and not LEFT_OUT & set(path.relative_to(bundle).parts)
            if wanted and path.suffix != ".pyc":
                yield path.relative_to(bundle)
    alone = [Path(name) for name in ALONE if (bundle / name).is_file()]
    yield from (path for path in alone if not any((bundle / part).is_symlink() for part in (path, path.parent)))


def digest_of(bundle: Path, files: Iterable[Path]) -> str:
    """sha256 of some files of a bundle and of their names."""
    digest = hashlib.sha256()
    for path in files:
        digest.update(f"\0{path.as_posix()}\0".encode() + (bundle / path).read_bytes())
    return digest.hexdigest()


def copy_of(bundle: Path) -> Path:
    """A folder with a copy of a bundle's code, named by its digest: bundles with the same code share their runs.

    Raises ValueError for a folder that is no bundle, or one that is too large.
    """
    files = list(files_of(bundle))
    if missing := [part for part in PARTS if not any(path.parts[0] == part for path in files)]:
        raise ValueError(f"{bundle} is no copy of this bundle: it lacks {', '.join(missing)}/")
    if sum((bundle / path).stat().st_size for path in files) > LARGEST:
        raise ValueError(f"{bundle} has more than {LARGEST // 2**20} MB of code")
    copy = ROOT / "reports" / "rerun" / digest_of(bundle, files)[:16]
    if not copy.exists():
        copy.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=".", dir=copy.parent))
        for path in files:
            (made / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(bundle / path, made / path)
        try:
            made.rename(copy)
        except OSError:  # another process was quicker
            shutil.rmtree(made)
    return copy
