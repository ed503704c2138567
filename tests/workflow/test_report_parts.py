"""A part of the report has a name of its own; what is out of date beside it, and a cover without a name, is said."""

import json
import os
from argparse import Namespace

import pytest

from helpers.sets import SETS
from workflow.chapters import chapters, select
from workflow.plan import make_run, report_name
from workflow.report import __main__ as command

FOUND = chapters("quick")


@pytest.mark.parametrize(
    ("wanted", "assignment", "name"),
    [
        ([], "", "report"),
        (["05"], "", "report-05"),
        (["5"], "", "report-05"),
        (["05_fashion"], "", "report-05"),
        (["02", "01"], "", "report-01-02"),
        ([], "a", "report-a"),
        ([], "b", "report-b"),
        ([*FOUND], "", "report"),
    ],
)
def test_the_name_of_a_part_says_what_is_in_it(wanted, assignment, name):
    chosen = [chapter.name for chapter in select(FOUND, wanted, assignment)]
    assert report_name(FOUND, chosen, assignment) == name


@pytest.fixture
def runs(tmp_path, monkeypatch):
    monkeypatch.setattr(command, "ROOT", tmp_path)
    run = make_run(FOUND, "quick", "05_fashion_cnn", 0)
    results = tmp_path / run.file("results.json")
    results.parent.mkdir(parents=True)
    results.write_text("{}")
    os.utime(results, (1000, 1000))
    return [run]


def test_the_file_of_the_other_format_is_out_of_date_when_it_is_older_than_the_runs(runs, tmp_path):
    html = tmp_path / "report.html"
    assert command.stale(tmp_path, "report", ["pdf"], runs) == []
    html.write_text("")
    os.utime(html, (999, 999))
    assert command.stale(tmp_path, "report", ["pdf"], runs) == [
        "report.html beside is of earlier runs: FORMAT=both makes it anew"
    ]
    assert command.stale(tmp_path, "report-05", ["pdf"], runs) == []
    assert command.stale(tmp_path, "report", ["html", "pdf"], runs) == []
    os.utime(html, (1001, 1001))
    assert command.stale(tmp_path, "report", ["pdf"], runs) == []


@pytest.mark.parametrize(
    ("author", "roll", "said"),
    [
        ("", "", '"Your Name" and "Your Roll Number"'),
        ("Ada", "", '"Your Roll Number"'),
        ("", "R-42", '"Your Name"'),
        ("Ada", "R-42", None),
    ],
)
def test_a_cover_without_a_name_is_said_in_one_line(author, roll, said, tmp_path, monkeypatch):
    cover = tmp_path / "report.toml"
    cover.write_text('title = "T"\nauthor = "Your Name"\nroll = "Your Roll Number"\n')
    monkeypatch.setattr(command, "COVER", cover)
    lines = command.unnamed(Namespace(author=author, roll=roll, assignment=""))
    assert [line.partition(": ")[0] for line in lines] == ([f"the cover says {said}"] if said else [])


@pytest.mark.parametrize(
    ("sampled", "asked", "said"),
    [
        ([], "", None),
        (["MNIST"], "", "5,000 of MNIST's digits stood in for MNIST; for the real images connect and run `make data`"),
        (["CIFAR10"], "", "2,000 drawn scenes stood in for CIFAR10; for the real"),
        (["MNIST", "FashionMNIST"], "sample", "2,000 drawn garments stood in for FashionMNIST, 5,000 of MNIST's"),
        (["MNIST"], "sample", "stood in for MNIST; for the real images leave DATA=sample out"),
    ],
)
def test_which_sample_stood_in_is_said_in_one_line(sampled, asked, said, tmp_path, monkeypatch):
    monkeypatch.setattr(command, "MANIFESTS", tmp_path)
    monkeypatch.setenv("DATA", asked)
    for name in SETS:
        (tmp_path / f"{name}.json").write_text(json.dumps({"sample": name in sampled}))
    lines = command.stand_ins([make_run(FOUND, "quick", name, 0) for name in FOUND])
    assert len(lines) == bool(said) and all(said in line for line in lines)


def test_the_reports_files_are_addresses_that_open(tmp_path):
    html, pdf = command.addresses(tmp_path / "a folder", "report", ["html", "pdf"])
    assert html == f"{(tmp_path / 'a folder' / 'report.html').as_uri()}  (or `make open`)"
    assert pdf.endswith("/a%20folder/report.pdf")
