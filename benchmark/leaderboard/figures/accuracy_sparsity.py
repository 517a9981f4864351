"""Plots the metric against the share of weights kept."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from benchmark.leaderboard.figures.labels import SIZE, Labelled, label_ends
from benchmark.leaderboard.figures.panels import (
    GREY,
    LEAST_HEIGHT,
    check,
    fit,
    high,
    low,
    metric,
    panels,
    percents,
    tell_others,
    title,
)
from benchmark.leaderboard.figures.style import Look, looks, names, styled
from benchmark.leaderboard.rows import Row, references, rows
from benchmark.results.outcome import Answer

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def accuracy_sparsity(records: Iterable[Answer], highlight: Sequence[str] = ()) -> Figure:
    """Plot the metric against the share of weights kept, with one panel for each table and pattern.

    Lines are means and bands are 95 % intervals. A panel with a single sparsity is a forest plot instead: one row per
    method, with its interval.

    Args:
        records: what to draw.
        highlight: the methods in colour; the others are grey (`style.looks`).

    Raises:
        UsageError: there is nothing to draw, or too much for one figure; or nothing of a highlighted name is drawn.
    """
    drawn = [row for row in rows(records) if row.mean is not None]
    dense = references(drawn)
    groups: dict[tuple[str, ...], list[Row]] = defaultdict(list)
    for row in drawn:
        if row.sparsity > 0:
            groups[*row.table, row.pattern].append(row)
    check(groups, "no run of a pruned network ended well")
    with styled():
        look = looks(names(drawn), highlight)
        figure, grid = panels([title(group[0]) for group in groups.values()])
        ends = []
        for axes, group in zip(grid, groups.values(), strict=True):
            single = len({row.sparsity for row in group}) == 1
            ends.append((_forest if single else _curves)(axes, group, dense.get(group[0].table), look))
        label_ends(grid, ends)
    return figure


def _curves(axes: Axes, group: Sequence[Row], dense: Row | None, look: Mapping[str, Look]) -> list[Labelled]:
    lines: dict[str, list[Row]] = defaultdict(list)
    for row in sorted(group, key=lambda row: row.sparsity):
        lines[row.label].append(row)
    ends: list[Labelled] = []
    for label, line in lines.items():
        xs, means = [1 - row.sparsity for row in line], [row.mean or 0.0 for row in line]
        axes.plot(xs, means, **look[label].line())
        if look[label].quiet:
            continue
        axes.fill_between(
            xs, [low(row) for row in line], [high(row) for row in line], color=look[label].colour, alpha=0.15, lw=0
        )
        ends.append((xs[-1], means[-1], label, look[label].ink))
    tell_others(axes, [look[label] for label in lines])
    if dense and dense.mean is not None:
        axes.axhline(dense.mean, color=GREY, lw=1, ls=(0, (4, 3)), zorder=1)
        ends.append((min(1 - row.sparsity for row in group), dense.mean, dense.label, GREY))
    axes.set_xscale("log")
    percents(axes.xaxis)
    axes.invert_xaxis()
    axes.set_xlabel("share kept (log scale)")
    axes.set_ylabel(metric(group[0]))
    fit(axes, [*group, *([dense] if dense else [])])
    return ends


def _forest(axes: Axes, group: Sequence[Row], dense: Row | None, look: Mapping[str, Look]) -> list[Labelled]:
    ordered = sorted(group, key=lambda row: (row.loss, row.label), reverse=True)
    for y, row in enumerate(ordered):
        mean = row.mean or 0.0
        axes.errorbar(
            mean, y, xerr=[[mean - low(row)], [high(row) - mean]], **look[row.label].line(), capsize=2, elinewidth=1.4
        )
    if dense and dense.mean is not None:
        axes.axvline(dense.mean, color=GREY, lw=1, ls=(0, (4, 3)), zorder=1)
        axes.annotate(
            dense.label,
            (dense.mean, 1),
            xycoords=("data", "axes fraction"),
            xytext=(-3, -3),
            textcoords="offset points",
            ha="right",
            va="top",
            color=GREY,
            fontsize=8,
        )
    axes.yaxis.tick_right()  # as the labels of curves, so that all panels of a column begin at the same place
    size = min(SIZE, 72 * LEAST_HEIGHT / 1.2 / len(ordered))
    axes.set_yticks(range(len(ordered)), [row.label for row in ordered], fontsize=size)
    axes.tick_params(axis="y", length=0)
    for tick, row in zip(axes.get_yticklabels(), ordered, strict=True):
        tick.set_color(look[row.label].ink)
    axes.set_ylim(-0.7, 1.1 * len(ordered) - 0.1)  # the label of the dense network stands above all rows
    axes.grid(visible=False, axis="y")
    axes.set_title(f"{axes.get_title(loc='left')} at sparsity {group[0].sparsity:g}", loc="left")
    axes.set_xlabel(f"{metric(group[0])}, mean and 95 % interval")
    fit(axes, [*group, *([dense] if dense else [])], "x")
    return []  # the axis already shows the names
