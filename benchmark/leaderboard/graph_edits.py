"""Summarises how edge methods edited graphs: means over the runs of each row. The audit has verified every edit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean

from benchmark.leaderboard.rows import Row, TaskName, grouped
from benchmark.results.record import Edits, Record
from benchmark.results.spelling import spelled


@dataclass(frozen=True)
class Edited:
    """The graph edits of one row, averaged over its runs.

    Args:
        edges: undirected edges before editing.
        asked: edits requested; fewer are made if connectivity does not allow more.
        gap: spectral gap before and after, with self-loops of weight 1.
        bridges: number of bridges before and after.
        inter_class: share of edits between nodes of different classes; None if nodes have no classes.
        seconds: time per edit.
    """

    row: Row
    edges: float
    asked: float | None
    deleted: float
    added: float
    gap: tuple[float, float]
    bridges: tuple[float, float]
    inter_class: float | None
    seconds: float


def edited(records: Iterable[Record], task_name: TaskName = spelled) -> list[Edited]:
    """Return the rows whose runs edited graphs, in leaderboard order."""
    groups = [
        (row, [run.edits for run in runs if run.status == "ok" and run.edits])
        for row, runs in grouped(records, task_name)
    ]
    return [_of(row, edits) for row, edits in groups if edits]


def _of(row: Row, edits: Sequence[Edits]) -> Edited:
    asked = [each.asked for each in edits if each.asked is not None]
    between = [each.inter_class for each in edits if each.inter_class is not None]
    count = sum(each.deleted + each.added for each in edits)
    return Edited(
        row=row,
        edges=fmean(each.before for each in edits),
        asked=fmean(asked) if len(asked) == len(edits) else None,
        deleted=fmean(each.deleted for each in edits),
        added=fmean(each.added for each in edits),
        gap=(fmean(each.gap["loops 1"][0] for each in edits), fmean(each.gap["loops 1"][1] for each in edits)),
        bridges=(fmean(each.bridges[0] for each in edits), fmean(each.bridges[1] for each in edits)),
        inter_class=fmean(between) if len(between) == len(edits) else None,
        seconds=sum(each.seconds for each in edits) / max(1, count),
    )
