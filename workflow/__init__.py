"""What `make` does: checks, runs, sweeps, reports."""

import sys

# jsonschema, which nbformat imports, tries this package for a format of addresses that no notebook has, and it reads a
# grammar for two seconds at every start. Without it jsonschema leaves that format unchecked.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
