"""Measurements of the networks of records: a file `measured/KEY.json` in the results folder for each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError

from benchmark.errors import UsageError
from benchmark.files import write
from benchmark.results.cell import Cell, _Value
from benchmark.results.numbers import Count, Json, Size

COPIES = 1.15
"""The factor by which the times of two copies of one network may differ; up to 1.12 was seen (results/zeros.md)."""


Name = Annotated[str, Field(pattern=r"^[a-z0-9:-]{1,20}$")]
"""The name of a runtime. It is used in column heads of tables, so it has no markup."""


class Interval(_Value):
    """The median of some values, and its 95 % interval."""

    median: Size
    low: Size
    high: Size

    @property
    def above_one(self) -> bool | None:
        """Whether a ratio of times is above 1 (True), below (False), or cannot be distinguished from 1 (None).

        The place of a network in memory changes its time by up to `COPIES`, which is therefore added to the interval.
        """
        return None if self.low <= COPIES and self.high * COPIES >= 1 else self.low > COPIES


class Measurement(_Value):
    """The latency, memory and size of a network next to those of its dense parent.

    Args:
        runtime: the runtime that ran both; for comparison with `csr`, the parent was run by torch.
        batch: the number of examples in a call.
        threads: the number of threads of the runtime.
        seconds, parent_seconds: the time that a call takes.
        faster: `parent_seconds` over `seconds`, in the same round.
        memory, parent_memory: bytes by which a process grows while it loads and runs the network, if known.
        size, parent_size: bytes of what is loaded: an ONNX file, or parameters and buffers.
        rounds: the number of rounds in which both were timed in turn.
        where: processor and versions.
    """

    runtime: Name
    batch: Count
    threads: Count
    seconds: Interval
    parent_seconds: Interval
    faster: Interval
    memory: Count | None = None
    parent_memory: Count | None = None
    size: Count
    parent_size: Count
    rounds: Count
    where: Json

    @property
    def conditions(self) -> tuple[object, ...]:
        """What a later measurement must have in common with this one in order to replace it."""
        return self.runtime, self.batch, self.threads, self.where.get("processor")


_MEASUREMENTS = TypeAdapter(list[Measurement])


def file_of(results: Path, cell: Cell) -> Path:
    """The file with the measurements of a record's network."""
    return results / "measured" / f"{cell.key}.json"


def measurements(results: Path, cell: Cell) -> list[Measurement]:
    """The measurements of a record's network; empty if there are none.

    Raises:
        UsageError: the file does not contain measurements.
    """
    file = file_of(results, cell)
    return _read(file) if file.exists() else []


def every_measurement(results: Path) -> tuple[dict[str, list[Measurement]], list[str]]:
    """All measurements of a results folder by the key of their record, and a line for each file that cannot be read."""
    found, problems = dict[str, list[Measurement]](), list[str]()
    for file in sorted((results / "measured").glob("*.json")):
        try:
            found[file.stem] = _read(file)
        except UsageError as problem:
            problems.append(str(problem))
    return found, problems


def _read(file: Path) -> list[Measurement]:
    try:
        return _MEASUREMENTS.validate_json(file.read_bytes())
    except (ValidationError, OSError) as problem:
        raise UsageError(
            f"{file} has no measurements that can be read ({str(problem).splitlines()[0]}); delete it"
        ) from None


def add(results: Path, cell: Cell, found: Sequence[Measurement]) -> None:
    """Keep measurements of a record's network; they replace earlier ones under the same conditions."""
    new = {one.conditions for one in found}
    kept = [one for one in measurements(results, cell) if one.conditions not in new]
    write(_MEASUREMENTS.dump_json([*kept, *found], indent=1) + b"\n", file_of(results, cell))


def further(theirs: Path, ours: Path, cell: Cell) -> list[Measurement]:
    """The measurements of a record's network in another folder under conditions that ours lacks.

    Raises:
        UsageError: a file does not contain measurements.
    """
    known = {one.conditions for one in measurements(ours, cell)}
    return [one for one in measurements(theirs, cell) if one.conditions not in known]
