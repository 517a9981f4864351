"""The processes that run one cell together: a worker, which is process 0, and those that it forks.

All run the algorithm of the cell, each on its part of every batch (`benchmark.training.shares`), and have the same
masks and weights all along. Only process 0 talks to the leading process, and hands over. The others are confined in the
same way, each to its own folder inside the worker's, and end with it. The environment variables of a process are those
of `torchrun`: RANK, WORLD_SIZE, LOCAL_RANK, LOCAL_WORLD_SIZE. The processes find one another by a file in the worker's
folder, and need no port.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from threading import Thread
from typing import Any, NoReturn

import torch
import torch.distributed as dist
from pydantic import ValidationError

from benchmark.harness.handover import Notes
from benchmark.harness.run_algorithm import Ended
from benchmark.sweep.confinement import confine, die_with_parent
from benchmark.sweep.gpus import VISIBLE, visible
from benchmark.training.ranks import ALONE, ENDED, Ranks

PATIENCE = timedelta(days=30)
"""How long a process waits for the others: it is stopped with the whole cell, by `Limits`, and not by itself."""


MEETING = "meeting"
"""The folder in which the processes of a cell find one another."""


@dataclass
class Others:
    """The other processes, as process 0 sees them.

    Args:
        folder: of the cell; every process has a folder in it.
        processes: their numbers in the system, by rank.
    """

    folder: Path
    processes: Mapping[int, int]
    _codes: dict[int, int] = field(default_factory=dict)
    _watching: list[Thread] = field(default_factory=list)

    def watch(self) -> None:
        """From here on, if one of the others is killed, end this process as if it had been killed itself."""
        self._watching = [Thread(target=self._wait, args=one, daemon=True) for one in self.processes.items()]
        for thread in self._watching:
            thread.start()

    def ended(self, notes: Notes) -> Notes:
        """What process 0 reports about its run, joined with the reports of the others, which have ended by then."""
        if not self._watching:
            self.watch()
        for thread in self._watching:
            thread.join()
        for rank in self.processes:
            notes = _joined(notes, rank, self._notes(rank))
        return notes

    def _wait(self, rank: int, process: int) -> None:
        self._codes[rank] = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
        if self._codes[rank] < 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def _notes(self, rank: int) -> Notes:
        try:
            return Notes.model_validate_json((_own(self.folder, rank) / "notes").read_bytes())
        except (OSError, ValidationError):
            return Notes(status="failed", error=f"it ended with exit code {self._codes[rank]} before it had an answer")


@dataclass(frozen=True)
class Place:
    """The place of a process among those of its cell.

    Args:
        cell: the folder of the cell.
        device: the device that they train on: cpu, or cuda.
        others: the other processes, for process 0.
    """

    ranks: Ranks
    cell: Path
    device: str = "cpu"
    others: Others | None = None

    @property
    def folder(self) -> Path:
        """Its own, for everything that it writes."""
        return _own(self.cell, self.ranks.rank)

    def prepare(self) -> None:
        """Tell this process its place, before it reads data."""
        self.folder.mkdir(exist_ok=True)
        os.environ["TMPDIR"] = tempfile.tempdir = str(self.folder)
        os.environ |= {name: str(value) for name, value in _told(self.ranks).items()}
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")  # they are on one machine, whatever its network
        if self._cuda:
            os.environ[VISIBLE] = visible()[self.ranks.rank]  # `cuda` is another one in each process

    def settle(self, shared: Sequence[Path]) -> None:
        """From here on, write in no other folder than its own, and process 0 in those that it shares; meet the others.

        What this starts comes after the confinement, which holds for threads that begin later.
        """
        more = shared if self.ranks.first else [self.cell / MEETING]
        confine([self.folder, *more, Path("/dev"), Path("/proc/self")])
        if self.others:
            self.others.watch()
        if self.ranks.count > 1:
            backend, store = "cpu:gloo,cuda:nccl" if self._cuda else "gloo", f"file://{self.cell / MEETING / 'store'}"
            dist.init_process_group(backend, store, PATIENCE, rank=self.ranks.rank, world_size=self.ranks.count)

    @property
    def _cuda(self) -> bool:
        return torch.device(self.device).type == "cuda"


def answered(count: int, folder: Path, device: str, run: Callable[[Place], Ended]) -> Ended:
    """Run something in this many processes, including this one. Returns only in this one.

    Args:
        folder: of the cell.
        run: runs the algorithm, in the place that it is given, which it settles in before.
    """
    if count == 1:
        return run(Place(ALONE, folder))
    (folder / MEETING).mkdir()
    places = [Place(Ranks(rank, count), folder, device) for rank in range(count)]
    others = Others(folder, {place.ranks.rank: _forked(place, run) for place in places[1:]})
    place = replace(places[0], others=others)
    place.prepare()
    ended = run(place)
    if dist.is_initialized():
        dist.destroy_process_group()  # whoever waits for this process ends
    return replace(ended, handover=replace(ended.handover, notes=others.ended(ended.handover.notes)))


def _forked(place: Place, run: Callable[[Place], Ended]) -> int:
    worker, process = os.getpid(), os.fork()
    if not process:
        _follow(worker, place, run)
    return process


def _follow(worker: int, place: Place, run: Callable[[Place], Ended]) -> NoReturn:
    """Run the algorithm in a process other than the worker, and leave only its notes."""
    code = 1
    try:
        die_with_parent(signal.SIGKILL)
        if os.getppid() != worker:  # it has ended before
            os._exit(code)
        place.prepare()
        notes = run(place).handover.notes
        (place.folder / "notes").write_text(notes.model_dump_json())
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        with suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _own(folder: Path, rank: int) -> Path:
    """The folder of a process: that of the cell is the worker's, and the others have theirs inside it."""
    return folder / f"process-{rank}" if rank else folder


def _told(ranks: Ranks) -> dict[str, Any]:
    return {
        "RANK": ranks.rank,
        "LOCAL_RANK": ranks.rank,
        "WORLD_SIZE": ranks.count,
        "LOCAL_WORLD_SIZE": ranks.count,
    }


def _joined(notes: Notes, rank: int, theirs: Notes) -> Notes:
    """The notes of a run with those of another of its processes: what was found against either, and why it failed."""
    found = [f"process {rank}: {breach}" for breach in theirs.breaches if breach not in notes.breaches]
    update: dict[str, Any] = {"breaches": notes.breaches + found}
    if theirs.status and ENDED not in theirs.error and (notes.status is None or ENDED in notes.error):
        update |= {"status": theirs.status, "error": f"process {rank}: {theirs.error}"}
    return notes.model_copy(update=update)
