"""What plug-ins there are, read from files and metadata: none is imported.

A built-in is a file whose name is its name (`algorithms/snip.py` holds `snip`); an outside one is an entry point in the
group `prunebench.algorithms` or `prunebench.tasks`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.metadata import EntryPoint, PackageNotFoundError, entry_points, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import benchmark
from benchmark.errors import PluginError, unknown_name
from benchmark.records.cell import NAME
from benchmark.records.spelling import spelled, unusual

Kind = Literal["algorithm", "task"]


BUILT_IN = "prunebench"


@dataclass(frozen=True)
class Plugin:
    """What is known of a plug-in before it is imported.

    Args:
        module: where its object lives, under the name `attribute`.
        distribution: what it came with, name and version.
        summary: the first line of its docstring.
        problem: why it cannot be used, as far as its source tells; empty where nothing is wrong.
        defaults: of its options, those that its source writes out as literals.
        family: of an algorithm, when it prunes (`Algorithm.family`); empty where its source does not say.
    """

    kind: Kind
    name: str
    module: str
    attribute: str
    distribution: str
    summary: str = ""
    problem: str = ""
    defaults: Mapping[str, Any] = field(default_factory=dict, hash=False)
    family: str = ""

    def error(self, reason: str) -> PluginError:
        """The error for this plug-in, named with its distribution."""
        return PluginError(f"{self.kind} '{self.name}' of {self.distribution} cannot be used: {reason}")


@cache
def plugins(kind: Kind) -> dict[str, Plugin]:
    """Every plug-in of a kind by name, the built-in ones first; broken and clashing ones stand there with a problem."""
    found: dict[str, Plugin] = {plugin.name: plugin for plugin in _built_in(kind)}
    for plugin in _outside(kind):
        known = _renamed(plugin, found[plugin.name]) if plugin.name in found else plugin
        found[known.name] = known
    return found


def _renamed(plugin: Plugin, other: Plugin) -> Plugin:
    """A plug-in whose name was taken first: listed under its distribution, and not to be used."""
    problem = f"the name '{plugin.name}' is taken by {other.distribution}"
    return replace(plugin, problem=problem, name=f"{plugin.name}@{plugin.distribution.split()[0]}")


def find(kind: Kind, name: str) -> Plugin:
    """The plug-in of this name. Raises UsageError, with the nearest name there is."""
    known = plugins(kind)
    if name not in known:
        raise unknown_name(kind, name, known, "bench list")
    return known[name]


def origin(kind: Kind, name: str) -> str:
    """The distribution, or those of a chain, with versions."""
    named = (find(kind, part).distribution for part in name.split("+"))
    return ", ".join(dict.fromkeys(_versioned(distribution) for distribution in named))


def _versioned(distribution: str) -> str:
    """Outside distributions carry their version already; a copy of ours that is not installed has none."""
    with suppress(PackageNotFoundError):
        return f"{BUILT_IN} {version(BUILT_IN)}" if distribution == BUILT_IN else distribution
    return distribution


def kind_of(name: str) -> Kind:
    """Whether a name is a task's or an algorithm's. Raises UsageError, with the nearest name there is."""
    kinds: tuple[Kind, ...] = ("task", "algorithm")
    for kind in kinds:
        if name in plugins(kind):
            return kind
    raise unknown_name("algorithm or task", name, plugins("task").keys() | plugins("algorithm").keys(), "bench list")


def label(name: str, options: Mapping[str, Any]) -> str:
    """A task with those of its options that are not at their default; nothing is imported."""
    plugin = plugins("task").get(name)
    return spelled(name, unusual(options, plugin.defaults if plugin else {}))


def when(name: str) -> str:
    """When an algorithm prunes (`Algorithm.family`); a chain, when its last method does. Nothing is imported."""
    plugin = plugins("algorithm").get(name.rpartition("+")[2])
    return plugin.family if plugin else ""


def _built_in(kind: Kind) -> list[Plugin]:
    """Those that came with this package, whatever other folders of these names stand on the path."""
    places = [Path(place) / f"{kind}s" for place in benchmark.__path__]
    folder = next(place for place in places if place.is_dir())
    files = [file for file in folder.rglob("*.py") if not file.name.startswith("_")]
    found = [plugin for file in files for plugin in _defined_in(file, kind, folder)]
    return sorted(found, key=lambda plugin: plugin.name)


def _defined_in(file: Path, kind: Kind, folder: Path) -> Iterator[Plugin]:
    """The plug-ins of a file: functions under `@algorithm(...)` or `@task`, and names of a `Task(...)`."""
    module = ".".join(("benchmark", *file.relative_to(folder.parent).with_suffix("").parts))
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        name = ""
        if isinstance(node, ast.FunctionDef) and any(kind in ast.unparse(mark) for mark in node.decorator_list):
            name = node.name
        elif (
            isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and ast.unparse(node.value.func) == "Task"
        ):
            name = ast.unparse(node.targets[0])
        if name and not name.startswith("_"):
            yield _read(Plugin(kind, name.rstrip("_").replace("_", "-"), module, name, BUILT_IN), file)


def _outside(kind: Kind) -> list[Plugin]:
    found = []
    for point in sorted(entry_points(group=f"{BUILT_IN}.{kind}s"), key=lambda point: point.name):
        distribution = f"{point.dist.name} {point.dist.version}" if point.dist else "an unknown distribution"
        module, _, attribute = point.value.partition(":")
        plugin = Plugin(kind, point.name, module.strip(), attribute.strip(), distribution)
        if not re.fullmatch(NAME, point.name):
            plugin = replace(plugin, problem="its name may hold lower-case letters, digits, '-' and '_'")
        elif not (module and attribute and point.pattern.match(point.value)):
            plugin = replace(plugin, problem=f"its entry point '{point.value}' is not of the form MODULE:NAME")
        elif file := _source(point):
            plugin = _read(plugin, file)
        else:
            plugin = replace(plugin, problem=f"there is no module '{plugin.module}'")
        found.append(plugin)
    return found


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


def _read(plugin: Plugin, file: Path) -> Plugin:
    """The plug-in with what its source tells: its summary, or its problem."""
    try:
        tree = ast.parse(file.read_text(encoding="utf-8"))
    except (SyntaxError, UnicodeDecodeError, OSError) as error:
        return replace(plugin, problem=f"{type(error).__name__}: {error}")
    if missing := _missing_import(tree):
        return replace(plugin, problem=f"it imports '{missing}', which is not installed")
    function = next((n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == plugin.attribute), None)
    leading = ["run"] if plugin.kind == "algorithm" else []
    if function and len(function.args.args) != len(leading):
        signature = ", ".join([*leading, "*", "option: type = default", "..."])
        return replace(plugin, problem=f"its signature must be {plugin.attribute}({signature})")
    doc = (ast.get_docstring(function) if function else None) or ast.get_docstring(tree) or ""
    plugin = replace(plugin, summary=doc.partition("\n")[0])
    return replace(plugin, defaults=_defaults(function), family=_family(function)) if function else plugin


def _family(function: ast.FunctionDef) -> str:
    """What its decorator says, `@algorithm(family="before training")`."""
    calls = [decorator for decorator in function.decorator_list if isinstance(decorator, ast.Call)]
    given = [word.value for call in calls for word in call.keywords if word.arg == "family"]
    return given[0].value if given and isinstance(given[0], ast.Constant) and isinstance(given[0].value, str) else ""


def _defaults(function: ast.FunctionDef) -> dict[str, Any]:
    """The defaults of its keyword-only parameters that are written out as literals."""
    found = {}
    for parameter, default in zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True):
        if default is not None:
            with suppress(ValueError):
                found[parameter.arg] = ast.literal_eval(default)
    return found


def _missing_import(tree: ast.Module) -> str | None:
    """The first top-level import of a package that is not there."""
    for node in tree.body:
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [node.module]
        for top in (name.partition(".")[0] for name in names):
            try:
                if find_spec(top) is None:
                    return top
            except (ImportError, ValueError):
                return top
    return None
