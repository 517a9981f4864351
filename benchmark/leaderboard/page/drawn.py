"""Draws the figures of the HTML page, for the tables with the most records: metric against sparsity, and cost."""

from __future__ import annotations

import base64
import warnings
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from benchmark.errors import UsageError
from benchmark.leaderboard.figures.by_name import PICTURES
from benchmark.leaderboard.figures.style import encoded
from benchmark.results.cell import Cell
from benchmark.results.record import Record

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST = 12
"""Largest number of tables with figures. A figure takes half a second and about 20 kB."""

Table = tuple[str, str, str]
Picture = tuple[str, str]
"""Caption, and the image as a data URL, so that the page needs no other file."""


def pictures(records: Sequence[Record]) -> dict[Table, list[Picture]]:
    """Return the figures of each table: the metric over the share of weights kept, and over FLOPs."""
    tables: dict[Table, list[Record]] = defaultdict(list)
    for record in records:
        if record.score is not None and record.cell.control is None:
            tables[_table(record.cell)].append(record)
    fullest = sorted(tables, key=lambda table: (-len(tables[table]), table))[:MOST]
    return {table: [*_kept(tables[table]), *_front(tables[table])] for table in fullest}


def _table(cell: Cell) -> Table:
    return cell.table


def _kept(records: Sequence[Record]) -> Iterable[Picture]:
    several = len({record.cell.sparsity for record in records if record.cell.sparsity > 0}) > 1
    over = f"{'over the weights kept, ' if several else ''}with 95 % intervals"
    yield from drawn(lambda: PICTURES["accuracy-sparsity"](records), f"{records[0].ranking.metric} {over}")


def _front(records: Sequence[Record]) -> Iterable[Picture]:
    """Yield the Pareto figure of the column with the most methods, including the dense network."""
    methods = {(r.cell.scope, r.cell.sparsity, r.cell.group) for r in records if r.cell.sparsity > 0}
    columns = Counter((pattern, sparsity) for pattern, sparsity, _ in methods)
    if columns:
        (pattern, sparsity), _ = min(columns.items(), key=lambda item: (-item[1], item[0]))
        chosen = [r for r in records if r.cell.sparsity == 0 or (r.cell.scope, r.cell.sparsity) == (pattern, sparsity)]
        over = f"over everything computed, {pattern} at sparsity {sparsity:g}; line: the front"
        yield from drawn(lambda: PICTURES["pareto"](chosen), f"{records[0].ranking.metric} {over}")


def drawn(draw: Callable[[], Figure], caption: str) -> Iterable[Picture]:
    """Yield a figure with its caption; nothing if it cannot be drawn."""
    import matplotlib

    outlines = matplotlib.rc_context({"svg.fonttype": "none"})  # text instead of outlines: a third of the bytes
    try:
        with outlines, warnings.catch_warnings(action="ignore", category=UserWarning):  # labels that do not fit
            figure = draw()
            figure.patch.set_alpha(0)  # so that the page's background shows
            for axes in figure.axes:
                axes.patch.set_alpha(0)
            image = encoded(figure, "svg")
    except (
        UsageError,
        ValueError,
    ):  # too many panels, or a label that is invalid math text: the page then has the tables alone
        return
    yield caption, f"data:image/svg+xml;base64,{base64.b64encode(image).decode()}"
