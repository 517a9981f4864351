"""The interface of launchers, which have cells run somewhere. All of them start the same workers for the same cells."""

from __future__ import annotations

from typing import Protocol

from benchmark.sweep.work import Work


class Launcher(Protocol):
    """Has the cells of a sweep run somewhere.

    What counts is the record on disk: a launcher may be killed at any moment, and the next one finds what is done.
    """

    @property
    def jobs(self) -> int:
        """The number of cells that are run at a time, as far as it is known."""

    @property
    def here(self) -> bool:
        """Whether cells are run with the data of this machine, so that these have to be there."""

    @property
    def place(self) -> str:
        """Where cells are run, as `announce` says it: on cuda:0, 4 at a time."""

    def answer(self, work: Work) -> None:
        """Run all cells, and report every record.

        Raises:
            OSError: a record cannot be written.
            PluginError: no worker can be started.
            KeyboardInterrupt: after an interrupt; the workers have ended.
        """
