"""The closing appendix: what records tell is listed, each distinct value once; what old ones lack is left out."""

import pytest

from workflow.report import appendix, pandoc

RUN = {
    "notebook": "01_a",
    "seed": 3,
    "profile": "quick",
    "device": "cuda",
    "threads": 1,
    "seconds": 75.4,
    "peak_memory_mb": 1234,
    "machine": "x86_64",
    "precision": "cuda, bfloat16, channels_last",
    "python": "3.11.7",
    "torch": "2.14.1",
    "packages": {"numpy": "2.4.6"},
    "hardware": {"processor": "Tube 1", "cores": 2, "memory_gb": 8.5, "gpu": "Lamp"},
    "data": {"MNIST": "f00d"},
    "data_md5": {"MNIST": {"b.gz": "0b", "a.gz": "0a"}},
}
OLD = {"notebook": "02_b", "seed": 3, "profile": "quick", "device": "cpu", "python": "3.11.7", "sample_data": False}


def read(runs):
    """The appendix as {heading: rows of texts}, column names first."""
    title, *blocks = appendix.how_run(runs)
    assert pandoc.plain(title) == "How this was run"
    found = {}
    for heading, table in zip(blocks[::2], blocks[1::2], strict=True):
        (_, head), bodies = table["c"][3:5]
        rows = [*head, *bodies[0][3]]
        found[pandoc.plain(heading)] = [[pandoc.plain(cell[4]) for cell in cells] for _, cells in rows]
    return found


def test_everything_that_a_record_tells_is_listed():
    assert read([RUN]) == {
        "Runs": [
            ["Notebook", "Code", "Seed", "Profile", "Device", "Threads", "Time", "Peak memory"],
            ["01_a", "—", "3", "quick", "cuda", "1", "1 min 15 s", "1,234 MB"],
        ],
        "Machine and versions": [
            ["What", "Value", "Notebooks"],
            ["Processor", "Tube 1", "all"],
            ["Architecture", "x86_64", "all"],
            ["Cores", "2", "all"],
            ["Memory", "8.5 GB", "all"],
            ["GPU", "Lamp", "all"],
            ["Computed on", "cuda, bfloat16, channels_last", "all"],
            ["Python", "3.11.7", "all"],
            ["torch", "2.14.1", "all"],
            ["numpy", "2.4.6", "all"],
        ],
        "Data": [["Data set", "Fingerprint", "Notebooks"], ["MNIST", "f00d", "all"]],
        "Files of the data": [["File", "MD5", "Notebooks"], ["a.gz", "0a", "all"], ["b.gz", "0b", "all"]],
    }


def test_each_distinct_value_is_there_once_with_its_notebooks():
    other = {"notebook": "03_c", "packages": {"numpy": "2.5.0"}, "data": {"MNIST": "cafe"}}
    same = {"notebook": "02_b", "data": {"CIFAR10": "beef"}, "data_md5": {}}
    found = read([RUN, RUN | same, RUN | other])
    versions = found["Machine and versions"]
    assert versions[-2:] == [["numpy", "2.4.6", "01_a, 02_b"], ["numpy", "2.5.0", "03_c"]]
    assert versions[1] == ["Processor", "Tube 1", "all"]
    assert len(versions) == 11
    assert found["Data"][1:] == [["MNIST", "f00d", "01_a"], ["MNIST", "cafe", "03_c"], ["CIFAR10", "beef", "02_b"]]
    assert len(found["Files of the data"]) == 3
    replaced = RUN | {"notebook": "02_b", "data_md5": {"MNIST": {"a.gz": "other"}}}
    assert ["a.gz", "other", "02_b"] in read([RUN, replaced])["Files of the data"]


@pytest.mark.parametrize("runs", [[OLD], [OLD, RUN]])
def test_an_old_record_lacks_rows_and_nothing_else(runs):
    found = read(runs)
    assert found["Runs"][1] == ["02_b", "—", "3", "quick", "cpu", "—", "—", "—"]
    assert ["Python", "3.11.7", "all"] in found["Machine and versions"]
    assert ("Data" in found) == (len(runs) == 2)
    assert ["Processor", "Tube 1", "01_a"] in found["Machine and versions"] or len(runs) == 1


def test_without_records_there_is_no_appendix():
    assert appendix.how_run([]) == []
