"""Places labels at lines and points without overlaps, and widens figures for the text beside their panels."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import TYPE_CHECKING, Any

from benchmark.leaderboard.figures.panels import LEAST_WIDTH

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Labelled = tuple[float, float, str, Any]
"""x and y in data coordinates, the label's text, and its colour."""

Bar = tuple[float, float, float, float]
"""A line drawn from (x0, y0) to (x1, y1), in data coordinates."""

Box = Sequence[float]
"""Left, bottom, right and top of a rectangle, in pixels."""

AROUND = ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, 1), (1, -1), (-1, -1))
"""Directions in which a label is tried, in order of preference."""

FARTHEST = 5
"""Distances 1 to this, exclusive, are tried in every direction."""

COVERED = 0.03
"""Share of a label that may cover something else."""

WIDEST = 0.45
"""The largest width of a label beside a point, as a share of the panel's width."""

ROOM = 4.0
"""Inches by which each column is widened to measure what is written beside its panels."""

SIZE = 8.0
"""Font size of labels, in points."""


def label_ends(panels: Sequence[Axes], ends: Sequence[Sequence[Labelled]]) -> None:
    """Label the ends of lines at the right edge of each panel, moved apart as far as needed. Widen the figure."""
    _settle(panels)
    for axes, labelled in zip(panels, ends, strict=True):
        if labelled:
            _label_ends(axes, labelled)
    make_room(panels)


def legend_beside(axes: Axes, lines: Sequence[Any], colours: Sequence[Any]) -> None:
    """Write the names of lines in a legend at the right of a panel, in their colours. Widen the figure."""
    _settle([axes])
    size = min(SIZE, _height(axes) / len(lines) / 1.4)
    axes.legend(
        handles=lines,
        labelcolor=colours,
        loc="upper left",
        bbox_to_anchor=(1.01, 1.02),
        frameon=False,
        fontsize=size,
        labelspacing=0.35,
        borderpad=0.2,
        handlelength=3.4,
    )
    make_room([axes])


def make_room(panels: Sequence[Axes], least: float = LEAST_WIDTH) -> None:
    """Widen a figure until each panel has a width of at least `least` inches without what is written beside it."""
    figure: Any = panels[0].figure
    grid: Any = panels[0].get_gridspec()
    columns, own = grid.ncols, figure.get_figwidth()
    figure.set_figwidth(own + columns * ROOM)
    for _ in range(2):  # a part of the room is in proportion to the panel
        figure.get_layout_engine().execute(figure)
        width = panels[0].get_window_extent().width / figure.dpi
        figure.set_figwidth(max(own, figure.get_figwidth() - columns * (width - least)))


def _settle(panels: Sequence[Axes]) -> None:
    """Compute the layout of the figure. This takes as long as drawing it, so it is done once for all panels."""
    figure: Any = panels[0].figure
    figure.draw_without_rendering()


def _height(axes: Axes) -> float:
    """Return the height of a panel in points."""
    figure: Any = axes.figure
    return float(axes.get_window_extent().height / figure.dpi * 72)


def _label_ends(axes: Axes, ends: Sequence[Labelled]) -> None:
    height = _height(axes)
    size = min(SIZE, height / len(ends) / 1.1)
    to_axes = axes.transData + axes.transAxes.inverted()
    heights = spread([to_axes.transform((x, y))[1] for x, y, _, _ in ends], 1.15 * size / height)
    for (x, y, name, colour), at in zip(ends, heights, strict=True):
        axes.annotate(
            name,
            xy=(x, y),
            xytext=(1.03, at),
            textcoords="axes fraction",
            va="center",
            fontsize=size,
            color=colour,
            annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": colour, "lw": 0.5, "relpos": (0, 0.5), "shrinkA": 1, "shrinkB": 3},
        )


def spread(heights: Sequence[float], gap: float) -> list[float]:
    """Move heights at least `gap` apart, as little as possible and in the same order; within [0, 1] if they fit."""
    order = sorted(range(len(heights)), key=lambda i: heights[i])
    groups: list[tuple[float, list[int]]] = []  # centre, members
    for i in order:
        groups.append((min(1.0, max(0.0, heights[i])), [i]))
        while len(groups) > 1 and _bottom(*groups[-1], gap) - _top(*groups[-2], gap) < gap - 1e-9:
            (_, upper), (_, lower) = groups.pop(), groups.pop()
            members = lower + upper
            groups.append((_inside(sum(heights[j] for j in members) / len(members), len(members), gap), members))
    places = [0.0] * len(heights)
    for centre, members in groups:
        for place, i in enumerate(members):
            places[i] = _bottom(centre, members, gap) + place * gap
    return places


def _bottom(centre: float, members: Sequence[int], gap: float) -> float:
    return centre - gap * (len(members) - 1) / 2


def _top(centre: float, members: Sequence[int], gap: float) -> float:
    return centre + gap * (len(members) - 1) / 2


def _inside(centre: float, count: int, gap: float) -> float:
    half = gap * (count - 1) / 2
    return min(max(centre, half), 1 - half) if 2 * half <= 1 else 0.5


def label_points(panels: Sequence[Axes], points: Sequence[Sequence[Labelled]], bars: Sequence[Sequence[Bar]]) -> None:
    """Label points, each at the nearest place that covers no point, no bar and no earlier label.

    If there is no such place, or the label is wide, the point gets a number, and the label is written after this number
    at the right of the panel. The figure is widened for these.
    """
    _settle(panels)
    figure: Any = panels[0].figure
    width = panels[0].get_window_extent().width / figure.dpi
    for axes, labelled, drawn in zip(panels, points, bars, strict=True):
        _label_points(axes, labelled, drawn)
    make_room(panels, max(width, LEAST_WIDTH))


def _label_points(axes: Axes, points: Sequence[Labelled], bars: Sequence[Bar]) -> None:
    figure: Any = axes.figure
    pixel = figure.dpi / 72
    marks = [axes.transData.transform((x, y)) for x, y, _, _ in points]
    taken: list[Box] = [(x - 4 * pixel, y - 4 * pixel, x + 4 * pixel, y + 4 * pixel) for x, y in marks]
    for left, low, right, high in bars:
        (x0, y0), (x1, y1) = axes.transData.transform([(left, low), (right, high)])
        taken.append((x0 - pixel, y0 - pixel, x1 + pixel, y1 + pixel))
    crowded = [point for point in sorted(points) if not _beside(axes, point, taken)]
    crowded.sort(key=lambda point: (-point[1], point[0]))
    for number, (x, y, _, colour) in enumerate(crowded, 1):
        _beside(axes, (x, y, str(number), colour), taken, anyway=True)
    size = min(SIZE, _height(axes) / 1.25 / max(1, len(crowded)))
    for number, (_, _, name, colour) in enumerate(crowded, 1):
        axes.annotate(
            f"{number}  {name}",
            (1, 1),
            (8, -1.25 * size * (number - 0.5)),
            xycoords="axes fraction",
            textcoords="offset points",
            va="center",
            size=size,
            color=colour,
        )


def _beside(axes: Axes, point: Labelled, taken: list[Box], *, anyway: bool = False) -> bool:
    """Label a point near to it, and add the label to what is taken. Return whether there was a place.

    Args:
        anyway: whether to use the best place if all are taken.
    """
    x, y, name, colour = point
    text = axes.annotate(name, (x, y), (0, 0), textcoords="offset points", va="center", size=SIZE, color=colour)
    covered, right, up, box = _best_place(axes, (x, y), text.get_window_extent(), taken)
    wide = box[2] - box[0] > WIDEST * axes.get_window_extent().width
    if not anyway and (wide or covered > COVERED * _common(box, box)):
        text.remove()
        return False
    text.set(x=7 * right, y=9 * up, ha="left" if right > 0 else "right" if right < 0 else "center")
    if max(abs(right), abs(up)) > 1:
        line = {"arrowstyle": "-", "color": colour, "lw": 0.5, "shrinkA": 0, "shrinkB": 3}
        axes.annotate("", (x, y), (7 * right, 9 * up), textcoords="offset points", arrowprops=line)
    taken.append(box)
    return True


def _best_place(
    axes: Axes, point: tuple[float, float], extent: Any, taken: Sequence[Box]
) -> tuple[float, int, int, Box]:
    """Return the nearest place where a label covers least: what it covers there, steps right and up, and its box."""
    figure: Any = axes.figure
    pixel = figure.dpi / 72
    inside = axes.get_window_extent().extents
    x, y = axes.transData.transform(point)
    places: list[tuple[float, int, int, int, Box]] = []
    for far, (right, up) in product(range(1, FARTHEST), AROUND):
        middle, anchor = y + 9 * up * far * pixel, x + 7 * right * far * pixel
        start = anchor - extent.width * (1 - right) / 2
        box: Box = (start, middle - extent.height / 2, start + extent.width, middle + extent.height / 2)
        places.append((_covered(box, taken, inside), len(places), right * far, up * far, box))
    covered, _, right, up, box = min(places)
    return covered, right, up, box


def _covered(box: Box, taken: Sequence[Box], inside: Box) -> float:
    """Return the area in which a box covers other boxes or leaves the panel, in square pixels."""
    return sum(_common(box, other) for other in taken) + _common(box, box) - _common(box, inside)


def _common(a: Box, b: Box) -> float:
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    return width * height if width > 0 and height > 0 else 0.0
