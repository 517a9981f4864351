"""What source files and metadata say of plug-ins: none is imported.

A built-in is a public name in a file of `algorithms/`, `tasks/` or `experiments/`: a function under `@algorithm(...)`,
`@task` or `@experiment(...)`, or a `Task(...)`; a file may hold several. One from outside is an entry point in the
group `prunebench.algorithms`, `prunebench.tasks` or `prunebench.experiments`. What is broken has a problem, and takes
nothing else with it.
"""

from __future__ import annotations

import ast
import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.metadata import EntryPoint, PackageNotFoundError, entry_points, requires
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from benchmark.errors import PluginError
from benchmark.plugins.interface import made_for_another
from benchmark.results.cell import NAME
from benchmark.results.spelling import LONGEST_NAME

Kind = Literal["algorithm", "task", "experiment"]


BUILT_IN = "prunebench"

VARIABLE = "PRUNEBENCH_FILES"
"""The environment variable with the paths of files with algorithms of the user's (`benchmark.plugins.in_files`)."""


PACKAGE = Path(__file__).parent.parent
"""The folder `benchmark`. Plug-ins lie in it where it is installed, and beside it in a checkout."""


LEADING: dict[Kind, list[str]] = {"algorithm": ["run"], "task": [], "experiment": ["study"]}
"""What the function of a plug-in is handed, before its options."""


@dataclass(frozen=True)
class Plugin:
    """What is known of a plug-in before it is imported.

    Args:
        module: where its object lives, under the name `attribute`.
        distribution: what it came with, name and version.
        summary: the first line of its docstring.
        problem: why it cannot be used, as far as its source says; empty if nothing is wrong.
        defaults: of its options, those that its source writes out as literals.
        absent: what the absence of its options in a cell means (`benchmark.plugins.options.Absent`).
        depends: the options among these whose absence also means that they make no difference on a network.
        family: of an algorithm, when it prunes (`Algorithm.family`); empty if its source does not say.
        options: the names of its options; None if its source does not say.
        file: of the user's, which it lies in; empty if it came with a distribution.
    """

    kind: Kind
    name: str
    module: str
    attribute: str
    distribution: str
    summary: str = ""
    problem: str = ""
    defaults: Mapping[str, Any] = field(default_factory=dict, hash=False)
    absent: Mapping[str, Any] = field(default_factory=dict, hash=False)
    depends: frozenset[str] = frozenset()
    family: str = ""
    options: tuple[str, ...] | None = None
    file: str = ""

    def error(self, reason: str) -> PluginError:
        """The error for this plug-in, named with its distribution."""
        return PluginError(f"{self.kind} '{self.name}' of {self.distribution} cannot be used: {reason}")


# --- built-in plug-ins and those from outside -------------------------------------------------------------------------


def folder_of(kind: Kind) -> Path:
    """The folder of the built-in plug-ins of a kind."""
    places = [place / f"{kind}s" for place in (PACKAGE, PACKAGE.parent)]
    return next(place for place in places if place.is_dir())


def built_in(kind: Kind) -> tuple[Plugin, ...]:
    """Those that came with this package, whatever other folders of these names stand on the path."""
    return _defined_under(folder_of(kind), kind)


@cache
def _defined_under(folder: Path, kind: Kind) -> tuple[Plugin, ...]:
    files = [file for file in folder.rglob("*.py") if not file.name.startswith("_")]
    return tuple(sorted((p for file in files for p in _defined_in(file, kind, folder)), key=lambda plugin: plugin.name))


def _defined_in(file: Path, kind: Kind, folder: Path) -> Iterator[Plugin]:
    """The plug-ins of a file; where it cannot be read, one of its name that says so."""
    module = ".".join(("benchmark", *file.relative_to(folder.parent).with_suffix("").parts))
    tree = _parsed(file)
    if isinstance(tree, str):
        yield Plugin(kind, file.stem.replace("_", "-"), module, file.stem, BUILT_IN, problem=tree)
        return
    for node in tree.body:
        name = _defined_by(node, kind)
        if name and not name.startswith("_"):
            yield _described(Plugin(kind, name.rstrip("_").replace("_", "-"), module, name, BUILT_IN), tree)


def _defined_by(node: ast.stmt, kind: Kind) -> str:
    """The name that a statement gives to a plug-in of this kind; empty if it defines none."""
    if isinstance(node, ast.FunctionDef) and kind in map(_callee, node.decorator_list):
        return node.name
    if kind == "task" and isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
        return ast.unparse(node.targets[0]) if _callee(node.value) == "Task" else ""
    return ""


def _callee(expression: ast.expr) -> str:
    """`algorithm`, of `algorithm`, `algorithm(...)` and `benchmark.algorithm(...)`."""
    function = expression.func if isinstance(expression, ast.Call) else expression
    return ast.unparse(function).rpartition(".")[2]


def outside(kind: Kind) -> list[Plugin]:
    """The entry points of other distributions."""
    points = sorted(entry_points(group=f"{BUILT_IN}.{kind}s"), key=lambda point: point.name)
    return [_pointed_to(point, kind) for point in points]


def in_files() -> list[Plugin]:
    """The algorithms in files of the user's that PRUNEBENCH_FILES names."""
    listed = [Path(path) for path in os.environ.get(VARIABLE, "").split(os.pathsep) if path]
    return [plugin for file in listed for plugin in in_file(file)]


def in_file(file: Path) -> list[Plugin]:
    """The algorithms in a file of the user's; where it cannot be read, one of its name that says so."""
    tree, module = _parsed(file), f"prunebench_file_{hashlib.sha256(str(file).encode()).hexdigest()[:16]}"
    if isinstance(tree, str):
        return [Plugin("algorithm", file.stem, module, file.stem, file.name, problem=tree, file=str(file))]
    names = [name for node in tree.body if (name := _defined_by(node, "algorithm")) and not name.startswith("_")]
    plugins = (Plugin("algorithm", name.rstrip("_").replace("_", "-"), module, name, file.name) for name in names)
    return [replace(_described(plugin, tree), file=str(file)) for plugin in plugins]


def _pointed_to(point: EntryPoint, kind: Kind) -> Plugin:
    distribution = f"{point.dist.name} {point.dist.version}" if point.dist else "an unknown distribution"
    module, _, attribute = (part.strip() for part in point.value.partition(":"))
    plugin = Plugin(kind, point.name, module, attribute, distribution)
    if not re.fullmatch(NAME, point.name) or len(point.name) > LONGEST_NAME:
        return replace(
            plugin, problem=f"its name may hold lower-case letters, digits, '-' and '_', at most {LONGEST_NAME} of them"
        )
    if not (module and attribute and point.pattern.match(point.value)):
        return replace(plugin, problem=f"its entry point '{point.value}' is not of the form MODULE:NAME")
    if not (file := _source(point)):
        return replace(plugin, problem=f"there is no module '{plugin.module}'")
    tree = _parsed(file)
    return replace(plugin, problem=tree) if isinstance(tree, str) else _described(plugin, tree)


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


# --- what a source says -----------------------------------------------------------------------------------------------


def _parsed(file: Path) -> ast.Module | str:
    """The syntax tree of a file, or why there is none."""
    try:
        return ast.parse(file.read_text(encoding="utf-8"))
    except (SyntaxError, ValueError, OSError) as error:  # ValueError: not UTF-8, or a null byte
        return f"{type(error).__name__}: {error}"


def _described(plugin: Plugin, tree: ast.Module) -> Plugin:
    """The plug-in with what its source says: its summary, defaults and family, or its problem."""
    if problem := made_for_another(tree):
        return replace(plugin, problem=problem)
    if missing := _missing_import(tree):
        return replace(plugin, problem=_uninstalled(missing, plugin.distribution))
    function = next((n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == plugin.attribute), None)
    leading = LEADING[plugin.kind]
    if function and len(function.args.args) != len(leading):
        signature = ", ".join([*leading, "*", "option: type = default", "..."])
        return replace(plugin, problem=f"its signature must be {plugin.attribute}({signature})")
    doc = (ast.get_docstring(function) if function else None) or ast.get_docstring(tree) or ""
    plugin = replace(plugin, summary=doc.partition("\n")[0])
    if not function:
        return plugin
    options = tuple(parameter.arg for parameter in function.args.kwonlyargs)
    absent, depends = _absent(function)
    plugin = replace(plugin, options=options, defaults=_defaults(function), absent=absent, depends=depends)
    return replace(plugin, family=_family(function))


def _family(function: ast.FunctionDef) -> str:
    """What its decorator says, `@algorithm(family="before training")`."""
    calls = [decorator for decorator in function.decorator_list if isinstance(decorator, ast.Call)]
    given = [word.value for call in calls for word in call.keywords if word.arg == "family"]
    return given[0].value if given and isinstance(given[0], ast.Constant) and isinstance(given[0].value, str) else ""


def _defaults(function: ast.FunctionDef) -> dict[str, Any]:
    """The defaults of its keyword-only parameters that are written out as literals."""
    defaults = {}
    for parameter, default in zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True):
        if default is not None:
            with suppress(ValueError):
                defaults[parameter.arg] = ast.literal_eval(default)
    return defaults


def _absent(function: ast.FunctionDef) -> tuple[dict[str, Any], frozenset[str]]:
    """What the absence of its keyword-only parameters means, where their annotation holds `Absent(...)`.

    And those of them for which this depends on the network: `Absent(..., matters=...)`.
    """
    absent, depends = {}, set()
    for parameter in function.args.kwonlyargs:
        for node in ast.walk(parameter.annotation) if parameter.annotation else ():
            if isinstance(node, ast.Call) and _callee(node) == "Absent" and node.args:
                with suppress(ValueError):
                    absent[parameter.arg] = ast.literal_eval(node.args[0])
                    depends |= {parameter.arg} if node.keywords or len(node.args) > 1 else set()
    return absent, frozenset(depends)


def _uninstalled(package: str, distribution: str) -> str:
    """What to say of a package that is not there: with the extra of the distribution that brings it, if one does."""
    name = distribution.split(maxsplit=1)[0]
    with suppress(PackageNotFoundError):
        found = [_OF_EXTRA.match(requirement) for requirement in requires(name) or []]
        extras = [one["extra"] for one in found if one and one["package"].replace("-", "_").lower() == package.lower()]
        if users := [extra for extra in extras if extra != "dev"]:
            return f"it needs '{package}': pip install '{name}[{users[0]}]'"
    return f"it imports '{package}', which is not installed"


_OF_EXTRA = re.compile(r"""(?P<package>[\w.-]+).*\bextra\s*==\s*['"](?P<extra>[\w.-]+)['"]""")
"""A requirement that an extra brings, as metadata write it."""


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
