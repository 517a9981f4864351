"""A cell that is being answered, as the process that leads the sweep sees it."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from benchmark.harness.question import Question
from benchmark.machine import resident_peak
from benchmark.records.cell import Cell
from benchmark.sweep.channel import Channel, Message

STALL = 900.0
"""Seconds without progress after which a cell is stopped."""


@dataclass(frozen=True)
class Limits:
    """When a cell is stopped.

    Args:
        timeout: seconds that it may take; None for no limit.
        stall: seconds that it may go without progress.
    """

    timeout: float | None = None
    stall: float = STALL


@dataclass(eq=False)
class Started:
    """A cell that a worker is running, or that the referee is judging.

    Args:
        folder: the worker's own.
        since: when it was started, by `time.monotonic`.
        attempt: 2 if an earlier worker for this cell was killed.

    Attributes:
        steps: the training steps that the worker last reported.
        moved: when it last reported anything.
        handed: what the referee needs to know of the handover; empty before it.
        judged: whether the worker has nothing more to do.
        asked: whether an answer of the referee is awaited.
        referees: the referees that have ended while they were at this cell.
    """

    question: Question
    process: ForkServerProcess
    channel: Channel
    folder: Path
    since: float
    attempt: int = 1
    steps: int = 0
    moved: float = field(default_factory=time.monotonic)
    handed: Message = field(default_factory=dict)
    judged: bool = False
    asked: bool = False
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

    def begin(self) -> None:
        """Start the clock: the worker has read the data."""
        self._began = time.monotonic()

    def add(self, seconds: float) -> None:
        """Count the seconds of a training that it takes from another cell; negative ones it has waited."""
        self._other_seconds += seconds

    def hand_over(self, digest: str, edits: int) -> None:
        """The worker has written its handover, which has this SHA-256."""
        cuda = self.question.device.type == "cuda"  # its memory is known to the worker alone
        peak = None if cuda or not self.process.pid else resident_peak(self.process.pid)
        self.handed = {"digest": digest, "edits": edits, "edges": [], "seconds": self.seconds(), "peak_bytes": peak}

    def judge(self) -> None:
        """The referee has all that it needs of the worker, which ends."""
        self.judged = True
        self.kill()

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

    def kill(self) -> None:
        """End the worker, with all that it has started."""
        self.channel.close()
        with suppress(ProcessLookupError):  # it leads a group of its own as soon as it runs
            os.killpg(self.process.pid or 0, signal.SIGKILL)
        self.process.kill()
        self.process.join()
