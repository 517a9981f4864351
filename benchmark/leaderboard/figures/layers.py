"""Plots the share of weights kept in each layer."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from benchmark.leaderboard.figures.labels import Labelled, label_ends
from benchmark.leaderboard.figures.panels import check, panels, percents, tell_others, title
from benchmark.leaderboard.figures.style import Look, looks, names, styled
from benchmark.leaderboard.rows import Row, grouped
from benchmark.results.record import LayerCount, Record

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Shares:
    """For one row, the share of weights kept in each layer by each of its runs; layers in network order."""

    row: Row
    layers: Mapping[str, Sequence[float]]


def shares(records: Iterable[Record]) -> list[Shares]:
    """Return the shares of every row with pruned weights and successful runs that recorded their layers."""
    results = []
    for row, runs in grouped(records):
        by_seed = [run.layers for run in runs if run.status == "ok" and run.layers]
        if by_seed and row.sparsity > 0:
            results.append(Shares(row, _of_each_layer(by_seed)))
    return results


def _of_each_layer(runs: Sequence[Mapping[str, LayerCount]]) -> dict[str, list[float]]:
    """Return the shares kept by layer name. A layer that some runs lack has those of the others."""
    shares: dict[str, list[float]] = {}
    for run in runs:
        for name, count in run.items():
            if count.total:
                shares.setdefault(name, []).append(count.kept / count.total)
    return shares


def layers(records: Iterable[Record], highlight: Sequence[str] = ()) -> Figure:
    """Plot the share kept in each layer, with one panel for each column: means, and bands from minimum to maximum.

    Args:
        records: what to draw.
        highlight: the methods in colour; the others are grey (`style.looks`).

    Raises:
        UsageError: there is nothing to draw, or too much for one figure; or nothing of a highlighted name is drawn.
    """
    groups: dict[tuple[Any, ...], list[Shares]] = defaultdict(list)
    for row_shares in shares(records):
        groups[row_shares.row.column].append(row_shares)
    check(groups, "no record of a pruned network has its layers")
    with styled():
        look = looks(names(row_shares.row for group in groups.values() for row_shares in group), highlight)
        first = [group[0].row for group in groups.values()]
        figure, grid = panels([f"{title(row)} at sparsity {row.sparsity:g}" for row in first])
        label_ends(grid, [_draw(axes, group, look) for axes, group in zip(grid, groups.values(), strict=True)])
    return figure


def _draw(axes: Axes, group: Sequence[Shares], look: Mapping[str, Look]) -> list[Labelled]:
    """Draw one panel. Empty layers have no place on a log axis: a cross at half the smallest share marks them."""
    order = list(dict.fromkeys(name for row_shares in group for name in row_shares.layers))
    floor = (
        min(
            (share for row_shares in group for by_seed in row_shares.layers.values() for share in by_seed if share),
            default=1.0,
        )
        / 2
    )
    ends: list[Labelled] = []
    for row_shares in group:
        xs = [x for x, name in enumerate(order) if name in row_shares.layers]
        seeds = [row_shares.layers[order[x]] for x in xs]
        means = [statistics.fmean(by_seed) or floor for by_seed in seeds]
        drawn = look[row_shares.row.label]
        axes.plot(xs, means, **drawn.line())
        lows, highs = [max(floor, min(by_seed)) for by_seed in seeds], [max(floor, *by_seed) for by_seed in seeds]
        if not drawn.quiet:
            axes.fill_between(xs, lows, highs, color=drawn.colour, alpha=0.15, lw=0)
            ends.append((xs[-1], means[-1], row_shares.row.label, drawn.ink))
        empty = [x for x, by_seed in zip(xs, seeds, strict=True) if not any(by_seed)]
        axes.plot(empty, [floor] * len(empty), "x", color="black", markersize=9, zorder=4)
        if empty:
            axes.set_xlabel("\u00d7 nothing is left")
    tell_others(axes, [look[row_shares.row.label] for row_shares in group])
    axes.set_yscale("log")
    percents(axes.yaxis)
    axes.set_ylabel("share kept (log scale)")
    small = max(4.0, min(8.0, 200 / len(order)))
    labels = [name.removesuffix(".weight") for name in order]
    axes.set_xticks(range(len(order)), labels, rotation=90 if len(order) > 8 else 0, fontsize=small)
    return ends
