"""Builds the tables of `bench compare --masks`: the overlap of masks, beyond chance."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import fmean
from typing import Any

from benchmark.errors import UsageError
from benchmark.leaderboard.mask_overlap import Overlap, overlaps, whole
from benchmark.leaderboard.rows import OptionValues
from benchmark.leaderboard.tables.plain import Tables
from benchmark.results.lookup import find_record
from benchmark.results.record import Record
from benchmark.results.saved_masks import bits
from benchmark.results.spelling import Choice, choices, named, spelled
from benchmark.results.store import Store

Place = tuple[Any, ...]
"""Task with options, model, budget, pattern and sparsity."""


def compared(
    names: Sequence[str], store: Store, records: Sequence[Record], absent: OptionValues
) -> tuple[Tables, list[dict[str, Any]]]:
    """Return tables and values of the overlap of two records, or of two algorithms over their common cells.

    Args:
        names: two keys or files of records, or two algorithms with options.
        absent: returns what the absence of options in a cell means.

    Raises:
        UsageError: there are not exactly two names, or they have no cell in common.
        DataMissing: the masks of a record are missing or damaged.
    """
    if len(names) != 2:
        raise UsageError(f"--masks compares two records, or two algorithms; got {len(names)} names")
    if all(store.find(name) for name in names):
        first, second = (find_record(name, store) for name in names)
        return _layers(f"{first.key[:8]} {first.cell} and {second.key[:8]} {second.cell}", _parts(store, first, second))
    return _columns(choices(names), store, records, absent)


def _layers(title: str, parts: dict[str, Overlap]) -> tuple[Tables, list[dict[str, Any]]]:
    facts_of = [_facts(name, part) for name, part in (*parts.items(), ("all", whole(parts)))]
    return {title: [_display_row(facts) for facts in facts_of]}, facts_of


def _columns(
    wanted: Sequence[Choice], store: Store, records: Sequence[Record], absent: OptionValues
) -> tuple[Tables, list[dict[str, Any]]]:
    """Return means over common seeds for every task, model, budget, pattern and sparsity."""
    by_place: dict[Place, list[Overlap]] = {}
    for place, first, second in _pairs(wanted, records, absent):
        by_place.setdefault(place, []).append(whole(_parts(store, first, second)))
    if not by_place:
        raise UsageError("no two of these records have a task, model, budget, pattern, sparsity and seed in common")
    rows = []
    for (setting, model, budget, pattern, sparsity), parts in sorted(by_place.items()):
        beyond = [part.beyond_chance for part in parts if part.beyond_chance is not None]
        facts = {"task": setting, "model": model, "budget": budget, "pattern": pattern, "sparsity": sparsity}
        means = {"jaccard": fmean(part.jaccard for part in parts), "beyond chance": fmean(beyond) if beyond else None}
        rows.append({**facts, **means, "n": len(parts)})
    title = f"masks of {wanted[0].name} and {wanted[1].name}, means over common seeds"
    return {title: [_display_row(facts) for facts in rows]}, rows


def _pairs(
    wanted: Sequence[Choice], records: Sequence[Record], absent: OptionValues
) -> Iterator[tuple[Place, Record, Record]]:
    ok = [record for record in records if record.mask_digest]
    first, second = (_of(choice, ok, absent) for choice in wanted)
    for key in first.keys() & second.keys():
        yield key[0], first[key], second[key]


def _of(choice: Choice, records: Sequence[Record], absent: OptionValues) -> dict[tuple[Place, int], Record]:
    """Return the records that a name matches, by place and seed.

    Raises:
        UsageError: it matches several records of one place and seed.
    """
    by_place: dict[tuple[Place, int], Record] = {}
    for record in records:
        cell = record.cell
        plain = "control" in choice.options or cell.control is None
        if plain and named(choice, cell.algorithm, {**absent(cell.algorithm), **cell.options}):
            other = by_place.setdefault((_place(record), cell.seed), record)
            if other is not record:
                which = " or ".join(spelled(cell.algorithm, match.cell.options) for match in (other, record))
                raise UsageError(f"'{choice.name}' matches several records here; name one of: {which}")
    return by_place


def _place(record: Record) -> Place:
    cell = record.cell
    return *cell.table, cell.scope, cell.sparsity


def _parts(store: Store, first: Record, second: Record) -> dict[str, Overlap]:
    try:
        return overlaps(bits(store, first), bits(store, second))
    except ValueError as error:
        raise UsageError(f"records {first.key[:8]} and {second.key[:8]}: {error}") from None


def _facts(name: str, part: Overlap) -> dict[str, Any]:
    kept = {"layer": name, "weights": part.total, "first": part.first, "second": part.second, "both": part.both}
    return kept | {"by chance": part.chance, "jaccard": part.jaccard, "beyond chance": part.beyond_chance}


def _display_row(facts: dict[str, Any]) -> dict[str, str]:
    return {name: _word(value) for name, value in facts.items()}


def _word(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.1f}" if value > 1 else f"{value:.4f}"
    return "" if value is None else f"{value:,}" if isinstance(value, int) else str(value)
