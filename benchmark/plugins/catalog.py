"""All available plug-ins, by name; none is imported to list them."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from benchmark.errors import unknown_name
from benchmark.plugins.plugin import BUILT_IN, Kind, Plugin
from benchmark.plugins.sources import built_in, in_files, outside
from benchmark.results.spelling import spelled, unusual

__all__ = [
    "BUILT_IN",
    "Kind",
    "Plugin",
    "absent",
    "asks",
    "defaults",
    "find",
    "found",
    "kinds_of",
    "label",
    "origin",
    "plugins",
    "typed",
    "when",
]


@cache
def plugins(kind: Kind) -> dict[str, Plugin]:
    """Every plug-in of a kind by name, the built-in ones first; broken and clashing ones have their `problem` set."""
    by_name = {plugin.name: plugin for plugin in built_in(kind)}
    for plugin in [*in_files(kind), *map(_unless_left_out, outside(kind))]:
        listed = _renamed(plugin, by_name[plugin.name]) if plugin.name in by_name else plugin
        by_name[listed.name] = listed
    return by_name


def _unless_left_out(plugin: Plugin) -> Plugin:
    """A plug-in from outside; it is never imported if PRUNEBENCH_PLUGINS is set and does not name its distribution."""
    wanted = os.environ.get("PRUNEBENCH_PLUGINS")
    named = {name.strip() for name in (wanted or "").split(",")}
    if wanted is None or plugin.distribution.split()[0] in named:
        return plugin
    return replace(plugin, problem=f"PRUNEBENCH_PLUGINS={wanted} leaves out {plugin.distribution}")


def _renamed(plugin: Plugin, other: Plugin) -> Plugin:
    """A plug-in whose name was already taken: it is listed under its distribution, and cannot be used."""
    problem = f"the name '{plugin.name}' is taken by {other.distribution}"
    return replace(plugin, problem=problem, name=f"{plugin.name}@{plugin.distribution.split()[0]}")


def find(kind: Kind, name: str) -> Plugin:
    """The plug-in of this name. Raises UsageError, which suggests the most similar name."""
    if plugin := found(kind, name):
        return plugin
    raise unknown_name(kind, name, plugins(kind), "bench list")


def found(kind: Kind, name: str) -> Plugin | None:
    """The plug-in of this name; None if there is none."""
    own = (plugin for plugin in built_in(kind) if plugin.name == name)
    return next(own, None) or plugins(kind).get(name)  # no other has the name of ours: looking them up takes longer


def origin(kind: Kind, name: str) -> str:
    """The distribution of a plug-in, or those of a chain, with versions."""
    named = (find(kind, part).distribution for part in name.split("+"))
    return ", ".join(dict.fromkeys(_versioned(distribution) for distribution in named))


def _versioned(distribution: str) -> str:
    """A distribution with its version: outside ones have it already; ours has none where it is not installed."""
    with suppress(PackageNotFoundError):
        return f"{BUILT_IN} {version(BUILT_IN)}" if distribution == BUILT_IN else distribution
    return distribution


def typed(kind: Kind, name: str) -> str:
    """How a plug-in, or a chain, is named on the command line; one in a user's file is named by this file."""
    files = {part: plugin.file for part in name.split("+") if (plugin := found(kind, part))}
    return "+".join(f"./{Path(file).name}" if (file := files.get(part)) else part for part in name.split("+"))


def kinds_of(name: str) -> list[Kind]:
    """The kinds of the plug-ins with a name: an experiment may have the name of the algorithm that it asks about.

    Raises:
        UsageError: there is none; the message suggests the most similar name.
    """
    kinds: tuple[Kind, ...] = ("task", "algorithm", "experiment")
    known = {known for kind in kinds for known in plugins(kind)}
    if name not in known:
        raise unknown_name("algorithm, task or experiment", name, known, "bench list")
    return [kind for kind in kinds if name in plugins(kind)]


def label(name: str, options: Mapping[str, Any]) -> str:
    """The label of a task, with the options that it needs to be told from others. Nothing is imported."""
    plugin = plugins("task").get(name)
    follows = plugin.follows.items() if plugin else ()
    made = {option: form.format(options[other]) for option, (other, form) in follows if other in options}
    return spelled(name, unusual(options, {**(plugin.defaults if plugin else {}), **made}))


def absent(name: str, kind: Kind = "algorithm") -> dict[str, Any]:
    """What the absence of a plug-in's options in a cell means, by option. Nothing is imported."""
    return _of_options(name, lambda plugin: plugin.absent, kind)


def defaults(name: str) -> dict[str, Any]:
    """The defaults of an algorithm's options, or of a chain's, that its source has as literals. Nothing is imported.

    Options are left out if only the network can tell whether their absence differs from their default.
    """
    return _of_options(name, _certain_defaults)


def _certain_defaults(plugin: Plugin) -> dict[str, Any]:
    unsure = {option for option in plugin.depends if plugin.absent[option] != plugin.defaults.get(option)}
    return {option: value for option, value in plugin.defaults.items() if option not in unsure}


def _of_options(name: str, values: Callable[[Plugin], Mapping[str, Any]], kind: Kind = "algorithm") -> dict[str, Any]:
    """Values for the options of a plug-in, or of a chain, by their full name."""
    several, known = "+" in name, plugins(kind)
    return {
        f"{part}.{option}" if several else option: value
        for part in name.split("+")
        if part in known
        for option, value in values(known[part]).items()
    }


def when(name: str) -> str:
    """When an algorithm prunes (`Algorithm.family`); a chain, when its last method does. Nothing is imported."""
    plugin = plugins("algorithm").get(name.rpartition("+")[2])
    return plugin.family if plugin else ""


def asks(name: str) -> str:
    """The question of an experiment, the first line of its docstring; empty if there is none. Nothing is imported."""
    plugin = plugins("experiment").get(name)
    return plugin.summary if plugin and not plugin.problem else ""
