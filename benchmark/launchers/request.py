"""The request to another machine to run a cell, and its response: values that are JSON."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from benchmark.harness.found import MaskFile
from benchmark.harness.question import Method, Settings, Unloaded, sources_of, start_of
from benchmark.harness.starts import StartFile
from benchmark.plugins.code import code, harness_digest
from benchmark.results.cell import Cell
from benchmark.results.record import Record
from benchmark.results.store import Store
from benchmark.sweep.leases import Holder, alive, terms_of
from benchmark.sweep.since import Since, mark
from benchmark.sweep.started import Limits


class Declared(BaseModel):
    """What is declared of an algorithm, as of `Unloaded`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    prunes: frozenset[str]
    needs: frozenset[str]
    absent: dict[str, Any]
    keys: frozenset[str]

    def unloaded(self) -> Unloaded:
        """The algorithm, which is not imported."""
        return Unloaded(self.name, self.prunes, self.needs, self.absent, self.keys)


class Request(BaseModel):
    """A cell, and what it is to be run with.

    Args:
        data: the data folder on the requesting machine; another machine may have the data elsewhere.
        start: what the network begins with.
        found: the masks of other records, by key.
        processes: the number of processes that run the cell together.
        sparse_below: as in `Settings`.
        results: the results folder of the requesting process, which holds the lease of the cell there.
        before: the mark of the record that was in the results folder before; empty if there was none.
        code: the digests of the source that is to run it.
        brought: where files of starts and masks are that were not on this machine, by their path on the other one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    cell: Cell
    algorithm: Declared
    device: str
    data: Path
    start: StartFile | None
    found: dict[str, MaskFile]
    processes: int
    sparse_below: float | None
    results: Path
    holder: Holder
    before: str
    limits: Limits
    code: dict[str, str]
    brought: dict[str, Path] = {}

    @classmethod
    def of(cls, cell: Cell, algorithm: Method, settings: Settings, store: Store, limits: Limits) -> Request:
        """The request of this process for a cell."""
        start = settings.starts[start_of(cell)] if cell.start else None
        return cls(
            cell=cell,
            algorithm=Declared(**vars(Unloaded.of(algorithm))),
            device=settings.device,
            data=settings.folders[cell.setting].absolute(),
            start=start and replace(start, path=start.path.absolute()),
            found={key: _absolute(settings.found[key]) for key in sources_of(cell, algorithm)},
            processes=settings.processes,
            sparse_below=settings.sparse_below,
            results=store.root.absolute(),
            holder=Holder.here(),
            before=mark(store, cell),
            limits=limits,
            code=sources(cell),
        )

    @property
    def files(self) -> list[Path]:
        """The files that it needs, except for the data."""
        return [*([self.start.path] if self.start else []), *(file.path for file in self.found.values())]

    @property
    def shares_results(self) -> bool:
        """Whether the results folder is here, too: it has the lease of the requesting process."""
        leases, key = self.results / "leases", self.cell.key
        with suppress(OSError):
            held = [alive(leases / f"{key}.{term}") for term in terms_of(leases, key)]
            return any(lease.holder == self.holder for lease in held if lease)
        return False

    def made(self, store: Store) -> Record | None:
        """The record of the cell in a results folder, unless it was there before."""
        return Since(store, {self.cell.key: self.before}).record(self.cell)

    def settings(self, data: Path) -> Settings:
        """The settings in which the cell is run here.

        Args:
            data: where the data are here.
        """
        starts = {start_of(self.cell): replace(self.start, path=self._here(self.start.path))} if self.start else {}
        found = {key: replace(file, path=self._here(file.path)) for key, file in self.found.items()}
        return Settings(
            {self.cell.setting: data},
            self.device,
            starts=starts,
            found=found,
            processes=self.processes,
            sparse_below=self.sparse_below,
        )

    def _here(self, path: Path) -> Path:
        return self.brought.get(str(path), path)


class Response(BaseModel):
    """The outcome of a request.

    Args:
        record: the record of the cell.
        kept: whether it is in the results folder of the requesting process.
        stored: whether it is to be stored; False for workers that were killed.
        masks, log: files on this machine, if the record is not kept.
        problem: why there is no record; it ends the sweep.
        exit_code: the exit code of the problem.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    record: Record | None = None
    kept: bool = False
    stored: bool = False
    masks: Path | None = None
    log: Path | None = None
    problem: str = ""
    exit_code: int = 1


def sources(cell: Cell) -> dict[str, str]:
    """The digests of all source that a cell is run with: of the harness, the algorithm and the task."""
    return {"harness": harness_digest(), **code(cell.algorithm, cell.task)}


def differing(wanted: Mapping[str, str], here: Mapping[str, str]) -> str:
    """What differs in its source here; empty if nothing does."""
    return " and ".join(name for name, digest in wanted.items() if here.get(name) != digest)


def _absolute(file: MaskFile) -> MaskFile:
    return replace(file, path=file.path.absolute())
