"""The parameters of a notebook: those that its tagged cell declares, and the values that a profile sets.

A chapter has one cell tagged ``parameters`` with lines such as ``epochs: int = 15  # passes over the training set``.
papermill only warns of a misspelt name; here that is an error before anything runs.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

TYPES = {"int": int, "float": float, "str": str, "bool": bool}


class ParameterError(ValueError):
    """A wrong parameter; the message is one line that says which, where, and what to write instead."""


@dataclass(frozen=True)
class Parameter:
    """One declared parameter. ``kind`` is its annotation: int, float, str, bool, or list[...] of one of them."""

    name: str
    kind: str
    default: Any
    help: str

    def check(self, value: Any, where: str) -> Any:
        """``value`` as this parameter's type (an int becomes a float). Raises ParameterError for another type."""
        if self.kind.startswith("list["):
            if not isinstance(value, list):
                raise ParameterError(f"{where}: {self.name} must be a {self.kind}, not {value!r}")
            return [_as_type(item, self.kind[5:-1], self.name, where) for item in value]
        return _as_type(value, self.kind, self.name, where)


def _as_type(value: Any, kind: str, name: str, where: str) -> Any:
    if kind == "float" and type(value) is int:
        return float(value)
    if type(value) is not TYPES[kind]:  # not isinstance: a bool would pass as an int
        raise ParameterError(f"{where}: {name} must be of type {kind}, not {value!r}")
    return value


def declared(notebook: Path) -> dict[str, Parameter]:
    """The parameters that ``notebook`` declares, by name. Raises ParameterError if the cell is missing or malformed."""
    try:
        cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    except FileNotFoundError:
        raise ParameterError(f"there is no notebook {notebook}") from None
    except (ValueError, KeyError, TypeError):
        raise ParameterError(f"{notebook} is not a notebook: no JSON with cells") from None
    tagged = [cell for cell in cells if "parameters" in cell.get("metadata", {}).get("tags", [])]
    if len(tagged) != 1:
        raise ParameterError(f"{notebook} has {len(tagged)} cells tagged 'parameters'; it needs exactly one")
    source = "".join(tagged[0]["source"])
    lines = source.splitlines()
    found = {}
    for statement in ast.parse(source).body:
        parameter = _parameter(statement, lines[(statement.end_lineno or statement.lineno) - 1])
        if parameter is None:
            line = lines[statement.lineno - 1].strip()
            raise ParameterError(f"{notebook}: write parameters as 'name: type = literal  # meaning', not {line!r}")
        found[parameter.name] = parameter
    return found


def _parameter(statement: ast.stmt, line: str) -> Parameter | None:
    if not (isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name) and statement.value):
        return None
    kind = ast.unparse(statement.annotation)
    if kind.removeprefix("list[").removesuffix("]") not in TYPES:
        return None
    try:
        default = ast.literal_eval(statement.value)
    except ValueError:
        return None
    parameter = Parameter(statement.target.id, kind, default, line.partition("#")[2].strip())
    parameter.check(default, "default")
    return parameter


def read_profile(path: Path) -> dict[str, dict[str, Any]]:
    """A profile file as {notebook: {parameter: value}}. Raises ParameterError if it is missing or malformed."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except FileNotFoundError:
        known = ", ".join(sorted(p.stem for p in path.parent.glob("*.yaml")))
        raise ParameterError(f"there is no profile '{path.stem}'; there are: {known}") from None
    except yaml.YAMLError as error:
        raise ParameterError(f"{path} is not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(content, dict) or not all(isinstance(entry or {}, dict) for entry in content.values()):
        raise ParameterError(f"{path} must map notebook names to parameters")
    return {name: entry or {} for name, entry in content.items()}


def resolve(notebook: Path, changes: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The value of every parameter of ``notebook``: that in ``changes``, else its default.

    ``where`` is named in errors. Raises ParameterError for an undeclared name or a value of the wrong type.
    """
    parameters = declared(notebook)
    for name in changes:
        if name not in parameters:
            raise ParameterError(
                f"{where}: {notebook.stem} has no parameter '{name}'; it has: {', '.join(sorted(parameters))}"
            )
    return {
        name: parameter.check(changes[name], f"{where}, {notebook.stem}") if name in changes else parameter.default
        for name, parameter in parameters.items()
    }
