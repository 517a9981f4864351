"""Algorithms in files of the user's, without a package: `bench run --algo ./my_pruner.py`.

Which files are known stands in the environment variable PRUNEBENCH_FILES, so that every process that is started for a
command knows them, too.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from benchmark.errors import UsageError
from benchmark.plugins import catalog
from benchmark.plugins.sources import VARIABLE, built_in, in_file
from benchmark.results.spelling import Choice

SUFFIX = ".py"


def known(choices: Iterable[Choice]) -> list[Choice]:
    """Make files known that are named in place of algorithms; the choices with the names of the algorithms in them.

    Raises:
        UsageError: there is no such file, or it does not define one algorithm with a name of its own.
    """
    return [replace(choice, name="+".join(map(_known, choice.name.split("+")))) for choice in choices]


def _known(name: str) -> str:
    if not name.endswith(SUFFIX):
        return name
    file = Path(name).resolve()
    if not file.is_file():
        raise UsageError(f"there is no file {name}; --algo takes names (bench list) and files of Python")
    return remember(file)


def remember(file: Path) -> str:
    """Make a file known, to this process and those that it starts; the name of the algorithm in it.

    Raises:
        UsageError: it does not define one algorithm with a name of its own.
    """
    found, name = in_file(file), file.name
    if len(found) != 1:
        names = ", ".join(plugin.name for plugin in found) or "none"
        raise UsageError(f"{name} has to define one function under @algorithm(...), and it defines {names}")
    [plugin] = found
    if plugin.name in {one.name for one in built_in("algorithm")}:
        raise UsageError(f"{name} defines '{plugin.name}', which is a method of prunebench; give it another name")
    listed = [path for path in os.environ.get(VARIABLE, "").split(os.pathsep) if path]
    if str(file) not in listed:
        os.environ[VARIABLE] = os.pathsep.join([*listed, str(file)])
    catalog.plugins.cache_clear()
    return plugin.name
