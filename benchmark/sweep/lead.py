"""Leads a sweep: starts workers, passes messages between them and the referees, and stops what takes too long.

No code of a plug-in can hold up this process: it waits for no single message, and what it receives is JSON.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

from benchmark.files import make_folder
from benchmark.harness.question import Method, Settings, Unloaded, question, why_not, with_origins
from benchmark.results.cell import Cell
from benchmark.results.record import Record, failure
from benchmark.results.store import Store
from benchmark.sweep import confinement
from benchmark.sweep.apart import declaration
from benchmark.sweep.channel import Garbled, Message
from benchmark.sweep.endings import Endings, Waited
from benchmark.sweep.folder import graphs_beside
from benchmark.sweep.fork_server import UNTOLD
from benchmark.sweep.logs import tidy
from benchmark.sweep.referees import Referees
from benchmark.sweep.started import Limits, Started, why_killed
from benchmark.sweep.work import Done
from benchmark.sweep.worker_processes import WorkerProcesses
from benchmark.training.shared_trainings import origin_folder


@dataclass
class Lead:
    """The process that leads a sweep, and the processes that it has started.

    Args:
        folder: the folder of the sweep; every worker gets a folder in it.
        done: as in `Work`.
        handover: where to keep what the last cell has handed over.
        algorithms: those whose declarations are known already, by name.
        jobs: the largest number of workers; if fewer are at work, there are more referees.

    Attributes:
        running: the cells that a worker is running, or that wait to be judged.
    """

    settings: Settings
    store: Store
    folder: Path
    done: Done
    limits: Limits
    handover: Path | None = None
    algorithms: Mapping[str, Method] = field(default_factory=dict)
    jobs: int = 1
    running: list[Started] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._workers = WorkerProcesses(self.settings, self.folder)
        self._confined = confinement.version() > 0
        self._endings = Endings[Started](self.store.endings / "ledger")
        self._referees = Referees(self.settings, self.store.root)

    @property
    def at_work(self) -> int:
        """The number of workers."""
        return sum(not started.judged for started in self.running)

    def start(self, cell: Cell, attempt: int = 1) -> None:
        """Start a worker for a cell; a cell that cannot be run gets its record at once."""
        declared = self.algorithms.get(cell.algorithm) or declaration(cell.algorithm)
        asked = with_origins(question(cell, self.settings, Unloaded.of(declared)))
        if reason := why_not(asked.algorithm, asked.task):
            self.done(self.store.keep(failure(cell, asked.ranking, "skipped", reason)))
            return
        log = self.store.log(cell)
        make_folder(log.parent, within=self.store.root)
        log.unlink(missing_ok=True)
        shared = origin_folder(self.store.endings, str((asked.where or {})["plugins"]["algorithm"]))
        used = [gpu for started in self.running if started.worker for gpu in started.worker.task.gpus]
        worker = self._workers.start(cell, Unloaded.of(declared), shared, log, used)
        self.running.append(Started(asked, worker, worker.task.folder, time.monotonic(), attempt))

    def turn(self) -> None:
        """Wait for messages for a moment, and act on those that have come."""
        self._referees.assign(max(1, self.jobs - self.at_work))
        working = [started for started in self.running if not started.judged]
        wait([*self._referees.connections, *(started.channel.connection for started in working)], timeout=0.2)
        for started in working:
            self._listen(started)
        self._listen_to_referees()

    def end(self) -> None:
        """End all processes, referees first: folders go with workers, and they read in them.

        What they have just judged is still taken.
        """
        try:
            if any(started.judged for started in self.running) and wait(self._referees.connections, timeout=3):
                self._listen_to_referees()  # which raises OSError where one cannot write
        finally:
            self._referees.end()
            for started in self.running:
                if worker := started.worker:
                    worker.end()
            self._workers.end()

    # --- workers ------------------------------------------------------------------------------------------------------

    def _listen(self, started: Started) -> None:
        try:
            for message in started.channel.poll():
                started.moved = time.monotonic()
                self._act(started, message)
                if started.judged or started not in self.running:
                    return
        except EOFError:
            self._lost(started)
        except (Garbled, KeyError, TypeError) as problem:
            self._fail(started, "failed", f"the worker sent something that is not a message: {problem}")
        else:
            if reason := started.why_stopped(self.limits, self._endings.waits(started)):
                self._fail(started, "timeout", reason)

    def _act(self, started: Started, message: Message) -> None:
        match message:
            case {"steps": int(steps)}:
                started.steps = steps
            case {"began": True}:
                started.begin()
            case {"claim": str(name)}:
                self._claimed(started, name)
            case {"made": str(name), "digest": str(digest), "steps": int() | None as steps}:
                self._wake(self._endings.made(started, (started.origin, name), digest, steps))
            case {"handed": str(digest), "edits": int(edits)} if not started.handed:
                started.hand_over(digest, edits)
                self._wake(self._endings.ended(started))
                self._to_referee(started)
            case {"edited": str(digest)} if started.handed:
                started.handed["edges"].append(digest)
                self._to_referee(started)
            case {"failed": str(error)}:
                self._fail(started, "failed", error)
            case {"worn": True}:
                self._drop(started)
                self.start(started.cell, started.attempt)
            case _:
                raise Garbled(str(message)[:200])

    def _claimed(self, started: Started, name: str) -> None:
        answer = self._endings.claim(started, (started.origin, name))
        if answer is not None:
            started.add(answer.get("seconds", 0.0))
            started.channel.send(**answer)

    def _wake(self, waited: Waited[Started]) -> None:
        """Have workers ask again whose claim may be free now."""
        for other, seconds in waited:
            other.add(-seconds)
            with suppress(EOFError):  # it has ended: it is found out when its turn comes
                other.channel.send(again=True)

    def _lost(self, started: Started) -> None:
        """A worker has ended before it handed over. One that was killed, or may have been, is started once more."""
        assert started.worker is not None
        started.worker.process.join()
        code = started.worker.process.exitcode or 0
        if code >= 0 and code != UNTOLD:
            self._fail(started, "failed", f"the worker ended with exit code {code} before it had an answer")
            return
        self._drop(started)
        if started.attempt == 1:
            self.start(started.cell, attempt=2)
        else:
            self.done(failure(started.cell, started.question.ranking, "failed", why_killed(code)))

    def _fail(self, started: Started, status: Any, error: str) -> None:
        self._drop(started)
        self.done(self.store.keep(failure(started.cell, started.question.ranking, status, error)))

    def _drop(self, started: Started) -> None:
        if worker := started.release():
            worker.end()
        self.running.remove(started)
        self._wake(self._endings.ended(started))
        shutil.rmtree(started.folder, ignore_errors=True)
        graphs_beside(started.folder).unlink(missing_ok=True)
        tidy(self.store.log(started.cell))

    # --- referees -----------------------------------------------------------------------------------------------------

    def _to_referee(self, started: Started) -> None:
        """Have a referee judge what a worker has handed over, or give it the graphs for the next edit."""
        if len(started.handed["edges"]) == started.handed["edits"] and (worker := started.release()):
            self._workers.release(worker)
        prunes, needs = started.question.algorithm.prunes, started.question.algorithm.needs
        declared = {"prunes": sorted(prunes), "needs": sorted(needs)}
        known = {"folder": str(started.folder), "confined": self._confined, "where": started.question.where}
        self._referees.ask(started, {"cell": started.cell.model_dump(), **declared, **known, **started.handed})

    def _listen_to_referees(self) -> None:
        for started, message in self._referees.answers():
            if started in self.running:  # else it was stopped meanwhile
                self._judged(started, message)

    def _judged(self, started: Started, message: Message) -> None:
        match message:
            case {"broken": str(error)}:
                raise OSError(error)
            case {"record": record}:
                if self.handover:
                    shutil.copyfile(started.folder / "handover", self.handover)
                self.done(Record.model_validate(record))
                self._drop(started)
            case {"ended": code}:
                self._ended(started, code)
            case _:
                with suppress(EOFError, Garbled):  # it has ended: it is found out when its turn comes
                    started.channel.send(edit=len(started.handed["edges"]))

    def _ended(self, started: Started, code: int) -> None:
        """A referee has ended while it was at this cell, which fails if it is the second one."""
        started.referees += 1
        if started.referees == 1:
            self._to_referee(started)
        else:
            self._fail(started, "failed", f"the referee ended twice while it measured this cell ({code})")
