"""Pictures of records: each is a function of them that gives a matplotlib figure, which `style.write` saves.

All of them raise UsageError where what was selected holds nothing that they show.
"""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from benchmark import registry
from benchmark.errors import UsageError
from benchmark.leaderboard.costs import Priced, priced
from benchmark.leaderboard.diagrams import critical_difference, profile
from benchmark.leaderboard.labels import Labelled, label_ends, label_points
from benchmark.leaderboard.rows import Row, rows
from benchmark.leaderboard.style import Look, looks, panels, styled
from benchmark.record import Record

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_PANELS = 12
GREY = "0.35"


def accuracy_sparsity(records: Iterable[Record]) -> Figure:
    """The metric over the weights kept, a panel for each table and pattern: means, 95 % intervals as bands.

    Where a panel has one sparsity, its rows stand one above the other instead.
    """
    own = [row for row in rows(records) if row.mean is not None]
    dense = {row.table: row for row in own if row.sparsity == 0 and row.control is None}
    groups: dict[tuple[str, ...], list[Row]] = defaultdict(list)
    for row in own:
        if row.sparsity > 0:
            groups[*row.table, row.pattern].append(row)
    _check(groups, "no run of a pruned network ended well")
    with styled():
        look = looks(_names(own))
        figure, grid = panels([_title(group[0], pattern=True) for group in groups.values()])
        for axes, group in zip(grid, groups.values(), strict=True):
            one = len({row.sparsity for row in group}) == 1
            (_forest if one else _curves)(axes, group, dense.get(group[0].table), look)
    return figure


def pareto(records: Iterable[Record]) -> Figure:
    """The metric over all that was computed, a panel for each task, model, pattern and sparsity; budgets together.

    The front is the line: what lies below it costs more than something that is at least as good.
    """
    found = priced(rows(records))
    dense = [one for one in found if one.row.sparsity == 0]
    groups: dict[tuple[str, ...], list[Priced]] = defaultdict(list)
    for one in found:
        if one.row.sparsity > 0 and one.flops > 0:
            groups[one.row.question].append(one)
    _check(groups, "no run of a pruned network ended well")
    with styled():
        look = looks(_names(one.row for one in found))
        figure, grid = panels([_title(group[0].row, pattern=True, budget=False) for group in groups.values()])
        for axes, group in zip(grid, groups.values(), strict=True):
            axes.set_title(f"{axes.get_title(loc='left')} at sparsity {group[0].row.sparsity:g}", loc="left")
            beside = [one for one in dense if one.row.question[:2] == group[0].row.question[:2] and one.flops > 0]
            _against_cost(axes, group, beside, look)
    return figure


def layers(records: Iterable[Record]) -> Figure:
    """The share of each layer that is kept, a panel for each column of a table: means, and bands over all seeds."""
    records = [record for record in records if record.layers and record.status == "ok" and record.cell.sparsity > 0]
    own = {record.key: record for record in records}
    groups: dict[tuple[Any, ...], dict[str, list[Record]]] = defaultdict(lambda: defaultdict(list))
    found = rows(own.values())
    named = {(*row.column, row.algorithm, repr(row.options)): row for row in found}
    for record in own.values():
        cell = record.cell
        row = named[
            (cell.setting, cell.model, cell.budget, cell.pattern, cell.sparsity, cell.algorithm, repr(cell.options))
        ]
        groups[row.column][row.label].append(record)
    _check(groups, "no record of a pruned network has its layers")
    first = {row.column: row for row in found}
    with styled():
        look = looks(_names(found))
        titles = [f"{_title(first[column], pattern=True)} at sparsity {first[column].sparsity:g}" for column in groups]
        figure, grid = panels(titles)
        for axes, methods in zip(grid, groups.values(), strict=True):
            _shares(axes, methods, look)
    return figure


PICTURES: dict[str, Callable[[Iterable[Record]], Figure]] = {
    "accuracy-sparsity": accuracy_sparsity,
    "pareto": pareto,
    "profile": lambda records: profile(rows(records)),
    "critical-difference": lambda records: critical_difference(rows(records)),
    "layers": layers,
}


def _check(groups: Mapping[Any, Any], reason: str) -> None:
    if not groups:
        raise UsageError(f"nothing to draw: {reason}")
    if len(groups) > MOST_PANELS:
        raise UsageError(
            f"that would be {len(groups)} panels, and {MOST_PANELS} can be read; "
            f"narrow it down with --task, --model, --budget, --pattern or --sparsity"
        )


def _names(found: Iterable[Row]) -> dict[str, tuple[str, str | None]]:
    return {row.label: (row.algorithm, row.control) for row in found}


def _title(row: Row, *, pattern: bool, budget: bool = True) -> str:
    words = [f"{registry.label(row.task, row.task_options)} / {row.model}"]
    return ", ".join(words + [f"budget {row.budget}"] * budget + [row.pattern] * pattern)


def _curves(axes: Axes, group: Sequence[Row], dense: Row | None, look: Mapping[str, Look]) -> None:
    lines: dict[str, list[Row]] = defaultdict(list)
    for row in sorted(group, key=lambda row: row.sparsity):
        lines[row.label].append(row)
    ends: list[Labelled] = []
    for label, line in lines.items():
        xs, means = [1 - row.sparsity for row in line], [row.mean or 0.0 for row in line]
        axes.plot(xs, means, **look[label].line(), zorder=3)
        axes.fill_between(
            xs, [_low(row) for row in line], [_high(row) for row in line], color=look[label].colour, alpha=0.15, lw=0
        )
        ends.append((xs[-1], means[-1], label, look[label].colour))
    if dense and dense.mean is not None:
        axes.axhline(dense.mean, color=GREY, lw=1, ls=(0, (4, 3)), zorder=1)
        ends.append((min(1 - row.sparsity for row in group), dense.mean, dense.label, GREY))
    axes.set_xscale("log")
    _percents(axes)
    axes.invert_xaxis()
    axes.set_xlabel("weights kept (log scale)")
    axes.set_ylabel(_metric(group[0]))
    _fit(axes, [*group, *([dense] if dense else [])])
    label_ends(axes, ends)


def _forest(axes: Axes, group: Sequence[Row], dense: Row | None, look: Mapping[str, Look]) -> None:
    ordered = sorted(group, key=lambda row: (row.loss, row.label), reverse=True)
    for y, row in enumerate(ordered):
        mean = row.mean or 0.0
        axes.errorbar(
            mean, y, xerr=[[mean - _low(row)], [_high(row) - mean]], **look[row.label].line(), capsize=2, lw=1.4
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
    axes.set_yticks(range(len(ordered)), [row.label for row in ordered])
    for tick, row in zip(axes.get_yticklabels(), ordered, strict=True):
        tick.set_color(look[row.label].colour)
    axes.set_ylim(-0.7, len(ordered) - 0.1)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel(f"{_metric(group[0])} at sparsity {group[0].sparsity:g}, mean and 95 % interval over seeds")


def _against_cost(axes: Axes, group: Sequence[Priced], dense: Sequence[Priced], look: Mapping[str, Look]) -> None:
    budgets = len({one.row.budget for one in [*group, *dense]}) > 1
    points: list[Labelled] = []
    for one in [*group, *dense]:
        row, mean = one.row, one.row.mean or 0.0
        colour: Any = GREY if row.sparsity == 0 else look[row.label].colour
        style = {**look[row.label].line(), "color": colour, "linestyle": "none"}
        axes.errorbar(one.flops, mean, yerr=[[mean - _low(row)], [_high(row) - mean]], **style, elinewidth=1, zorder=3)
        points.append((one.flops, mean, f"{row.label} {row.budget}" if budgets else row.label, colour))
    front = [one for one in group if one.front]
    axes.step(
        [one.flops for one in front], [one.row.mean or 0.0 for one in front], where="post", color="0.6", lw=1, zorder=1
    )
    axes.set_xscale("log")
    axes.set_xlabel("FLOPs of all training and scoring, pruned weights not counted (log scale)")
    axes.set_ylabel(_metric(group[0].row))
    axes.margins(0.12, 0.08)
    label_points(axes, points)


def _shares(axes: Axes, methods: Mapping[str, Sequence[Record]], look: Mapping[str, Look]) -> None:
    names = list(next(iter(methods.values()))[0].layers)
    ends: list[Labelled] = []
    for label, records in methods.items():
        shares = [[r.layers[name].kept / r.layers[name].total for r in records if name in r.layers] for name in names]
        means = [statistics.fmean(share) if share else float("nan") for share in shares]
        drawn = [mean or float("nan") for mean in means]
        axes.plot(range(len(names)), drawn, **look[label].line(), zorder=3)
        axes.fill_between(
            range(len(names)),
            [min(s, default=0) for s in shares],
            [max(s, default=0) for s in shares],
            color=look[label].colour,
            alpha=0.15,
            lw=0,
        )
        ends.append((len(names) - 1, means[-1], label, look[label].colour))
    axes.set_yscale("log")
    axes.set_ylabel("share kept (log scale)")
    crowded = len(names) > 8
    axes.set_xticks(
        range(len(names)),
        [name.removesuffix(".weight") for name in names],
        rotation=90 if crowded else 0,
        fontsize=max(4, min(8, 200 / len(names))),
    )
    label_ends(axes, ends)


def _low(row: Row) -> float:
    return row.ci_low if row.ci_low is not None else row.mean or 0.0


def _high(row: Row) -> float:
    return row.ci_high if row.ci_high is not None else row.mean or 0.0


def _metric(row: Row) -> str:
    return f"{row.metric} (test)" if row.direction == "max" else f"{row.metric} (test, lower is better)"


def _fit(axes: Axes, group: Sequence[Row]) -> None:
    """Show all means, and of intervals as much as two seeds' worth of them does not dwarf the rest."""
    means = [row.mean for row in group if row.mean is not None]
    least, most = min(means), max(means)
    pad = 0.08 * (most - least) + max((row.std or 0.0) for row in group) or abs(most) * 0.01 or 1.0
    axes.set_ylim(least - pad, most + pad)


def _percents(axes: Axes) -> None:
    from matplotlib.ticker import LogLocator, NullFormatter, NullLocator, PercentFormatter

    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(PercentFormatter(xmax=1, decimals=None))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_minor_formatter(NullFormatter())
