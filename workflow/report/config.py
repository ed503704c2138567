"""What the cover says: read from a small TOML file, and nothing else is configured there."""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from reprlib import repr as short
from typing import Any

from workflow.report.cleaning import printable
from workflow.report.errors import ReportError, first_line


@dataclass(frozen=True)
class Config:
    """Author-given words; they are literal text in every format."""

    title: str
    subtitle: str = ""
    author: str = ""
    roll: str = ""
    course: str = ""
    institution: str = ""
    date: str = ""


def read_config(path: Path, overrides: dict[str, str] | None = None, *, assignment: str = "") -> Config:
    """Read the file, then let `overrides` replace single words; an empty date becomes the user's day.

    For a report of one `assignment`, the words in the table of that name come before those of the whole. Raises
    ReportError when the file is missing, is not TOML, or has a key or value that no cover shows.
    """
    values = read_toml(path)
    tables = {key: values.pop(key) for key, value in list(values.items()) if isinstance(value, dict)}
    tables.pop("points", None)
    values |= tables.get(assignment, {}) | (overrides or {})
    names = [item.name for item in fields(Config)]
    if stray := [key for table in tables.values() for key in table if key not in names]:
        raise ReportError(f"{path}: unknown key {short(stray[0])} (known: {', '.join(names)})")
    for key, value in values.items():
        if key not in names:
            raise ReportError(f"{path}: unknown key {short(key)} (known: {', '.join(names)})")
        if not isinstance(value, str):
            raise ReportError(f'{path}: write {key} = "..." with quotes')
    if not values.get("title"):
        raise ReportError(f"{path}: has no title")
    config = Config(**printable(values))
    day = build_time()
    return config if config.date else replace(config, date=f"{day.day} {day:%B %Y}")


def read_toml(path: Path) -> dict[str, Any]:
    """The content of the file. Raises ReportError when it is missing or is not TOML."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ReportError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ReportError(f"{path}: not UTF-8: save it as that") from None
    except ValueError as error:
        raise ReportError(f"{path}: not TOML ({first_line(error)})") from None
    except RecursionError:
        raise ReportError(f"{path}: nested too deep") from None


def read_points(path: Path) -> dict[str, float]:
    """The points of each question by its name, from the table `points`; {} without one. Raises ReportError."""
    points = read_toml(path).get("points", {})
    for name, value in points.items() if isinstance(points, dict) else [("points", points)]:
        if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
            raise ReportError(f"{path}: the points of {name} are a number, 0 or more, not {short(value)}")
    return points


def build_time() -> datetime:
    """The time of this build where its user is; in UTC, when SOURCE_DATE_EPOCH is set and makes builds repeatable.

    Raises ReportError when that is no time.
    """
    given = os.environ.get("SOURCE_DATE_EPOCH")
    try:
        return datetime.fromtimestamp(int(given), UTC) if given else datetime.now().astimezone()
    except (ValueError, OverflowError, OSError):
        raise ReportError(f"SOURCE_DATE_EPOCH: '{given}' is no number of seconds since 1970; unset it") from None
