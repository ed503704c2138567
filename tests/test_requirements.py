"""requirements.lock is what requirements.txt asks for, and all of it has hashes."""

import re

from conftest import ROOT
from packaging.requirements import Requirement

LINES = [line.partition(" #")[0].strip() for line in (ROOT / "requirements.txt").read_text().splitlines()]
WANTED = {item.name.lower(): item for line in LINES if line and line[0] != "#" for item in [Requirement(line)]}
LOCK = (ROOT / "requirements.lock").read_text()
ENTRIES = re.findall(
    r"^([\w.-]+)==(\S+)((?: ;.*)?) \\\n((?: +--hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", LOCK, re.MULTILINE
)


def test_every_direct_dependency_is_pinned_the_same_in_both():
    locked = {name.replace("-", "_"): version for name, version, *_ in ENTRIES}
    assert {
        name: str(item.specifier) for name, item in WANTED.items() if locked.get(name.replace("-", "_")) is None
    } == {}
    assert all(str(item.specifier) == f"=={locked[name.replace('-', '_')]}" for name, item in WANTED.items())


def test_everything_in_the_lock_has_hashes():
    assert len(ENTRIES) == len(re.findall(r"^[\w.-]+==", LOCK, re.MULTILINE)) > 150
    assert not re.search(r"^(-|https?:|file:|git\+)", LOCK, re.MULTILINE)  # no index of anybody's, no unpinned source
