"""Runs cells in worker processes of one thread each, forked warm from a server: one crash costs one cell.

Workers compute and the parent alone writes, so that an interrupted sweep leaves whole records and nothing else.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from tempfile import TemporaryDirectory
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
    """A cell that a worker is at."""

    question: Question
    process: ForkServerProcess
    connection: Connection
    since: float
    steps: int = 0


Progress = Callable[[Sequence[Started]], None]


Answered = tuple[Record, bytes | None]
"""A record, and the packed masks of its network where there is one."""


Done = Callable[[Record, bytes | None], None]


def run_inline(cells: Sequence[Cell], settings: Settings, done: Done) -> None:
    """Answer the cells one by one in this process, where a debugger can follow; in one thread, as workers do."""
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
    progress: Progress = lambda running: None,
) -> None:
    """Answer the cells in `jobs` workers at a time, handing each record and its masks to `done` as they come.

    Whatever ends this early, an interrupt too, ends the workers; what `done` had is kept.
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
                    if answered := _ended(started, settings):
                        running.remove(started)
                        done(*answered)
                progress(running)
        finally:
            for started in running:
                started.process.terminate()
            for started in running:
                _end(started.process)


@contextmanager
def _sharing(settings: Settings) -> Iterator[Settings]:
    """The settings with a folder for shared trainings, which is gone afterwards."""
    with TemporaryDirectory(prefix="prunebench-", ignore_cleanup_errors=True) as folder:
        yield replace(settings, shared=Path(folder))


def _next(waiting: list[Cell], running: Sequence[Started]) -> Cell:
    """The cell to start: one that trains as none that is running does, where there is one, so that it can share."""
    busy = {_kin(started.question.cell) for started in running}
    return waiting.pop(next((place for place, cell in enumerate(waiting) if _kin(cell) not in busy), 0))


def _kin(cell: Cell) -> tuple[object, ...]:
    """Cells that differ in the target alone, or in the control that follows."""
    return cell.algorithm, str(cell.method_options), cell.setting, cell.model, cell.budget, cell.seed


def _start(context: Any, cell: Cell, settings: Settings, store: Store) -> Started:
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(cell, settings, store.log(cell), theirs), daemon=True)
    process.start()
    theirs.close()
    return Started(question(cell, settings), process, ours, time.monotonic())


def _answer(cell: Cell, settings: Settings, tick: Tick = lambda steps: None) -> Answered:
    packed: list[bytes] = []
    record = answer(question(cell, settings), tick, lambda model, state: packed.append(pack(arrays(state.masks))))
    return record, packed[0] if packed else None


def _ended(started: Started, settings: Settings) -> Answered | None:
    """What a worker that is through has found, in whatever way it ended; None while it works."""
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
        return failure(cell, ranking, "failed", _last_words(started.process.exitcode or 0)), None
    if settings.timeout and time.monotonic() - started.since > settings.timeout:
        _end(started.process)
        told = f"stopped after {settings.timeout:g} seconds; --timeout with --rerun failed allows more"
        return failure(cell, ranking, "timeout", told), None
    return None


def _end(process: ForkServerProcess) -> None:
    """Ask a worker to end, and make it if it does not."""
    process.terminate()
    process.join(timeout=5)
    if process.is_alive():
        process.kill()
        process.join()


def _last_words(code: int) -> str:
    if code >= 0:
        return f"the worker ended with exit code {code} before it had an answer"
    name = signal.Signals(-code).name
    hint = "; most likely out of memory: try fewer --jobs" if name == "SIGKILL" else ""
    return f"the worker was killed by {name}{hint}"


def _work(cell: Cell, settings: Settings, log: Path, connection: Connection) -> None:
    """In the worker: answer, with whatever is printed going to the log."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupt is the parent's to handle
    torch.set_num_threads(1)
    last = time.monotonic()

    def tick(steps: int) -> None:
        nonlocal last
        if (now := time.monotonic()) - last > 0.2:
            last = now
            try:
                connection.send(steps)
            except OSError:  # nobody is left to hear the answer
                os._exit(1)

    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as file:
        os.dup2(file.fileno(), sys.stdout.fileno())
        os.dup2(file.fileno(), sys.stderr.fileno())
        answered = _answer(cell, settings, tick)
        sys.stdout.flush()
        sys.stderr.flush()
    connection.send(answered)
    with suppress(OSError):  # another sweep may be at the same cell, and at the same log
        if log.stat().st_size == 0:
            log.unlink()
