"""`make report`: check the settings, fetch and check the data, run what is not up to date, say where the report is."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

import sweep
from engine import Stop, only_one, refresh_data, snakemake
from plan import chapters, report_name, select, with_needs

from helpers import data
from helpers.parameters import ParameterError

FORMATS = {"html": ["html"], "pdf": ["pdf"], "both": ["html", "pdf"]}


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the report; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--profile", default="standard")
    parser.add_argument("--seed", default="0")
    parser.add_argument("--notebooks", default="", help="starts of chapter names; all when empty")
    parser.add_argument("--assignment", default="", help="only the chapters of this one of the original assignments")
    parser.add_argument("--format", default="both", help="html, pdf or both")
    parser.add_argument("--sweep", default="", help="a sweep file: its runs first, and a chapter on them at the end")
    parser.add_argument("--author", default="")
    parser.add_argument("--roll", default="")
    options = parser.parse_args(arguments)
    try:
        if not options.seed.isdecimal():
            raise Stop(f"SEED must be a whole number, 0 or more, not '{options.seed}'")
        if options.format not in FORMATS:
            raise Stop(f"FORMAT must be html, pdf or both, not '{options.format}'")
        # Not as config: Snakemake would make a number of a roll number.
        os.environ |= {"REPORT_AUTHOR": options.author, "REPORT_ROLL": options.roll}
        if options.sweep:
            if options.notebooks or options.assignment or options.seed != "0":
                raise Stop("SWEEP says which notebooks and seeds: leave NOTEBOOKS, ASSIGNMENT and SEED out")
            asked = [options.sweep, "--profile", options.profile, "--formats", " ".join(FORMATS[options.format])]
            return sweep.main(asked)
        found = chapters(options.profile)
        selected = select(found, options.notebooks.split(), options.assignment)
        with only_one():
            if names := sorted({name for chapter in with_needs(found, selected) for name in chapter.data}):
                refresh_data(names)
            config = [f"profile={options.profile}", f"seed={options.seed}"]
            config.append(f"notebooks={' '.join(chapter.name for chapter in selected)}")
            config += [f"assignment={options.assignment}", f"formats={' '.join(FORMATS[options.format])}"]
            if not snakemake(config):
                raise Stop("stopped; `make report` goes on from what had finished")
    except (Stop, ParameterError, data.DataError) as error:
        if str(error):
            print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; what had finished is kept, and `make report` goes on from there", file=sys.stderr)
        return 130
    name = report_name(options.assignment)
    made = " and ".join(f"{name}.{ending}" for ending in FORMATS[options.format])
    print(f"reports/{options.profile}: {made}, results.csv; each run in seed-{options.seed}/")
    return 0


if __name__ == "__main__":
    sys.exit(main())
