"""The data sets' files and their download, on tiny fakes of what torchvision knows, served on loopback."""

import errno
import gzip
import hashlib
import http.server
import io
import json
import os
import pickle
import struct
import subprocess
import sys
import tarfile
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torchvision import datasets

from helpers import data, download, files
from helpers.sets import SETS
from workflow.data import manifest

PROBE = files._online.__wrapped__
MNIST_FILES = [file for file in SETS["MNIST"].md5s if file.endswith(".gz")]
CIFAR_BATCHES, CIFAR_ARCHIVE = SETS["CIFAR10"].unpacked, SETS["CIFAR10"].archive
PACKED_ALONE = [name for name, known in SETS.items() if not known.archive]  # in MNIST's format


def md5(content):
    return hashlib.md5(content).hexdigest()


def idx(array):
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    """Each test starts offline, without settings and before the notice."""
    for name in ("DATA", "DATA_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(files, "_online", lambda: False)
    data._announce_sample.cache_clear()


@pytest.fixture
def fakes(monkeypatch):
    """Fake sets as {name: {file: content}}, packed and unpacked, which our tables agree with."""
    chance = np.random.default_rng(0)
    packed, unpacked = {}, {}
    for name in PACKED_ALONE:
        arrays = []
        for size in (300, 60):
            arrays += [chance.integers(0, 256, (size, 28, 28), np.uint8), (np.arange(size) ** 2 % 10).astype(np.uint8)]
        raw = {file: idx(array) for file, array in zip(SETS[name].unpacked, arrays, strict=True)}
        unpacked[name] = raw
        packed[name] = {f"{file}.gz": gzip.compress(content) for file, content in raw.items()}
    batches = {}
    for file in CIFAR_BATCHES:
        pixels = chance.integers(0, 256, (40, 3072), np.uint8)
        batches[file] = pickle.dumps({"data": pixels, "labels": (np.arange(40) % 10).tolist()})
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        for file, content in reversed(batches.items()):  # their order in the archive must not matter
            entry = tarfile.TarInfo(file)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    unpacked["CIFAR10"], packed["CIFAR10"] = batches, {CIFAR_ARCHIVE: archive.getvalue()}
    for name in SETS:
        known = {file: md5(content) for file, content in (unpacked[name] | packed[name]).items()}
        monkeypatch.setitem(SETS, name, replace(SETS[name], md5s=known))
    return {"packed": packed, "unpacked": unpacked}


def put(root, contents):
    for file, content in contents.items():
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).write_bytes(content)


def listing(root):
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def error_of(call, *arguments, **options):
    with pytest.raises(files.DataError) as caught:
        call(*arguments, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# Files


@pytest.mark.parametrize("name", PACKED_ALONE)
def test_addresses_and_md5s_are_torchvisions(name):
    source = getattr(datasets, name)
    assert list(SETS[name].servers) == source.mirrors
    known = {f"{name}/raw/{file}": md5 for file, md5 in source.resources}
    assert known == {file: md5 for file, md5 in SETS[name].md5s.items() if file.endswith(".gz")}
    assert [f"{file}.gz" for file in SETS[name].unpacked] == list(known)


def test_address_and_md5s_of_cifar_are_torchvisions():
    source = datasets.CIFAR10
    assert SETS["CIFAR10"].servers == (source.url.removesuffix(source.filename),)
    known = {f"{source.base_folder}/{batch}": md5 for batch, md5 in source.train_list + source.test_list}
    assert known | {source.filename: source.tgz_md5} == SETS["CIFAR10"].md5s
    assert tuple(known) == SETS["CIFAR10"].unpacked


@pytest.mark.parametrize("name", SETS)
def test_packed_and_unpacked_files_read_the_same(fakes, tmp_path, name):
    loaded = []
    for form in ("packed", "unpacked"):
        root = tmp_path / form
        put(root, fakes[form][name])
        before = listing(root)
        loaded.append(data.load(name, root=root))
        made = manifest(name, root)
        assert listing(root) == before, "reading must not write"
        assert made["files"] == {file: md5(content) for file, content in fakes[form][name].items()}
        assert (made["sample"], made["fingerprint"]) == (False, loaded[-1].fingerprint)
        json.dumps(made)
    assert loaded[0].fingerprint == loaded[1].fingerprint
    assert torch.equal(loaded[0].train.images, loaded[1].train.images)
    assert torch.equal(loaded[0].test.labels, loaded[1].test.labels)
    assert loaded[0].train.images.shape[1:] == ((3, 32, 32) if name == "CIFAR10" else (28, 28))
    assert (loaded[0].train.images.dtype, loaded[0].train.labels.dtype) == (torch.uint8, torch.int64)


def test_content_is_what_the_files_say(fakes, tmp_path):
    put(tmp_path, fakes["packed"]["MNIST"] | fakes["packed"]["CIFAR10"])
    raw = fakes["unpacked"]["MNIST"]["MNIST/raw/train-images-idx3-ubyte"]
    assert data.load("MNIST", root=tmp_path).train.images.numpy().tobytes() == raw[16:]
    batch = pickle.loads(fakes["unpacked"]["CIFAR10"][CIFAR_BATCHES[1]])
    train = data.load("CIFAR10", root=tmp_path).train
    assert train.images[40:80].numpy().tobytes() == batch["data"].tobytes()
    assert train.labels[40:80].tolist() == batch["labels"]


def test_another_set_of_torchvisions_is_one_entry(fakes, tmp_path, monkeypatch):
    # The md5s of its archives are all that torchvision knows.
    packed = {file.replace("MNIST/", "KMNIST/"): content for file, content in fakes["packed"]["MNIST"].items()}
    known = {file: md5(content) for file, content in packed.items()}
    entry = replace(SETS["MNIST"], md5s=known, classes=tuple("abcdefghij"))
    monkeypatch.setitem(SETS, "KMNIST", entry)
    made = manifest("KMNIST", tmp_path)
    assert made["sample"] and made["fingerprint"] != manifest("MNIST", tmp_path)["fingerprint"]
    put(tmp_path, packed)
    loaded = data.load("KMNIST", root=tmp_path)
    assert (loaded.sample, loaded.classes, loaded.md5s) == (False, entry.classes, known)
    assert manifest("KMNIST", tmp_path)["fingerprint"] == loaded.fingerprint
    monkeypatch.setitem(SETS, "KMNIST", replace(entry, classes=("fewer", "than the files have")))
    assert "a label is no class's" in error_of(data.load, "KMNIST", root=tmp_path)


def test_a_mixture_of_packed_and_unpacked_files_works(fakes, tmp_path):
    put(tmp_path, fakes["packed"]["MNIST"] | fakes["unpacked"]["MNIST"])
    (tmp_path / MNIST_FILES[0]).unlink()
    assert list(manifest("MNIST", tmp_path)["files"]) == [MNIST_FILES[0].removesuffix(".gz"), *MNIST_FILES[1:]]


@pytest.mark.parametrize("form", ["packed", "unpacked"])
@pytest.mark.parametrize("name", ["MNIST", "CIFAR10"])
@pytest.mark.parametrize("damage", [lambda content: content[:-7], lambda content: content[:-1] + b"?", lambda _: b""])
def test_damaged_files_are_an_error_never_the_sample(fakes, tmp_path, form, name, damage):
    put(tmp_path, fakes[form][name])
    file = list(fakes[form][name])[-1]
    put(tmp_path, {file: damage(fakes[form][name][file])})
    for use in (data.load, manifest):
        said = error_of(use, name, root=tmp_path)
        assert str(tmp_path / file) in said and "delete it and run `make data`" in said


class Bomb:
    """A pickle of it makes a folder when it is opened."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("form", ["packed", "unpacked"])
def test_a_pickle_with_code_is_never_opened_and_nothing_leaves_an_archive(fakes, tmp_path, monkeypatch, form):
    mark, root = tmp_path / "mark", tmp_path / "root"
    bad = pickle.dumps(Bomb(mark))
    if form == "packed":
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w:gz") as tar:
            for file in (*CIFAR_BATCHES, "../../outside", "/tmp/outside"):
                entry = tarfile.TarInfo(file)
                entry.size = len(bad)
                tar.addfile(entry, io.BytesIO(bad))
        bad = packed.getvalue()
    put(root, fakes[form]["CIFAR10"])
    file = next(iter(fakes[form]["CIFAR10"]))
    put(root, {file: bad})
    for use in (data.load, manifest):
        assert "truncated or altered" in error_of(use, "CIFAR10", root=root)
    assert not mark.exists() and [path.name for path in tmp_path.iterdir()] == ["root"]


def test_what_climbs_out_of_an_archive_is_not_written_though_its_md5_is_right(fakes, tmp_path, monkeypatch):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for file, content in {"../../outside": b"x", **fakes["unpacked"]["CIFAR10"]}.items():
            entry = tarfile.TarInfo(file)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    monkeypatch.setitem(SETS["CIFAR10"].md5s, CIFAR_ARCHIVE, md5(packed.getvalue()))
    put(tmp_path / "a" / "b", {CIFAR_ARCHIVE: packed.getvalue()})
    assert not data.load("CIFAR10", root=tmp_path / "a" / "b").sample
    assert listing(tmp_path) == [f"a/b/{CIFAR_ARCHIVE}"]


def test_unreadable_files_are_an_error(fakes, tmp_path, monkeypatch):
    def refuse(path):
        raise PermissionError(errno.EACCES, "Permission denied")

    put(tmp_path, fakes["packed"]["MNIST"])
    monkeypatch.setattr(Path, "read_bytes", refuse)
    assert "cannot read" in error_of(data.load, "MNIST", root=tmp_path)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="permissions do not bind this user")
def test_read_only_root_works(fakes, tmp_path):
    put(tmp_path, fakes["packed"]["MNIST"])
    folders = [tmp_path / "MNIST/raw", tmp_path / "MNIST", tmp_path]
    for folder in folders:
        folder.chmod(0o555)
    try:
        assert not data.load("MNIST", root=tmp_path).sample
    finally:
        for folder in folders:
            folder.chmod(0o755)


def test_missing_files_are_named_with_data_real(fakes, tmp_path, monkeypatch):
    monkeypatch.setenv("DATA", "real")
    put(tmp_path, fakes["packed"]["MNIST"] | fakes["unpacked"]["CIFAR10"])
    (tmp_path / MNIST_FILES[2]).unlink()
    (tmp_path / CIFAR_BATCHES[3]).unlink()
    for name, file in (("MNIST", MNIST_FILES[2]), ("CIFAR10", CIFAR_BATCHES[3]), ("FashionMNIST", "Fashion")):
        for use in (data.load, manifest):
            said = error_of(use, name, root=tmp_path)
            assert file in said and str(tmp_path) in said and "`make data`" in said and "DATA_DIR" in said
    assert MNIST_FILES[0] not in error_of(data.load, "MNIST", root=tmp_path)


# A folder that DATA_DIR names


@pytest.mark.parametrize("state", ["missing", "empty", "one file lacks"])
def test_the_sample_does_not_stand_in_for_what_data_dir_lacks(fakes, tmp_path, monkeypatch, state):
    root = tmp_path / "given"
    monkeypatch.setenv("DATA_DIR", str(root))
    if state == "empty":
        root.mkdir()
    elif state == "one file lacks":
        put(root, dict(list(fakes["packed"]["MNIST"].items())[1:]))
    for use in (data.load, manifest):
        said = error_of(use, "MNIST")
        assert str(root) in said and MNIST_FILES[0] in said and "DATA_DIR" in said
        assert ("there is no such folder" in said) == (state == "missing")
    monkeypatch.setenv("DATA", "sample")
    assert data.load("MNIST").sample, "unless it is asked for"


def test_data_dir_needs_only_the_sets_that_are_asked_for(fakes, tmp_path, monkeypatch):
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    put(tmp_path, fakes["packed"]["MNIST"])
    assert not data.load("MNIST").sample
    assert "CIFAR10 is not complete" in error_of(data.load, "CIFAR10")


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("form", ["packed", "unpacked"])
def test_data_dir_that_misses_the_place_is_told_the_right_one(fakes, tmp_path, monkeypatch, name, form):
    right = tmp_path / "above" / "data"
    put(right, fakes[form][name])
    near = {right.parent, right / Path(list(fakes[form][name])[-1]).parent, right / "new"} - {right}
    near |= {right / "MNIST"} if name == "MNIST" else set()
    for wrong in near:
        monkeypatch.setenv("DATA_DIR", str(wrong))
        for use in (data.load, manifest, lambda name: files.fetch([name])):
            assert f"does not hold {name} itself, but {right} does: set DATA_DIR={right}, or" in error_of(use, name)


@pytest.mark.parametrize("inner", ["", "MNIST"])
def test_files_that_lie_flat_are_told_their_place(fakes, tmp_path, monkeypatch, inner):
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    put(tmp_path / inner, {Path(file).name: content for file, content in fakes["packed"]["MNIST"].items()})
    assert error_of(data.load, "MNIST").endswith(f"which MNIST has in {tmp_path}/MNIST/raw: move its files there")


def test_data_dir_that_is_a_file_or_unreadable_is_told_so(fakes, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "file"))
    assert "is a file: give the folder that holds" in error_of(data.load, "MNIST")
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert "cannot be read: mend its permissions" in error_of(data.load, "MNIST")
    monkeypatch.setenv("DATA_DIR", "~nobody-of-this-name/data")
    assert "there is no such folder" in error_of(data.load, "MNIST")


def test_unknown_names_and_settings_are_errors(tmp_path, monkeypatch):
    for use in (data.load, manifest):
        assert all(name in error_of(use, "ImageNet", root=tmp_path) for name in ("ImageNet", *SETS))
    for use in (files.fetch, files.snapshot):
        assert "ImageNet" in error_of(use, ["ImageNet"], root=tmp_path)
    monkeypatch.setenv("DATA", "fake")
    assert "DATA=fake" in error_of(data.load, "MNIST", root=tmp_path)


def test_root(monkeypatch, tmp_path):
    assert files.data_root() == files.PROJECT / "data"
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    assert files.data_root() == tmp_path and files.data_root("elsewhere") == Path("elsewhere")
    monkeypatch.setenv("DATA_DIR", "shared")
    assert files.data_root() == files.PROJECT / "shared", "the same from every working folder"


def test_snapshot_sees_changes(fakes, tmp_path):
    assert files.snapshot(["MNIST"], tmp_path) == {"MNIST": {}}
    put(tmp_path, fakes["packed"]["MNIST"])
    before = files.snapshot(["MNIST", "CIFAR10"], tmp_path)
    assert set(before["MNIST"]) == set(MNIST_FILES) and before["CIFAR10"] == {}
    os.utime(tmp_path / MNIST_FILES[0], ns=(1, 1))
    after = files.snapshot(["MNIST"], tmp_path)["MNIST"]
    assert after[MNIST_FILES[0]] == [before["MNIST"][MNIST_FILES[0]][0], 1]
    json.dumps(after)


def test_import_and_snapshot_are_light():
    code = "import sys; from helpers import files; files.snapshot(files.SETS); print({'torch'} & set(sys.modules))"
    ran = subprocess.run([sys.executable, "-c", code], cwd=files.PROJECT, capture_output=True, text=True, check=True)
    assert ran.stdout == "set()\n"


# The network


@pytest.fixture
def server(fakes, monkeypatch):
    """Serve the fake archives on loopback; `broken` files break off half-way."""

    def serve(name, *addresses):
        monkeypatch.setitem(SETS, name, replace(SETS[name], servers=addresses))

    archives = fakes["packed"]["MNIST"] | fakes["packed"]["CIFAR10"]
    contents = {Path(file).name: content for file, content in archives.items()}

    class Handler(http.server.BaseHTTPRequestHandler):
        broken, asked = set(), []

        def do_GET(self):
            file = Path(self.path).name
            if not self.path.startswith("/good/") or file not in contents:
                return self.send_error(404)
            self.asked.append(file)
            self.send_response(200)
            self.send_header("Content-Length", str(len(contents[file])))
            self.end_headers()
            self.wfile.write(contents[file][: len(contents[file]) // 2 if file in self.broken else None])

        do_HEAD = do_GET

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        address = f"http://127.0.0.1:{running.server_port}"
        monkeypatch.setattr(files, "_online", PROBE)
        monkeypatch.setattr(download, "RETRIES", 0)
        serve("MNIST", f"{address}/bad/", f"{address}/good/")
        serve("FashionMNIST", f"{address}/bad/")
        serve("CIFAR10", f"{address}/good/")
        yield Handler
        running.shutdown()


def test_download_takes_the_next_mirror_and_only_what_is_missing(fakes, server, tmp_path):
    root = tmp_path / "new"
    put(root, {MNIST_FILES[0]: fakes["packed"]["MNIST"][MNIST_FILES[0]]})
    files.fetch(["MNIST", "CIFAR10"], root)
    assert listing(root) == sorted([*MNIST_FILES, CIFAR_ARCHIVE])
    assert Path(MNIST_FILES[0]).name not in server.asked and CIFAR_ARCHIVE in server.asked
    assert not data.load("MNIST", root=root).sample
    assert not data.load("CIFAR10", root=tmp_path / "other").sample, "loading downloads too"


def test_downloading_into_a_new_data_dir_works(server, tmp_path, monkeypatch):
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "new" / "folder"))
    files.fetch(["MNIST", "CIFAR10"])
    assert not data.load("MNIST").sample and not data.load("CIFAR10").sample
    assert "FashionMNIST: could not download" in error_of(files.fetch, ["FashionMNIST"])


def test_two_processes_may_fetch_into_one_folder_at_once(fakes, server, tmp_path):
    code = "from helpers import download, files; from helpers.sets import ImageSet; "
    code += f"files.SETS.update({dict(SETS)!r}); download.RETRIES = 0; "
    code += f"files.fetch(['MNIST', 'CIFAR10'], {str(tmp_path)!r})"
    start = {"cwd": files.PROJECT, "env": os.environ | {"no_proxy": "*"}, "stderr": subprocess.PIPE, "text": True}
    both = [subprocess.Popen([sys.executable, "-c", code], **start) for _ in range(2)]
    said = [process.communicate(timeout=60)[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert listing(tmp_path) == sorted([*MNIST_FILES, CIFAR_ARCHIVE]) and not list(tmp_path.glob(".*"))
    assert not data.load("MNIST", root=tmp_path).sample and not data.load("CIFAR10", root=tmp_path).sample
    assert len(server.asked) == 5, "what one has fetched the other does not fetch again"


@pytest.mark.slow
def test_interrupted_download_leaves_nothing_unfinished(server, tmp_path, capfd, monkeypatch):
    server.broken.add(Path(MNIST_FILES[3]).name)
    assert data.load("MNIST", root=tmp_path).sample
    assert listing(tmp_path) == sorted(MNIST_FILES[:3]) and not list(tmp_path.glob(".*"))
    assert f"MNIST: could not download {Path(MNIST_FILES[3]).name}" in capfd.readouterr().err
    monkeypatch.setenv("DATA", "real")
    assert "could not download" in error_of(files.fetch, ["MNIST"], tmp_path)


@pytest.mark.parametrize(
    ("trouble", "said"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "no room left in"),
        (PermissionError(errno.EACCES, "Permission denied"), "cannot write to"),
        (OSError(errno.EROFS, "Read-only file system"), "cannot write to"),
        (KeyboardInterrupt(), None),
    ],
)
def test_trouble_while_writing(fakes, server, tmp_path, monkeypatch, trouble, said):
    def half(server, name, md5, folder):
        Path(folder, "half").write_bytes(b"half")
        raise trouble

    monkeypatch.setattr(download, "_retrieve", half)
    if said:
        message = error_of(data.load, "MNIST", root=tmp_path)
        assert said in message and str(tmp_path) in message and "DATA_DIR" in message
    else:
        with pytest.raises(KeyboardInterrupt):
            files.fetch(["MNIST"], tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_folder_that_cannot_be_made(server, tmp_path):
    (tmp_path / "file").touch()
    assert "cannot write to" in error_of(data.load, "MNIST", root=tmp_path / "file" / "data")


def test_probe_gives_up(monkeypatch):
    monkeypatch.setattr(files, "PATIENCE", 0.3)
    monkeypatch.setattr(files, "_answers", lambda url: threading.Event().wait(3))
    start = time.monotonic()
    assert PROBE() is False and time.monotonic() - start < 2


def test_probe_takes_any_answer_and_no_for_an_answer(server, monkeypatch):
    assert PROBE() is True, "404 is an answer"
    for name in SETS:
        monkeypatch.setitem(SETS, name, replace(SETS[name], servers=("http://127.0.0.1:9/",)))
    assert PROBE() is False
