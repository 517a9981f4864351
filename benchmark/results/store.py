"""Reads and writes the results folder, with its records, masks and logs, and the leases of running cells."""

from __future__ import annotations

import errno
import gc
import os
import re
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from benchmark.errors import PluginError
from benchmark.files import writable, write
from benchmark.results.cell import Cell
from benchmark.results.outcome import Answer, Outcome
from benchmark.results.outcome_cache import OutcomeCache
from benchmark.results.reading import read, reason
from benchmark.results.record import Record, failure
from benchmark.results.sources import Source, claimed, file, lines, table_of

A = TypeVar("A", bound=Answer)

PREFIX, KEY = re.compile(r"[0-9a-f]{1,64}"), re.compile(r"[0-9a-f]{64}")


class Store:
    """A results folder.

    New records are written to `records/<task>/<algorithm>/<key>.json`; `masks/` and `logs/` have the same layout.
    Packed records are lines of `records/<table>.jsonl`, sorted by key (`benchmark.results.pack`). A record with a file
    of its own is newer than the line with the same key and takes precedence.

    Attributes:
        problems: messages about records that could not be read.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.problems: list[str] = []
        self._unread: dict[str, Source] = {}
        self._number: int | None = None
        self._records = str(root / "records")
        self._tables: dict[Path, tuple[tuple[int, ...], dict[str, Source]]] = {}

    def path(self, cell: Cell) -> Path:
        """Return the path that a cell's record is written to."""
        return self.root / "records" / cell.task / cell.algorithm / f"{cell.key}.json"

    def table(self, cell: Cell) -> Path:
        """Return the path of the table that holds a cell's record once it is packed."""
        return self.root / "records" / table_of(cell)

    def masks(self, cell: Cell) -> Path:
        """Return the path of a cell's masks (`benchmark.results.mask_files`), whether or not the file exists."""
        return self.root / "masks" / cell.task / cell.algorithm / f"{cell.key}.npz"

    def log(self, cell: Cell) -> Path:
        """Return the path of a cell's log: the run's output and traceback."""
        return self.root / "logs" / cell.task / cell.algorithm / f"{cell.key}.log"

    def logs(self, prefix: str) -> list[Path]:
        """Return the logs of the cells whose keys begin with `prefix`."""
        return sorted((self.root / "logs").glob(f"*/*/{prefix}*.log"))

    @property
    def leases(self) -> Path:
        """Return the folder that says which driver is running which cell (`benchmark.sweep.leases`)."""
        return self.root / "leases"

    @property
    def endings(self) -> Path:
        """Return the folder of the trainings of sweeps that are not done (`benchmark.training.shared_trainings`)."""
        return self.root / "endings"

    def check(self) -> None:
        """Raise PluginError if records, masks or logs cannot be written."""
        try:
            for name in ("records", "masks", "logs"):
                writable(self.root / name)
        except OSError as error:
            raise PluginError(f"the results folder {self.root} cannot be written: {error.strerror}") from None
        self.stay()

    def stay(self) -> None:
        """Remember which folder this is. From now on, `put` raises OSError if it is gone, or another has its place.

        The folder is identified by its inode: its device number may change when a network file system is mounted anew.
        """
        self._number = self.root.stat().st_ino

    @property
    def _kept(self) -> Path | None:
        """The folder that is not created again if it is gone."""
        return None if self._number is None else self.root

    def there(self) -> None:
        """Raise OSError if the folder is gone, or another has taken its place."""
        if self._number is not None and self.root.stat().st_ino != self._number:
            raise OSError(errno.ESTALE, "this is not the folder that it was when the sweep began")

    def get(self, cell: Cell) -> Record | None:
        """Return the record of a cell; None if there is none. One that cannot be read is added to `problems`."""
        for source in self._sources(cell):
            answer = self.judge(source)
            if isinstance(answer, Record):
                return answer
            self._report(source, answer)
        return None

    def _report(self, source: Source, problem: str) -> None:
        self.problems.append(problem)
        self._unread[problem] = source

    def concerning(self, cells: Collection[Cell]) -> list[str]:
        """Return those of `problems` that may be about the records of these cells."""
        keys, tables = {cell.key for cell in cells}, {str(self.table(cell)) for cell in cells}
        return [
            problem
            for problem, source in self._unread.items()
            if source.key in keys or (source.path in tables and not KEY.fullmatch(source.key))
        ]

    def _sources(self, cell: Cell) -> Iterator[Source]:
        """Yield the file of a cell if it has one, then its line, so that a record packed meanwhile is not missed."""
        yield from file(cell.key, str(self.path(cell)))
        if line := self._line(cell):
            yield line

    def put(self, record: Record, masks: bytes | None = None) -> None:
        """Write a record after its packed masks, each atomically. Without masks, existing masks are deleted."""
        self.there()
        if masks is not None:
            write(masks, self.masks(record.cell), within=self._kept)
        else:
            self.masks(record.cell).unlink(missing_ok=True)
        write(record.to_bytes(), self.path(record.cell), within=self._kept)

    def keep(self, record: Record, masks: bytes | None = None) -> Record:
        """`put` a record. One that cannot be written becomes the record of a failure, which is returned.

        Raises:
            OSError: nothing can be written.
        """
        try:
            self.put(record, masks)
        except OSError:
            raise
        except Exception as error:
            reason = f"its record cannot be written: {type(error).__name__}: {error}"
            record = failure(record.cell, record.ranking, "failed", reason)
            self.put(record)
        return record

    def __iter__(self) -> Iterator[Record]:
        """Iterate over all readable records in order of key. The others are added to `problems`."""
        return self._sound(read)

    def records(self) -> list[Record]:
        """Return all readable records as a list, which is faster than iterating."""
        with _without_collecting():
            return list(self)

    def outcomes(self) -> list[Outcome]:
        """Return the outcomes of all readable records, in the same order. Much faster if they were read before."""
        cache = OutcomeCache(self.root)
        with _without_collecting():
            found = list(self._sound(cache.outcome))
            cache.save()
        return found

    def find(self, prefix: str) -> list[Source]:
        """Return the locations of the records whose key starts with `prefix`."""
        if not PREFIX.fullmatch(prefix):
            return []
        claims = claimed(self.root / "records", prefix)
        return [claims[key][0] for key in sorted(claims) if key.startswith(prefix)]

    def judged(self) -> Iterator[tuple[Source, Record | str]]:
        """Iterate over all files and lines, each with its record or a message about what is wrong with it.

        Lines replaced by a valid file are skipped.
        """
        return self._judged(read)

    def astray(self) -> list[Path]:
        """Return files that are never read, since they are not at the depth of `path` or `table`."""
        records = self.root / "records"
        depths = ((records.rglob("*.json"), 3), (records.rglob("*.jsonl"), 1))
        return sorted(
            file for files, depth in depths for file in files if len(file.relative_to(records).parts) != depth
        )

    def holds(self, source: Source) -> bool:
        """Return whether a source is in this folder."""
        return source.path.startswith(self._records + os.sep)

    def judge(self, source: Source) -> Record | str:
        """Return the record of a file or line, or a message about what is wrong with it."""
        return self._judge(source, read)[1]

    def _sound(self, parse: Callable[[bytes], A]) -> Iterator[A]:
        self.problems = []
        self._unread = {}
        for source, record in self._judged(parse):
            if isinstance(record, str):
                self._report(source, record)
            else:
                yield record

    def _judged(self, parse: Callable[[bytes], A]) -> Iterator[tuple[Source, A | str]]:
        claims = claimed(self.root / "records")
        for key in sorted(claims):
            valid: Source | None = None
            for source in claims[key]:
                if valid and source.line:
                    if valid.line:
                        yield source, f"{source}: the key of {valid} again"
                    continue
                read, verdict = self._judge(source, parse)
                yield read, verdict
                if not isinstance(verdict, str) and not valid:
                    valid = read

    def _judge(self, source: Source, parse: Callable[[bytes], A]) -> tuple[Source, A | str]:
        try:
            source = source.read()
            record = parse(source.content or b"")
        except ValueError as error:
            return source, f"{source}: {reason(error)}"
        except OSError as error:
            return source, f"{source}: {error.strerror}"
        return source, self._astray(source, record) or record

    def _astray(self, source: Source, answer: Answer) -> str | None:
        """Return a message if a record is in the wrong place or claims the wrong key."""
        if not self.holds(source):
            return None  # a file named on the command line may be anywhere
        cell, parts = answer.cell, (answer.cell.task, answer.cell.algorithm, f"{answer.key}.json")
        place = os.sep.join((self._records, *([table_of(cell)] if source.line else parts)))
        if source.path != place:
            return f"{source}: a record of another place; it belongs at {place}"
        return f"{source}: it tells two keys" if source.key != answer.key else None

    def _line(self, cell: Cell) -> Source | None:
        """Return the line of a cell in its table. The table is read again only if it has changed."""
        table = self.table(cell)
        try:
            state = os.stat(table)
            stamp = (state.st_ino, state.st_size, state.st_mtime_ns)
            if self._tables.get(table, ((), {}))[0] != stamp:
                self._tables[table] = stamp, {source.key: source for source in reversed(list(lines(table)))}
        except OSError:
            return None
        return self._tables[table][1].get(cell.key)


@contextmanager
def _without_collecting() -> Iterator[None]:
    """Pause the garbage collector. While thousands of records are read and kept, it takes a third of the time."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()
