"""`make open`: which report it shows, in a stand-in for a browser, and what it says without a report or a screen."""

import os
import subprocess
import sys

import pytest
from conftest import ROOT

from workflow import open as command


@pytest.fixture
def reports(tmp_path, monkeypatch):
    """A function that makes reports, each newer than the one before it."""
    monkeypatch.setattr(command, "ROOT", tmp_path)
    made = iter(range(1, 100))

    def make(*names):
        for name in names:
            path = tmp_path / "reports" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
            os.utime(path, (1000 * next(made),) * 2)

    return make


def shown(tmp_path, *settings):
    return str(command.find(*settings).relative_to(tmp_path / "reports"))


def test_the_newest_report_is_shown_and_settings_choose_as_for_the_report(reports, tmp_path):
    reports("standard/report-05.html", "standard/report.html", "standard/report.pdf", "standard/report-a.html")
    reports("quick/report.html", "quick/report-05.pdf", "quick/.built/report.html", "quick/results.csv")
    assert shown(tmp_path, "", "", "") == "quick/report-05.pdf"
    assert shown(tmp_path, "standard", "", "") == "standard/report.html", "not its PDF, made after it"
    assert shown(tmp_path, "standard", "5", "") == "standard/report-05.html"
    assert shown(tmp_path, "", "05_fashion", "") == "quick/report-05.pdf"
    assert shown(tmp_path, "", "", "a") == "standard/report-a.html"
    assert shown(tmp_path, "quick", "", "") == "quick/report.html"
    reports("quick/sweeps/seeds/report.html")
    assert shown(tmp_path, "", "", "") == "quick/sweeps/seeds/report.html"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ([], "`make report` builds it"),
        (["--profile", "quick", "--notebooks", "1 5"], '`make report PROFILE=quick NOTEBOOKS="1 5"` builds it'),
        (["--assignment", "b"], "`make report ASSIGNMENT=b` builds it"),
        (["--notebooks", "77"], "no chapter starts with '77'"),
        (["--profile", "quik"], "there is no profile 'quik'"),
        (["--notebooks", "1", "--assignment", "b"], "both say which chapters"),
    ],
)
def test_without_a_report_one_line_has_the_command_that_builds_it(settings, said, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(command, "ROOT", tmp_path)
    assert command.main(settings) == 1
    printed = capsys.readouterr()
    assert said in printed.err and len(printed.err.splitlines()) == 1 and not printed.out


@pytest.mark.parametrize("screen", [True, False])
def test_the_browser_gets_the_address_where_there_is_a_screen(screen, tmp_path):
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$@" > "{tmp_path}/asked"\n')
    browser.chmod(0o755)
    code = "import pathlib, sys; from workflow import open; sys.exit(open.show(pathlib.Path('/a folder/report.html')))"
    bare = {name: value for name, value in os.environ.items() if name not in command.SCREENS}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=bare | ({"BROWSER": str(browser)} if screen else {}),
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "file:///a%20folder/report.html\n", "")
    if screen:
        assert (tmp_path / "asked").read_text() == done.stdout
    else:
        assert not (tmp_path / "asked").exists() or sys.platform == "darwin"


@pytest.mark.parametrize(
    ("settings", "profile"), [([], ""), (["PROFILE=quick"], "quick"), (["PROFILE=standard"], "standard")]
)
def test_make_hands_on_a_profile_only_when_one_is_given(settings, profile):
    ready = ["-o", ".venv/.ready"]
    done = subprocess.run(["make", "-n", *ready, "open", *settings], cwd=ROOT, capture_output=True, text=True)
    assert (f'--profile "{profile}"' in done.stdout) == (not profile) and ('"$PROFILE"' in done.stdout) == bool(profile)
