"""Algorithms and tasks in the user's own files, without a package: `bench run --algo ./mine.py --task ./my_task.py`.

The known files are listed in the environment variable PRUNEBENCH_FILES, so that every process that is started for a
command knows them, too.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from benchmark.errors import UsageError
from benchmark.plugins import catalog
from benchmark.plugins.plugin import Kind
from benchmark.plugins.sources import VARIABLE, built_in, in_file
from benchmark.results.spelling import Choice

SUFFIX = ".py"

DEFINED: dict[Kind, str] = {
    "algorithm": "one function under @algorithm(...)",
    "task": "one task (a function under @task, or what Task(...) or from_module(...) returns)",
    "experiment": "one function under @experiment(...)",
}
"""What a file has to define."""


def known(choices: Iterable[Choice], *kinds: Kind) -> list[Choice]:
    """Make files known that are given in place of names; return the choices with the names of the plug-ins in them.

    Args:
        kinds: the kinds of which a file has to define one plug-in.

    Raises:
        UsageError: there is no such file, or it does not define one plug-in with a name of its own.
    """
    return [
        replace(choice, name="+".join(_known(part, kinds) for part in choice.name.split("+"))) for choice in choices
    ]


def _known(name: str, kinds: tuple[Kind, ...]) -> str:
    if not name.endswith(SUFFIX):
        return name
    file = Path(name).resolve()
    if not file.is_file():
        raise UsageError(f"there is no file {name}; names (bench list) and files of Python are taken here")
    return remember(file, *kinds)


def remember(file: Path, *kinds: Kind) -> str:
    """Make a file known to this process and those that it starts; return the name of the plug-in in it.

    Raises:
        UsageError: it does not define one plug-in of these kinds, or one without a name of its own.
    """
    defined, name = [in_file(file, kind) for kind in kinds], file.name
    found = {plugin.name: plugin for plugins in defined for plugin in plugins}
    if len(found) != 1:
        wanted = " or ".join(DEFINED[kind] for kind in kinds)
        raise UsageError(f"{name} has to define {wanted}, and it defines {', '.join(found) or 'none'}")
    [plugin] = found.values()
    if plugin.name in {one.name for one in built_in(plugin.kind)}:
        raise UsageError(f"{name} defines '{plugin.name}', which is one of prunebench; give it another name")
    listed = [path for path in os.environ.get(VARIABLE, "").split(os.pathsep) if path]
    if str(file) not in listed:
        os.environ[VARIABLE] = os.pathsep.join([*listed, str(file)])
    catalog.plugins.cache_clear()
    return plugin.name
