"""Building blocks of figures: titled panels, axis labels and ticks, and interval ends."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

from benchmark.errors import UsageError
from benchmark.leaderboard.blocks import counted
from benchmark.leaderboard.figures.style import Look, encoded
from benchmark.leaderboard.rows import Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

MOST_PANELS = 12
"""More panels than this are too small to read."""

FAR = 5
"""Ratio of largest to smallest error above which the y axis shows the logarithm of the error."""

LEAST_WIDTH, LEAST_HEIGHT = 3.0, 2.2
"""Inches of the smallest panel, without what is written around it."""

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
    """The class of our figures: notebooks show them although pyplot, which they ask for others, does not know them."""
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


def fit(axes: Axes, rows: Sequence[Row], along: Literal["x", "y"] = "y") -> None:
    """Set the limits of the axis of the metric so that all means are visible. Wide intervals may be cut off.

    If some methods have many times the error of others, the axis is logarithmic in the error. On a linear axis, methods
    that learn next to nothing would squeeze the others together.

    Args:
        along: the axis of the metric.
    """
    means = [row.mean for row in rows if row.mean is not None]
    least, most = min(means), max(means)
    if rows[0].direction == "max" and least >= 0 and most < 1 and 1 - least > FAR * (1 - most):
        _of_errors(axes, along, (1 - most) / 1.15, min(1.0, 1.15 * (1 - least)))
        return
    pad = 0.08 * (most - least) + max((row.std or 0.0) for row in rows) or abs(most) * 0.01 or 1.0
    axes.set(**{f"{along}lim": (least - pad, most + pad)})


def _of_errors(axes: Axes, along: Literal["x", "y"], least: float, most: float) -> None:
    """Scale an axis linearly in the logarithm of the error, 1 minus the value, for errors from the least to the most.

    Ticks are at errors of 1, 2, 3 and 5 times powers of ten, and at fewer where their labels would touch.
    """
    import numpy as np
    from matplotlib.ticker import FixedLocator, NullLocator

    axis, scaled = (axes.xaxis, axes.set_xscale) if along == "x" else (axes.yaxis, axes.set_yscale)
    scaled("function", functions=(lambda value: -np.log10(np.maximum(1 - value, 1e-9)), lambda at: 1 - 10.0**-at))
    for digits in ((1, 2, 3, 5), (1, 3), (1,)):
        places = _places(least, most, digits)
        if apart(axis, [f"{1 - place:g}" for place in places], places, most / least):
            break
    axis.set_major_locator(FixedLocator([1 - place for place in reversed(places)]))
    axis.set_major_formatter(lambda share, _: f"{share:g}")
    axis.set_minor_locator(NullLocator())
    told = axis.get_label_text() + (",\n" if along == "x" else ", ") + "log scale of the error"
    axes.set(**{f"{along}lim": (1 - most, 1 - least), f"{along}label": told})


def tell_others(axes: Axes, drawn: Iterable[Look]) -> None:
    """Write below a panel's title how many lines or points are grey because others are highlighted."""
    if count := sum(look.quiet for look in drawn):
        axes.set_title(f"{axes.get_title(loc='left')}\n{counted(count, 'other')} in grey", loc="left")


def ticks(axis: Axis, label: Callable[[float, int], str]) -> None:
    """Put ticks of a log axis at 1, 2 and 5 times powers of ten, or at more or fewer, so that there are two or more.

    Their labels are apart even in the smallest panel.
    """
    from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

    least, most = sorted(axis.get_view_interval())
    tens = _places(least, most, (1,))
    even = [place for place in MaxNLocator(2).tick_values(least, most) if least <= place <= most]
    regular = [_places(least, most, digits) for digits in ((1, 2, 5), range(1, 10), (1, 3))]
    for places in [*regular, tens, tens[::2], tens[::3], even]:
        if len(places) > 1 and apart(axis, [label(place, 0) for place in places], places, most / least):
            break
    axis.set_major_locator(FixedLocator(places))
    axis.set_major_formatter(FuncFormatter(label))
    axis.set_minor_locator(NullLocator())


def _places(least: float, most: float, digits: Iterable[int]) -> list[float]:
    """Return these digits times powers of ten, from the least to the most."""
    powers = range(math.floor(math.log10(least)), math.ceil(math.log10(most)) + 1)
    shares = [digit * 10.0**power for power in powers for digit in digits]
    return [share for share in shares if least * (1 - 1e-9) <= share <= most * (1 + 1e-9)]


def apart(axis: Axis, labels: Sequence[str], places: Sequence[float], ratio: float) -> bool:
    """Return whether labels are apart on a log axis whose ends have this ratio, in a panel of the smallest size."""
    across = axis is axis.axes.xaxis
    ems = LEAST_WIDTH * 72 / 9 if across else LEAST_HEIGHT * 72 / 9
    wide = [0.65 * len(label) + 0.7 if across else 1.2 for label in labels]
    where = [ems * math.log(place / places[0]) / math.log(ratio) for place in places]
    return all(b - a >= (one + other) / 2 for (a, b), (one, other) in zip(pairwise(where), pairwise(wide), strict=True))
