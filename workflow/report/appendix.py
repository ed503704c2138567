"""The closing appendix: how the chapters were run, from the records in their results.json."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable

from workflow.report import pandoc
from workflow.report.chapters import RunFacts
from workflow.report.pandoc import Blocks
from workflow.report.tables import plain_table


def how_run(runs: list[RunFacts]) -> Blocks:
    """Tables of the runs, of machines and versions, and of the data; what no record has is left out."""
    if not runs:
        return []
    columns = ["Notebook", "Code", "Seed", "Profile", "Device", "Threads", "Time", "Peak memory"]
    listed = [
        ("Runs", columns, [facts(run) for run in runs]),
        ("Machine and versions", ["What", "Value", "Notebooks"], distinct(runs, equipment)),
        ("Data", ["Data set", "Fingerprint", "Notebooks"], distinct(runs, lambda run: run.get("data", {}).items())),
        ("Files of the data", ["File", "MD5", "Notebooks"], sorted(distinct(runs, files))),
    ]
    blocks = [pandoc.header(1, "report-runs", [pandoc.string("How this was run")])]
    for title, names, rows in listed:
        if rows:
            label = f"report-{title.lower().replace(' ', '-')}-table"
            blocks += [pandoc.header(2, label, [pandoc.string(title)]), plain_table(names, rows)]
    return blocks


def facts(run: RunFacts) -> list[str]:
    """One run as texts; seconds and megabytes in readable units, the hash of its notebook's and helpers' code."""
    notebook, *words = [str(run.get(key, "—")) for key in ("notebook", "seed", "profile", "device", "threads")]
    hashes = "".join(run.get(key) or "" for key in ("notebook_sha256", "helpers_sha256"))
    code = hashlib.sha256(hashes.encode()).hexdigest()[:10] if hashes else "—"
    minutes, seconds = divmod(round(run.get("seconds", 0)), 60)
    time = f"{minutes} min {seconds} s" if minutes else f"{seconds} s" if "seconds" in run else "—"
    memory = f"{run['peak_memory_mb']:,.0f} MB" if run.get("peak_memory_mb") else "—"
    return [notebook, code, *words, time, memory]


def files(run: RunFacts) -> Iterable[tuple[str, str]]:
    """The files of data that a run has read, each with its MD5."""
    return [pair for md5s in run.get("data_md5", {}).values() for pair in md5s.items()]


def equipment(run: RunFacts) -> Iterable[tuple[str, str]]:
    """What a run was computed with, by name."""
    hardware = run.get("hardware", {})
    memory = f"{hardware['memory_gb']} GB" if "memory_gb" in hardware else None
    found = {
        "Processor": hardware.get("processor"),
        "Architecture": run.get("machine"),
        "Cores": hardware.get("cores"),
        "Memory": memory,
        "GPU": hardware.get("gpu"),
        "Computed on": run.get("precision"),
        "Python": run.get("python"),
        "torch": run.get("torch"),
    }
    return [(name, str(value)) for name, value in (found | run.get("packages", {})).items() if value]


def distinct(runs: list[RunFacts], pairs: Callable[[RunFacts], Iterable[tuple[str, str]]]) -> list[list[str]]:
    """Every (name, value) that ``pairs`` finds in the runs, once, with the notebooks concerned; one name together."""
    users: dict[str, dict[str, list[str]]] = {}
    for run in runs:
        for name, value in pairs(run):
            users.setdefault(name, {}).setdefault(value, []).append(run["notebook"])
    return [
        [name, value, "all" if len(notebooks) == len(runs) else ", ".join(dict.fromkeys(notebooks))]
        for name, values in users.items()
        for value, notebooks in values.items()
    ]
