"""Plots how far the masks of different methods overlap, beyond chance."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from itertools import combinations
from statistics import fmean
from typing import TYPE_CHECKING, Any

from benchmark.errors import UsageError
from benchmark.leaderboard.figures.panels import check, panels, title
from benchmark.leaderboard.figures.style import styled
from benchmark.leaderboard.mask_overlap import overlaps, whole
from benchmark.leaderboard.rows import Row, grouped
from benchmark.results.mask_files import Bits
from benchmark.results.record import Record

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MasksOf = Callable[[Record], Bits]
"""Reads the masks of a record."""


def overlap(records: Iterable[Record], masks: MasksOf) -> Figure:
    """Plot the beyond-chance overlap of masks as a heat map of methods, with one panel for each column.

    The value for two methods is the mean over their common seeds; that of a method with itself is the mean over pairs
    of its seeds. 1 means equal or nested masks, 0 the overlap expected by chance at the same layer densities.

    Args:
        masks: reads the masks of a record.

    Raises:
        UsageError: there is nothing to draw, too much for one figure, or masks of different networks in one panel.
    """
    import seaborn

    groups: dict[tuple[Any, ...], list[tuple[Row, list[Record]]]] = defaultdict(list)
    for row, runs in grouped(records):
        masked = [run for run in runs if run.status == "ok" and run.mask_digest]
        if masked and row.sparsity > 0:
            groups[row.column].append((row, masked))
    check(groups, "no record of a pruned network has masks")
    with styled():
        first = [group[0][0] for group in groups.values()]
        side = 1.6 + 0.42 * max(len(group) for group in groups.values())
        titles = [f"{title(row)} at sparsity {row.sparsity:g}" for row in first]
        figure, grid = panels(titles, (side + 1.2, side), across=2)
        for axes, group in zip(grid, groups.values(), strict=True):
            names = [row.label for row, _ in group]
            seaborn.heatmap(
                _matrix([runs for _, runs in group], masks),
                ax=axes,
                annot=True,
                fmt=".2f",
                annot_kws={"fontsize": 6.5},
                cmap="vlag",
                vmin=-1,
                vmax=1,
                cbar=False,
                square=True,
                xticklabels=names,
                yticklabels=names,
            )
    return figure


def _matrix(group: Sequence[Sequence[Record]], masks: MasksOf) -> list[list[float]]:
    """Return the symmetric matrix of overlaps. NaN, drawn blank, if there is no common seed or no room for chance."""
    read = [{run.cell.seed: masks(run) for run in sorted(runs, key=lambda run: run.cell.seed)} for runs in group]
    size = len(read)
    matrix = [[float("nan")] * size for _ in range(size)]
    for i in range(size):
        matrix[i][i] = _mean(combinations(read[i].values(), 2))
        for j in range(i):
            common = [(mask, read[j][seed]) for seed, mask in read[i].items() if seed in read[j]]
            matrix[i][j] = matrix[j][i] = _mean(common)
    return matrix


def _mean(pairs: Iterable[tuple[Bits, Bits]]) -> float:
    try:
        beyond = [whole(overlaps(first, second)).beyond_chance for first, second in pairs]
    except ValueError as error:
        raise UsageError(f"overlap cannot be drawn: {error}; choose records of one network with --model") from None
    known = [value for value in beyond if value is not None]
    return round(fmean(known), 2) + 0.0 if known else float("nan")  # no -0.00
