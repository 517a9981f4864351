"""The process that runs the algorithm of a cell. It hands over what the algorithm leaves behind, and judges nothing.

It reads the data before it imports the algorithm, and does not keep the test split. While the algorithm runs, the
process can write only in its own folder. It may go on to further cells (`benchmark.sweep.worker_processes` says to
which).
"""

from __future__ import annotations

import ctypes
import gc
import hashlib
import os
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path

import torch

from benchmark.data.splits import Data
from benchmark.harness.edited_graphs import SPLITS
from benchmark.harness.handover import Handover, Notes, grouped, joined, pack, unpack
from benchmark.harness.question import Question, Settings, Unloaded, question
from benchmark.harness.run_algorithm import Ended, run_algorithm, told
from benchmark.plugins import registry
from benchmark.results.cell import Cell
from benchmark.sweep.channel import Channel, Message
from benchmark.sweep.confinement import die_with_parent
from benchmark.sweep.endings import AskedLedger
from benchmark.sweep.folder import graphs_beside
from benchmark.sweep.gpus import VISIBLE
from benchmark.sweep.logs import output_to
from benchmark.sweep.side_by_side import Place, answered
from benchmark.training.shared_trainings import Sharing

TICK = 0.2
"""Seconds between two reports of the steps."""


@dataclass(frozen=True)
class Task:
    """What a worker is to do.

    Args:
        algorithm: that of the cell; the worker imports it when it calls it.
        room: the worker's own folder, the only one that it can write in, except for `shared` and `logs`.
        folder: the folder for everything that it writes for this cell; the room, or a folder in it.
        shared: the folder of the trainings that it may take from others.
        log: where its output goes.
        logs: the folder of its logs, for a worker that goes on to further cells.
        gpus: the GPUs that it sees; none if all workers see the same.
        again: whether the process has run a cell before.
    """

    cell: Cell
    algorithm: Unloaded
    settings: Settings
    room: Path
    folder: Path
    shared: Path
    log: Path
    logs: Sequence[Path] = ()
    gpus: Sequence[str] = ()
    again: bool = False

    def message(self) -> Message:
        """This task for a worker that has run a cell with the same settings before."""
        return {"cell": self.cell.model_dump(), "folder": str(self.folder), "log": str(self.log)}

    def after(self, message: Message) -> Task:
        """The task in a message to the worker that has run this one."""
        cell = Cell.model_validate(message["cell"])
        algorithm = Unloaded.of(registry.algorithm(cell.algorithm))
        folder, log = Path(message["folder"]), Path(message["log"])
        return replace(self, cell=cell, algorithm=algorithm, folder=folder, log=log, again=True)


def work(task: Task, connection: Connection) -> None:
    """Run the cell in this process, hand over, and then apply the edits of the run to other graphs when asked."""
    gc.freeze()  # a collection is to look at what this process makes, not at all that it was forked with
    os.setsid()  # whatever it starts ends with it
    die_with_parent(signal.SIGKILL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that leads handles interrupts
    torch.set_num_threads(1)
    if task.gpus:
        os.environ[VISIBLE] = ",".join(task.gpus)
    channel = Channel(connection)
    following: Task | None = task
    while following:
        try:
            with output_to(following.log):
                following = _answer_or_exit(following, channel)
        except OSError as error:  # of the log: the results folder has vanished, or cannot be written to
            with suppress(EOFError):
                channel.send(failed=f"a log cannot be written: {error}")
            return


def _answer_or_exit(task: Task, channel: Channel) -> Task | None:
    """Like `_answer`. What it raises is printed, and ends this process."""
    try:
        return _answer(task, channel)
    except Exception:  # its own, or the channel's, whose other end is gone when the worker is stopped
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)


def _answer(task: Task, channel: Channel) -> Task | None:
    """Run one cell. Returns the next one, if there is one."""
    os.environ["TMPDIR"] = tempfile.tempdir = str(task.folder)
    run = partial(_run, task, channel)
    ended = answered(task.settings.processes, task.room, task.settings.device, run)
    if task.again and ended.handover.notes.status == "failed":  # it may be this process that is at fault
        channel.send(worn=True)
        return None
    _hand_over(task.folder, ended, channel)
    message = _edit(task.folder, ended, channel)
    del ended, run
    _give_back_memory()
    return task.after(message) if message else None


def _run(task: Task, channel: Channel, place: Place) -> Ended:
    channel = channel if place.ranks.first else _unheard(channel)
    sharing = Sharing(task.shared, AskedLedger(channel), place.ranks)
    asked = question(task.cell, replace(task.settings, sharing=sharing), task.algorithm)
    try:
        train, validation = _shown(asked)
    except Exception as problem:  # a data set that cannot be read
        return Ended(Handover(Notes(status="failed", error=told(problem))))
    if not task.again:  # readers of data may write a cache, before
        place.settle([task.shared, *task.logs])
    channel.send(began=True)
    return run_algorithm(asked, train, _ticking(channel), validation, place.ranks)


def _unheard(channel: Channel) -> Channel:
    """A channel that nobody reads, in place of that of the worker that this process was forked from."""
    channel.close()
    return Channel(Connection(os.open(os.devnull, os.O_RDWR)))


def _shown(asked: Question) -> tuple[Data, Data]:
    """The training and the validation split. Nothing keeps the test split: no algorithm can find it in this process."""
    splits = asked.task.source.splits(asked.folder, asked.cell.seed)
    shown = splits.train, splits.validation
    del splits
    gc.collect()
    return shown


def _ticking(channel: Channel) -> Callable[[int], None]:
    last = 0.0

    def tick(steps: int) -> None:
        nonlocal last
        if (now := time.monotonic()) - last > TICK:
            last = now
            channel.send(steps=steps)

    return tick


def _hand_over(folder: Path, ended: Ended, channel: Channel) -> None:
    content = ended.handover.to_bytes()
    (folder / "handover").write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    channel.send(handed=digest, edits=ended.handover.notes.edits)


def _give_back_memory() -> None:
    """Return freed memory to the system: otherwise it would count as memory of the next cell."""
    gc.collect()
    torch.cuda.empty_cache()
    with suppress(AttributeError):  # of the C library of Linux
        ctypes.CDLL(None).malloc_trim(0)


def _edit(folder: Path, ended: Ended, channel: Channel) -> Message | None:
    """Apply edits of the run to the graphs in a file, as often as asked. Returns the first other message.

    Returns:
        None at the end of all messages.
    """
    while True:
        try:
            message = channel.receive()
        except EOFError:
            return None
        if "edit" not in message:
            return message
        graphs = grouped(unpack(graphs_beside(folder).read_bytes()), SPLITS)
        try:
            edges = ended.edit(message["edit"], graphs)
        except Exception as problem:
            channel.send(failed=told(problem))
            continue
        content = pack(joined(edges))
        (folder / f"edges-{message['edit']}").write_bytes(content)
        channel.send(edited=hashlib.sha256(content).hexdigest())
