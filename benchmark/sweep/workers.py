"""Runs cells in worker processes of one thread each, so that a crash costs one cell and not the sweep.

Workers are forked from a server that has imported everything. Only the parent process writes records, so that an
interrupted sweep leaves no partial ones.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from typing import Any

import torch

from benchmark.harness.answer import answer
from benchmark.harness.question import Question, Settings, one_thread, question
from benchmark.harness.report import arrays
from benchmark.records.cell import Cell
from benchmark.records.mask_files import pack
from benchmark.records.record import Record, failure
from benchmark.records.store import Store
from benchmark.sweep import fork_server
from benchmark.sweep.interrupts import recorded
from benchmark.training.step import Tick


@dataclass
class Started:
    """A cell that a worker is running.

    Args:
        since: when it was started, by `time.monotonic`.
        steps: the training steps that the worker last reported.
        attempt: 2 if an earlier worker for this cell was killed.
    """

    question: Question
    process: ForkServerProcess
    connection: Connection
    since: float
    steps: int = 0
    attempt: int = 1


@dataclass(frozen=True)
class Lost:
    """A cell without an answer, because its worker was killed by a signal.

    Args:
        record: says so. It is not an answer, and is not stored.
    """

    record: Record


LONGEST_LOG = 10_000_000
"""Bytes of a log that are kept."""

Progress = Callable[[Sequence[Started]], None]
"""Called several times a second with the cells that are running."""

Answered = tuple[Record, bytes | None]
"""A record, and the packed masks of its network; None for a record of a failure."""

Done = Callable[[Record, bytes | None], None]
"""Called with every `Answered`."""


def run_inline(cells: Sequence[Cell], settings: Settings, done: Done) -> None:
    """Answer the cells one after the other in this process, for debugging; in one thread, as workers do."""
    with one_thread(), _sharing(settings) as common, recorded() as interrupted:
        for cell in cells:
            if interrupted():
                raise KeyboardInterrupt
            done(*_answer(cell, common))


def run_in_processes(
    cells: Sequence[Cell],
    settings: Settings,
    store: Store,
    jobs: int,
    done: Done,
    lost: Callable[[Record], None],
    progress: Progress = lambda running: None,
) -> None:
    """Answer the cells in up to `jobs` worker processes, and call `done` with each record and its masks.

    A cell whose worker is killed by a signal is started once more. If that worker is killed too, `lost` is called.
    An exception or an interrupt ends the workers. Records that `done` has been called with are not affected.
    """
    context = fork_server.start([])
    waiting, running = list(cells), list[Started]()
    with _sharing(settings) as common, recorded() as interrupted:
        try:
            while waiting or running:
                if interrupted():
                    raise KeyboardInterrupt
                while waiting and len(running) < jobs:
                    running.append(_start(context, _next(waiting, running), common, store))
                wait([started.connection for started in running], timeout=0.2)
                for started in list(running):
                    ended = _ended(started, settings)
                    if ended is None:
                        continue
                    running.remove(started)
                    cell = started.question.cell
                    _shorten(store.log(cell))
                    if not isinstance(ended, Lost):
                        done(*ended)
                    elif started.attempt == 1:
                        running.append(_start(context, cell, common, store, attempt=2))
                    else:
                        lost(ended.record)
                progress(running)
        finally:
            for started in running:
                started.process.terminate()
            for started in running:
                _end(started.process)


@contextmanager
def _sharing(settings: Settings) -> Iterator[Settings]:
    """Yield the settings with a folder for shared trainings, and delete the folder at the end.

    Folders of sweeps that were killed before their end are deleted here, too.
    """
    for left in Path(gettempdir()).glob("prunebench-*-*"):
        _, owner, _ = left.name.split("-", 2)
        if owner.isdigit() and not Path("/proc", owner).exists():
            shutil.rmtree(left, ignore_errors=True)
    with TemporaryDirectory(prefix=f"prunebench-{os.getpid()}-", ignore_cleanup_errors=True) as folder:
        yield replace(settings, shared=Path(folder))


def _next(waiting: list[Cell], running: Sequence[Started]) -> Cell:
    """Remove and return the cell to start next: if possible one that shares no training with a running cell.

    A cell that shares a training with a running one would have to wait for it.
    """
    busy = {_training_of(started.question.cell) for started in running}
    return waiting.pop(next((place for place, cell in enumerate(waiting) if _training_of(cell) not in busy), 0))


def _training_of(cell: Cell) -> tuple[object, ...]:
    """Equal for cells that may share trainings: those that differ in the target or the control only."""
    return cell.algorithm, str(cell.method_options), cell.setting, cell.model, cell.budget, cell.seed


def _start(context: Any, cell: Cell, settings: Settings, store: Store, attempt: int = 1) -> Started:
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(cell, settings, store.log(cell), sender), daemon=True)
    process.start()
    sender.close()
    return Started(question(cell, settings), process, receiver, time.monotonic(), attempt=attempt)


def _answer(cell: Cell, settings: Settings, tick: Tick = lambda steps: None) -> Answered:
    packed: list[bytes] = []
    record = answer(question(cell, settings), tick, lambda model, state: packed.append(pack(arrays(state.masks))))
    return record, packed[0] if packed else None


def _ended(started: Started, settings: Settings) -> Answered | Lost | None:
    """The answer of a worker that has finished, crashed or run out of time; None while it is running."""
    cell, ranking = started.question.cell, started.question.ranking
    try:
        while started.connection.poll():
            message = started.connection.recv()
            if isinstance(message, tuple):
                started.process.join()
                return message
            started.steps = message
    except (EOFError, OSError):
        started.process.join()
        code = started.process.exitcode or 0
        record = failure(cell, ranking, "failed", _crash_message(code))
        return (record, None) if code >= 0 else Lost(record)
    if settings.timeout and time.monotonic() - started.since > settings.timeout:
        _end(started.process)
        error = f"stopped after {settings.timeout:g} seconds; --timeout with --rerun failed allows more"
        return failure(cell, ranking, "timeout", error), None
    return None


def _end(process: ForkServerProcess) -> None:
    """Terminate a worker, and kill it if it is still alive after 5 seconds."""
    process.terminate()
    process.join(timeout=5)
    if process.is_alive():
        process.kill()
        process.join()


def _crash_message(code: int) -> str:
    """The error of a worker that ended without an answer, from its exit code."""
    if code >= 0:
        return f"the worker ended with exit code {code} before it had an answer"
    name = signal.Signals(-code).name
    hint = "; most likely out of memory: try fewer --jobs" if name == "SIGKILL" else ""
    return f"the worker was killed by {name}, twice{hint}; the same command tries it again"


def _shorten(log: Path) -> None:
    """Cut what is over LONGEST_LOG bytes off a log, and say so at its end."""
    with suppress(OSError):  # a quiet run has none
        excess = log.stat().st_size - LONGEST_LOG
        if excess > 0:
            os.truncate(log, LONGEST_LOG)
            with log.open("a") as file:
                file.write(f"\n[{excess:,} more bytes were cut off]\n")


def _work(cell: Cell, settings: Settings, log: Path, connection: Connection) -> None:
    """Answer a cell in a worker process, with its output going to the log."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent handles interrupts
    torch.set_num_threads(1)
    last = time.monotonic()

    def tick(steps: int) -> None:
        nonlocal last
        if (now := time.monotonic()) - last > 0.2:
            last = now
            try:
                connection.send(steps)
            except OSError:  # the parent is gone
                os._exit(1)

    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as file:
        os.dup2(file.fileno(), sys.stdout.fileno())
        os.dup2(file.fileno(), sys.stderr.fileno())
        answered = _answer(cell, settings, tick)
        sys.stdout.flush()
        sys.stderr.flush()
    connection.send(answered)
    with suppress(OSError):  # another sweep may be running the same cell, with the same log
        if log.stat().st_size == 0:
            log.unlink()
