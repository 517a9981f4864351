"""Digests of the source of plug-ins, which show whether a record's code was edited since. Nothing is imported.

The source of a built-in plug-in is its file, and the files of its folder tree that it imports, directly or indirectly:
editing one method does not affect the records of the others. For a plug-in from outside it is every file of the
packages of its distribution, wherever they are: installed, or where an editable install points to. For one in a user's
file it is this file.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path

from benchmark.plugins.catalog import found
from benchmark.plugins.plugin import BUILT_IN, Kind, Plugin
from benchmark.plugins.sources import folder_of
from benchmark.results.outcome import Answer

IMPORT = re.compile(r"^[ \t]*from[ \t]+(\.+)([\w.]*)[ \t]+import[ \t]+(\([^)]*\)|[^\n]*)", re.MULTILINE)
"""A relative import: its dots, the module, and the names that are imported from it."""


TRAINS = ("data", "graphs", "harness", "pruning", "training")
"""The rooms (subpackages) of the harness whose code affects the bits of a training."""


def code(algorithm: str, task: str) -> dict[str, str]:
    """Return the digests of an algorithm's and of a task's source, for `where.code` of a record."""
    return {"algorithm": digest("algorithm", algorithm), "task": digest("task", task)}


def changes(record: Answer) -> list[str]:
    """Return what has changed in a record's source: `algorithm 'imp'`, `task 'mnist'`, or both.

    If a record has no digest, or its plug-in is not here, its code is unknown, and nothing is listed.
    """
    names: dict[Kind, str] = {"algorithm": record.cell.algorithm, "task": record.cell.task}
    pairs = zip(names.items(), record.code, strict=True)
    return [f"{kind} '{name}'" for (kind, name), then in pairs if then and digest(kind, name) not in ("", then)]


@cache
def digest(kind: Kind, name: str) -> str:
    """Return the SHA-256 of the source of a plug-in, or of all those of a chain; empty if one of them is not here."""
    sha = hashlib.sha256()
    for part in name.split("+"):
        plugin = found(kind, part)
        files = dict(_files(plugin)) if plugin else {}
        if not files:
            return ""
        for place in sorted(files):
            content = files[place].read_bytes()
            sha.update(f"{place}\0{len(content)}\0".encode() + content)
    return sha.hexdigest()


@cache
def harness_digest() -> str:
    """Return the SHA-256 of the source that trains: of the rooms of the harness that the run of a cell depends on."""
    home, sha = Path(__file__).parents[1], hashlib.sha256()
    for file in sorted(file for room in TRAINS for file in (home / room).rglob("*.py")):
        sha.update(f"{file.relative_to(home)}\0".encode() + file.read_bytes())
    return sha.hexdigest()


def _files(plugin: Plugin) -> Iterator[tuple[str, Path]]:
    """Yield the files of a plug-in's source, each by its place in its package."""
    if plugin.distribution == BUILT_IN:
        folder = folder_of(plugin.kind)
        file = folder.parent.joinpath(*plugin.module.split(".")[1:]).with_suffix(".py")
        for found in _imported(file, folder):
            yield found.relative_to(folder.parent).as_posix(), found
        return
    if plugin.file:
        yield Path(plugin.file).name, Path(plugin.file)
        return
    for top in _packages(plugin):
        yield from _package(top)


def _imported(file: Path, folder: Path) -> set[Path]:
    """Return a file and all those of the folder that it imports."""
    found, waiting = set[Path](), [file]
    while waiting:
        at = waiting.pop()
        if at not in found and at.is_file() and folder in at.parents:
            found.add(at)
            waiting += _named(at)
    return found


@cache
def _named(file: Path) -> list[Path]:
    """Return the files that the relative imports of a file may name. Some of them need not exist."""
    named = []
    for dots, module, names in IMPORT.findall(file.read_text(encoding="utf-8", errors="replace")):
        place = file.parents[len(dots) - 1].joinpath(*filter(None, module.split(".")))
        inner = [place / name for name in re.findall(r"\w+", names)]
        named += [path for at in (place, *inner) for path in (at.with_suffix(".py"), at / "__init__.py")]
    return named


def _packages(plugin: Plugin) -> list[str]:
    """Return the top-level packages and modules of a plug-in's distribution, as far as it declares them."""
    tops = {plugin.module.partition(".")[0]}
    try:
        told = distribution(plugin.distribution.split()[0]).read_text("top_level.txt")
    except (PackageNotFoundError, ValueError):
        told = None
    return sorted(tops | set((told or "").split()))


def _package(top: str) -> Iterator[tuple[str, Path]]:
    """Yield the files of a package or module, except caches and hidden files."""
    try:
        spec = find_spec(top)
    except (ImportError, ValueError):
        return
    if spec and spec.submodule_search_locations is None and spec.origin:
        yield Path(spec.origin).name, Path(spec.origin)
    for place in (spec.submodule_search_locations if spec else None) or ():
        for file in Path(place).rglob("*"):
            parts = file.relative_to(place).parts
            if file.is_file() and not any(part.startswith((".", "__pycache__")) for part in parts):
                yield "/".join((top, *parts)), file
