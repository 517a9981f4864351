"""Plots how far the masks of different methods overlap, beyond chance."""

from __future__ import annotations

import textwrap
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import combinations
from statistics import fmean
from typing import TYPE_CHECKING, Any

from benchmark.errors import UsageError
from benchmark.leaderboard.figures.panels import check, panels, title
from benchmark.leaderboard.figures.style import looks, styled
from benchmark.leaderboard.figures.style import names as naming
from benchmark.leaderboard.mask_overlap import overlaps, whole
from benchmark.leaderboard.rows import Row, grouped
from benchmark.results.mask_files import Bits
from benchmark.results.record import Record

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Group = Sequence[tuple[Row, Sequence[Record]]]
"""Rows of a column, with the runs of each."""

MasksOf = Callable[[Record], Bits]
"""Reads the masks of a record."""


def overlap(
    records: Iterable[Record],
    masks: MasksOf,
    here: Callable[[Record], bool] = lambda _: True,
    highlight: Sequence[str] = (),
) -> Figure:
    """Plot the beyond-chance overlap of masks as a heat map of methods, with one panel for each column.

    The value for two methods is the mean over their common seeds; that of a method with itself is the mean over pairs
    of its seeds. 1 means equal or nested masks, 0 the overlap expected by chance at the same layer densities. Rows
    without masks on this machine are left out, and each panel names them.

    Args:
        records: what to draw.
        masks: reads the masks of a record. It is called for masks that are not here only if none are.
        here: returns whether the masks of a record are on this machine.
        highlight: the methods whose names are in colour; those of the others are grey (`style.looks`).

    Raises:
        UsageError: there is nothing to draw, too much for one figure, or masks of different networks in one
            panel; or nothing of a highlighted name is drawn.
        DataMissing: no masks are here, or some are damaged.
    """
    import seaborn

    groups: dict[tuple[Any, ...], list[tuple[Row, list[Record]]]] = defaultdict(list)
    for row, runs in grouped(records):
        masked = [run for run in runs if run.status == "ok" and run.mask_digest]
        if masked and row.sparsity > 0:
            groups[row.column].append((row, masked))
    check(groups, "no record of a pruned network has masks")
    found = [[(row, [run for run in runs if here(run)]) for row, runs in group] for group in groups.values()]
    drawn = [group for group in found if any(runs for _, runs in group)]
    if not drawn:
        masks(next(iter(groups.values()))[0][1][0])  # which says where they should be
    with styled():
        look = looks(naming(row for group in drawn for row, runs in group if runs), highlight) if highlight else {}
        side = 1.6 + 0.42 * max(len(group) for group in drawn)
        figure, grid = panels([_title(group, groups) for group in drawn], (side + 1.2, side), across=2)
        for axes, group in zip(grid, drawn, strict=True):
            present = [(row, runs) for row, runs in group if runs]
            names = [row.label for row, _ in present]
            seaborn.heatmap(
                _matrix([runs for _, runs in present], masks),
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
            for tick in [*axes.get_xticklabels(), *axes.get_yticklabels()] if look else []:
                tick.set_color(look[tick.get_text()].ink)
    return figure


def _title(group: Group, groups: Mapping[tuple[Any, ...], Group]) -> str:
    """The title of a panel, with the rows whose masks are not all here."""
    first = group[0][0]
    there = {row.label: len(runs) for row, runs in groups[first.column]}
    lacking = [
        row.label if not runs else f"{there[row.label] - len(runs)} of {there[row.label]} of {row.label}"
        for row, runs in group
        if len(runs) < there[row.label]
    ]
    told = textwrap.fill(f"not here: {', '.join(lacking)}", 60, break_on_hyphens=False) if lacking else ""
    return "\n".join(filter(None, [f"{title(first)} at sparsity {first.sparsity:g}", told]))


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
