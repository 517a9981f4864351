"""The process that runs the algorithm of one cell. It hands over what the algorithm leaves behind, and answers nothing.

It reads the data before it imports the algorithm, and does not keep the test split. While the algorithm runs, the
process can write in a folder of its own, and nowhere else.
"""

from __future__ import annotations

import gc
import hashlib
import os
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path

import torch

from benchmark.data.splits import Data
from benchmark.harness.edited_graphs import SPLITS
from benchmark.harness.handover import Handover, Notes, grouped, joined, pack, unpack
from benchmark.harness.question import Question, Settings, Unloaded, question
from benchmark.harness.run_algorithm import Ended, run_algorithm, told
from benchmark.records.cell import Cell
from benchmark.sweep.channel import Channel
from benchmark.sweep.confinement import confine, die_with_parent
from benchmark.sweep.endings import AskedLedger
from benchmark.sweep.folder import graphs_beside
from benchmark.sweep.logs import output_to
from benchmark.training.shared_trainings import Sharing

TICK = 0.2
"""Seconds between two reports of the steps."""


@dataclass(frozen=True)
class Task:
    """What a worker is to do.

    Args:
        algorithm: of the cell; the worker imports it when it calls it.
        folder: the worker's own, for everything that it writes.
        shared: the folder of the trainings that it may take from others.
        log: where its output goes.
    """

    cell: Cell
    algorithm: Unloaded
    settings: Settings
    folder: Path
    shared: Path
    log: Path


def work(task: Task, connection: Connection) -> None:
    """Run the cell in this process, hand over, and then apply the edits of the run to other graphs when asked."""
    os.setsid()  # whatever it starts ends with it
    die_with_parent(signal.SIGKILL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that leads handles interrupts
    torch.set_num_threads(1)
    os.environ["TMPDIR"] = tempfile.tempdir = str(task.folder)
    channel = Channel(connection)
    with output_to(task.log):
        try:
            ended = _run(task, channel)
            _hand_over(task.folder, ended, channel)
            _edit(task.folder, ended, channel)
        except Exception:  # its own, or the channel's, whose other end is gone when the worker is stopped
            traceback.print_exc()
            sys.stderr.flush()
            os._exit(1)


def _run(task: Task, channel: Channel) -> Ended:
    sharing = Sharing(task.shared, AskedLedger(channel))
    asked = question(task.cell, replace(task.settings, sharing=sharing), task.algorithm)
    try:
        train, validation = _shown(asked)
    except Exception as problem:  # a data set that cannot be read
        return Ended(Handover(Notes(status="failed", error=told(problem))))
    confine([task.folder, task.shared, Path("/dev"), Path("/proc/self")])  # readers of data may write a cache
    channel.send(began=True)
    return run_algorithm(asked, train, _ticking(channel), validation)


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


def _edit(folder: Path, ended: Ended, channel: Channel) -> None:
    """Apply an edit of the run to the graphs in a file, as often as asked. Ends with the process."""
    while True:
        try:
            number = channel.receive()["edit"]
        except EOFError:
            return
        graphs = grouped(unpack(graphs_beside(folder).read_bytes()), SPLITS)
        try:
            edges = ended.edit(number, graphs)
        except Exception as problem:
            channel.send(failed=told(problem))
            continue
        content = pack(joined(edges))
        (folder / f"edges-{number}").write_bytes(content)
        channel.send(edited=hashlib.sha256(content).hexdigest())
