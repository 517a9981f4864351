"""Reads from the source of a plug-in's module what it imports and defines. Nothing is imported."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, NamedTuple

from benchmark.plugins.interface import CONSTANT


class Definition(NamedTuple):
    """A function of a module, or a value that a call makes.

    Args:
        makers: the last names of its decorators, or of the call: `algorithm`, of `@benchmark.algorithm(...)`.
        takes: the number of its arguments before the options; None if it is not a function.
        summary: the first line of its docstring.
        options: the names of its keyword-only arguments.
        defaults: the defaults of its options that are literals.
        absent: what the absence of its options means, for those whose annotation has `Absent(...)`.
        depends: the options among these for which this depends on the network: `Absent(..., matters=...)`.
        family: what its decorator says, `@algorithm(family="before training")`.
        follows: of options that are made of another one's value, its name and the form: `Follows(..., ...)`.
    """

    name: str
    makers: list[str]
    takes: int | None
    summary: str
    options: list[str]
    defaults: dict[str, Any]
    absent: dict[str, Any]
    depends: list[str]
    family: str
    follows: dict[str, list[str]]


class Source(NamedTuple):
    """What a module's source says.

    Args:
        summary: the first line of its docstring.
        interface: the version of the interface that it declares, as it writes it; empty if it declares none.
        imports: the packages that it imports at top level, in order.
        definitions: its functions, and values that calls make, in order.
    """

    summary: str
    interface: str
    imports: list[str]
    definitions: list[Definition]


def read(content: bytes) -> Source | str:
    """What the source in these bytes says, or why it cannot be read."""
    try:
        tree = ast.parse(content.decode())
    except SyntaxError as error:
        return f"SyntaxError in line {error.lineno}: {error.msg}" if error.lineno else f"SyntaxError: {error.msg}"
    except ValueError as error:  # not UTF-8, or a null byte
        return f"{type(error).__name__}: {error}"
    defined = [definition for node in tree.body for definition in _defined(node)]
    return Source(_summary(tree), _interface(tree), list(dict.fromkeys(_imported(tree))), defined)


def _summary(node: ast.Module | ast.FunctionDef) -> str:
    return (ast.get_docstring(node) or "").partition("\n")[0]


def _interface(tree: ast.Module) -> str:
    for node in tree.body:
        if isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == [CONSTANT]:
            return ast.unparse(node.value)
    return ""


def _imported(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [node.module]
        yield from (name.partition(".")[0] for name in names)


def _defined(node: ast.stmt) -> Iterator[Definition]:
    if isinstance(node, ast.FunctionDef):
        yield _function(node)
    elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
        yield Definition(ast.unparse(node.targets[0]), [_callee(node.value)], None, "", [], {}, {}, [], "", {})


def _function(function: ast.FunctionDef) -> Definition:
    absent, depends = _absent(function)
    return Definition(
        function.name,
        [_callee(decorator) for decorator in function.decorator_list],
        len(function.args.args),
        _summary(function),
        [parameter.arg for parameter in function.args.kwonlyargs],
        _defaults(function),
        absent,
        depends,
        _family(function),
        _follows(function),
    )


def _callee(expression: ast.expr) -> str:
    """`algorithm`, of `algorithm`, `algorithm(...)` and `benchmark.algorithm(...)`."""
    function = expression.func if isinstance(expression, ast.Call) else expression
    return ast.unparse(function).rpartition(".")[2]


def _family(function: ast.FunctionDef) -> str:
    calls = [decorator for decorator in function.decorator_list if isinstance(decorator, ast.Call)]
    given = [word.value for call in calls for word in call.keywords if word.arg == "family"]
    return given[0].value if given and isinstance(given[0], ast.Constant) and isinstance(given[0].value, str) else ""


def _defaults(function: ast.FunctionDef) -> dict[str, Any]:
    defaults = {}
    for parameter, default in zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True):
        if default is not None:
            with suppress(ValueError):
                defaults[parameter.arg] = ast.literal_eval(default)
    return defaults


def _absent(function: ast.FunctionDef) -> tuple[dict[str, Any], list[str]]:
    absent, depends = {}, []
    for name, call in _in_annotations(function, "Absent"):
        if call.args:
            with suppress(ValueError):
                absent[name] = ast.literal_eval(call.args[0])
                depends += [name] if call.keywords or len(call.args) > 1 else []
    return absent, depends


def _follows(function: ast.FunctionDef) -> dict[str, list[str]]:
    follows = {}
    for name, call in _in_annotations(function, "Follows"):
        with suppress(ValueError):
            follows[name] = [str(ast.literal_eval(given)) for given in call.args]
    return {name: given for name, given in follows.items() if len(given) == 2}


def _in_annotations(function: ast.FunctionDef, callee: str) -> Iterator[tuple[str, ast.Call]]:
    """The calls of a function in the annotations of options, with the names of these."""
    for parameter in function.args.kwonlyargs:
        for node in ast.walk(parameter.annotation) if parameter.annotation else ():
            if isinstance(node, ast.Call) and _callee(node) == callee:
                yield parameter.arg, node
