"""Runs cells on this machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from benchmark.sweep.work import Work
from benchmark.sweep.workers import run_in_processes, run_inline


@dataclass(frozen=True)
class Local:
    """Worker processes of this machine, or this process itself.

    Args:
        jobs: the number of cells at a time.
        inline: whether to run cells one after the other in this process, for debugging.
    """

    device: str
    jobs: int
    inline: bool = False
    here: ClassVar[bool] = True

    @property
    def place(self) -> str:
        """As in `Launcher`."""
        return f"on {self.device}, {self.jobs} at a time"

    def answer(self, work: Work) -> None:
        """As in `Launcher`."""
        run_inline(work) if self.inline else run_in_processes(work, self.jobs)
