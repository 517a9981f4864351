"""Records of another machine, brought into a store of ours: each one judged first, then written whole."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from benchmark.records.record import Record
from benchmark.records.sources import Source
from benchmark.records.store import Store
from benchmark.records.validity import mask_problems, problems_of

Verdict = Literal["new", "same", "differing", "replaced"]
"""Ours has no record of the cell; one with the same answer; another one, which stays; or another, which gives way."""


@dataclass
class Merged:
    """What became of the records of a folder.

    Args:
        refused: a line for every file that is no sound record: where it lies and what is wrong.
        differing: a line for every record whose answer is not ours.
    """

    count: Counter[Verdict] = field(default_factory=Counter)
    refused: list[str] = field(default_factory=list)
    differing: list[str] = field(default_factory=list)


def merge(theirs: Store, ours: Store, *, replace: bool, write: bool) -> Merged:
    """Bring the sound records of `theirs`, with their masks, into `ours`.

    A run of theirs that ended well replaces one of ours that did not; where both did and differ, ours stays.

    Args:
        replace: where the answers differ, theirs.
        write: or only say what would be done.
    """
    merged = Merged()
    for source, record in _sound(theirs, merged):
        verdict = _verdict(record, ours.get(record.cell), replace)
        merged.count[verdict] += 1
        if verdict in ("differing", "replaced"):
            merged.differing.append(f"{source}: another answer than ours to {record.cell}")
        if write and verdict in ("new", "replaced"):
            packed = theirs.masks(record.cell)
            ours.put(record, packed.read_bytes() if packed.exists() else None)
    return merged


def _sound(store: Store, merged: Merged) -> Iterator[tuple[Source, Record]]:
    """The records of a store that can be true; the rest is refused."""
    for source, record in store.judged():
        if isinstance(record, str):
            merged.refused.append(record)
            continue
        packed = store.masks(record.cell)
        if wrong := problems_of(record) + (mask_problems(record, packed.read_bytes()) if packed.exists() else []):
            merged.refused.append(f"{source}: {'; '.join(wrong)}")
        else:
            yield source, record
    merged.refused += [f"{file}: not in records/<task>/<algorithm>/" for file in store.astray()]


def _verdict(record: Record, known: Record | None, replace: bool) -> Verdict:
    if known is None:
        return "new"
    if _answer(record) == _answer(known):
        return "same"
    mends = record.status == "ok" and known.status != "ok"
    return "replaced" if mends or replace else "differing"


def _answer(record: Record) -> dict[str, object]:
    """What two machines can agree on: all but the time it took, the place, and who looked it over."""
    return record.model_dump(include={"status", "metrics", "validation", "density", "layers", "mask_digest", "error"})
