"""What a launcher is: it has cells answered somewhere. All launchers start the same workers for the same cells."""

from __future__ import annotations

from typing import Protocol

from benchmark.sweep.work import Work


class Launcher(Protocol):
    """Has the cells of a sweep answered somewhere.

    The record on disk is the truth: a launcher may be killed at any moment, and whoever goes on finds what is done.
    """

    @property
    def jobs(self) -> int:
        """How many cells are answered at a time, as far as is known."""

    @property
    def here(self) -> bool:
        """Whether cells are answered with the data of this machine, so that these have to be there."""

    @property
    def place(self) -> str:
        """Where, as `announce` says it: on cuda:0, 4 at a time."""

    def answer(self, work: Work) -> None:
        """Answer all cells, and tell of every record.

        Raises:
            OSError: a record cannot be written.
            PluginError: no worker can be started.
            KeyboardInterrupt: after an interrupt; the workers have ended.
        """
