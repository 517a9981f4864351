"""What a module's source says about a plug-in: its summary, options and family, or its problem."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, requires
from importlib.util import find_spec

from benchmark.plugins.interface import made_for_another
from benchmark.plugins.plugin import Kind, Plugin
from benchmark.plugins.source_text import Source

LEADING: dict[Kind, list[str]] = {"algorithm": ["run"], "task": [], "experiment": ["study"]}
"""The arguments that the function of a plug-in is called with, before its options."""


MADE_BY_CALLS: dict[Kind, tuple[str, ...]] = {"algorithm": (), "task": ("Task", "from_module"), "experiment": ()}
"""The names that are called to make a plug-in that is not a function."""


def makes(source: Source, kind: Kind) -> Iterator[str]:
    """The public plug-ins of a kind that a module defines: functions under its decorator, or a value such a call made.

    A task is also what `Task(...)` or `from_module(...)` returns.
    """
    for one in source.definitions:
        makers = (kind,) if one.takes is not None else MADE_BY_CALLS[kind]
        if not one.name.startswith("_") and any(maker in one.makers for maker in makers):
            yield one.name


def described(plugin: Plugin, source: Source) -> Plugin:
    """The plug-in with what its source says: its summary, defaults and family, or its problem."""
    if problem := made_for_another(source.interface):
        return replace(plugin, problem=problem)
    if missing := next((package for package in source.imports if not _is_there(package)), None):
        return replace(plugin, problem=_uninstalled(missing, plugin.distribution))
    functions = (one for one in source.definitions if one.takes is not None and one.name == plugin.attribute)
    if (function := next(functions, None)) is None:
        return replace(plugin, summary=source.summary)
    leading = LEADING[plugin.kind]
    if function.takes != len(leading):
        signature = ", ".join([*leading, "*", "option: type = default", "..."])
        return replace(plugin, problem=f"its signature must be {plugin.attribute}({signature})")
    return replace(
        plugin,
        summary=function.summary or source.summary,
        options=tuple(function.options),
        defaults=function.defaults,
        absent=function.absent,
        depends=frozenset(function.depends),
        family=function.family,
        follows=function.follows,
    )


def _is_there(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except (ImportError, ValueError):
        return False


def _uninstalled(package: str, distribution: str) -> str:
    """The message about a missing package, with the extra of the distribution that installs it, if there is one."""
    name = distribution.split(maxsplit=1)[0]
    with suppress(PackageNotFoundError):
        found = [_OF_EXTRA.match(requirement) for requirement in requires(name) or []]
        extras = [one["extra"] for one in found if one and one["package"].replace("-", "_").lower() == package.lower()]
        if users := [extra for extra in extras if extra != "dev"]:
            return f"it needs '{package}': pip install '{name}[{users[0]}]'"
    return f"it imports '{package}', which is not installed"


_OF_EXTRA = re.compile(r"""(?P<package>[\w.-]+).*\bextra\s*==\s*['"](?P<extra>[\w.-]+)['"]""")
"""A requirement of an extra, as written in metadata."""
