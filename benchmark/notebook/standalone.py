"""The pruner or task that a notebook or a script defines, written to a file that stands alone."""

from __future__ import annotations

import ast
import builtins
import inspect
import symtable
import textwrap
from collections.abc import Iterator
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from benchmark.errors import UsageError
from benchmark.files import write
from benchmark.plugins.algorithm import Algorithm
from benchmark.plugins.task import Family

HEAD = "# As it stood when evaluate(...) was called, with all that it uses of the place that defines it.\n"

Defined = Algorithm | Family
"""What the decorators turn a user's function into."""


def put(one: Defined, folder: Path) -> Path:
    """Write a pruner or task to a file of its name, which `bench run --algo FILE` or `--task FILE` accepts, too.

    Raises:
        UsageError: the file cannot be written, or needs something that cannot be written to a file.
    """
    file = folder / f"{one.function.__name__}.py"
    content = standalone(one).encode()
    try:
        if not file.is_file() or file.read_bytes() != content:
            folder.mkdir(parents=True, exist_ok=True)
            write(content, file)
    except OSError as error:
        raise UsageError(f"{file} cannot be written: {error.strerror}") from None
    return file


def standalone(one: Defined) -> str:
    """The source of a pruner or task: of its function, and of all that it uses from the place where it is defined.

    What was imported there is imported; plain values, such as numbers, strings and lists of these, are written out.

    Raises:
        UsageError: it has no source, or it uses a value that cannot be written as source.
    """
    pieces = _Pieces(one)
    pieces.define(one.function)
    blocks = [pieces.imports(), "\n".join(pieces.values), *(f"\n{source}" for source in pieces.definitions)]
    return f"{HEAD}\nfrom __future__ import annotations\n\n" + "\n\n".join(filter(None, blocks)) + "\n"


class _Pieces:
    """The imports, values and definitions of a file, in the order in which they are needed."""

    def __init__(self, whole: Defined) -> None:
        self.modules: set[str] = set()
        self.names: dict[str, set[str]] = {}
        self.values: list[str] = []
        self.definitions: list[str] = []
        self._name, self._home = whole.name, whole.function.__module__
        self._globals = whole.function.__globals__
        self._known = {whole.function.__name__}

    def imports(self) -> str:
        """The lines that import."""
        of_names = (f"from {module} import {', '.join(sorted(names))}" for module, names in self.names.items())
        return "\n".join([*sorted(self.modules), *sorted(of_names)])

    def define(self, one: Any) -> None:
        """Add the source of a function or class, after that of what it uses."""
        if inspect.isfunction(one) and one.__closure__:
            raise UsageError(f"{self._name}: {one.__name__} uses variables of a function around it; define it outside")
        if (source := _source(one)) is None:
            raise UsageError(f"{self._name}: there is no source of {one.__name__}; write it to a file")
        for name in sorted(_free(source) - self._known):
            self._add(name)
        self.definitions.append(source)

    def _add(self, name: str) -> None:
        self._known.add(name)
        if name not in self._globals:
            if not hasattr(builtins, name):
                raise UsageError(f"{self._name} uses '{name}', which is defined nowhere")
            return
        value = self._globals[name]
        if isinstance(value, ModuleType):
            self.modules.add(f"import {value.__name__} as {name}" if value.__name__ != name else f"import {name}")
        elif _is_plain(value):
            self.values.append(f"{name} = {value!r}")
        elif found := self._home_of(name, value):
            module, own = found
            self.names.setdefault(module, set()).add(name if own == name else f"{own} as {name}")
        elif inspect.isfunction(value) or inspect.isclass(value):
            if value.__name__ != name:
                raise UsageError(f"{self._name} calls {value.__name__} '{name}'; use its own name")
            self.define(value)
        else:
            kind = type(value).__name__
            takes = "modules, functions, classes, numbers, texts, and lists of them"
            raise UsageError(f"{self._name} uses '{name}', a value of type {kind}; it may use {takes}")

    def _home_of(self, name: str, value: Any) -> tuple[str, str] | None:
        """The module that a value is imported from, and its name there; None if it is defined where the pruner is."""
        face = import_module("benchmark")
        if name in face.__all__ and getattr(face, name) is value:
            return "benchmark", name
        module, own = getattr(value, "__module__", None), getattr(value, "__qualname__", "")
        if module in (None, "__main__", self._home) or getattr(import_module(str(module)), own, None) is not value:
            return None
        return str(module), own


def _is_plain(value: Any) -> bool:
    """Whether what `repr` gives is the source of a value."""
    try:
        return bool(ast.literal_eval(repr(value)) == value)
    except (ValueError, SyntaxError):
        return False


def _source(one: Any) -> str | None:
    """The source of a function or class; None if there is none, or if Python finds that of something else.

    Python 3.13 mistakes a function made by `exec` for one in the `python -c` that runs it.
    """
    with suppress(OSError, TypeError, SyntaxError):
        source = textwrap.dedent(inspect.getsource(one)).rstrip()
        if [getattr(statement, "name", None) for statement in ast.parse(source).body] == [one.__name__]:
            return source
    return None


def _free(source: str) -> set[str]:
    """The names that a definition takes from its module, according to Python's own symbol table."""
    return {
        symbol.get_name()
        for scope in _scopes(symtable.symtable(source, "plugin", "exec"))
        for symbol in scope.get_symbols()
        if symbol.is_referenced() and (symbol.is_global() if scope.get_type() != "module" else not symbol.is_assigned())
    }


def _scopes(table: symtable.SymbolTable) -> Iterator[symtable.SymbolTable]:
    yield table
    for inner in table.get_children():
        yield from _scopes(inner)
