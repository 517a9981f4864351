"""Plots aggregates over tasks: performance profiles, and critical-difference diagrams of mean ranks."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from benchmark.errors import UsageError
from benchmark.leaderboard.figures.labels import legend_beside, make_room
from benchmark.leaderboard.figures.panels import apart, panels, tell_others
from benchmark.leaderboard.figures.style import Look, looks, styled
from benchmark.leaderboard.profiles import MeanRank, Profile, complete_block, mean_ranks, profiles
from benchmark.leaderboard.rows import Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FARTHEST = 4.0
"""Multiple of the smallest error at which profiles end, as in AlgoPerf."""

RATIOS = (1, 1.1, 1.2, 1.35, 1.5, 1.7, 2, 2.5, 3, 3.5, 4)
"""Ratios of errors at which profiles may have ticks."""


def profile(rows: Sequence[Row], highlight: Sequence[str] = ()) -> Figure:
    """Plot performance profiles: the share of columns in which an error is within a factor of the smallest.

    They are those of the largest complete block of methods and columns; each task counts once. The legend
    has them in the order of the table: the larger the area below a curve, the higher its name.

    Args:
        rows: what to draw.
        highlight: the methods in colour; the others are grey (`style.looks`).

    Raises:
        UsageError: no two methods share a column, or a metric has no meaningful ratios; or nothing of a highlighted
            name is drawn.
    """
    try:
        curves = profiles(rows)
    except ValueError as error:
        raise UsageError(f"nothing to draw: {error}") from None
    if not curves:
        raise UsageError("nothing to draw: no two methods share a task, model, budget, pattern and sparsity")
    block = complete_block(rows)
    with styled():
        look = looks({curve.label: (curve.algorithm, None) for curve in curves}, highlight)
        figure, [axes] = panels([_wrapped(f"performance profiles, largest complete block: {block}", 62)], (6.4, 4.2))
        finite = [ratio for curve in curves for of in curve.ratios.values() for ratio in of if ratio <= FARTHEST]
        last = min(FARTHEST, max(1.1, 1.02 * max(finite)))
        tell_others(axes, look.values())
        axes.set_xscale("log", base=2)
        axes.set_xlim(1, last)
        axes.set_ylim(-0.02, 1.04)
        ticks = next(ticks for ticks in _ticks(last) if apart(axes.xaxis, [f"{tick:g}" for tick in ticks], ticks, last))
        axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        axes.minorticks_off()
        axes.set_xlabel("error, as a multiple of the least of the column (log scale)")
        axes.set_ylabel("share of columns, mean over tasks")
        lines = {curve.label: _steps(axes, curve, look[curve.label], last) for curve in reversed(curves)}
        named = [curve.label for curve in curves if not look[curve.label].quiet]
        legend_beside(axes, [lines[label] for label in named], [look[label].ink for label in named])
    return figure


def _ticks(last: float) -> list[list[float]]:
    """Return ticks from 1 to a ratio: many, fewer, and one."""
    return [[tick for tick in ticks if tick <= last] for ticks in (RATIOS, RATIOS[::2], RATIOS[:1])]


def _steps(axes: Axes, curve: Profile, look: Look, last: float) -> Any:
    """Draw a profile up to a ratio. Return its line. Of profiles that lie on each other, the last one drawn is seen."""
    ratios = sorted(ratio for of in curve.ratios.values() for ratio in of if ratio <= last)
    xs = [1.0, *ratios, last]
    style = {"markersize": 3.5, **look.line()}
    [line] = axes.step(xs, [curve.within(x) for x in xs], where="post", label=curve.label, **style)
    return line


def critical_difference(rows: Sequence[Row], highlight: Sequence[str] = ()) -> Figure:
    """Plot mean ranks on a line. Bars join methods within the critical difference of each other (Demsar, 2006).

    Args:
        rows: what to draw.
        highlight: the methods in colour; the others are grey (`style.looks`).

    Raises:
        UsageError: no 3 methods have results on the same 2 tasks; or nothing of a highlighted name is drawn.
    """
    ranking = mean_ranks(rows)
    methods = [method for method in ranking.methods if method.mean is not None]
    if ranking.critical is None:
        raise UsageError(
            "nothing to draw: a critical difference takes 3 methods that have results on the same 2 tasks, in columns "
            f"that they share; the largest complete block is {ranking.block} (bench leaderboard --view profile)"
        )
    about = _wrapped(f"mean ranks, largest complete block: {ranking.block}", 44)
    with styled():
        figure, [axes] = panels([about], (7.0, 1.3 + 0.2 * len(methods)))
        _number_line(axes, len(methods), ranking.critical)
        _flags(axes, methods, looks({method.label: (method.algorithm, None) for method in methods}, highlight))
        _groups(axes, methods, ranking.critical)
        make_room([axes], 4.0)
    return figure


def _wrapped(text: str, width: int) -> str:
    return textwrap.fill(text, width, break_long_words=False, break_on_hyphens=False)


def _number_line(axes: Axes, count: int, critical: float) -> None:
    """Draw the line of ranks from 1 to `count`, with a ruler as long as the critical difference above it."""
    axes.set_xlim(0.5, count + 0.5)
    axes.set_ylim(-((count + 1) // 2) - 0.6, 1.7)
    axes.axis("off")
    axes.plot([1, count], [0, 0], color="black", lw=1)
    for rank in range(1, count + 1):
        axes.plot([rank, rank], [0, 0.18], color="black", lw=1)
        if (rank - 1) % (1 + count // 12) == 0:  # with many methods, numbers would touch each other
            axes.text(rank, 0.3, str(rank), ha="center", va="bottom")
    right = min(1 + critical, count + 0.4)
    axes.plot([1, right], [1.25, 1.25], color="0.35", lw=1.2, marker="|")
    axes.text(
        (1 + right) / 2, 1.3, f"critical difference {critical:.2f}", ha="center", va="bottom", fontsize=8, color="0.35"
    )


def _flags(axes: Axes, methods: Sequence[MeanRank], look: Mapping[str, Look]) -> None:
    """Write the names of the better half on the left, the others on the right, each joined to its mean rank."""
    half = (len(methods) + 1) // 2
    for place, method in enumerate(methods):
        left = place < half
        y = -1.0 - (place if left else len(methods) - 1 - place)
        colour, ink = look[method.label].colour, look[method.label].ink
        edge = 0.5 if left else len(methods) + 0.5
        mean = method.mean or 0.0
        axes.plot([mean, mean, edge], [0, y, y], color=colour, lw=1)
        axes.plot([mean], [0], color=colour, marker=look[method.label].marker, clip_on=False, zorder=3)
        axes.annotate(
            f"{method.label}  {mean:.2f}" if left else f"{mean:.2f}  {method.label}",
            (edge, y),
            xytext=(-4 if left else 4, 0),
            textcoords="offset points",
            ha="right" if left else "left",
            va="center",
            fontsize=8,
            color=ink,
            annotation_clip=False,
        )


def _groups(axes: Axes, methods: Sequence[MeanRank], critical: float) -> None:
    """Draw a bar for every maximal group of methods within the critical difference of each other."""
    means = [method.mean or 0.0 for method in methods]
    drawn, reached = 0, -1
    for first, low in enumerate(means):
        last = max(i for i, mean in enumerate(means) if mean - low <= critical)
        if last > first and last > reached:
            y = -0.22 - 0.17 * (drawn % 4)
            axes.plot([low - 0.04, means[last] + 0.04], [y, y], color="black", lw=2.6, solid_capstyle="round", zorder=4)
            drawn, reached = drawn + 1, last
