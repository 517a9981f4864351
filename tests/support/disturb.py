"""Sweeps whose processes are killed at random moments, and what they must have left when they are done."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from benchmark.results.store import Store
from tests.support.command import BENCH, bench_process
from tests.support.said import said

Driver = subprocess.Popen[bytes]

Contents = dict[str, dict[str, Any]]
"""What the records of a results folder say, by key."""

RARELY = {"driver": 0.1, "server": 0.1, "referee": 0.3, "tracker": 0.1}
"""How likely a process is the one that is killed, beside a worker: without them, a sweep begins again and again."""


def descendants(pid: int) -> list[int]:
    """A process, those that it has started, and those that these have started."""
    parents: dict[int, list[int]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, ValueError):
            state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
            if state != "Z":
                parents.setdefault(int(parent), []).append(int(folder.name))
    found = [pid]
    for one in found:
        found += parents.get(one, [])
    return found


def kind(pid: int, driver: int) -> str:
    """What a process of a sweep is: driver, tracker, server, worker or referee; empty if it has ended."""
    try:
        called = Path(f"/proc/{pid}/cmdline").read_bytes()
        parent, _, session = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1:4]
    except OSError:
        return ""
    if pid == driver:
        return "driver"
    if b"resource_tracker" in called:
        return "tracker"
    if int(parent) == driver:
        return "server"
    return "worker" if int(session) == pid else "referee"


def kill_one(drivers: Sequence[Driver], draw: random.Random) -> str:
    """Kill a process of one of these sweeps. Returns what it was; empty if it was gone."""
    driver = draw.choice(drivers).pid
    found = {pid: name for pid in descendants(driver) if (name := kind(pid, driver))}
    weights = [RARELY.get(name, 1.0) for name in found.values()]
    nobody = max(0.0, 1.0 - sum(weights))  # while a driver begins, there are no workers
    [chosen] = draw.choices([*found, 0], [*weights, nobody])
    if not chosen:
        return ""
    try:
        os.kill(chosen, signal.SIGKILL)
    except ProcessLookupError:
        return ""
    return found[chosen]


def wait_until(happens: Callable[[], Any], what: str) -> None:
    """Look again and again, for as long as a slow machine may need."""
    deadline = time.monotonic() + 120
    while not happens():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def kill_all(driver: subprocess.Popen[Any]) -> None:
    """Kill a sweep with all its processes."""
    for pid in reversed(descendants(driver.pid)):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


@contextmanager
def driving(words: Sequence[str | Path], count: int) -> Iterator[list[Driver]]:
    """So many drivers of one sweep; none is left afterwards."""
    drivers = [driver(words) for _ in range(count)]
    try:
        yield drivers
    finally:
        for one in drivers:
            kill_all(one)
            one.wait()


def driver(words: Sequence[str | Path]) -> Driver:
    return subprocess.Popen([BENCH, *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def disturb(words: Sequence[str | Path], kills: int, draw: random.Random, count: int = 1) -> Counter[str]:
    """Run a sweep, and kill one of its processes from time to time; then run it to its end.

    Args:
        words: of the command, with `--results`.
        kills: at most; fewer if the sweep is done before.
        count: drivers that share it. One that has ended before the sweep is done is started again.

    Returns:
        How many processes of each kind were killed.
    """
    killed: Counter[str] = Counter()
    with driving(words, count) as drivers:
        while killed.total() < kills and not all(one.poll() == 0 for one in drivers):
            time.sleep(draw.uniform(0.02, 0.3))
            drivers[:] = [driver(words) if one.poll() else one for one in drivers]
            if running := [one for one in drivers if one.poll() is None]:
                killed.update(filter(None, [kill_one(running, draw)]))
    finish(words)
    return killed


def finish(words: Sequence[str | Path]) -> None:
    """Run a sweep to its end. A cell whose worker was killed twice has no record, and is tried again."""
    for _ in range(3):
        ended = bench_process(*words)
    assert ended.code == 0, ended.err
    assert ", 0 to run" in ended.err.splitlines()[0]


def contents(results: Path) -> Contents:
    """What all records say, by key. Every file of the folder is a whole record."""
    store = Store(results)
    records = {record.key: said(record) for record in store}
    assert store.problems == []
    assert len(records) == len([*(results / "records").rglob("*.json")])
    return records
