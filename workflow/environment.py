"""The environment that everything `make` starts runs in: the same for every user, whatever their settings are.

Kernels, Snakemake, pandoc and the tests see the variables of :data:`PASSED` alone, and a home folder of the project's
own, so that no start-up file, style or profile of the user reaches a result. JupyterLab keeps the user's settings.
`workflow/setup.sh` does the same for pip and uv, before there is a Python to ask.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress

from helpers.files import data_root
from helpers.results import ROOT

HOME = ROOT / "reports" / ".home"  # where IPython, Jupyter, matplotlib and Snakemake keep what they keep
PASSED = {
    # the machine
    *("PATH", "LD_LIBRARY_PATH", "USER", "LOGNAME", "TERM", "TZ", "TMPDIR", "MAKELEVEL"),
    *("CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER", "OMP_NUM_THREADS"),
    # the way to a network
    *("http_proxy", "https_proxy", "no_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE"),
    # settings of this project, and of reproducible builds
    *("DATA", "DATA_DIR", "DATA_FETCHED", "PRECISION", "SOURCE_DATE_EPOCH"),
    # where git stops to look for a repository: a copy that is checked has none
    "GIT_CEILING_DIRECTORIES",
}
OWN = ("REPORT_", "SLURM_", "SBATCH_")  # what the workflow's parts tell each other, and a cluster its jobs
FIXED = {
    "HOME": str(HOME),
    "LANG": "C.UTF-8",
    "LC_ALL": "C.UTF-8",
    "PYTHONUTF8": "1",
    "PYTHONNOUSERSITE": "1",
    # read before HOME is, where they are set
    "XDG_CACHE_HOME": str(HOME / ".cache"),
    "XDG_CONFIG_HOME": str(HOME / ".config"),
    "XDG_DATA_HOME": str(HOME / ".local" / "share"),
}
LONGEST = 80  # bytes of a folder for sockets: a socket's whole name may have 103, and a file's name comes after it


def stated(given: Mapping[str, str]) -> dict[str, str]:
    """What of the environment ``given`` is passed on, and what is the same for everybody."""
    passed = {name: value for name, value in given.items() if name in PASSED or name.startswith(OWN)}
    if passed.get("DATA_DIR"):  # which may begin with ~, the user's home
        passed["DATA_DIR"] = str(data_root())
    return passed | FIXED


def enter() -> None:
    """Make the stated environment that of this process, and so of all that it starts."""
    kept = stated(os.environ)
    for name in set(os.environ) - set(kept):
        del os.environ[name]
    os.environ.update(kept)
    with suppress(OSError):  # the command says it better where reports/ cannot be written to
        HOME.mkdir(parents=True, exist_ok=True)


def short_folder() -> tempfile.TemporaryDirectory[str]:
    """A temporary folder, private to this user, whose name is short enough for sockets in it.

    Clusters give every job a TMPDIR with a long name. Raises OSError when there is no other folder either.
    """
    places = [tempfile.gettempdir(), "/tmp", "/var/tmp", "/dev/shm"]
    for place in places:
        if len(os.fsencode(place)) + len("/kernel-12345678") <= LONGEST and os.access(place, os.W_OK | os.X_OK):
            return tempfile.TemporaryDirectory(prefix="kernel-", dir=place)
    raise OSError(f"no folder for sockets with a short name in {', '.join(places)}: set TMPDIR to one")
