#!/usr/bin/env python
"""The `bench` command: installed as a script of that name, and `python -m benchmark`.

The script is outside the package, and Python searches its path for `benchmark`. It may find another one, for example
with `PYTHONPATH=.` in a repository that has a folder or a file of this name. The command then ends with one line that
says so, and runs none of the other code.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path


def other_benchmark() -> str:
    """The path of another `benchmark` that Python would import; empty if it would import ours."""
    spec = find_spec("benchmark")
    places = [Path(place) for place in spec.submodule_search_locations or []] if spec else []
    if spec is None or any((place / "plugins" / "catalog.py").is_file() for place in places):
        return ""
    return spec.origin or str(places[0])


if __name__ == "__main__":  # worker processes import this file under another name
    if other := other_benchmark():
        advice = "take its folder off PYTHONPATH, or rename it"
        print(f"Error: another 'benchmark' is found before that of prunebench: {other}; {advice}", file=sys.stderr)
        sys.exit(3)
    from benchmark.cli import main

    main(prog_name="bench")
