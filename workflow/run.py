"""Run one notebook with papermill, and record what ran it.

    python -m workflow.run notebooks/01_autoencoder.ipynb --profile quick --seed 0 --folder OUT

writes OUT/notebook.ipynb, with the error in it if there was one, beside the files that the notebook itself writes, and
adds code, machine and time to OUT/results.json. Parameters are checked first. While the notebook runs, its output goes
to the terminal. A failure is one line on standard error and exit status 1. When this process is stopped, in whatever
way, its kernel is stopped too.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import re
import shutil
import signal
import sys
import time
import warnings
from collections.abc import Sequence
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any

import psutil

from helpers.results import ROOT, write
from workflow import environment, provenance
from workflow.gpus import claim
from workflow.kernel import EndedError, Kernel, check_executed, death, kernel_messages
from workflow.parameters import ParameterError, read_profile, resolve
from workflow.watch import ignore_signal, orphaned, stop_on, stop_signals, too_long, too_much

# For glibc: keep the memory of big activations instead of mapping and faulting it in again at every step, which
# doubles the speed of a convolutional network on a processor.
MALLOC = {
    "MALLOC_MMAP_THRESHOLD_": "4294967296",
    "MALLOC_TRIM_THRESHOLD_": "-1",
    "MALLOC_TOP_PAD_": "268435456",
}


class Progress:
    """A stream for papermill: prints what a notebook writes to standard error, with its name before every line."""

    def __init__(self, name: str):
        self.name = name

    def write(self, text: str) -> None:
        """Print the lines of ``text`` that are not empty."""
        for line in re.split(r"[\r\n]+", text):
            if line.strip():
                print(f"{self.name}  {line}", file=sys.stderr)

    def flush(self) -> None:
        """Flush standard error."""
        sys.stderr.flush()


def run(
    notebook: Path,
    profile: str,
    seed: int,
    folder: Path,
    given: dict[str, Any],
    *,
    compared: Sequence[str] = (),
    quiet: bool = False,
) -> None:
    """Execute ``notebook`` into ``folder``; ``given`` are parameters besides those of the profile.

    It is a comparison when ``compared`` names the chapters whose results it reads.

    Raises ParameterError before it starts, papermill's error after a failed cell, EndedError when it ended before its
    last cell.
    """
    entry = read_profile(ROOT / "notebooks" / "profiles" / f"{profile}.yaml").get(notebook.stem, {})
    parameters = resolve(notebook, entry | {"seed": seed} | given, f"profile {profile}")
    import nbformat
    import papermill
    from nbclient.exceptions import DeadKernelError
    from traitlets.config import Config

    unfinished, found = folder / ".running.ipynb", folder / ".results.json"
    known = provenance.code_of(notebook) | {"given": parameters}  # the notebook may record what it made of them
    if compared:
        known["read"] = provenance.results_read(compared, folder.parent)
    folder.mkdir(parents=True, exist_ok=True)
    before = provenance.files_in(folder)
    # The kernel inherits these: where results go, that the data were fetched, and where `helpers` is found.
    os.environ |= {"REPORT_FOLDER": str(folder.resolve()), "REPORT_PROFILE": profile, "DATA_FETCHED": "1"}
    os.environ["REPORT_RECORD"] = found.name
    # By this a network that an interrupted run has fitted is known again: see helpers/checkpoints.py.
    os.environ["REPORT_RECIPE"] = f"{known['notebook_sha256']} {known['helpers_sha256']} {json.dumps(parameters)}"
    os.environ |= {"PYTHONPATH": str(ROOT)} | MALLOC
    logging.getLogger("papermill").setLevel(logging.CRITICAL)  # what it would print is in its exceptions
    started = time.perf_counter()
    try:
        with (
            warnings.catch_warnings(),
            environment.short_folder() as sockets,
            kernel_messages() as messages,
        ):
            warnings.simplefilter("ignore")
            # Unix sockets, which only this user can open, instead of TCP ports, which others could reach.
            ipc = Config(KernelManager={"transport": "ipc", "ip": f"{sockets}/ipc"})
            try:
                executed = papermill.execute_notebook(
                    notebook,
                    unfinished,
                    parameters=parameters,
                    kernel_name="python3",  # ours, whichever the notebook was saved with
                    language="python",
                    cwd=ROOT / "notebooks",
                    progress_bar=False,
                    stderr_file=None if quiet else Progress(notebook.stem),
                    config=ipc,
                    kernel_manager_class=Kernel,
                )
            except DeadKernelError:
                raise death(nbformat.read(unfinished, as_version=4), messages) from None
            finally:
                # papermill leaves the kernel behind when it is interrupted while it starts it.
                for process in psutil.Process().children(recursive=True):
                    with suppress(psutil.NoSuchProcess):
                        process.kill()
        check_executed(executed)
        ignore_signals()  # it has finished: to be stopped now would lose it
        os.replace(unfinished, folder / "notebook.ipynb")
        if found.exists():  # an empty notebook, or a test's, records nothing
            provenance.complete(found, folder / "results.json", known, time.perf_counter() - started, before)
        # Its networks were kept in case that it was killed: see helpers/checkpoints.py.
        shutil.rmtree(folder / ".checkpoints", ignore_errors=True)
    finally:
        found.unlink(missing_ok=True)
        if unfinished.exists():
            os.replace(unfinished, folder / "notebook.ipynb")


def record_error(why: str, notebook: Path, kept: Path) -> None:
    """Add an error that no cell reported, such as a limit or a killed kernel, to the executed notebook ``kept``."""
    import nbformat

    read = nbformat.read(kept if kept.exists() else notebook, as_version=4)
    cells = [cell for cell in read.cells if cell.cell_type == "code"]
    for cell in cells:  # KeyboardInterrupt says how the kernel was stopped, not why
        cell.outputs = [output for output in cell.outputs if output.get("ename") != "KeyboardInterrupt"]
    if any(output.output_type == "error" for cell in cells for output in cell.outputs):
        return
    reached = [cell for cell in cells if cell.metadata.get("papermill", {}).get("start_time")]
    error = nbformat.v4.new_output("error", ename="Stopped", evalue=why, traceback=[why])
    (reached or cells)[-1 if reached else 0].outputs.append(error)
    write(kept, lambda path: nbformat.write(read, path))


def ignore_signals() -> None:
    """From here on no signal stops this process but kill -9."""
    for number in stop_signals():
        signal.signal(number, ignore_signal)


def interrupt_once() -> None:
    """Turn the first signal to stop into a KeyboardInterrupt, and ignore later ones while the error is recorded."""

    def interrupt(*_: object) -> None:
        ignore_signals()
        raise KeyboardInterrupt

    for number in stop_signals():
        signal.signal(number, interrupt)


def mapping(text: str) -> dict[str, Any]:
    """JSON as a mapping. Raises ValueError for anything else."""
    value = json.loads(text)
    if not isinstance(value, dict):
        raise ValueError(f"{text} maps no names to values")
    return value


def main(arguments: list[str] | None = None) -> int:
    """Run the notebook that the command line names and print an error as one line; returns the exit status."""
    interrupt_once()
    parser = argparse.ArgumentParser(prog="python -m workflow.run", description="Run one notebook of the report.")
    parser.add_argument("notebook", type=Path)
    parser.add_argument("--profile", default="standard")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, required=True, help="where the executed notebook and its results go")
    parser.add_argument("--changes", type=mapping, default={}, help="other parameters than the profile's, in JSON")
    parser.add_argument("--needs", nargs="*", default=[], metavar="PARAMETER=FILE", help="files of other chapters")
    parser.add_argument("--compared", nargs="*", default=[], help="chapters whose results a comparison reads")
    parser.add_argument("--quiet", action="store_true", help="print errors only")
    parser.add_argument("--gpu", action="store_true", help="use one of this machine's GPUs, shared with other runs")
    parser.add_argument("--minutes", type=float, help="stop it after so many")
    parser.add_argument("--memory-mb", type=float, help="stop it when it uses more")
    options = parser.parse_args(arguments)
    # As the notebook sees them from its folder; no absolute path enters the record.
    pairs = (item.partition("=") for item in options.needs)
    given = options.changes | {name: os.path.relpath(file, ROOT / "notebooks") for name, _, file in pairs}
    compared = options.compared
    if compared:
        given |= {"chapters": compared, "profile": options.profile}
    limits = [too_long(options.minutes)] if options.minutes else []
    limits += [too_much(options.memory_mb)] if options.memory_mb else []
    engine = os.environ.get("REPORT_ENGINE")
    stopped = stop_on(*([orphaned(int(engine))] if engine else []), *limits)
    try:
        with (claim() if options.gpu else None) or nullcontext():  # the lock on a share of a GPU
            how = {"compared": compared, "quiet": options.quiet}
            run(options.notebook, options.profile, options.seed, options.folder, given, **how)
        return 0
    except ParameterError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        if not stopped:
            return 130
        what = f"was stopped: {stopped[0]}"
    except EndedError as error:
        what = str(error)
    except Exception as error:
        why = f"{getattr(error, 'ename', type(error).__name__)}: {getattr(error, 'evalue', error)}"
        where = f"cell {error.cell_index}" if hasattr(error, "cell_index") else "the kernel"
        what = f"failed in {where}: {why.strip().splitlines()[0]}"
    with suppress(OSError):  # a full disk
        record_error(what, options.notebook, options.folder / "notebook.ipynb")
    print(f"error: {options.notebook.stem} {what} (see {options.folder}/notebook.ipynb)", file=sys.stderr)
    return 1


if __name__ == "__main__":
    environment.enter()
    sys.exit(main())
