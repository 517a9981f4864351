"""Merges records of another machine into a results folder. Every record is checked before it is written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from benchmark.errors import DataMissing, UsageError
from benchmark.files import write as write_file
from benchmark.results.cell import Cell
from benchmark.results.measured import add, file_of, further, measurements
from benchmark.results.record import Record
from benchmark.results.saved_masks import content, where
from benchmark.results.sources import Source
from benchmark.results.store import Store
from benchmark.results.validity import problems_of

Verdict = Literal["new", "same", "differing", "replaced"]
"""Outcome for one record: our folder has no record of the cell; the same result; another, kept; another, replaced."""


@dataclass
class Merged:
    """The outcome of merging a folder.

    Args:
        refused: a message for every invalid record: its location and what is wrong with it.
        differing: a message for every record whose result differs from ours.
        masks: the number of masks that were added to ours with their records.
        measurements: the number of measurements that were added (`bench measure`).
    """

    count: Counter[Verdict] = field(default_factory=Counter)
    refused: list[str] = field(default_factory=list)
    differing: list[str] = field(default_factory=list)
    masks: int = 0
    measurements: int = 0


def merge(theirs: Store, ours: Store, *, replace: bool, write: bool) -> Merged:
    """Copy the valid records of `theirs`, with their masks and the measurements of their networks, into `ours`.

    A successful run of theirs replaces an unsuccessful one of ours. If both results are of equal standing and differ,
    ours is kept. If ours has no masks, theirs are added if their digest is the same.

    Args:
        replace: take their result whenever the two differ.
        write: False only reports what would be done.
    """
    merged = Merged()
    for source, record, masks in _sound(theirs, merged):
        known = ours.get(record.cell)
        verdict = _verdict(record, known, replace)
        merged.count[verdict] += 1
        if verdict in ("differing", "replaced"):
            merged.differing.append(f"{source}: another answer than ours to {record.cell}")
        if verdict in ("new", "replaced"):
            merged.masks += masks is not None
            if write:
                ours.put(record, masks)
        elif masks is not None and known and known.mask_digest == record.mask_digest and not where(ours, known):
            merged.masks += 1
            if write:
                write_file(masks, ours.masks(record.cell))
        if verdict != "differing":
            _bring_measurements(record.cell, theirs.root, ours.root, merged, write, stale=verdict == "replaced")
    return merged


def _bring_measurements(cell: Cell, theirs: Path, ours: Path, merged: Merged, write: bool, *, stale: bool) -> None:
    """Copy their measurements of a network; if ours are stale, they are of a network that is no longer here."""
    if stale and write:
        file_of(ours, cell).unlink(missing_ok=True)
    try:
        found = measurements(theirs, cell) if stale else further(theirs, ours, cell)
    except UsageError as problem:
        merged.refused.append(str(problem))
        return
    merged.measurements += len(found)
    if write and found:
        add(ours, cell, found)


def _sound(store: Store, merged: Merged) -> Iterator[tuple[Source, Record, bytes | None]]:
    """Yield the valid records of a store with their masks; add the others to `merged.refused`."""
    for source, record in store.judged():
        if isinstance(record, str):
            merged.refused.append(record)
            continue
        try:
            masks = content(store, record)
        except (DataMissing, OSError) as error:
            merged.refused.append(f"{source}: {error}")
            continue
        if wrong := problems_of(record, masks):
            merged.refused.append(f"{source}: {'; '.join(wrong)}")
        else:
            yield source, record, masks
    merged.refused += [f"{file}: not in records/<task>/<algorithm>/" for file in store.astray()]


def _verdict(record: Record, known: Record | None, replace: bool) -> Verdict:
    if known is None:
        return "new"
    if _answer(record) == _answer(known):
        return "same"
    mends = record.status == "ok" and known.status != "ok"
    return "replaced" if mends or replace else "differing"


def _answer(record: Record) -> dict[str, object]:
    """Return the fields that should agree between machines: all but cost, provenance, audit and verification."""
    return record.model_dump(include={"status", "metrics", "validation", "density", "layers", "mask_digest", "error"})
