"""A logger plug-in for Snakemake (`--logger events`): prints each event of a job as a line of JSON."""

from __future__ import annotations

import json
from contextlib import suppress
from logging import LogRecord
from typing import Any

from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent


class LogHandler(LogHandlerBase):
    """Prints how many jobs are ``todo``, and which are ``planned``, ``started``, ``finished``, ``failed``.

    A dry run plans only. A job is identified by its output files.
    """

    writes_to_stream = True  # instead of Snakemake's own messages
    writes_to_file = needs_rulegraph = False
    has_filter = has_formatter = True

    def __post_init__(self) -> None:
        self.outputs: dict[int, list[str]] = {}

    def emit(self, record: LogRecord) -> None:
        """Print one event, if it is one of these."""
        job: Any = record  # Snakemake adds attributes to its records
        event = getattr(record, "event", None)
        if event == LogEvent.RUN_INFO and not self.common_settings.dryrun:
            _print("todo", jobs=job.stats)
        elif event == LogEvent.JOB_INFO:
            self.outputs[job.jobid] = [str(file) for file in job.output]
            _print("planned" if self.common_settings.dryrun else "started", outputs=self.outputs[job.jobid])
        elif event == LogEvent.JOB_FINISHED:
            _print("finished", outputs=self.outputs.get(job.job_id, []))
        elif event == LogEvent.JOB_ERROR:
            _print("failed", outputs=self.outputs.get(job.jobid, []))


def _print(event: str, **about: Any) -> None:
    with suppress(BrokenPipeError):  # the reader has been stopped, and Snakemake will be
        print(json.dumps({"event": event} | about), flush=True)
