"""Which weights methods agree on: the overlap of their masks beyond chance, as pictures."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from itertools import combinations
from statistics import fmean
from typing import TYPE_CHECKING, Any

from benchmark.leaderboard.figures.panels import check, panels, title
from benchmark.leaderboard.figures.style import styled
from benchmark.leaderboard.mask_overlap import overlaps, whole
from benchmark.leaderboard.rows import Row, grouped
from benchmark.records.mask_files import Bits
from benchmark.records.record import Record

if TYPE_CHECKING:
    from matplotlib.figure import Figure


MasksOf = Callable[[Record], Bits]


def overlap(records: Iterable[Record], masks: MasksOf) -> Figure:
    """Beyond-chance overlap of masks, method by method, a panel for each column of a table.

    A pair of methods has the mean over the seeds that both have; a method with itself, over pairs of its seeds. 1 is
    the same mask, or one within the other; 0 is what chance gives at the same layer densities.

    Args:
        masks: reads those of a record.
    """
    import seaborn

    groups: dict[tuple[Any, ...], list[tuple[Row, list[Record]]]] = defaultdict(list)
    for row, runs in grouped(records):
        well = [run for run in runs if run.status == "ok" and run.mask_digest]
        if well and row.sparsity > 0:
            groups[row.column].append((row, well))
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
    """Symmetric; NaN, which is left blank, where two methods have no seed in common or counts leave nothing open."""
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
    beyond = [whole(overlaps(first, second)).beyond_chance for first, second in pairs]
    known = [value for value in beyond if value is not None]
    return round(fmean(known), 2) + 0.0 if known else float("nan")  # no -0.00
