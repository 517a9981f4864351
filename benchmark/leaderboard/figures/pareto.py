"""Plots the metric against cost, with the Pareto front."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from benchmark.leaderboard.costs import Priced, priced
from benchmark.leaderboard.figures.labels import Bar, Labelled, label_points
from benchmark.leaderboard.figures.panels import (
    GREY,
    check,
    fit,
    high,
    low,
    metric,
    panels,
    tell_others,
    ticks,
    title,
)
from benchmark.leaderboard.figures.style import Look, looks, names, styled
from benchmark.leaderboard.rows import references, rows
from benchmark.results.outcome import Answer

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def pareto(records: Iterable[Answer], highlight: Sequence[str] = ()) -> Figure:
    """Plot the metric against total FLOPs, with one panel for each task, model, pattern and sparsity.

    A panel shows all budgets. The line is the Pareto front: every point off it costs no less than another point
    that is at least as good.

    Args:
        records: what to draw.
        highlight: the methods in colour; the others are grey (`style.looks`).

    Raises:
        UsageError: there is nothing to draw, or too much for one figure; or nothing of a highlighted name is drawn.
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
        look = looks(names(method.row for method in priced_rows), highlight)
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

    shared, labels = _budgets([*group, *dense])
    axes.set_title(f"{axes.get_title(loc='left')}, {shared}", loc="left")
    tell_others(axes, [look[method.row.label] for method in group])
    points: list[Labelled] = []
    for method, label in zip([*group, *dense], labels, strict=True):
        row, mean, of = method.row, method.row.mean or 0.0, look[method.row.label]
        style = of.line() | {"linestyle": "none"} | ({"color": GREY, "markerfacecolor": GREY} if row.dense else {})
        spread = None if of.quiet else [[mean - low(row)], [high(row) - mean]]
        axes.errorbar(method.flops, mean, yerr=spread, **style, elinewidth=1)
        if not of.quiet:
            points.append((method.flops, mean, label, GREY if row.dense else of.ink))
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
    fit(axes, [method.row for method in [*group, *dense]])
    ticks(axes.xaxis, lambda flops, _: EngFormatter()(flops))
    bars = [(method.flops, low(method.row), method.flops, high(method.row)) for method in [*group, *dense]]
    bars += [(a.flops, a.row.mean or 0.0, b.flops, a.row.mean or 0.0) for a, b in pairwise(front)]
    return points, bars


def _budgets(methods: Sequence[Priced]) -> tuple[str, list[str]]:
    """Return what the budgets of a panel have in common, and the label of each method with what they do not share."""
    parts = [method.row.budget.split(", ") for method in methods]
    shared = [part for part in parts[0] if all(part in others for others in parts)]
    own = [", ".join(part for part in of if part not in shared) for of in parts]
    labels = [" ".join(filter(None, [method.row.label, told])) for method, told in zip(methods, own, strict=True)]
    return f"budget {', '.join(shared)}" if shared else "all budgets", labels
