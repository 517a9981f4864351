"""Finds plug-ins from source files and metadata: none is imported.

A built-in is a public name in a file of `algorithms/`, `tasks/` or `experiments/`: a function under `@algorithm(...)`,
`@task` or `@experiment(...)`, or a `Task(...)`; a file may hold several. One from outside is an entry point in the
group `prunebench.algorithms`, `prunebench.tasks` or `prunebench.experiments`. A broken plug-in has its `problem` set,
and does not affect the others.
"""

from __future__ import annotations

import hashlib
import os
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path

from benchmark.plugins.described import described, makes
from benchmark.plugins.plugin import BUILT_IN, Kind, Plugin
from benchmark.plugins.source_cache import SourceCache
from benchmark.plugins.source_text import Source, read
from benchmark.results.spelling import LONGEST_NAME, NAME

VARIABLE = "PRUNEBENCH_FILES"
"""The environment variable with the paths of the user's files with plug-ins (`benchmark.plugins.in_files`)."""

PACKAGE = Path(__file__).parent.parent
"""The folder `benchmark`. Built-in plug-ins are inside it where it is installed, and beside it in a checkout."""


def folder_of(kind: Kind) -> Path:
    """The folder of the built-in plug-ins of a kind."""
    places = [place / f"{kind}s" for place in (PACKAGE, PACKAGE.parent)]
    return next(place for place in places if place.is_dir())


def built_in(kind: Kind) -> tuple[Plugin, ...]:
    """The plug-ins that came with this package, whatever other folders of these names are on the path."""
    return _defined_under(folder_of(kind), kind)


@cache
def _defined_under(folder: Path, kind: Kind) -> tuple[Plugin, ...]:
    files = [file for file in folder.rglob("*.py") if not file.name.startswith("_")]
    cached = SourceCache(folder)
    plugins = [plugin for file in files for plugin in _defined_in(file, kind, folder, cached.read)]
    cached.save()
    return tuple(sorted(plugins, key=lambda plugin: plugin.name))


def _defined_in(file: Path, kind: Kind, folder: Path, read: Callable[[bytes], Source | str]) -> Iterator[Plugin]:
    """The plug-ins of a file; if it cannot be read, one of its name that says so."""
    module = ".".join(("benchmark", *file.relative_to(folder.parent).with_suffix("").parts))
    source = _said(file, read)
    if isinstance(source, str):
        yield Plugin(kind, file.stem.replace("_", "-"), module, file.stem, BUILT_IN, problem=source)
        return
    for name in makes(source, kind):
        yield described(Plugin(kind, name.rstrip("_").replace("_", "-"), module, name, BUILT_IN), source)


def _said(file: Path, read: Callable[[bytes], Source | str] = read) -> Source | str:
    """What a file says, or why it cannot be read."""
    try:
        return read(file.read_bytes())
    except OSError as error:
        return f"{type(error).__name__}: {error}"


def outside(kind: Kind) -> list[Plugin]:
    """The entry points of other distributions."""
    return [_pointed_to(point, kind) for point in _entry_points(tuple(sys.path))[kind]]


@cache
def _entry_points(path: tuple[str, ...]) -> dict[Kind, list[EntryPoint]]:
    """The entry points of all distributions on this path, by kind and name; finding them takes a while."""
    known = entry_points()
    kinds: tuple[Kind, ...] = ("algorithm", "task", "experiment")
    return {kind: sorted(known.select(group=f"{BUILT_IN}.{kind}s"), key=lambda point: point.name) for kind in kinds}


def in_files(kind: Kind) -> list[Plugin]:
    """The plug-ins of a kind in the user's files that PRUNEBENCH_FILES names."""
    listed = [Path(path) for path in os.environ.get(VARIABLE, "").split(os.pathsep) if path]
    return [plugin for file in listed for plugin in in_file(file, kind)]


def in_file(file: Path, kind: Kind) -> list[Plugin]:
    """The plug-ins of a kind in one of the user's files; if it cannot be read, one of its name that says so."""
    source, module = _said(file), f"prunebench_file_{hashlib.sha256(str(file).encode()).hexdigest()[:16]}"
    if isinstance(source, str):
        return [Plugin(kind, file.stem, module, file.stem, file.name, problem=source, file=str(file))]
    names = makes(source, kind)
    plugins = (Plugin(kind, name.rstrip("_").replace("_", "-"), module, name, file.name) for name in names)
    return [replace(_well_named(described(plugin, source)), file=str(file)) for plugin in plugins]


def _well_named(plugin: Plugin) -> Plugin:
    """The plug-in; with its `problem` set if a cell cannot have its name."""
    if re.fullmatch(NAME, plugin.name) and len(plugin.name) <= LONGEST_NAME:
        return plugin
    takes = f"its name may hold lower-case letters, digits, '-' and '_', at most {LONGEST_NAME} of them"
    return replace(plugin, problem=takes)


def _pointed_to(point: EntryPoint, kind: Kind) -> Plugin:
    distribution = f"{point.dist.name} {point.dist.version}" if point.dist else "an unknown distribution"
    module, _, attribute = (part.strip() for part in point.value.partition(":"))
    plugin = Plugin(kind, point.name, module, attribute, distribution)
    if _well_named(plugin).problem:
        return _well_named(plugin)
    if not (module and attribute and point.pattern.match(point.value)):
        return replace(plugin, problem=f"its entry point '{point.value}' is not of the form MODULE:NAME")
    if not (file := _source(point)):
        return replace(plugin, problem=f"there is no module '{plugin.module}'")
    source = _said(file)
    return replace(plugin, problem=source) if isinstance(source, str) else described(plugin, source)


def _source(point: EntryPoint) -> Path | None:
    """The file of an entry point's module. Only the top-level name is looked up: nothing is imported."""
    top, *inner = point.module.split(".")
    try:
        spec = find_spec(top)
    except (ImportError, ValueError):
        return None
    if spec is None:
        return None
    if not inner:
        return Path(spec.origin) if spec.origin else None
    places = [Path(folder, *inner) for folder in spec.submodule_search_locations or []]
    files = [file for place in places for file in (place.with_suffix(".py"), place / "__init__.py")]
    return next((file for file in files if file.is_file()), None)
