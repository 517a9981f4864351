"""Algorithms and tasks by name: imports those of the catalogue."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from types import ModuleType
from typing import TYPE_CHECKING, Any, cast

from benchmark.errors import BenchError
from benchmark.plugins.catalog import Plugin, find

if TYPE_CHECKING:
    from benchmark.plugins.algorithm import Algorithm
    from benchmark.plugins.task import Family
    from benchmark.training.task import Task


def algorithm(name: str) -> Algorithm:
    """Load an algorithm, or a chain of them.

    Raises:
        UsageError: an unknown name.
        PluginError: it cannot be used.
    """
    from benchmark.plugins.algorithm import Algorithm
    from benchmark.plugins.chain import chain

    if "+" in name:
        return chain([algorithm(part) for part in name.split("+")])

    plugin = find("algorithm", name)
    loaded = load(plugin)
    if not isinstance(loaded, Algorithm):
        raise plugin.error(f"{plugin.module}:{plugin.attribute} is not an algorithm; decorate it with @algorithm(...)")
    if loaded.name != name:
        raise plugin.error(f"its function is called '{loaded.name}'; name and function must agree")
    return loaded


def family(name: str) -> Family:
    """Load a task's options. Raises UsageError for an unknown name, PluginError for one that cannot be used."""
    from benchmark.plugins.task import Family
    from benchmark.training.task import Task

    plugin = find("task", name)
    loaded = load(plugin)
    if isinstance(loaded, Task):
        return Family(lambda: loaded, name)
    if not isinstance(loaded, Family):
        raise plugin.error(f"{plugin.module}:{plugin.attribute} is neither a Task nor a function under @task")
    if loaded.name != name:
        raise plugin.error(f"its function is called '{loaded.name}'; name and function must agree")
    return loaded


def task(name: str, options: Mapping[str, Any] | None = None) -> Task:
    """Load a task with these options over its defaults.

    Raises:
        UsageError: an unknown name, an unknown option, or a wrong value.
        PluginError: it cannot be used.
    """
    from benchmark.training.task import Task

    task_family = family(name)
    values = task_family.resolve(options or {})
    try:
        loaded = task_family(**values)
    except BenchError:
        raise
    except Exception as error:
        raise find("task", name).error(f"{type(error).__name__}: {error}") from error
    if not isinstance(loaded, Task):
        raise find("task", name).error(f"its function returns {type(loaded).__name__}, not a Task")
    return loaded


def load(plugin: Plugin) -> object:
    """Import a plug-in. Raises PluginError, whatever goes wrong."""
    if plugin.problem:
        raise plugin.error(plugin.problem)
    try:
        return cast("object", getattr(_module(plugin), plugin.attribute))
    except (Exception, SystemExit) as error:  # a plug-in can fail in every way there is; no other goes with it
        raise plugin.error(f"{type(error).__name__}: {error}") from error


def _module(plugin: Plugin) -> ModuleType:
    """Import the module of a plug-in, by its name or from the user's file."""
    if not plugin.file or plugin.module in sys.modules:
        return import_module(plugin.module)
    spec = spec_from_file_location(plugin.module, plugin.file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{plugin.file} is not a Python file")
    module = sys.modules[plugin.module] = module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[plugin.module]
        raise
    return module
