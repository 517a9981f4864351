"""Runs cells as tasks of Ray Core: on a running cluster, or on one that is started on this machine for the sweep.

Every cell is a task. The Ray process that gets it starts a cell server on its machine (`benchmark.launchers.ray_task`
and `cell_server`), which runs the cell as it would be run here. If that machine has the results folder, too, the record
is written there; otherwise it is sent back, with its masks and its log.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import torch

from benchmark.errors import BenchError, DataMissing, PluginError, UsageError, one_line
from benchmark.files import write
from benchmark.harness.question import Unloaded, question
from benchmark.launchers import ray_task
from benchmark.launchers.ray_cluster import cluster, connect, ray
from benchmark.launchers.request import Request, Response
from benchmark.machine import cores
from benchmark.results.cell import Cell
from benchmark.results.record import Record, failure
from benchmark.sweep.apart import declaration
from benchmark.sweep.work import Done, Work
from benchmark.sweep.workers import lead_cells

RETRIES = 3
"""How often Ray tries a cell again whose process, or machine, has died."""

PAUSE = 0.2
"""Seconds that the driver waits for an answer before it shows how far the cells are."""


@dataclass(frozen=True)
class Ray:
    """Tasks of Ray Core.

    Args:
        device: cpu or cuda; Ray chooses the GPU.
        at_once: the number of cells at a time; None for as many as the cluster has room for.
        address: the address of a cluster; None to start one on this machine.
        per_gpu: the number of cells that share a GPU.
        processes: the number of processes that run each cell together, on one machine, each with a core and, if GPUs
            are used, a GPU.
    """

    device: str
    at_once: int | None = None
    address: str | None = None
    per_gpu: int = 1
    processes: int = 1
    here: ClassVar[bool] = True

    @property
    def jobs(self) -> int:
        """As in `Launcher`."""
        if self.at_once is not None:
            return self.at_once
        if self.address is None:
            there = cores() if self.device == "cpu" else torch.cuda.device_count() * self.per_gpu
            return max(1, there // self.processes)
        connect(self.address)
        return self._room()

    @property
    def place(self) -> str:
        """As in `Launcher`."""
        where = f"the Ray cluster {self.address}" if self.address else "Ray on this machine"
        return f"on {self.device} of {where}, {self.jobs} at a time"

    def answer(self, work: Work) -> None:
        """As in `Launcher`."""
        cores = self.jobs * self.processes if self.device == "cpu" else None
        with cluster(self.address, cores) as environment:

            def begin(done: Done) -> Tasks:
                return Tasks(work, done, self._resources(), environment, self.address is None)

            lead_cells(work, lambda: self.at_once or self._room(), begin)

    def _room(self) -> int:
        """How many cells the machines of the cluster can run at a time now."""
        machines = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        rooms = [min(there.get(name, 0) / amount for name, amount in self._resources().items()) for there in machines]
        return sum(int(room + 1e-6) for room in rooms)

    def _resources(self) -> dict[str, float]:
        """The resources that a cell takes, under Ray's names."""
        gpus = {} if self.device == "cpu" else {"GPU": self.processes / self.per_gpu}
        return {"CPU": float(self.processes), **gpus}


@dataclass(eq=False, frozen=True)
class Submitted:
    """A cell that is a task.

    Args:
        since: when it was submitted, by `time.monotonic`.
        result: Ray's reference to what comes back.
        steps: 0, since none are reported.
    """

    cell: Cell
    since: float
    result: Any
    steps: int = 0


@dataclass
class Tasks:
    """Has cells run by Ray (`benchmark.sweep.workers.Leads`).

    Args:
        done: called with every record.
        resources: the resources that a cell takes.
        environment: variables for cell servers, in addition to their own.
        ours: whether the cluster ends with this sweep.
    """

    work: Work
    done: Done
    resources: dict[str, float]
    environment: dict[str, str]
    ours: bool
    running: list[Submitted] = field(default_factory=list)

    def __post_init__(self) -> None:
        ray.cloudpickle.register_pickle_by_value(ray_task)
        options = {"num_cpus": self.resources["CPU"], "num_gpus": self.resources.get("GPU", 0)}
        lasting = {"max_calls": 0, "max_retries": RETRIES}  # 0: the process of Ray stays, with its cell server
        self._answer = ray.remote(**options, **lasting)(ray_task.answer)
        self._files = dict[Path, Any]()

    @property
    def at_work(self) -> int:
        """All that runs."""
        return len(self.running)

    def start(self, cell: Cell) -> None:
        """Submit the task of a cell."""
        work = self.work
        asked = Request.of(cell, self._declared(cell), work.settings, work.store, work.limits)
        files = {str(path): self._content(path) for path in asked.files}
        result = self._answer.remote(asked.model_dump_json(), self.environment, files)
        self.running.append(Submitted(cell, time.monotonic(), result))

    def turn(self) -> None:
        """Wait for an answer for a moment, and report those that have come."""
        if not self.running:
            time.sleep(PAUSE)
            return
        waiting = {one.result: one for one in self.running}
        ended, _ = ray.wait([*waiting], num_returns=len(waiting), timeout=0)
        if not ended:
            ended, _ = ray.wait([*waiting], timeout=PAUSE)
        for result in ended:
            self.running.remove(waiting[result])
            self.done(self._record(waiting[result]))

    def end(self) -> None:
        """Have Ray kill what runs. With a cluster of ours it ends anyway, and Ray 2.60 may abort if it is told both."""
        if self.ours:
            return
        for one in self.running:
            ray.cancel(one.result, force=True)

    def _declared(self, cell: Cell) -> Unloaded:
        """The algorithm of a cell, which is not imported here."""
        return Unloaded.of(self.work.algorithms.get(cell.algorithm) or declaration(cell.algorithm))

    def _content(self, path: Path) -> Any:
        """Ray's reference to the content of a file, which is sent to a machine that lacks it."""
        if path not in self._files:
            self._files[path] = ray.put(path.read_bytes())
        return self._files[path]

    def _record(self, one: Submitted) -> Record:
        try:
            told = ray.get(one.result)
        except ray.exceptions.RayTaskError as error:
            raise PluginError(f"a process of Ray cannot have {one.cell} answered: {one_line(error.cause)}") from error
        except ray.exceptions.RayError as error:
            return self._lost(one.cell, error)
        if "unfit" in told:
            raise PluginError(f"prunebench cannot be started with {told['unfit']} (is it installed there?)")
        return self._kept(Response.model_validate_json(told["response"]), told["masks"], told["log"])

    def _kept(self, response: Response, masks: bytes | None, log: bytes | None) -> Record:
        if response.record is None:
            raise _problem(response)
        if log is not None:
            write(log, self.work.store.log(response.record.cell))
        return self.work.store.keep(response.record, masks) if response.stored else response.record

    def _lost(self, cell: Cell, error: Exception) -> Record:
        """The record, which is not stored, of a cell whose process has died again and again."""
        ranking = question(cell, self.work.settings, self._declared(cell)).ranking
        reason = (
            f"its process of Ray died {1 + RETRIES} times ({type(error).__name__}); the same command tries it again"
        )
        return failure(cell, ranking, "failed", reason)


def _problem(response: Response) -> BenchError:
    kinds: dict[int, type[BenchError]] = {kind.exit_code: kind for kind in (UsageError, PluginError, DataMissing)}
    return kinds.get(response.exit_code, BenchError)(response.problem)
