"""Lists the figures that `bench plot` can draw. Each function takes records and returns a matplotlib figure.

`style.write` saves a figure. All functions raise UsageError if the records contain nothing to draw.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any

from benchmark.leaderboard.figures.accuracy_sparsity import accuracy_sparsity
from benchmark.leaderboard.figures.layers import layers
from benchmark.leaderboard.figures.mask_overlap import overlap
from benchmark.leaderboard.figures.pareto import pareto
from benchmark.leaderboard.figures.rank_diagrams import critical_difference, profile
from benchmark.leaderboard.rows import rows
from benchmark.results.saved_masks import bits, where
from benchmark.results.store import Store

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PICTURES: dict[str, Callable[[Iterable[Any]], Figure]] = {
    "accuracy-sparsity": accuracy_sparsity,
    "pareto": pareto,
    "profile": lambda records: profile(rows(records)),
    "critical-difference": lambda records: critical_difference(rows(records)),
    "layers": layers,
}
"""Figure functions by name. They accept records or outcomes; `layers` needs whole records."""


def pictures(store: Store) -> dict[str, Callable[[Iterable[Any]], Figure]]:
    """Figure functions by name, with `overlap`, which reads the masks of a store and needs whole records."""
    here = partial(overlap, masks=partial(bits, store), here=lambda record: where(store, record) is not None)
    return {**PICTURES, "overlap": here}
