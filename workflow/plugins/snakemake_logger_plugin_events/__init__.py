"""A logger plug-in of Snakemake (`--logger events`): what happens to its jobs, a line of JSON each, on stdout."""

from __future__ import annotations

import json
from contextlib import suppress
from logging import LogRecord
from typing import Any

from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent


class LogHandler(LogHandlerBase):
    """Tells what there is ``todo``, and which jobs are ``planned`` (in a dry run), ``finished`` or ``failed``.

    A job is known by the files that it makes.
    """

    writes_to_stream = True  # instead of Snakemake's own messages
    writes_to_file = needs_rulegraph = False
    has_filter = has_formatter = True

    def __post_init__(self) -> None:
        self.outputs: dict[int, list[str]] = {}

    def emit(self, record: LogRecord) -> None:
        """Tell of one event, if it is one of those."""
        event = getattr(record, "event", None)
        if event == LogEvent.RUN_INFO and not self.common_settings.dryrun:
            _tell("todo", jobs=record.stats)
        elif event == LogEvent.JOB_INFO:
            self.outputs[record.jobid] = [str(file) for file in record.output]
            if self.common_settings.dryrun:
                _tell("planned", outputs=self.outputs[record.jobid])
        elif event == LogEvent.JOB_FINISHED:
            _tell("finished", outputs=self.outputs.get(record.job_id, []))
        elif event == LogEvent.JOB_ERROR:
            _tell("failed", outputs=self.outputs.get(record.jobid, []))


def _tell(event: str, **about: Any) -> None:
    with suppress(BrokenPipeError):  # who listened has been stopped, and Snakemake is about to
        print(json.dumps({"event": event} | about), flush=True)
