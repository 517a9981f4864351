"""Accuracy against cost, with the Pareto front."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from benchmark.leaderboard.costs import Priced, priced
from benchmark.leaderboard.figures.labels import Bar, Labelled, label_points
from benchmark.leaderboard.figures.panels import GREY, check, high, low, metric, panels, ticks, title
from benchmark.leaderboard.figures.style import Look, looks, names, styled
from benchmark.leaderboard.rows import references, rows
from benchmark.records.outcome import Answer

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def pareto(records: Iterable[Answer]) -> Figure:
    """The metric over all that was computed, a panel for each task, model, pattern and sparsity; budgets together.

    The front is the line: what lies below it costs more than something that is at least as good.
    """
    priced_rows = priced(rows(records))
    reference = {id(row) for row in references([one.row for one in priced_rows]).values()}
    dense = [one for one in priced_rows if id(one.row) in reference]
    groups: dict[tuple[str, ...], list[Priced]] = defaultdict(list)
    for one in priced_rows:
        if not one.row.dense and one.flops > 0:
            groups[one.row.question].append(one)
    check(groups, "no run of a pruned network ended well")
    with styled():
        look = looks(names(one.row for one in priced_rows))
        figure, grid = panels([title(group[0].row, budget=False) for group in groups.values()])
        drawn = []
        for axes, group in zip(grid, groups.values(), strict=True):
            axes.set_title(f"{axes.get_title(loc='left')} at sparsity {group[0].row.sparsity:g}", loc="left")
            beside = [one for one in dense if one.row.question[:2] == group[0].row.question[:2] and one.flops > 0]
            drawn.append(_against_cost(axes, group, beside, look))
        label_points(grid, [points for points, _ in drawn], [bars for _, bars in drawn])
    return figure


def _against_cost(
    axes: Axes, group: Sequence[Priced], dense: Sequence[Priced], look: Mapping[str, Look]
) -> tuple[list[Labelled], list[Bar]]:
    """One panel; the points that need names, and the lines that these should keep clear of."""
    from matplotlib.ticker import EngFormatter

    budgets = len({one.row.budget for one in [*group, *dense]}) > 1
    points: list[Labelled] = []
    for one in [*group, *dense]:
        row, mean = one.row, one.row.mean or 0.0
        colour: Any = GREY if row.dense else look[row.label].colour
        style = {**look[row.label].line(), "color": colour, "linestyle": "none"}
        axes.errorbar(one.flops, mean, yerr=[[mean - low(row)], [high(row) - mean]], **style, elinewidth=1, zorder=3)
        ink = GREY if row.dense else look[row.label].ink
        points.append((one.flops, mean, f"{row.label} {row.budget}" if budgets else row.label, ink))
    front = [one for one in group if one.front]
    axes.step(
        [one.flops for one in front], [one.row.mean or 0.0 for one in front], where="post", color="0.6", lw=1, zorder=1
    )
    axes.set_xscale("log")
    axes.set_xlabel("FLOPs of all training and scoring (log scale)")
    axes.set_ylabel(metric(group[0].row))
    axes.margins(0.12, 0.08)
    ticks(axes.xaxis, lambda flops, _: EngFormatter()(flops))
    bars = [(one.flops, low(one.row), one.flops, high(one.row)) for one in [*group, *dense]]
    bars += [(a.flops, a.row.mean or 0.0, b.flops, a.row.mean or 0.0) for a, b in pairwise(front)]
    return points, bars
