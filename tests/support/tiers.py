"""What a unit test may not do: start a process, or train. Whatever does is marked `runs`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import util
from typing import Any

import pytest

from benchmark.training.engine import Engine

FEW = 3
"""Updates that are no training yet: single steps, to look at one."""

STARTS = {"subprocess.Popen", "os.fork", "os.forkpty", "os.posix_spawn", "os.system"}
"""Audit events (PEP 578) of a process that starts; multiprocessing has a road of its own."""

DEAR = {"main_job", "example_plugin", "real_data"}
"""Fixtures that start processes or read the real data."""

_looking, _updates = False, 0


def mark(item: pytest.Item) -> None:
    """Everything is a unit test that is neither marked otherwise nor uses what is dear to make."""
    if DEAR & set(getattr(item, "fixturenames", ())):
        item.add_marker("runs")
    if not any(item.get_closest_marker(name) for name in ("runs", "slow", "gpu", "slurm")):
        item.add_marker("unit")


@contextmanager
def held_to_its_tier(item: pytest.Item) -> Iterator[None]:
    """While a unit test is made ready or runs, whatever it may not do fails."""
    global _looking, _updates
    _looking, _updates = item.get_closest_marker("unit") is not None, 0
    try:
        yield
    finally:
        _looking = False


def watch() -> None:
    """Look, from here on, at what this process starts and trains."""
    start, updates = util.spawnv_passfds, (Engine.update, Engine.updated)

    def watched_start(path: bytes, args: Sequence[Any], passfds: Sequence[int]) -> int:
        _refuse("starts a process")
        return start(path, args, passfds)

    def watched(update: Callable[..., None]) -> Callable[..., None]:
        def watched_update(*arguments: Any) -> None:
            global _updates
            _updates += 1
            if _updates > FEW:
                _refuse("trains")
            update(*arguments)

        return watched_update

    util.spawnv_passfds = watched_start
    Engine.update, Engine.updated = map(watched, updates)  # type: ignore[method-assign]
    sys.addaudithook(lambda event, _: _refuse(f"starts a process ({event})") if event in STARTS else None)


def _refuse(what: str) -> None:
    if _looking:
        pytest.fail(f"a unit test {what}: mark it `runs`")  # which no `except Exception` of ours takes for its own
