"""What outside algorithms declare, for the leading process of a sweep, which imports none of their code.

Imported code can do what it likes. So the algorithms of each outside distribution are imported in a separate process,
which can write only in its own folder, and answers in JSON.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.connection import wait
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import numpy as np
from pydantic import BaseModel, JsonValue, TypeAdapter, ValidationError

from benchmark.errors import BenchError, PluginError, UsageError
from benchmark.graphs.edges import Graph
from benchmark.harness.network import Sketched
from benchmark.harness.question import Unloaded
from benchmark.plugins import catalog, registry
from benchmark.plugins.algorithm import Algorithm, EditLimit
from benchmark.results.spelling import unusual
from benchmark.sweep import fork_server
from benchmark.sweep.channel import Garbled, Message
from benchmark.sweep.declaring import serve
from benchmark.sweep.folder import sweep_folder

PATIENCE = 60.0
"""Seconds within which a plug-in has to be imported, or to answer."""

LONGEST_ERROR = 2000
"""Characters of a plug-in's error that are shown."""

Values = dict[str, JsonValue]


class _Declared(BaseModel, strict=True):
    """What is declared about an algorithm (`Algorithm`), in the form in which it is sent."""

    prunes: list[Literal["weights", "edges"]]
    needs: list[Literal["weights", "edges", "streams"]]
    edges: str
    keys: list[str]
    absent: Values
    defaults: Values
    limited: bool


@dataclass(frozen=True)
class Apart(Unloaded):
    """An outside algorithm, which another process has imported. That process resolves its options.

    Args:
        edges, edit_limit: as in `Algorithm`.
        defaults: the defaults of its options.
        ask: asks the process about this algorithm.
    """

    edges: str = ""
    edit_limit: EditLimit | None = None
    defaults: Mapping[str, Any] = field(default_factory=dict)
    ask: Callable[..., Any] = dict

    def resolve(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Like `Algorithm.resolve`."""
        return _values(self.ask(resolve=dict(given)))

    def written(self, values: Mapping[str, Any], network: Sketched) -> dict[str, Any]:
        """Like `Algorithm.written`."""
        return _values(self.ask(written=dict(values), network=network.described))

    def unusual(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Like `Algorithm.unusual`."""
        return unusual(options, self.defaults)


Declared = Algorithm | Apart


class Declarations:
    """Algorithms by name: built-in ones as they are, outside ones as what they declare, until it is closed."""

    def __init__(self) -> None:
        self._open = ExitStack()
        self._processes: dict[str, _Process] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """End the processes. What was declared stays known; nothing can be resolved any more."""
        self._open.close()

    def algorithm(self, name: str) -> Declared:
        """An algorithm, or a chain.

        Raises:
            UsageError: an unknown name.
            PluginError: it cannot be used.
        """
        plugins = [catalog.find("algorithm", part) for part in name.split("+")]
        if all(plugin.distribution == catalog.BUILT_IN for plugin in plugins):
            return registry.algorithm(name)
        for plugin in plugins:
            if plugin.problem:
                raise plugin.error(plugin.problem)
        return self._process(catalog.origin("algorithm", name)).declared(name)

    def _process(self, origin: str) -> _Process:
        if origin not in self._processes:
            folder = self._open.enter_context(sweep_folder())
            self._processes[origin] = _Process(origin, folder)
            self._open.callback(self._processes[origin].end)
        return self._processes[origin]


class _Process:
    """A process that imports algorithms, as the leading process sees it.

    Args:
        origin: the distributions of the algorithms.
        folder: the process can write in a folder inside it.
    """

    def __init__(self, origin: str, folder: Path) -> None:
        self._origin, self._folder = origin, folder
        own = folder / "own"
        own.mkdir()
        self._process, self._channel = fork_server.forked(serve, own)

    def declared(self, name: str) -> Apart:
        """What an algorithm declares. Raises PluginError if it cannot be used, UsageError for an invalid chain."""
        ask = partial(self._ask, name)
        try:
            told = _Declared.model_validate(ask(declare=True))
        except ValidationError:
            raise self._error(name, "it declares something that an algorithm cannot") from None
        return Apart(
            name,
            frozenset(told.prunes),
            frozenset(told.needs),
            told.absent,
            frozenset(told.keys),
            edges=told.edges,
            edit_limit=partial(self._edit_limit, name) if told.limited else None,
            defaults=told.defaults,
            ask=ask,
        )

    def end(self) -> None:
        """End the process, with all that it has started."""
        fork_server.end(self._process, self._channel)

    def _edit_limit(self, name: str, options: Mapping[str, Any], graph: Graph) -> int | None:
        np.save(self._folder / "ends.npy", graph.ends)  # not in the folder of the process, which may hold links
        asked = self._ask(name, limit=dict(options), nodes=graph.nodes, ends=str(self._folder / "ends.npy"))
        return asked if isinstance(asked, int) else None

    def _ask(self, name: str, **message: Any) -> Any:
        """The answer to a message about an algorithm. Raises UsageError or PluginError, as its process says."""
        try:
            self._channel.send(algorithm=name, **message)
            answer = self._received()
        except TimeoutError:
            raise self._error(name, f"it has not answered for {PATIENCE:g} seconds") from None
        except EOFError:
            raise self._error(name, "it ended the process that has imported it") from None
        except Garbled:
            raise self._error(name, "its process sent something that is not a message") from None
        if "error" in answer:
            kind = UsageError if answer.get("usage") is True else PluginError
            raise kind(_shown(str(answer["error"])))
        return answer.get("answer")

    def _received(self) -> Message:
        end = time.monotonic() + PATIENCE
        while (left := end - time.monotonic()) > 0:
            wait([self._channel.connection], timeout=left)
            for message in self._channel.poll():
                return message
        raise TimeoutError

    def _error(self, name: str, reason: str) -> BenchError:
        return PluginError(f"algorithm '{name}' of {self._origin} cannot be used: {reason}")


def declaration(name: str) -> Unloaded:
    """What an algorithm declares. Raises as `Declarations.algorithm` does."""
    with Declarations() as declarations:
        return Unloaded.of(declarations.algorithm(name))


def _values(answer: object) -> dict[str, Any]:
    """Options with their values. Raises PluginError if the answer is something else."""
    try:
        return TypeAdapter(Values).validate_python(answer, strict=True)
    except ValidationError:
        raise PluginError("the options of an algorithm cannot be written to a record") from None


def _shown(text: str) -> str:
    """The text of an error, on one line and without control characters."""
    return "".join(letter for letter in " ".join(text.split()) if letter.isprintable())[:LONGEST_ERROR]
