"""The results folder: where records, masks and logs lie, and how each record is found and judged."""

from __future__ import annotations

import gc
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from benchmark.errors import PluginError
from benchmark.files import writable, write
from benchmark.records.cell import Cell
from benchmark.records.outcome import Answer, Outcome
from benchmark.records.outcome_cache import OutcomeCache
from benchmark.records.record import Record
from benchmark.records.sources import Source, claimed, lines, table_of

A = TypeVar("A", bound=Answer)


class Store:
    """A results folder.

    What is run is written to `records/<task>/<algorithm>/<key>.json`; `masks/` and `logs/` beside it are laid out
    alike. What is committed stands in `records/<table>.jsonl`, a line each, sorted by key (`benchmark.records.pack`).
    A record in a file of its own is newer than the line of its key, and stands before it.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.problems: list[str] = []
        self._records = str(root / "records")
        self._tables: dict[Path, tuple[tuple[int, ...], dict[str, Source]]] = {}

    def path(self, cell: Cell) -> Path:
        """Where the record of a cell is written to."""
        return self.root / "records" / cell.task / cell.algorithm / f"{cell.key}.json"

    def table(self, cell: Cell) -> Path:
        """Where its line stands once it is packed."""
        return self.root / "records" / table_of(cell)

    def masks(self, cell: Cell) -> Path:
        """Where the packed masks of a cell lie, or would lie (`benchmark.records.mask_files`)."""
        return self.root / "masks" / cell.task / cell.algorithm / f"{cell.key}.npz"

    def log(self, cell: Cell) -> Path:
        """Where what a run printed, and its traceback, lies."""
        return self.root / "logs" / cell.task / cell.algorithm / f"{cell.key}.log"

    def check(self) -> None:
        """Raises PluginError where records, masks or logs cannot be written."""
        try:
            for name in ("records", "masks", "logs"):
                writable(self.root / name)
        except OSError as error:
            raise PluginError(f"the results folder {self.root} cannot be written: {error.strerror}") from None

    def get(self, cell: Cell) -> Record | None:
        """The record of a cell; None where there is none that can be read."""
        file, line = self.path(cell), self._line(cell)
        for source in ([Source(cell.key, str(file))] if file.exists() else []) + ([line] if line else []):
            answer = self.judge(source)
            if isinstance(answer, Record):
                return answer
            self.problems.append(answer)
        return None

    def put(self, record: Record, masks: bytes | None = None) -> None:
        """Write a record, its packed masks before it, each whole or not at all; without masks, those of before go."""
        if masks is not None:
            write(masks, self.masks(record.cell))
        else:
            self.masks(record.cell).unlink(missing_ok=True)
        write(record.to_bytes(), self.path(record.cell))

    def __iter__(self) -> Iterator[Record]:
        """Every record that can be read, in the order of their keys. The others are named in `problems`."""
        return self._sound(Record.model_validate_json)

    def records(self) -> list[Record]:
        """The same as a list, faster."""
        with _without_collecting():
            return list(self)

    def outcomes(self) -> list[Outcome]:
        """What tables need of every record, in the same order, and many times faster where they were read before."""
        cache = OutcomeCache(self.root)
        with _without_collecting():
            read = list(self._sound(cache.outcome))
            cache.save()
        return read

    def find(self, prefix: str) -> list[Source]:
        """Where the records lie whose key begins with `prefix`."""
        if not re.fullmatch(r"[0-9a-f]{1,64}", prefix):
            return []
        matching = [
            (key, sources[0]) for key, sources in claimed(self.root / "records").items() if key.startswith(prefix)
        ]
        return [source for _, source in sorted(matching)]

    def judged(self) -> Iterator[tuple[Source, Record | str]]:
        """Every file and line, with its record or with what is wrong with it; without lines that a file replaces."""
        return self._judged(Record.model_validate_json)

    def astray(self) -> list[Path]:
        """Files that nobody reads: records at another depth than those of `path`."""
        records = self.root / "records"
        depths = ((records.rglob("*.json"), 3), (records.rglob("*.jsonl"), 1))
        return sorted(
            file for files, depth in depths for file in files if len(file.relative_to(records).parts) != depth
        )

    def holds(self, source: Source) -> bool:
        """Whether it lies in this folder."""
        return source.path.startswith(self._records + os.sep)

    def judge(self, source: Source) -> Record | str:
        """The record of a file or line, or what is wrong with it."""
        return self._judge(source, Record.model_validate_json)[1]

    def _sound(self, parse: Callable[[bytes], A]) -> Iterator[A]:
        self.problems = []
        for _, record in self._judged(parse):
            if isinstance(record, str):
                self.problems.append(record)
            else:
                yield record

    def _judged(self, parse: Callable[[bytes], A]) -> Iterator[tuple[Source, A | str]]:
        claims = claimed(self.root / "records")
        for key in sorted(claims):
            stands: Source | None = None
            for source in claims[key]:
                if stands and source.line:
                    if stands.line:
                        yield source, f"{source}: the key of {stands} again"
                    continue
                read, verdict = self._judge(source, parse)
                yield read, verdict
                if not isinstance(verdict, str) and not stands:
                    stands = read

    def _judge(self, source: Source, parse: Callable[[bytes], A]) -> tuple[Source, A | str]:
        try:
            source = source.read()
            record = parse(source.content or b"")
        except ValidationError as error:
            return source, f"{source}: {complaint(error)}"
        except OSError as error:
            return source, f"{source}: {error.strerror}"
        return source, self._astray(source, record) or record

    def _astray(self, source: Source, answer: Answer) -> str | None:
        """What is wrong with the place of a record, if anything is."""
        if not self.holds(source):
            return None  # somebody named the file
        cell, parts = answer.cell, (answer.cell.task, answer.cell.algorithm, f"{answer.key}.json")
        place = os.sep.join((self._records, *([table_of(cell)] if source.line else parts)))
        if source.path != place:
            return f"{source}: a record of another place; it belongs at {place}"
        return f"{source}: it tells two keys" if source.key != answer.key else None

    def _line(self, cell: Cell) -> Source | None:
        """The line of a cell; its table is read again only where it has changed."""
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
    """Thousands of values are made and none dropped: looking for garbage among them takes a third of the time."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def complaint(error: ValidationError) -> str:
    """What is wrong with a file that is no record, on one line."""
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    return f"not a record: {place + ': ' if place else ''}{first['msg']}"
