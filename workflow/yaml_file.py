"""Read YAML: profiles, sweeps, chapters.yaml, the `#|` options of cells. An error is one line that says where.

Numbers, true and false are those of YAML 1.2, which are what they look like. PyYAML knows 1.1, in which 1e-3 is a text,
010 is eight, 1:30 is ninety and `no` is false; and it takes the last of two equal names, which here are an error.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from helpers.results import ROOT

PREFIX = "tag:yaml.org,2002:"
FRACTION = r"(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?"
SCALARS = {  # the kinds that 1.1 and 1.2 write differently, the characters that they start with, and 1.2's patterns
    "bool": ("tTfF", r"true|True|TRUE|false|False|FALSE"),
    "int": ("-+0123456789", r"[-+]?[0-9]+"),
    "float": ("-+.0123456789", rf"[-+]?({FRACTION}|\.inf|\.Inf|\.INF)|\.nan|\.NaN|\.NAN"),
}
# What PyYAML lets through for a value that does not exist, such as the 31st of February or `!!int one`.
NO_VALUE = (ValueError, TypeError, LookupError, AttributeError, OverflowError)


class ParameterError(ValueError):
    """A wrong parameter or setting; the message is one line that says which, where, and what to write instead."""


class Loader(yaml.SafeLoader):
    """PyYAML's safe loader with the numbers of YAML 1.2, and without a second entry of one name."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """The mapping of a node; raises ConstructorError for a name that is given twice."""
        seen: set[str] = set()
        for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
            if key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"{key.value!r} is given twice", key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep=deep)

    def construct_whole(self, node: yaml.ScalarNode) -> int:
        """The whole number of a node, without 1.1's octals, binaries and sixties."""
        return int(str(self.construct_scalar(node)))


Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in known if tag.removeprefix(PREFIX) not in SCALARS]
    for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
for kind, (first, pattern) in SCALARS.items():
    Loader.add_implicit_resolver(PREFIX + kind, re.compile(rf"^(?:{pattern})$"), list(first))
Loader.add_constructor(f"{PREFIX}int", Loader.construct_whole)


class At:
    """A place in a file, called with what is wrong there to make the error."""

    def __init__(self, name: str, line: int):
        self.where = f"{name}:{line}"

    def __call__(self, what: str) -> ParameterError:
        return ParameterError(f"{self.where}: {what}")


class Document:
    """One YAML text, which errors call ``name``. Raises ParameterError when it is none."""

    def __init__(self, text: str, name: str):
        self.text, self.name = text, name
        try:
            self.loader = Loader(text)
            self.root = self.loader.get_single_node()
        except yaml.YAMLError as error:
            raise self._wrong(error) from None
        except RecursionError:
            raise At(name, 1)("nested too deep") from None
        except NO_VALUE as error:  # such as an escape for a character that there is not
            raise At(name, 1)(f"not YAML: {error}") from None

    @classmethod
    def read(cls, path: Path) -> Document:
        """The document in a file. Raises ParameterError when it is not YAML in UTF-8, and OSError."""
        name = str(path.relative_to(ROOT) if path.is_relative_to(ROOT) else path)
        content = path.read_bytes()
        try:
            return cls(content.decode(), name)
        except UnicodeDecodeError as error:
            line = content.count(b"\n", 0, error.start) + 1
            raise At(name, line)(f"not UTF-8 ({error.reason}): save it as that") from None

    def at(self, node: yaml.Node | None) -> At:
        """The place of a node; that of an empty file is its first line."""
        return At(self.name, node.start_mark.line + 1 if node else 1)

    def value(self, node: yaml.Node | None) -> Any:
        """What a node stands for, as Python objects; None for that of an empty file."""
        try:
            return self.loader.construct_object(node, deep=True) if node else None
        except yaml.YAMLError as error:
            raise self._wrong(error) from None
        except RecursionError:
            raise self.at(node)("nested too deep") from None
        except NO_VALUE as error:
            raise self.at(node)(f"no value: {error}") from None

    def mapping(self, node: yaml.Node | None, what: str) -> dict[str, tuple[At, yaml.Node]]:
        """The entries of a mapping by name, each with its place. Raises ParameterError if it is no mapping or empty."""
        if not isinstance(node, yaml.MappingNode) or not node.value:
            raise self.at(node)(f"{what} must be lines of `name: value`")
        found: dict[str, tuple[At, yaml.Node]] = {}
        for key, value in node.value:
            at = self.at(key)
            if not isinstance(key, yaml.ScalarNode):
                raise at(f"{what} must be lines of `name: value`")
            if key.value in found:
                raise at(f"{key.value!r} is given twice")
            found[key.value] = (at, value)
        return found

    def _wrong(self, error: yaml.YAMLError) -> ParameterError:
        """An error of YAML's own as ours."""
        mark = getattr(error, "problem_mark", None)
        line = mark.line if mark else self.text.count("\n", 0, getattr(error, "position", 0))
        problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "unreadable"
        mend = ": indent with spaces" if r"'\t'" in problem else ""
        return At(self.name, line + 1)(f"not YAML: {problem}{mend}")
