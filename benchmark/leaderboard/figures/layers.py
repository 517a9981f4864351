"""What is left of each layer: the shares, and their picture."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from benchmark.leaderboard.figures.labels import Labelled, label_ends
from benchmark.leaderboard.figures.panels import check, panels, percents, title
from benchmark.leaderboard.figures.style import Look, looks, names, styled
from benchmark.leaderboard.rows import Row, grouped
from benchmark.records.record import Record

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Shares:
    """Of one row, by layer in the order of the network: the share that is kept, in each of its runs."""

    row: Row
    layers: Mapping[str, Sequence[float]]


def shares(records: Iterable[Record]) -> list[Shares]:
    """Of every row of a pruned network with runs that ended well and have their layers."""
    results = []
    for row, runs in grouped(records):
        by_seed = [run.layers for run in runs if run.status == "ok" and run.layers]
        if by_seed and row.sparsity > 0:
            results.append(
                Shares(row, {name: [own[name].kept / own[name].total for own in by_seed] for name in by_seed[0]})
            )
    return results


def layers(records: Iterable[Record]) -> Figure:
    """The share of each layer that is kept, a panel for each column of a table: means, and bands over all seeds."""
    groups: dict[tuple[Any, ...], list[Shares]] = defaultdict(list)
    for one in shares(records):
        groups[one.row.column].append(one)
    check(groups, "no record of a pruned network has its layers")
    with styled():
        look = looks(names(one.row for group in groups.values() for one in group))
        first = [group[0].row for group in groups.values()]
        figure, grid = panels([f"{title(row)} at sparsity {row.sparsity:g}" for row in first])
        label_ends(grid, [_draw(axes, group, look) for axes, group in zip(grid, groups.values(), strict=True)])
    return figure


def _draw(axes: Axes, group: Sequence[Shares], look: Mapping[str, Look]) -> list[Labelled]:
    """One panel. What is empty has no place on a log axis: it stands at half the least share, marked with a cross."""
    order = list(dict.fromkeys(name for one in group for name in one.layers))
    floor = (
        min((share for one in group for by_seed in one.layers.values() for share in by_seed if share), default=1.0) / 2
    )
    ends: list[Labelled] = []
    for one in group:
        xs = [x for x, name in enumerate(order) if name in one.layers]
        seeds = [one.layers[order[x]] for x in xs]
        means = [statistics.fmean(by_seed) or floor for by_seed in seeds]
        drawn = look[one.row.label]
        axes.plot(xs, means, **drawn.line(), zorder=3)
        lows, highs = [max(floor, min(by_seed)) for by_seed in seeds], [max(floor, *by_seed) for by_seed in seeds]
        axes.fill_between(xs, lows, highs, color=drawn.colour, alpha=0.15, lw=0)
        empty = [x for x, by_seed in zip(xs, seeds, strict=True) if not any(by_seed)]
        axes.plot(empty, [floor] * len(empty), "x", color="black", markersize=9, zorder=4)
        if empty:
            axes.set_xlabel("\u00d7 nothing is left")
        ends.append((xs[-1], means[-1], one.row.label, drawn.ink))
    axes.set_yscale("log")
    percents(axes.yaxis)
    axes.set_ylabel("share kept (log scale)")
    small = max(4.0, min(8.0, 200 / len(order)))
    labels = [name.removesuffix(".weight") for name in order]
    axes.set_xticks(range(len(order)), labels, rotation=90 if len(order) > 8 else 0, fontsize=small)
    return ends
