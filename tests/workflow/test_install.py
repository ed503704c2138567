"""Set-up's packages: with uv or else pip, from where the user says, and without CUDA where there is no card for it.

Registries are stand-ins on the loopback, with tiny packages; uv and pip are real.
"""

import hashlib
import http.server
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import zipfile
from functools import partial
from pathlib import Path

import pytest
from conftest import ROOT

from workflow import install

LOCK = install.entries((ROOT / "requirements.lock").read_text(encoding="utf-8"))
PACKAGES = {"alpha": "1.0", "nvidia-x": "1", "torch": "2.14.1", "torchvision": "0.29.1", "uv": "0.13.9"}
REAL_UV = '#!/bin/sh\nexec "{}" "$@"\n'.format(Path(sys.executable).with_name("uv"))


def wheel(folder, name, version, script=None):
    """A package of one module, in its folder of a registry; its hash."""
    stem = f"{name.replace('-', '_')}-{version}"
    file = folder / name / f"{stem}-py3-none-any.whl"
    file.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(f"{name.replace('-', '_')}_.py", f"version = '{version}'\n")
        if script:
            program = zipfile.ZipInfo(f"{stem}.data/scripts/{name}")
            program.external_attr = 0o100755 << 16
            archive.writestr(program, script)
        archive.writestr(f"{stem}.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        archive.writestr(f"{stem}.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{stem}.dist-info/RECORD", "")
    return hashlib.sha256(file.read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    """An environment with pip alone."""
    folder = tmp_path_factory.mktemp("empty") / "venv"
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    return folder


class Setup:
    """A project of a few packages, and the registries that it asks."""

    def __init__(self, root, empty, address):
        self.root, self.address = root, address
        self.venv = shutil.copytree(empty, root / "venv", symlinks=True)
        self.registry = root / "registry"
        hashes = {
            name: wheel(self.registry, name, version, REAL_UV if name == "uv" else None)
            for name, version in PACKAGES.items()
        }
        lines = [f"{name}=={PACKAGES[name]} \\\n    --hash=sha256:{hashes[name]}\n" for name in PACKAGES]
        (root / "requirements.lock").write_text("".join(lines))
        (root / "cpu").mkdir()
        self.cpu_index(f"{address}/cpu")

    def cpu_index(self, address):
        """The project's own program, but another address for PyTorch's index, and less patience."""
        source = Path(install.__file__).read_text(encoding="utf-8")
        source = source.replace('("--torch-backend", "cpu")', f'("--default-index", "{address}")')
        (self.root / "workflow").mkdir(exist_ok=True)
        (self.root / "workflow" / "install.py").write_text(source.replace("PATIENCE = 10", "PATIENCE = 1"))

    def run(self, **environment):
        given = {"PIP_INDEX_URL": f"{self.address}/registry", "PIP_CONFIG_FILE": os.devnull, "TORCH": "cpu"}
        given |= {"PATH": os.environ["PATH"], "UV_CACHE_DIR": str(self.root / "cache"), "PIP_NO_CACHE_DIR": "1"}
        command = [self.venv / "bin" / "python", "-I", self.root / "workflow" / "install.py"]
        return subprocess.run(command, env=given | environment, capture_output=True, text=True, cwd=self.root)

    def installed(self):
        """The versions of what there is of :data:`PACKAGES`."""
        names = [folder.stem.rsplit("-", 1) for folder in self.venv.glob("lib/*/site-packages/*.dist-info")]
        found = {name.replace("_", "-"): version for name, version in names}
        return {name: found[name] for name in PACKAGES if name in found}


@pytest.fixture
def project(tmp_path, empty):
    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=tmp_path)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield Setup(tmp_path, empty, f"http://127.0.0.1:{server.server_port}")
        server.shutdown()


@pytest.mark.slow
class TestInstall:
    def test_uv_installs_and_compiles_what_the_lock_pins(self, project):
        done = project.run(TORCH="cuda")
        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines() == ["installing the packages with uv"] and not done.stderr
        assert project.installed() == PACKAGES
        assert list(project.venv.glob("lib/*/site-packages/__pycache__/alpha_.*.pyc"))
        assert (project.root / "cache").is_dir()  # which the next clone's set-up takes its packages from

    def test_without_a_card_torch_is_the_cpus(self, project):
        for name, version in (("torch", "2.14.1+cpu"), ("torchvision", "0.29.1+cpu"), ("torch", "2.15.0+cpu")):
            wheel(project.root / "cpu", name, version)
        for _ in range(2):  # the second time, when all is there
            done = project.run()
            assert done.returncode == 0, done.stderr
            cpu = {"torch": "2.14.1+cpu", "torchvision": "0.29.1+cpu"}
            assert project.installed() == {"alpha": "1.0", **cpu, "uv": "0.13.9"}

    @pytest.mark.parametrize("index", ["silent", "closed", "empty", "older", "one of the two"])
    def test_where_no_index_gives_torch_for_the_cpu_it_is_the_registrys(self, project, index):
        versions = {"older": [("torch", "2.14.0+cpu"), ("torchvision", "0.29.0+cpu")]}
        versions["one of the two"] = [("torch", "2.14.1+cpu")]
        for name, version in versions.get(index, []):
            wheel(project.root / "cpu", name, version)
        with socket.create_server(("127.0.0.1", 0)) as silent:  # connects, and never answers
            if index in ("silent", "closed"):
                project.cpu_index(f"http://127.0.0.1:{silent.getsockname()[1]}/cpu")
            if index == "closed":
                silent.close()
            done = project.run()
        assert done.returncode == 0 and "with CUDA's libraries, 3 GB more" in done.stdout, done.stderr
        assert project.installed() == PACKAGES

    def test_where_uv_cannot_be_had_pip_installs_the_rest(self, project):
        shutil.rmtree(project.registry / "uv")
        done = project.run()
        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines() == ["uv cannot be had here: pip installs the packages, which takes longer"]
        assert project.installed() == {name: version for name, version in PACKAGES.items() if name != "uv"}

    def test_where_uv_fails_pip_installs(self, project):
        digest = wheel(project.registry, "uv", "0.13.9", "#!/bin/sh\necho a reason >&2\nexit 2\n")
        lock = project.root / "requirements.lock"
        lock.write_text(re.sub(r"(uv==.*\n.*sha256:)\w+", rf"\g<1>{digest}", lock.read_text()))
        done = project.run(TORCH="cuda")
        assert done.returncode == 0 and "uv could not: pip installs the packages" in done.stdout
        assert "a reason" in done.stderr and project.installed() == PACKAGES

    def test_a_package_of_another_hash_is_refused_and_nothing_is_changed(self, project):
        wheel(project.registry, "alpha", "1.0", "#!/bin/sh\necho another\n")
        done = project.run(TORCH="cuda")
        assert done.returncode == install.UNCHANGED and "hash" in done.stderr.lower()
        assert project.installed() == {"uv": "0.13.9"}

    @pytest.mark.parametrize("way", ["variables", "file", "links"])
    def test_packages_come_from_where_pip_is_told(self, project, way):
        shutil.move(project.registry / "alpha", project.root / "more" / "alpha")
        main, more = f"{project.address}/registry", f"{project.address}/more"
        told = {"PIP_INDEX_URL": main, "PIP_EXTRA_INDEX_URL": more}
        if way == "file":
            file = project.root / "pip.conf"
            file.write_text(
                f"[global]\nindex-url = {main}\n[install]\nextra-index-url =\n    {more}\n    {more}/none\n"
            )
            told = {"PIP_CONFIG_FILE": str(file), "PIP_INDEX_URL": ""}
        if way == "links":
            told = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": f"{main}/uv/ {more}/alpha/ {project.root}/links"}
            (project.root / "links").mkdir()
            for file in project.registry.glob("*/*.whl"):
                shutil.copy(file, project.root / "links")
        done = project.run(**told)
        assert done.returncode == 0 and "pip" not in done.stdout, done.stderr
        assert project.installed() == PACKAGES


def test_what_pip_is_told_is_told_uv():
    listed = """
:env:.find-links='/b /c'
:env:.index-url='https://two'
download.cert='/no'
global.cert='/one.pem'
global.extra-index-url='\\nhttps://three\\nhttps://four'
global.index-url="https://it's one"
install.proxy='http://proxy:1'
"""
    settings = install.pip_settings(listed.replace("\\\\", "\\"))
    assert install.uv_environment(settings, {"SSL_CERT_FILE": "/mine", "HOME": "/h"}) == {
        "HOME": "/h",
        "HTTPS_PROXY": "http://proxy:1",
        "HTTP_PROXY": "http://proxy:1",
        "SSL_CERT_FILE": "/mine",
        "UV_DEFAULT_INDEX": "https://two",
        "UV_FIND_LINKS": "/b,/c",
        "UV_INDEX": "https://three https://four",
        "UV_SYSTEM_CERTS": "1",
    }


def test_what_is_left_out_without_a_card_is_what_torch_alone_needs():
    left_out = {name for name in LOCK if install.CUDA.fullmatch(name)}
    users = re.compile(r"^ +# +(?:via )?([\w.-]+|-r requirements\.txt)$", re.MULTILINE)
    needed_by = {name: set(users.findall(part)) - {"via"} for name, part in LOCK.items()}
    assert {"torch", "torchvision", "triton"} < left_out and len(left_out) > 15
    assert all(needed_by[name] <= left_out for name in left_out - {"torch", "torchvision"})
    kept = {name for name, needing in needed_by.items() if needing <= left_out} - left_out
    assert kept <= {"filelock", "fsspec", "sympy"}  # torch for the CPU needs these too


@pytest.mark.parametrize(
    ("wish", "programs", "wanted"),
    [
        (None, [], False),
        (None, ["nvidia-smi"], True),
        (None, ["sbatch"], True),
        ("cpu", ["nvidia-smi"], False),
        ("cuda", [], True),
    ],
)
def test_cuda_is_for_machines_that_may_have_a_card(tmp_path, monkeypatch, wish, programs, wanted):
    if Path("/proc/driver/nvidia").exists() and wish is None:
        pytest.skip("this machine has a card")
    for name in programs:
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("TORCH", raising=False)
    if wish:
        monkeypatch.setenv("TORCH", wish)
    assert install.wants_cuda() is wanted
