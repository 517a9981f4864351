"""What the source of a plug-in says of it, which is not imported: its summary, options and family, or its problem."""

from __future__ import annotations

import ast
import re
from contextlib import suppress
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, requires
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmark.plugins.interface import made_for_another
from benchmark.plugins.plugin import Kind, Plugin

LEADING: dict[Kind, list[str]] = {"algorithm": ["run"], "task": [], "experiment": ["study"]}
"""What the function of a plug-in is handed, before its options."""


def parsed(file: Path) -> ast.Module | str:
    """The syntax tree of a file, or why there is none."""
    try:
        return ast.parse(file.read_text(encoding="utf-8"))
    except (SyntaxError, ValueError, OSError) as error:  # ValueError: not UTF-8, or a null byte
        return f"{type(error).__name__}: {error}"


def defined_by(node: ast.stmt, kind: Kind) -> str:
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


def described(plugin: Plugin, tree: ast.Module) -> Plugin:
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
