"""A process that runs requested cells one after the other, with workers and a referee like any sweep.

What is prepared for one cell is reused for the next: the process that workers are forked from, the referee, its data.
Requests and responses are lines of JSON, on standard input and output (`benchmark.launchers.request`).
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import mkdtemp

from benchmark.data.folders import DataFolders
from benchmark.errors import BenchError, PluginError
from benchmark.launchers.request import Request, Response, differing, sources
from benchmark.plugins import catalog, registry
from benchmark.results.record import Record
from benchmark.results.store import Store
from benchmark.sweep import fork_server
from benchmark.sweep.confinement import die_with_parent
from benchmark.sweep.folder import sweep_folder
from benchmark.sweep.interrupts import recorded
from benchmark.sweep.lead import Lead


class CellServer:
    """Answers one request after the other.

    Args:
        folder: the folder for everything that is written, except for shared results.
        interrupted: returns whether to end.
    """

    def __init__(self, folder: Path, interrupted: Callable[[], bool]) -> None:
        self._folder, self._interrupted = folder, interrupted
        self._unshared = Store(folder / "results")
        self._unshared.root.mkdir()
        self._lead: Lead | None = None
        self._records = list[Record]()
        self._data = dict[tuple[str, Path], Path]()

    def answer(self, asked: Request) -> Response:
        """The record of a cell, or the problem that prevents all cells of its kind."""
        try:
            return self._answer(asked)
        except BenchError as error:
            return Response(problem=f"on {socket.gethostname()}: {error}", exit_code=error.exit_code)
        except OSError as error:
            where = f"on {socket.gethostname()}: {error.strerror or error}"
            return Response(problem=f"a record cannot be written {where}", exit_code=PluginError.exit_code)

    def end(self) -> None:
        """End all processes that run cells."""
        if self._lead:
            self._lead.end()
            self._lead = None

    def _answer(self, asked: Request) -> Response:
        self._check_code(asked)
        shared = asked.shares_results
        store = Store(asked.results) if shared else self._unshared
        if shared and (made := asked.made(store)):
            return Response(record=made, kept=True)
        record = self._run(asked, store)
        if shared:
            return Response(record=record, kept=True)
        masks, log, file = store.masks(asked.cell), store.log(asked.cell), store.path(asked.cell)
        stored = file.exists()
        file.unlink(missing_ok=True)
        return Response(
            record=record,
            stored=stored,
            masks=masks if masks.exists() else None,
            log=log if log.exists() else None,
        )

    def _check_code(self, asked: Request) -> None:
        if others := differing(asked.code, sources(asked.cell)):
            raise PluginError(
                f"the source of the {others} is not that of the machine that asks for {asked.cell}; "
                f"install the same prunebench and plug-ins on both"
            )

    def _run(self, asked: Request, store: Store) -> Record:
        self._records.clear()
        lead = self._leading(asked, store)
        try:
            lead.start(asked.cell)
            while lead.running:
                if self._interrupted():
                    raise KeyboardInterrupt
                lead.turn()
        except BaseException:
            self.end()
            raise
        return self._records[-1]

    def _leading(self, asked: Request, store: Store) -> Lead:
        """What ran the last cell, if it can run this one, too."""
        settings, algorithms = asked.settings(self._located(asked)), {asked.cell.algorithm: asked.algorithm.unloaded()}
        last = self._lead
        if last and (last.settings, last.store.root, last.limits) == (settings, store.root, asked.limits):
            last.algorithms = algorithms
            return last
        self.end()
        task = catalog.find("task", asked.cell.task)
        fork_server.start(fork_server.importable([task], asked.device))
        workers = Path(mkdtemp(prefix="lead-", dir=self._folder))
        self._lead = Lead(settings, store, workers, self._records.append, asked.limits, algorithms=algorithms)
        return self._lead

    def _located(self, asked: Request) -> Path:
        """Where the data of a cell are: in the folder of the requesting process, or where this machine has them."""
        cell, place = asked.cell, (asked.cell.setting, asked.data)
        if place not in self._data:
            source = registry.task(cell.task, cell.task_options).source
            self._data[place] = DataFolders(asked.data).locate(catalog.label(cell.task, cell.task_options), source)
        return self._data[place]


def serve() -> None:
    """Answer the requests on standard input until it ends, or the requesting process does.

    The first output line names the folder for files that are brought here. Everything else that is printed goes to
    standard error.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who asks handles interrupts
    die_with_parent(signal.SIGTERM)
    with os.fdopen(os.dup(1), "wb", buffering=0) as answers, sweep_folder() as folder, recorded() as interrupted:
        os.dup2(2, 1)
        server = CellServer(folder, interrupted)
        try:
            answers.write(json.dumps({"folder": str(folder)}).encode() + b"\n")
            for line in iter(sys.stdin.buffer.readline, b""):
                response = server.answer(Request.model_validate_json(line))
                answers.write(response.model_dump_json(by_alias=True).encode() + b"\n")
        except (KeyboardInterrupt, BrokenPipeError):
            return
        finally:
            server.end()
