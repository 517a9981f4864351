"""Reads published reference numbers from CSV files. Each number was checked by hand and names its source."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from benchmark.errors import UsageError
from benchmark.results.spelling import NAME

Tag = Literal["raw", "paper", "readme", "quoted"]

TAGS: dict[Tag, str] = {
    "raw": "from the result files that the authors released",
    "paper": "read in the paper's text",
    "readme": "read in the authors' README or documentation",
    "quoted": "read in a later source that quotes the paper",
}
"""Kinds of sources, which indicate how far a number can be trusted."""


class Published(BaseModel):
    """One published number.

    Args:
        algorithm: prunebench's name of the method if it has one, otherwise the authors' name.
        variant: what distinguishes the row from other rows of the method.
        sparsity: share of weights removed, in [0, 1); None if the source gives none.
        mean: in the unit of the metric; accuracies are in [0, 1], as in records.
        std: standard deviation over `n` runs; None if the source gives none or another measure (see `note`).
        paper: the paper that reports the number.
        source: the document in which it was read.
        table: its place in the source.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    task: str = Field(pattern=rf"^{NAME}$")
    model: str = Field(min_length=1)
    algorithm: str = Field(min_length=1)
    variant: str = ""
    sparsity: float | None = Field(None, ge=0, lt=1)
    metric: str = Field(pattern=rf"^{NAME}$")
    mean: float
    std: float | None = Field(None, ge=0)
    n: int | None = Field(None, ge=1)
    paper: str = Field(min_length=1)
    source: str = Field(min_length=1)
    table: str = Field(min_length=1)
    tag: Tag
    note: str = ""


def published(folder: Path) -> list[Published]:
    """Return all rows of the CSV files in a folder, in order of file name; none if the folder does not exist.

    Raises:
        UsageError: a row does not match the schema or duplicates another row; the message names file and line.
    """
    seen: dict[tuple[object, ...], str] = {}
    rows = []
    for file in sorted(folder.glob("*.csv")):
        for place, row in _rows(file):
            identity = tuple(row.model_dump(exclude={"mean", "std", "n", "note", "tag"}).values())
            if identity in seen:
                raise UsageError(f"{place}: the same row as at {seen[identity]}")
            seen[identity] = place
            rows.append(row)
    return rows


def _rows(file: Path) -> Iterator[tuple[str, Published]]:
    """Yield the rows of a file, each with its file and line."""
    wanted = list(Published.model_fields)
    try:
        with file.open(encoding="utf-8", newline="") as lines:
            reader = csv.DictReader(lines, strict=True)
            if reader.fieldnames != wanted:
                raise UsageError(f"{file}: the columns must be {','.join(wanted)}")
            for row in reader:
                place = f"{file}:{reader.line_num}"
                yield place, _row(place, row)
    except (csv.Error, UnicodeDecodeError) as error:
        raise UsageError(f"{file}: not a CSV file: {error}") from None


def _row(place: str, row: dict[str, str]) -> Published:
    """Return a validated row. Empty cells take the defaults."""
    try:
        return Published.model_validate({column: text for column, text in row.items() if text != ""})
    except ValidationError as error:
        first = error.errors()[0]
        column = ".".join(str(part) for part in first["loc"])
        raise UsageError(f"{place}: {column}: {first['msg']}, got {first['input']!r}") from None
