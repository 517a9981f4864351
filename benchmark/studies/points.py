"""Points: memoised results of exact computations; a point is to its results what a cell is to its record."""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
import rfc8785

from benchmark.errors import one_line
from benchmark.files import write
from benchmark.random_streams import stream_seed

if TYPE_CHECKING:
    from benchmark.studies.trained import Trained

Value = float | int | bool | str

Given: TypeAlias = "Value | Trained"
"""What a function may be given; in the key, a network is represented by its digest."""

Function = Callable[..., Mapping[str, Value]]

BLOCK = 1.0
"""About how many seconds a worker draws before it hands over its results."""


@dataclass(frozen=True)
class Point:
    """What is computed: a function of an experiment at values of its parameters, drawn again and again.

    Args:
        function: its module and name; the module's `VERSION`, raised when the meaning of its functions changes, is part
            of the key.
    """

    experiment: str
    module: str
    function: str
    version: int
    values: tuple[tuple[str, Given], ...]

    @cached_property
    def key(self) -> str:
        """The SHA-256 of the RFC 8785 JSON of what is computed."""
        asked: Any = [self.experiment, self.function, self.plain, self.version]
        return hashlib.sha256(rfc8785.dumps(asked)).hexdigest()

    @property
    def plain(self) -> dict[str, Value]:
        """Its values as JSON has them, with the digest of a network in its place."""
        return {name: value if isinstance(value, Value) else str(value) for name, value in self.values}

    @property
    def networks(self) -> list[Trained]:
        """The trained networks among its values."""
        return [value for _, value in self.values if not isinstance(value, Value)]

    def __str__(self) -> str:
        return f"{self.function}({', '.join(f'{name}={value}' for name, value in self.plain.items())})"


def point(experiment: str, function: Function, values: Mapping[str, Given]) -> Point:
    """The point of a module-level function at these values.

    Raises:
        TypeError: another process could not find the function by its name, or a value is of another type.
    """
    if "." in function.__qualname__ or "<" in function.__qualname__:
        raise TypeError(
            f"each() takes a function of a module, which workers find by its name, not {function.__qualname__}"
        )
    for name, value in values.items():
        if not isinstance(value, Value) and not hasattr(value, "digest"):
            raise TypeError(
                f"'{name}' of a point is a {type(value).__name__}, not a number, a string or a trained network"
            )
    version = int(function.__globals__.get("VERSION", 1))
    return Point(experiment, function.__module__, function.__name__, version, tuple(sorted(values.items())))


@dataclass
class Drawn:
    """The results of a point so far: a row for every draw from the first on, or the error that ended it."""

    rows: list[dict[str, Value]]
    seconds: float = 0.0
    error: str = ""

    def to_bytes(self, point: Point) -> bytes:
        """As JSON, in columns."""
        columns = {name: [row[name] for row in self.rows] for name in (self.rows[0] if self.rows else {})}
        asked = {"experiment": point.experiment, "function": point.function, "version": point.version}
        told = {"schema": 1, **asked, "values": point.plain, "columns": columns}
        told |= {"seconds": self.seconds, "versions": {"numpy": np.__version__}}
        return json.dumps(told | ({"error": self.error} if self.error else {}), indent=None).encode() + b"\n"

    @classmethod
    def of(cls, content: bytes) -> Drawn:
        """Raises ValueError where it is not what `to_bytes` writes."""
        told = json.loads(content)
        if not isinstance(told, dict) or told.get("schema") != 1 or not isinstance(told.get("columns"), dict):
            raise ValueError("not a point")
        columns = told["columns"]
        if len({len(column) for column in columns.values()}) > 1:
            raise ValueError("columns of different lengths")
        rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
        return cls(rows, float(told["seconds"]), str(told.get("error", "")))


class Points:
    """The points of a results folder: `points/<experiment>/<key>.json`.

    Args:
        rerun: which points are drawn again: only those with too few draws, also those that failed, or all, once.
    """

    def __init__(self, root: Path, rerun: Literal["missing", "failed", "all"] = "missing") -> None:
        self.root = root / "points"
        self.rerun = rerun
        self.problems: list[str] = []
        self._drawn_here: set[str] = set()

    def path(self, point: Point) -> Path:
        """The path of a point's file, whether it exists or not."""
        return self.root / point.experiment / f"{point.key}.json"

    def get(self, point: Point) -> Drawn:
        """The results of a point so far; none if its file is absent. A damaged file is reported, and computed again."""
        if self.rerun == "all" and point.key not in self._drawn_here:
            return Drawn([])
        try:
            drawn = Drawn.of(self.path(point).read_bytes())
            again = drawn.error and self.rerun == "failed" and point.key not in self._drawn_here
            return Drawn([]) if again else drawn
        except FileNotFoundError:
            return Drawn([])
        except (OSError, ValueError, KeyError, TypeError) as error:
            self.problems.append(f"{self.path(point)}: {one_line(error)}; it is computed again")
            return Drawn([])

    def put(self, point: Point, drawn: Drawn) -> None:
        """Write the results of a point, whole or not at all."""
        write(drawn.to_bytes(point), self.path(point))
        self._drawn_here.add(point.key)


def draw(point: Point, first: int, last: int, seconds: float = math.inf) -> Drawn:
    """Draw a point from `first` up to but excluding `last`, or for about the given number of seconds.

    Draw i has its own random stream, so that it is the same however many draws are asked for.
    """
    rows, begun = list[dict[str, Value]](), time.perf_counter()
    for number in range(first, last):
        try:
            rows.append(_one_draw(point, number))
        except Exception as error:  # costs this point, no other
            return Drawn(rows, time.perf_counter() - begun, f"draw {number}: {type(error).__name__}: {one_line(error)}")
        if time.perf_counter() - begun > seconds:
            break
    return Drawn(rows, time.perf_counter() - begun)


def _one_draw(point: Point, number: int) -> dict[str, Value]:
    function = getattr(import_module(point.module), point.function)
    seed = stream_seed(0, point.function, rfc8785.dumps(point.plain).decode())
    if point.networks:  # whose last bits depend on the number of threads
        from benchmark.harness.question import one_thread  # which needs torch
    with one_thread() if point.networks else nullcontext():
        told = function(np.random.default_rng([seed, number]), **dict(point.values))
    return {name: _plain(value) for name, value in told.items()}


def _plain(value: Any) -> Value:
    """The value as JSON has it. Raises TypeError for anything but a number, a boolean or a string."""
    plain = value.item() if isinstance(value, np.generic) else value
    if not isinstance(plain, bool | int | float | str):
        raise TypeError(f"a point holds numbers, booleans and strings, not {type(value).__name__}")
    return plain


def completed(points: Points, asked: Sequence[Point], draws: int, jobs: int) -> Iterator[tuple[Point, Drawn]]:
    """Yield every point with at least this many draws, or with its error; what is missing is drawn and written.

    Args:
        jobs: the number of processes; 0 draws in this one.
    """
    known = {point: points.get(point) for point in asked}
    missing = [point for point, drawn in known.items() if _lacks(drawn, draws)]
    yield from ((point, drawn) for point, drawn in known.items() if not _lacks(drawn, draws))
    extend = _in_processes if jobs else _here
    for point, more in extend({point: len(known[point].rows) for point in missing}, draws, jobs):
        whole = Drawn([*known[point].rows, *more.rows], known[point].seconds + more.seconds, more.error)
        points.put(point, whole)
        yield point, whole


def missing(points: Points, asked: Sequence[Point], draws: int) -> list[Point]:
    """The points that have to be drawn."""
    return [point for point in asked if _lacks(points.get(point), draws)]


def _lacks(drawn: Drawn, draws: int) -> bool:
    return len(drawn.rows) < draws and not drawn.error


def _here(begun: Mapping[Point, int], draws: int, jobs: int) -> Iterator[tuple[Point, Drawn]]:
    for point, first in begun.items():
        yield point, draw(point, first, draws)


def _in_processes(begun: Mapping[Point, int], draws: int, jobs: int) -> Iterator[tuple[Point, Drawn]]:
    """Draw in blocks of about a second, so that no worker waits for another's long point."""
    gathered = {point: Drawn([]) for point in begun}
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:

        def block(point: Point) -> Future[Drawn]:
            return pool.submit(draw, point, begun[point] + len(gathered[point].rows), draws, BLOCK)

        running = {block(point): point for point in begun}
        try:
            while running:
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    point, some = running.pop(future), future.result()
                    so_far = gathered[point]
                    so_far.rows += some.rows
                    so_far.seconds, so_far.error = so_far.seconds + some.seconds, some.error
                    if some.error or begun[point] + len(so_far.rows) >= draws:
                        yield point, gathered.pop(point)
                    else:
                        running[block(point)] = point
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise
