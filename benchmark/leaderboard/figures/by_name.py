"""Lists the figures that `bench plot` can draw. Each function takes records and returns a matplotlib figure.

`style.write` saves a figure. All functions raise UsageError if the records contain nothing to draw,
or nothing of a highlighted name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from benchmark.leaderboard.figures.accuracy_sparsity import accuracy_sparsity
from benchmark.leaderboard.figures.layers import layers
from benchmark.leaderboard.figures.mask_overlap import overlap
from benchmark.leaderboard.figures.pareto import pareto
from benchmark.leaderboard.figures.rank_diagrams import critical_difference, profile
from benchmark.leaderboard.rows import Row, rows
from benchmark.results.saved_masks import bits, where
from benchmark.results.store import Store

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Draw(Protocol):
    """Draws records. Where names are highlighted, they are in colour and the others grey."""

    def __call__(self, records: Iterable[Any], *, highlight: Sequence[str] = ()) -> Figure: ...


def _of_rows(draw: Callable[[Sequence[Row], Sequence[str]], Figure]) -> Draw:
    def of_records(records: Iterable[Any], *, highlight: Sequence[str] = ()) -> Figure:
        return draw(rows(records), highlight)

    return of_records


PICTURES: dict[str, Draw] = {
    "accuracy-sparsity": accuracy_sparsity,
    "pareto": pareto,
    "profile": _of_rows(profile),
    "critical-difference": _of_rows(critical_difference),
    "layers": layers,
}
"""Figure functions by name. They accept records or outcomes; `layers` needs whole records."""


def pictures(store: Store) -> dict[str, Draw]:
    """Figure functions by name, with `overlap`, which reads the masks of a store and needs whole records."""
    here = partial(overlap, masks=partial(bits, store), here=lambda record: where(store, record) is not None)
    return {**PICTURES, "overlap": here}
