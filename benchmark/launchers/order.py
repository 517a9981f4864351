"""The order for the jobs of a cluster: a file in the results folder, which they read on their own machines."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError

from benchmark.errors import UsageError
from benchmark.files import write
from benchmark.plugins import registry
from benchmark.results.cell import Cell
from benchmark.results.store import Store
from benchmark.sweep.apart import Declared
from benchmark.sweep.plan import Plan
from benchmark.sweep.since import Since
from benchmark.sweep.started import Limits
from benchmark.sweep.work import Work

NAME = "order.json"


class Order(BaseModel):
    """Cells to run, and how.

    Args:
        device: as named by the user: a job resolves `auto` on its own machine.
        processes: the number of processes that run each cell together.
        sparse_below: as in `Settings`.
        timeout, stall: as in `Limits`.
        before: the records that the cells had when they were planned (`Since`).
        lost: the same for the records of killed workers, which are in a separate folder.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    device: str
    data_root: Path | None
    processes: int = 1
    sparse_below: float | None = None
    timeout: float | None
    stall: float
    cells: tuple[Cell, ...]
    before: Mapping[str, str]
    lost: Mapping[str, str]

    @classmethod
    def of(cls, work: Work, device: str, data_root: Path | None) -> Self:
        """The order for a whole sweep."""
        before = (work.since or Since.now(work.store, work.cells)).before
        return cls(
            device=device,
            data_root=data_root and data_root.resolve(),
            processes=work.settings.processes,
            sparse_below=work.settings.sparse_below,
            timeout=work.limits.timeout,
            stall=work.limits.stall,
            cells=tuple(work.cells),
            before=before,
            lost=Since.now(lost(work.store), work.cells).before,
        )

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Raises UsageError if there is no order in the folder."""
        try:
            return cls.model_validate_json((folder / NAME).read_bytes())
        except (OSError, ValidationError) as error:
            raise UsageError(f"no cells to answer can be read from {folder / NAME}: {type(error).__name__}") from None

    def write(self, folder: Path) -> None:
        """Raises OSError."""
        write(self.model_dump_json().encode(), folder / NAME)

    @property
    def limits(self) -> Limits:
        """When a cell is stopped."""
        return Limits(self.timeout, self.stall)

    def since(self, store: Store) -> Since:
        """Recognises the answers to this order: records, and what is left of killed workers."""
        return Since(store, self.before, also=Since(lost(store), self.lost))

    def plan(self, load: Callable[[str], Declared]) -> Plan:
        """All of its cells, to be run. Raises what loading plug-ins does."""
        algorithms = {name: load(name) for name in dict.fromkeys(cell.algorithm for cell in self.cells)}
        tasks = {cell.setting: cell for cell in self.cells}
        loaded = {setting: registry.task(cell.task, cell.task_options) for setting, cell in tasks.items()}
        return Plan([*self.cells], [], [], algorithms, loaded)


def lost(store: Store) -> Store:
    """Where jobs leave the records of killed workers, which do not count: another command tries these cells again."""
    return Store(jobs_folder(store) / "lost")


def jobs_folder(store: Store) -> Path:
    """The folder that has a folder for the jobs of each sweep, with their order and logs."""
    return store.root / "jobs"


def asked_in(folder: Path) -> set[str]:
    """The keys of the cells in the order of a folder; none if it has no order that can be read."""
    try:
        return {cell.key for cell in Order.read(folder).cells}
    except UsageError:
        return set()
