"""Downloads from servers on loopback that are slow, broken, or lie: the file is whole in the end, or there is none."""

import errno
import fcntl
import hashlib
import http.server
import threading
import time

import pytest

from helpers import download

CONTENT = bytes(range(256)) * 400
MD5 = hashlib.md5(CONTENT).hexdigest()


def answer(handler, content=CONTENT, *, length=None, status=200, **headers):
    """Send ``content`` with headers, whose length is right unless given."""
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name, value)
    handler.send_header("Content-Length", str(len(content) if length is None else length))
    handler.end_headers()
    handler.wfile.write(content)


def stall(handler):
    answer(handler, CONTENT[:1000], length=len(CONTENT))
    handler.wfile.flush()
    handler.server.stopped.wait(20)


def close(handler):
    handler.close_connection = True


def page(handler):
    answer(handler, b"<html><form>Log in to this network", **{"Content-Type": "text/html"})


def chunks_without_end(handler):
    handler.send_response(200)
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    handler.wfile.write(b"%x\r\n%b\r\n" % (1000, CONTENT[:1000]))
    handler.close_connection = True


BROKEN = {
    "503": lambda handler: handler.send_error(503),
    "404": lambda handler: handler.send_error(404),
    "stalls": stall,
    "closes at once": close,
    "breaks off": lambda handler: answer(handler, CONTENT[:-7], length=len(CONTENT)),
    "breaks off between chunks": chunks_without_end,
    "claims to be shorter": lambda handler: answer(handler, length=100),
    "claims no length": lambda handler: answer(handler, length="long"),
    "other content": lambda handler: answer(handler, CONTENT[:-1] + b"?"),
    "empty": lambda handler: answer(handler, b""),
    "login page": page,
    "redirects to itself": lambda handler: answer(handler, b"", status=302, Location="/circle"),
    "redirects to a file": lambda handler: answer(handler, b"", status=302, Location="file:///etc/passwd"),
    "redirects to nowhere": lambda handler: answer(handler, b"", status=302, Location="http://[::bad/"),
}


@pytest.fixture
def serve(monkeypatch):
    """A function that starts a server with a list of answers, the last of them for ever, and returns its address."""
    started = []
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(download, "STALL", 0.3)

    def start(*answers):
        left = list(answers)

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                if self.path == "/moved":
                    return answer(self)
                if self.path == "/circle":
                    return BROKEN["redirects to itself"](self)
                (left.pop(0) if len(left) > 1 else left[0])(self)

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.stopped = threading.Event()
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        started.append(server)
        return f"http://127.0.0.1:{server.server_port}/"

    yield start
    for server in started:
        server.stopped.set()
        server.shutdown()
        server.server_close()


@pytest.fixture
def pauses(monkeypatch):
    """The pauses that a download makes, in seconds, without waiting for them."""
    made = []
    monkeypatch.setattr(time, "sleep", made.append)
    return made


def fetch(folder, *servers):
    download.download(servers, "file", MD5, folder / "made" / "file", folder)


def whole(folder):
    return [path.name for path in folder.iterdir()] == ["made"] and (folder / "made" / "file").read_bytes() == CONTENT


@pytest.mark.parametrize("kind", BROKEN)
def test_a_server_is_asked_again_after_a_growing_pause(serve, pauses, tmp_path, kind, capfd):
    fetch(tmp_path, serve(BROKEN[kind], BROKEN[kind], answer))
    assert whole(tmp_path) and pauses == [1, 2]
    assert (tmp_path / "made" / "file").stat().st_mode & 0o044 == 0o044, "others may read it where they may enter"
    assert "100%" in capfd.readouterr().err, "progress is shown"


@pytest.mark.parametrize("live", [False, True])
def test_a_notebook_shows_progress_as_output_since_errors_are_what_is_red_there(
    serve, live, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(download.progress, "is_live", lambda: live)
    fetch(tmp_path, serve(answer))
    shown = capsys.readouterr()
    assert ("100%" in shown.out, "100%" in shown.err) == (live, not live)


@pytest.mark.parametrize("kind", BROKEN)
def test_the_next_server_is_asked_then(serve, pauses, tmp_path, kind):
    fetch(tmp_path, serve(BROKEN[kind]), serve(answer))
    assert whole(tmp_path)


def test_a_server_may_send_elsewhere_and_slowly(serve, pauses, tmp_path):
    def slowly(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(CONTENT)))
        handler.end_headers()
        for start in range(0, len(CONTENT), 20_000):
            handler.wfile.write(CONTENT[start : start + 20_000])
            handler.wfile.flush()
            handler.server.stopped.wait(0.1)  # less than a stall, more than one in all

    for name in "ab":
        (tmp_path / name).mkdir()
    fetch(tmp_path / "a", serve(lambda handler: answer(handler, b"", status=301, Location="/moved")))
    fetch(tmp_path / "b", serve(slowly))
    assert whole(tmp_path / "a") and whole(tmp_path / "b") and pauses == []


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("503", "503 Service Unavailable"),
        ("404", "404 Not Found"),
        ("stalls", "the connection failed, stalled or broke off"),
        ("breaks off", "the connection failed, stalled or broke off"),
        ("login page", "does this network ask for a login?"),
        ("other content", "it sent something else"),
        ("redirects to itself", "it redirects without end"),
    ],
)
def test_when_all_fail_one_line_says_why_and_nothing_is_left(serve, pauses, tmp_path, kind, reason):
    servers = serve(BROKEN[kind]), "http://127.0.0.1:9/"
    with pytest.raises(ConnectionError) as caught:
        fetch(tmp_path, *servers)
    said = str(caught.value)
    assert said.startswith("could not download file (127.0.0.1:") and "\n" not in said
    assert reason in said and said.endswith("; 127.0.0.1:9: the connection failed, stalled or broke off)")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES, errno.EROFS])
def test_trouble_of_the_disk_is_no_trouble_of_a_server(monkeypatch, tmp_path, number):
    asked = []

    def fail(server, *_):
        asked.append(server)
        raise OSError(number, "trouble")

    monkeypatch.setattr(download, "_retrieve", fail)
    with pytest.raises(OSError, match="trouble"):
        fetch(tmp_path, "http://one/", "http://two/")
    assert asked == ["http://one/"] and list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_is_deleted_and_another_one_s_is_not(tmp_path, monkeypatch):
    left = tmp_path / f"{download.UNFINISHED}left"
    left.mkdir()
    (left / "half").touch()
    with download.alone(tmp_path):
        assert not left.exists()

    def no_locks(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    left.mkdir()
    monkeypatch.setattr(fcntl, "flock", no_locks)
    with download.alone(tmp_path):
        assert left.exists(), "it may be another process's"


def test_one_process_at_a_time(tmp_path):
    order = []

    def second():
        with download.alone(tmp_path):
            order.append("second")

    with download.alone(tmp_path):
        other = threading.Thread(target=second)
        other.start()
        other.join(0.3)
        order.append("first")
    other.join(10)
    assert order == ["first", "second"]
