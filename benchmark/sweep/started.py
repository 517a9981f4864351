"""A cell that is being run, as the leading process of the sweep sees it."""

from __future__ import annotations

import signal
import time
from dataclasses import dataclass, field
from pathlib import Path

from benchmark.harness.question import Question
from benchmark.machine import resident_peak
from benchmark.results.cell import Cell
from benchmark.sweep.channel import Channel, Message
from benchmark.sweep.fork_server import UNTOLD
from benchmark.sweep.worker_processes import WorkerProcess

STALL = 900.0
"""Seconds without progress after which a cell is stopped."""


@dataclass(frozen=True)
class Limits:
    """When a cell is stopped, and when the whole sweep.

    Args:
        timeout: seconds that a cell may take; None for no limit.
        stall: seconds that it may go without progress.
        failures: cells that may fail before no further one is run; None for no limit.
    """

    timeout: float | None = None
    stall: float = STALL
    failures: int | None = None


@dataclass(eq=False)
class Started:
    """A cell that a worker is running, or that waits to be judged.

    Args:
        worker: the process; None as soon as it has nothing more to do for this cell.
        folder: what the worker writes for this cell is in it.
        since: when it was started, by `time.monotonic`.
        attempt: 2 if an earlier worker for this cell was killed.

    Attributes:
        steps: the training steps that the worker last reported.
        moved: when it last reported anything.
        handed: what the referee needs to know of the handover; empty before it.
        referees: the referees that have ended while judging this cell.
    """

    question: Question
    worker: WorkerProcess | None
    folder: Path
    since: float
    attempt: int = 1
    steps: int = 0
    moved: float = field(default_factory=time.monotonic)
    handed: Message = field(default_factory=dict)
    referees: int = 0
    _began: float = 0.0
    _other_seconds: float = 0.0

    @property
    def cell(self) -> Cell:
        """The cell."""
        return self.question.cell

    @property
    def origin(self) -> str:
        """The distribution of its algorithm."""
        return str((self.question.where or {})["plugins"]["algorithm"])

    @property
    def judged(self) -> bool:
        """Whether the referee has all that it needs of the worker."""
        return self.worker is None

    @property
    def channel(self) -> Channel:
        """The channel to its worker, which it still has."""
        assert self.worker is not None
        return self.worker.channel

    def begin(self) -> None:
        """Start the clock: the worker has read the data."""
        self._began = time.monotonic()

    def add(self, seconds: float) -> None:
        """Count the seconds of a training that it takes from another cell; negative ones are time spent waiting."""
        self._other_seconds += seconds

    def hand_over(self, digest: str, edits: int) -> None:
        """The worker has written its handover, which has this SHA-256."""
        cuda = self.question.device.type == "cuda"  # its memory is known to the worker alone
        process = None if cuda or not self.worker else self.worker.process.pid
        peak = resident_peak(process) if process else None
        self.handed = {"digest": digest, "edits": edits, "edges": [], "seconds": self.seconds(), "peak_bytes": peak}

    def release(self) -> WorkerProcess | None:
        """The worker, from which the referee has all that it needs; None if it was released before."""
        worker, self.worker = self.worker, None
        return worker

    def seconds(self) -> float:
        """Seconds of the run so far, with those that its trainings took in other cells, without waiting for these."""
        return max(0.0, time.monotonic() - (self._began or self.since) + self._other_seconds)

    def why_stopped(self, limits: Limits, waits: bool) -> str | None:
        """Why the worker is to be stopped now; None to let it go on.

        Args:
            waits: whether it waits for another cell.
        """
        now = time.monotonic()
        if limits.timeout and now - self.since > limits.timeout:
            return f"stopped after {limits.timeout:g} seconds; --timeout with --rerun failed allows more"
        if not waits and now - self.moved > limits.stall:
            return f"stopped after {limits.stall:g} seconds without progress; --stall with --rerun failed allows more"
        return None


def why_killed(code: int) -> str:
    """The error of a worker that was killed twice, or may have been, from its last exit code."""
    if code == UNTOLD:
        how = "ended twice, with its server or with exit code 255"
    else:
        name = signal.Signals(-code).name
        hint = "; most likely out of memory: try fewer --jobs" if name == "SIGKILL" else ""
        how = f"was killed by {name}, twice{hint}"
    return f"the worker {how}; the same command tries it again"
