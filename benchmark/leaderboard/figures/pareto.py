"""Plots the metric against cost, with the Pareto front."""

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
from benchmark.results.outcome import Answer

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def pareto(records: Iterable[Answer]) -> Figure:
    """Plot the metric against total FLOPs, with one panel for each task, model, pattern and sparsity.

    A panel shows all budgets. The line is the Pareto front: every point off it costs no less than another point
    that is at least as good.

    Raises:
        UsageError: there is nothing to draw, or too much for one figure.
    """
    priced_rows = priced(rows(records))
    reference = {id(row) for row in references([method.row for method in priced_rows]).values()}
    dense = [method for method in priced_rows if id(method.row) in reference]
    groups: dict[tuple[str, ...], list[Priced]] = defaultdict(list)
    for method in priced_rows:
        if not method.row.dense and method.flops > 0:
            groups[method.row.question].append(method)
    check(groups, "no run of a pruned network ended well")
    with styled():
        look = looks(names(method.row for method in priced_rows))
        figure, grid = panels([title(group[0].row, budget=False) for group in groups.values()])
        drawn = []
        for axes, group in zip(grid, groups.values(), strict=True):
            axes.set_title(f"{axes.get_title(loc='left')} at sparsity {group[0].row.sparsity:g}", loc="left")
            references_of = [
                method for method in dense if method.row.question[:2] == group[0].row.question[:2] and method.flops > 0
            ]
            drawn.append(_against_cost(axes, group, references_of, look))
        label_points(grid, [points for points, _ in drawn], [bars for _, bars in drawn])
    return figure


def _against_cost(
    axes: Axes, group: Sequence[Priced], dense: Sequence[Priced], look: Mapping[str, Look]
) -> tuple[list[Labelled], list[Bar]]:
    """Draw one panel. Return the points to label, and the lines that labels should not cover."""
    from matplotlib.ticker import EngFormatter

    budgets = len({method.row.budget for method in [*group, *dense]}) > 1
    points: list[Labelled] = []
    for method in [*group, *dense]:
        row, mean = method.row, method.row.mean or 0.0
        colour: Any = GREY if row.dense else look[row.label].colour
        style = {**look[row.label].line(), "color": colour, "linestyle": "none"}
        axes.errorbar(method.flops, mean, yerr=[[mean - low(row)], [high(row) - mean]], **style, elinewidth=1, zorder=3)
        ink = GREY if row.dense else look[row.label].ink
        points.append((method.flops, mean, f"{row.label} {row.budget}" if budgets else row.label, ink))
    front = [method for method in group if method.front]
    axes.step(
        [method.flops for method in front],
        [method.row.mean or 0.0 for method in front],
        where="post",
        color="0.6",
        lw=1,
        zorder=1,
    )
    axes.set_xscale("log")
    axes.set_xlabel("FLOPs of all training and scoring (log scale)")
    axes.set_ylabel(metric(group[0].row))
    axes.margins(0.12, 0.08)
    ticks(axes.xaxis, lambda flops, _: EngFormatter()(flops))
    bars = [(method.flops, low(method.row), method.flops, high(method.row)) for method in [*group, *dense]]
    bars += [(a.flops, a.row.mean or 0.0, b.flops, a.row.mean or 0.0) for a, b in pairwise(front)]
    return points, bars
