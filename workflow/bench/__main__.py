"""Measure: interleaved and repeated, so that a slow second of the machine hits everything alike; print and keep it.

    make bench

writes reports/bench/bench.json. Times are of one thread; medians over ROUNDS, with the spread from the first to the
third quartile. Run it on an idle machine.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from helpers import baselines, data, models, progress, training
from helpers.device import PLAIN, pick
from helpers.optimisers import TrainConfig
from helpers.results import ROOT, write_json
from helpers.scratch import ScratchAutoencoder, initial_layers
from workflow import environment
from workflow.bench import peers
from workflow.bench.steps import SIZES, steps
from workflow.forecast import measured, words
from workflow.provenance import hardware, packages

ROUNDS = 7
LEAST = 0.2  # seconds that one measurement takes, at the least
SIDE = 2048  # of the matrices whose product is the ceiling
Work = Mapping[str, Callable[[], object]]


def measure(work: Work, rounds: int = ROUNDS) -> dict[str, list[float]]:
    """Seconds of each piece of ``work``, once a round, all of them in turn; short ones are repeated within it."""
    repeats: dict[str, int] = {}
    found: dict[str, list[float]] = {name: [] for name in work}
    for name, run in work.items():
        run()
        started = time.perf_counter()
        run()
        repeats[name] = max(1, round(LEAST / max(1e-6, time.perf_counter() - started)))
    for number in range(rounds):
        progress.tell(f"round {number + 1} of {rounds}")
        for name, run in work.items():
            started = time.perf_counter()
            for _ in range(repeats[name]):
                run()
            found[name].append((time.perf_counter() - started) / repeats[name])
    return found


def summary(seconds: Sequence[float]) -> dict[str, float]:
    """The median and the quartiles of some times."""
    low, middle, high = statistics.quantiles(seconds, n=4) if len(seconds) > 1 else [seconds[0]] * 3
    return {"median": middle, "low": low, "high": high}


def ceilings() -> dict[str, float]:
    """What one core can do: matrix products in GFLOP/s, copies in GB/s. bfloat16 only where it is not emulated."""
    kinds = [torch.float32] + ([torch.bfloat16] if pick().precision is torch.bfloat16 else [])
    source, target = torch.zeros(2**26), torch.zeros(2**26)

    def product(kind: torch.dtype) -> Callable[[], object]:
        a, b = (torch.randn(SIDE, SIDE).to(kind) for _ in range(2))
        return lambda: a @ b

    work = {str(kind).removeprefix("torch."): product(kind) for kind in kinds}
    times = measure(work | {"copy": lambda: target.copy_(source)})
    found = {name: summary(seconds)["median"] for name, seconds in times.items()}
    gigabytes = 2 * source.numel() * 4 / found.pop("copy") / 1e9  # read and written
    return {name: 2 * SIDE**3 / seconds / 1e9 for name, seconds in found.items()} | {"copy": gigabytes}


def training_steps(ceiling: float) -> list[dict[str, Any]]:
    """Images a second of every training step, and its share of ``ceiling``, GFLOP/s of matrix products."""
    with ExitStack() as stack:
        made = steps(stack)
        flops = {}
        for step in made:
            with FlopCounterMode(display=False) as counter:
                step.run()
            flops[step.name] = counter.get_total_flops()
        times = {name: summary(found) for name, found in measure({step.name: step.run for step in made}).items()}
    return [
        {
            "step": step.name,
            "batch": step.images,
            "images a second": step.images / times[step.name]["median"],
            "from": step.images / times[step.name]["high"],
            "to": step.images / times[step.name]["low"],
            "of the ceiling": flops[step.name] / times[step.name]["median"] / 1e9 / ceiling,
        }
        for step in made
    ]


def against_peers() -> list[dict[str, Any]]:
    """Our epochs beside those of workflow/bench/peers.py, on the same images."""
    mnist = data.load("MNIST", train=peers.IMAGES, validation=0, test=1).train
    fashion = data.load("FashionMNIST", train=peers.IMAGES, validation=0, test=1).train
    digits, fast, layers = data.flat(mnist.images), pick(), initial_layers(SIZES, seed=0)
    report_b, ours = models.ReportBCNN(fashion.images, classes=10), peers.our_cnn(fashion)

    def autoencoder(make: Callable[..., Any]) -> Callable[[], object]:
        config = TrainConfig(1, 64, 0.003)
        return lambda: training.train_autoencoders({"": make(layers, encoder_layers=3)}, digits, config, seed=0)

    def classifier(network: torch.nn.Module, batch: int, shift: int) -> Callable[[], object]:
        config = TrainConfig(1, batch, 1e-4, muon=True, flip=bool(shift), shift=shift)
        return lambda: training.train_classifier(network, fashion, config, seed=0, device=fast)

    work: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
        "autoencoder by hand": (autoencoder(ScratchAutoencoder), lambda: peers.autoencoder_epoch(mnist)),
        "Report B's CNN": (
            classifier(report_b, 256, 0),
            lambda: peers.classifier_epoch(fashion, report_b, 1000, augmented=False),
        ),
        "our CNN": (classifier(ours, 256, 2), lambda: peers.classifier_epoch(fashion, ours, 256, augmented=True)),
        "polynomial SVM": (
            lambda: baselines.svm("poly")().fit(baselines.pixels(fashion.images), fashion.labels.numpy()),
            lambda: peers.svm(fashion),
        ),
    }
    flat = {f"{name} {who}": run for name, pair in work.items() for who, run in zip("op", pair, strict=True)}
    times = {name: summary(found)["median"] for name, found in measure(flat, rounds=3).items()}
    return [
        {
            "work": name,
            "images": len(fashion),
            "ours (s)": times[f"{name} o"],
            "as usually written (s)": times[f"{name} p"],
            "times as fast": times[f"{name} p"] / times[f"{name} o"],
        }
        for name in work
    ]


def growth() -> list[dict[str, Any]]:
    """How the time of an epoch grows with the images, and that of two runs of a chapter with a second worker."""
    layers, config = initial_layers(SIZES, seed=0), TrainConfig(1, 64, 0.003)
    images = data.flat(data.load("MNIST", train=4000, validation=0, test=1).train.images)

    def epoch(count: int) -> Callable[[], object]:
        network = ScratchAutoencoder(layers, encoder_layers=3)
        return lambda: training.train_autoencoders({"": network}, images[:count], config, seed=0, device=PLAIN)

    counts = [len(images) // 4, len(images) // 2, len(images)]
    times = {name: summary(found)["median"] for name, found in measure({str(n): epoch(n) for n in counts}, 3).items()}
    rows = [{"what": f"an epoch by hand, {n:,} images", "seconds": times[str(n)]} for n in counts]
    return rows + [
        {"what": f"two runs of chapter 1, {word}", "seconds": two_runs(many)}
        for word, many in (("one after the other", 1), ("two workers", 2))
    ]


def two_runs(workers: int) -> float:
    """Seconds of two runs of chapter 1 in the quick profile."""
    with tempfile.TemporaryDirectory() as folder:
        command = [
            sys.executable,
            "-m",
            "workflow.run",
            "notebooks/01_autoencoder.ipynb",
            "--profile",
            "quick",
            "--quiet",
        ]
        one_thread = os.environ | {"OMP_NUM_THREADS": "1"}
        started, running = time.perf_counter(), []
        for seed in ("0", "1"):
            own = [*command, "--seed", seed, "--folder", str(Path(folder, seed))]
            running.append(subprocess.Popen(own, cwd=ROOT, env=one_thread))
            if len(running) == workers:
                for process in running:
                    process.wait()
                running = []
        return time.perf_counter() - started


def chapters() -> list[dict[str, Any]]:
    """Seconds and memory of every chapter that has run in the standard profile here, by Snakemake's benchmarks."""
    found = sorted((ROOT / "reports" / "standard" / "seed-0").glob("*/benchmark.tsv"))
    rows = []
    for path in found:
        memory = json.loads(path.with_name("results.json").read_text())["provenance"]["peak_memory_mb"]
        rows.append({"chapter": path.parent.name, "seconds": measured(path), "MB": memory})
    return rows


def table(title: str, rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows as text, columns aligned."""
    if not rows:
        return f"{title}: none"
    lines = [list(rows[0])] + [[_cell(value) for value in row.values()] for row in rows]
    widths = [max(len(line[k]) for line in lines) for k in range(len(lines[0]))]
    text = [
        "  ".join(f"{line[0]:{widths[0]}}" if k == 0 else f"{line[k]:>{widths[k]}}" for k in range(len(line)))
        for line in lines
    ]
    return "\n".join([title, *text])


def _cell(value: object) -> str:
    if not isinstance(value, float):
        return f"{value:,}" if isinstance(value, int) else str(value)
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def main() -> int:
    """Measure everything, print it and write it to reports/bench/bench.json; returns the exit status."""
    torch.set_num_threads(1)
    os.environ.setdefault("DATA_FETCHED", "1")  # what is not there is not downloaded: the sample takes as long
    progress.tell("ceilings of one core")
    limits = ceilings()
    ceiling = limits.get("bfloat16", limits["float32"])
    progress.tell("training steps")
    found: dict[str, Any] = {"ceilings": limits, "steps": training_steps(ceiling)}
    progress.tell("peers")
    found["peers"] = against_peers()
    progress.tell("growth")
    found |= {"growth": growth(), "chapters": chapters()}
    found["machine"] = hardware() | {
        "device": str(pick()),
        "torch": torch.__version__,
        "python": platform.python_version(),
    }
    found["packages"] = packages()
    path = ROOT / "reports" / "bench" / "bench.json"
    write_json(path, found)
    units = {"copy": "GB/s"}
    ceilings_shown = [
        {"ceiling": name, "": f"{value:.0f} {units.get(name, 'GFLOP/s')}"} for name, value in limits.items()
    ]
    titles = {
        "steps": "training steps",
        "peers": "beside the same work as usually written",
        "growth": "growth",
        "chapters": "chapters, standard profile",
    }
    print(table("one core", ceilings_shown), *(table(title, found[key]) for key, title in titles.items()), sep="\n\n")
    if found["chapters"]:
        print(f"\nall chapters: {words(sum(row['seconds'] for row in found['chapters']))} of one core")
    print(f"\n{path.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    environment.enter()
    sys.exit(main())
