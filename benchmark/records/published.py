"""Published reference numbers: hand-checked CSV files of one schema, each number with where it was read."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from benchmark.errors import UsageError
from benchmark.records.cell import NAME

Tag = Literal["raw", "paper", "readme", "quoted"]


TAGS: dict[Tag, str] = {
    "raw": "from the result files that the authors released",
    "paper": "read in the paper's text",
    "readme": "read in the authors' README or documentation",
    "quoted": "read in a later source that quotes the paper",
}
"""How far a number can be trusted: where it was read."""


class Published(BaseModel):
    """One published number.

    Args:
        algorithm: our name where we have the method, else its authors'.
        variant: what sets it apart from other rows of this method.
        sparsity: of the weights, in [0, 1); None where the source gives none.
        mean: in the metric's own unit; accuracies and the like in [0, 1], as in our records.
        std: over `n` runs; None where the source gives none, or another spread (`note` says which).
        paper: whose number it is. source: where it was read. table: where in there.
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
    """Every row of the CSV files in a folder, in the order of the files; none where there is no such folder.

    Raises:
        UsageError: the first file and line that does not fit the schema, or says what another row says already.
    """
    seen: dict[tuple[object, ...], str] = {}
    rows = []
    for file in sorted(folder.glob("*.csv")):
        for place, row in _rows(file):
            identity = tuple(row.model_dump(exclude={"mean", "std", "n", "note", "tag"}).values())
            if identity in seen:
                raise UsageError(f"{place}: the same row stands at {seen[identity]}")
            seen[identity] = place
            rows.append(row)
    return rows


def _rows(file: Path) -> Iterator[tuple[str, Published]]:
    """The rows of a file, each with its place."""
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
    """A row, typed. What stands empty is not given."""
    try:
        return Published.model_validate({column: text for column, text in row.items() if text != ""})
    except ValidationError as error:
        first = error.errors()[0]
        column = ".".join(str(part) for part in first["loc"])
        raise UsageError(f"{place}: {column}: {first['msg']}, got {first['input']!r}") from None
