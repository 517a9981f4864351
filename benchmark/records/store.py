"""The results folder: where records, masks and logs lie, and files that are written whole or not at all."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError

from benchmark.errors import PluginError
from benchmark.files import writable, write
from benchmark.records.cell import Cell
from benchmark.records.record import Record


class Store:
    """A results folder: `records/<task>/<algorithm>/<key>.json`; `masks/` and `logs/` beside it are laid out alike."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.problems: list[str] = []

    def path(self, cell: Cell) -> Path:
        """Where the record of a cell lies, or would lie."""
        return self.root / "records" / cell.task / cell.algorithm / f"{cell.key}.json"

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
        path = self.path(cell)
        return self._read(path) if path.exists() else None

    def put(self, record: Record, masks: bytes | None = None) -> None:
        """Write a record, its packed masks before it, each whole or not at all; without masks, those of before go."""
        if masks is not None:
            write(masks, self.masks(record.cell))
        else:
            self.masks(record.cell).unlink(missing_ok=True)
        write(record.to_bytes(), self.path(record.cell))

    def __iter__(self) -> Iterator[Record]:
        """Every record that can be read. The others are named in `problems`."""
        self.problems = []
        for path in sorted((self.root / "records").glob("*/*/*.json"), key=str):
            if record := self._read(path):
                yield record

    def files(self, prefix: str) -> list[Path]:
        """The files of records whose key begins with `prefix`."""
        if not re.fullmatch(r"[0-9a-f]{1,64}", prefix):
            return []
        return sorted(path for path in (self.root / "records").glob(f"*/*/{prefix}*.json") if path.is_file())

    def _read(self, path: Path) -> Record | None:
        try:
            record = Record.model_validate_json(path.read_bytes())
        except ValidationError as error:
            self.problems.append(f"{path}: {complaint(error)}")
            return None
        except OSError as error:
            self.problems.append(f"{path}: {error.strerror}")
            return None
        if path != self.path(record.cell):
            self.problems.append(f"{path}: a record of another place; it belongs at {self.path(record.cell)}")
            return None
        return record


def complaint(error: ValidationError) -> str:
    """What is wrong with a file that is no record, on one line."""
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    return f"not a record: {place + ': ' if place else ''}{first['msg']}"
