"""Building blocks of figures: titled panels, axis labels and ticks, and interval ends."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from benchmark.errors import UsageError
from benchmark.leaderboard.figures.style import encoded
from benchmark.leaderboard.rows import Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

MOST_PANELS = 12
"""More panels than this are too small to read."""

GREY = "0.35"
"""Colour of dense references."""


def panels(titles: Sequence[str], size: tuple[float, float] = (5.2, 3.6), across: int = 3) -> tuple[Figure, list[Axes]]:
    """Create a figure with one panel for each title, and return both.

    Args:
        size: width and height of a panel, in inches.
        across: largest number of panels side by side.
    """
    import seaborn

    columns = min(across, len(titles))
    lines = math.ceil(len(titles) / columns)
    figure = _shown()(figsize=(size[0] * columns, size[1] * lines), layout="constrained")
    grid = figure.subplots(lines, columns, squeeze=False).ravel().tolist()
    for axes, title in zip(grid, titles, strict=False):
        axes.set_title(title, loc="left")
    for axes in grid[len(titles) :]:
        axes.remove()
    seaborn.despine(figure)
    return figure, grid[: len(titles)]


@cache
def _shown() -> type[Figure]:
    """The class of our figures: a notebook shows them, though pyplot, which it asks for others, does not know them."""
    from matplotlib.figure import Figure

    class Shown(Figure):
        def _repr_png_(self) -> bytes:
            return encoded(self, "png")

    return Shown


def check(groups: Mapping[Any, Any], reason: str) -> None:
    """Raise UsageError if there is nothing to draw, or too much for one figure."""
    if not groups:
        raise UsageError(f"nothing to draw: {reason}")
    if len(groups) > MOST_PANELS:
        raise UsageError(
            f"that would be {len(groups)} panels, more than {MOST_PANELS} cannot be read; "
            f"narrow it down with --task, --model, --budget, --pattern or --sparsity"
        )


def title(row: Row, *, budget: bool = True) -> str:
    """Return a panel's title, on two lines: task and model; budget and pattern."""
    where = f"{row.task_label} / {row.model}"
    return f"{where}\nbudget {row.budget}, {row.pattern}" if budget else f"{where}\n{row.pattern}"


def low(row: Row) -> float:
    """Return the lower end of the 95 % interval; the mean if there is no interval."""
    return row.ci_low if row.ci_low is not None else row.mean or 0.0


def high(row: Row) -> float:
    """Return the upper end of the 95 % interval; the mean if there is no interval."""
    return row.ci_high if row.ci_high is not None else row.mean or 0.0


def metric(row: Row) -> str:
    """Return the axis label for the metric of a row."""
    return f"{row.metric} (test)" if row.direction == "max" else f"{row.metric} (test, lower is better)"


def percents(axis: Axis) -> None:
    """Label a log axis of shares in percent."""
    ticks(axis, lambda share, _: f"{100 * share:g}%")


def errors(axes: Axes) -> None:
    """Scale the y axis linearly in the logarithm of the error, 1 minus the value, for values near 1."""
    import numpy as np
    from matplotlib.ticker import FixedLocator, NullLocator

    shares = [1 - lack * 10.0**-power for power in range(5) for lack in (1, 0.5, 0.3, 0.2)]
    axes.set_yscale(
        "function", functions=(lambda y: -np.log10(np.maximum(1 - y, 1e-9)), lambda place: 1 - 10.0**-place)
    )
    axes.yaxis.set_major_locator(FixedLocator(sorted(shares)))
    axes.yaxis.set_major_formatter(lambda share, _: f"{share:g}")
    axes.yaxis.set_minor_locator(NullLocator())


def ticks(axis: Axis, label: Callable[[float, int], str]) -> None:
    """Put ticks of a log axis at 1, 2 and 5 times powers of ten; over a wide range, at powers of ten only."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    least, most = sorted(axis.get_view_interval())
    axis.set_major_locator(LogLocator(subs=(1, 2, 5) if most < 2000 * least else (1,)))
    axis.set_major_formatter(FuncFormatter(label))
    axis.set_minor_locator(NullLocator())
