"""The pictures of a page: for the tables that hold most, metric over sparsity and metric over cost."""

from __future__ import annotations

import base64
import warnings
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from benchmark.errors import UsageError
from benchmark.leaderboard.figures.by_name import PICTURES
from benchmark.leaderboard.figures.style import encoded
from benchmark.records.cell import Cell
from benchmark.records.record import Record

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST = 12
"""Tables with pictures; one takes half a second and some 20 kB."""

Table = tuple[str, str, str]
Picture = tuple[str, str]
"""What it shows, and the address of the image: its own bytes, so that the page needs no other file."""


def pictures(records: Sequence[Record]) -> dict[Table, list[Picture]]:
    """By table: the metric over the weights kept, and over everything computed."""
    tables: dict[Table, list[Record]] = defaultdict(list)
    for record in records:
        if record.score is not None and record.cell.control is None:
            tables[_table(record.cell)].append(record)
    fullest = sorted(tables, key=lambda table: (-len(tables[table]), table))[:MOST]
    return {table: [*_kept(tables[table]), *_front(tables[table])] for table in fullest}


def _table(cell: Cell) -> Table:
    return cell.setting, cell.model, cell.budget


def _kept(records: Sequence[Record]) -> Iterable[Picture]:
    several = len({record.cell.sparsity for record in records if record.cell.sparsity > 0}) > 1
    yield from _drawn(
        PICTURES["accuracy-sparsity"], records, f"{'over the weights kept, ' if several else ''}with 95 % intervals"
    )


def _front(records: Sequence[Record]) -> Iterable[Picture]:
    """Of the column with most methods, and the dense network."""
    methods = {(r.cell.pattern, r.cell.sparsity, r.cell.group) for r in records if r.cell.sparsity > 0}
    columns = Counter((pattern, sparsity) for pattern, sparsity, _ in methods)
    if columns:
        (pattern, sparsity), _ = min(columns.items(), key=lambda item: (-item[1], item[0]))
        chosen = [
            r for r in records if r.cell.sparsity == 0 or (r.cell.pattern, r.cell.sparsity) == (pattern, sparsity)
        ]
        over = f"over everything computed, {pattern} at sparsity {sparsity:g}; line: the front"
        yield from _drawn(PICTURES["pareto"], chosen, over)


def _drawn(draw: Callable[[Iterable[Record]], Figure], records: Sequence[Record], over: str) -> Iterable[Picture]:
    import matplotlib

    outlines = matplotlib.rc_context({"svg.fonttype": "none"})  # letters instead of them: a third of the bytes
    try:
        with outlines, warnings.catch_warnings(action="ignore", category=UserWarning):  # names too long to fit
            figure = draw(records)
            figure.patch.set_alpha(0)  # the page is the paper
            for axes in figure.axes:
                axes.patch.set_alpha(0)
            image = encoded(figure, "svg")
    except (UsageError, ValueError):  # more panels than can be read, or a name like half a formula: the tables tell
        return
    yield f"{records[0].ranking.metric} {over}", f"data:image/svg+xml;base64,{base64.b64encode(image).decode()}"
