"""The parameters of a notebook: those that its tagged cell declares, and the values that a profile sets.

A chapter has one cell tagged ``parameters`` with lines such as ``epochs: int = 15  # passes over the training set``.
papermill only warns of a misspelt name; here that is an error before anything runs.
"""

from __future__ import annotations

import ast
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from reprlib import repr as short  # of a whole book that was given for a number, a few words
from typing import Any

from workflow.yaml_file import Document
from workflow.yaml_file import ParameterError as ParameterError

TYPES = {"int": int, "float": float, "str": str, "bool": bool}
LARGEST = 2**63  # whole numbers from here on are none of NumPy's or PyTorch's
SEEDS = 2**32  # seeds from here on are none of NumPy's
# The least that a parameter may be, by the end of its name: an image of every class, and two in a batch, from which
# batch normalisation can learn. No other whole number, which all count something, may be negative.
LEAST = {"images": 10, "batch_size": 2}
LEAST |= dict.fromkeys(("epochs", "code_size", "per_class", "draws", "memory_mb", "minutes", "seconds"), 1) | {"": 0}


@dataclass(frozen=True)
class Parameter:
    """One declared parameter. ``kind`` is its annotation: int, float, str, bool, or list[...] of one of them."""

    name: str
    kind: str
    default: Any
    help: str

    def check(self, value: Any, where: str) -> Any:
        """``value`` as this parameter's type (an int becomes a float).

        Raises ParameterError for another type, an impossible size, or no value where the default has some.
        """
        if self.kind.startswith("list["):
            if not isinstance(value, list):
                raise ParameterError(f"{where}: {self.name} must be a {self.kind}, not {short(value)}")
            if self.default and not value:
                raise ParameterError(f"{where}: {self.name} needs at least one value")
            return [_as_type(item, self.kind[5:-1], self.name, where) for item in value]
        checked = _as_type(value, self.kind, self.name, where)
        if self.name == "seed" and (fault := seed_fault(checked)):
            raise ParameterError(f"{where}: {fault}")
        return checked


def _as_type(value: Any, kind: str, name: str, where: str) -> Any:
    if type(value) is int and abs(value) >= LARGEST:
        raise ParameterError(f"{where}: {name} is too large: use a number of at most 18 digits")
    if kind == "float" and type(value) is int:
        return float(value)
    if type(value) is not TYPES[kind]:  # not isinstance: a bool would pass as an int
        raise ParameterError(f"{where}: {name} must be of type {kind}, not {short(value)}")
    if type(value) is float and not math.isfinite(value):
        raise ParameterError(f"{where}: {name} must be a finite number, not {value}")
    least = next(least for end, least in LEAST.items() if name.endswith(end))
    if kind == "int" and isinstance(value, int) and value < least and name != "seed":
        raise ParameterError(f"{where}: {name} must be {least} or more, not {value}")
    return value


def read_seed(text: str) -> int:
    """The seed that SEED=``text`` asks for. Raises ParameterError for anything but a plain number below 2**32."""
    if not re.fullmatch("[0-9]+", text):  # str.isdecimal takes the digits of all scripts
        raise ParameterError(f"SEED must be a whole number, 0 or more, such as SEED=1, not {short(text)}")
    if text != "0" and text.startswith("0"):
        raise ParameterError(f"SEED={text}: write SEED={text.lstrip('0') or '0'}, without zeros in front")
    seed = int(text[:20])  # so many digits are too large, however they go on
    if fault := seed_fault(seed):
        raise ParameterError(f"SEED: {fault}")
    return seed


def seed_fault(seed: Any) -> str:
    """Why NumPy and PyTorch cannot both begin from ``seed``, "" when they can."""
    if type(seed) is not int or seed < 0:
        return f"a seed is a whole number, 0 or more, not {short(seed)}"
    return "" if seed < SEEDS else f"a seed is at most {SEEDS - 1}"


def declared(notebook: Path) -> dict[str, Parameter]:
    """The parameters that ``notebook`` declares, by name. Raises ParameterError if the cell is missing or malformed."""
    try:
        cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
        tagged = [cell for cell in cells if "parameters" in cell.get("metadata", {}).get("tags", [])]
        sources = ["".join(cell["source"]) for cell in tagged]
    except FileNotFoundError:
        raise ParameterError(f"there is no notebook {notebook}") from None
    except OSError as error:
        raise ParameterError(f"cannot read {notebook} ({error.strerror})") from None
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        raise ParameterError(f"{notebook} is not a notebook: no JSON with cells") from None
    if len(sources) != 1:
        raise ParameterError(f"{notebook} has {len(sources)} cells tagged 'parameters'; it needs exactly one")
    lines = sources[0].splitlines()
    try:
        statements = ast.parse(sources[0]).body
    except SyntaxError as error:
        what = f"{error.msg} in line {error.lineno}"
        raise ParameterError(f"{notebook}: the cell tagged 'parameters' is not Python: {what}") from None
    except (ValueError, RecursionError, MemoryError):  # a zero byte, or brackets in brackets without end
        raise ParameterError(f"{notebook}: the cell tagged 'parameters' is not Python") from None
    found = {}
    for statement in statements:
        parameter = _parameter(statement, lines[(statement.end_lineno or statement.lineno) - 1], notebook)
        if parameter is None:
            line = short(lines[statement.lineno - 1].strip())
            raise ParameterError(f"{notebook}: write parameters as 'name: type = literal  # meaning', not {line}")
        found[parameter.name] = parameter
    return found


def _parameter(statement: ast.stmt, line: str, notebook: Path) -> Parameter | None:
    if not (isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name) and statement.value):
        return None
    kind = ast.unparse(statement.annotation)
    if kind.removeprefix("list[").removesuffix("]") not in TYPES:
        return None
    try:
        default = ast.literal_eval(statement.value)
    except (ValueError, TypeError, RecursionError):
        return None
    parameter = Parameter(statement.target.id, kind, default, line.partition("#")[2].strip())
    parameter.check(default, f"{notebook}, default")
    return parameter


def read_profile(path: Path) -> dict[str, dict[str, Any]]:
    """A profile file as {notebook: {parameter: value}}. Raises ParameterError if it is missing or malformed."""
    try:
        document = Document.read(path)
    except FileNotFoundError:
        known = ", ".join(sorted(p.stem for p in path.parent.glob("*.yaml")))
        raise ParameterError(f"there is no profile {path.stem!r}; there are: {known}") from None
    except OSError as error:
        raise ParameterError(f"cannot read the profile {path} ({error.strerror})") from None
    content = document.value(document.root) or {}
    if not isinstance(content, dict) or not all(isinstance(entry or {}, dict) for entry in content.values()):
        raise document.at(document.root)("a profile must map notebook names to parameters")
    if any("seed" in (entry or {}) for entry in content.values()):
        raise document.at(document.root)("a profile cannot set the seed: give SEED=1, or seeds in a sweep's file")
    return {name: entry or {} for name, entry in content.items()}


def resolve(notebook: Path, changes: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The value of every parameter of ``notebook``: that in ``changes``, else its default.

    ``where`` is named in errors. Raises ParameterError for an undeclared name or a value of the wrong type.
    """
    parameters = declared(notebook)
    for name in changes:
        if name not in parameters:
            raise ParameterError(
                f"{where}: {notebook.stem} has no parameter {short(name)}; it has: {', '.join(sorted(parameters))}"
            )
    return {
        name: parameter.check(changes[name], f"{where}, {notebook.stem}") if name in changes else parameter.default
        for name, parameter in parameters.items()
    }
