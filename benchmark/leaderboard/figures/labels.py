"""Places labels directly at lines and points, without overlaps, so that figures need no legend."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import TYPE_CHECKING, Any

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

FARTHEST = 8
"""Distances 1 to this, exclusive, are tried in every direction."""

SIZE = 8.0
"""Font size of labels, in points."""


def label_ends(panels: Sequence[Axes], ends: Sequence[Sequence[Labelled]]) -> None:
    """Label the ends of lines at the right edge of each panel, moved apart as far as needed."""
    _settle(panels)
    for axes, labelled in zip(panels, ends, strict=True):
        if labelled:
            _label_ends(axes, labelled)


def _settle(panels: Sequence[Axes]) -> None:
    """Compute the layout of the figure. This takes as long as drawing it, so it is done once for all panels."""
    figure: Any = panels[0].figure
    figure.draw_without_rendering()


def _label_ends(axes: Axes, ends: Sequence[Labelled]) -> None:
    figure: Any = axes.figure
    height = axes.get_window_extent().height / figure.dpi * 72
    size = min(SIZE, height / len(ends) / 1.1)
    to_axes = axes.transData + axes.transAxes.inverted()
    places = [to_axes.transform((x, y)) for x, y, _, _ in ends]
    heights = spread([place[1] for place in places], 1.15 * size / height)
    for place, (_, _, name, colour), at in zip(places, ends, heights, strict=True):
        axes.annotate(
            name,
            xy=tuple(place),
            xytext=(1.03, at),
            xycoords="axes fraction",
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
    """Label points, each at the nearest place that covers no point, no bar and no earlier label."""
    _settle(panels)
    for axes, labelled, drawn in zip(panels, points, bars, strict=True):
        _label_points(axes, labelled, drawn)


def _label_points(axes: Axes, points: Sequence[Labelled], bars: Sequence[Bar]) -> None:
    figure: Any = axes.figure
    pixel = figure.dpi / 72
    marks = axes.transData.transform([(x, y) for x, y, _, _ in points])
    taken: list[Box] = [(x - 4 * pixel, y - 4 * pixel, x + 4 * pixel, y + 4 * pixel) for x, y in marks]
    for left, low, right, high in bars:
        (x0, y0), (x1, y1) = axes.transData.transform([(left, low), (right, high)])
        taken.append((x0 - pixel, y0 - pixel, x1 + pixel, y1 + pixel))
    inside = axes.get_window_extent().extents
    for (x, y), (left, low, name, colour) in sorted(zip(map(tuple, marks), points, strict=True)):
        text = axes.annotate(
            name, (left, low), (0, 0), textcoords="offset points", va="center", size=SIZE, color=colour
        )
        extent = text.get_window_extent()
        boxes: list[tuple[float, int, int, int, Box]] = []
        for far, (right, up) in product(range(1, FARTHEST), AROUND):
            middle, anchor = y + 9 * up * far * pixel, x + 7 * right * far * pixel
            start = anchor - extent.width * (1 - right) / 2
            box: Box = (start, middle - extent.height / 2, start + extent.width, middle + extent.height / 2)
            boxes.append((_covered(box, taken, inside), len(boxes), right * far, up * far, box))
        _, _, right, up, box = min(boxes)
        text.set(x=7 * right, y=9 * up, ha="left" if right > 0 else "right" if right < 0 else "center")
        if max(abs(right), abs(up)) > 1:
            line = {"arrowstyle": "-", "color": colour, "lw": 0.5, "shrinkA": 0, "shrinkB": 3}
            axes.annotate("", (left, low), (7 * right, 9 * up), textcoords="offset points", arrowprops=line)
        taken.append(box)


def _covered(box: Box, taken: Sequence[Box], inside: Box) -> float:
    """Return the area in which a box covers other boxes or leaves the panel, in square pixels."""
    return sum(_common(box, other) for other in taken) + _common(box, box) - _common(box, inside)


def _common(a: Box, b: Box) -> float:
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    return width * height if width > 0 and height > 0 else 0.0
